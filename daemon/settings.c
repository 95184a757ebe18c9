/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See settings.h.
 *
 * The notes are an array beside the table of VIFs: of virtual size, a page
 * costs memory from its first use on. `claimed` and `below` are kept up to
 * date along the path to the root with each change, so that none of 100,000
 * siblings has to be looked at when one of them changes.
 */
#include "daemon/settings.h"
#include "daemon/events.h"
#include "daemon/flows.h"
#include "daemon/programs.h"
#include "vif/program.h"
#include "vif/sched.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum text_at {
	TEXT_FILTER,
	TEXT_FILTER_IN,
	TEXT_PROGRAM,
	TEXT_PROGRAM_IN,
	TEXT_FLOW,
	TEXTS
};

struct note {
	uint64_t claimed;     /* by the children, together */
	uint64_t min;	      /* as set: what it claims itself */
	uint32_t below;	      /* VIFs */
	uint32_t owner_and_1; /* 0: none */
	char **text;	      /* [TEXTS], or NULL */
};

struct owner {
	uid_t uid;
	uint32_t vifs;
};

struct settings {
	struct note *note; /* [max_vifs] */
	vif_ix end;	   /* one above the highest note ever used */
	struct owner *owner;
	size_t owners;
};

/* Where the numbers of a property lie. Width 0: elsewhere. */
static const struct place {
	uint16_t offset;
	uint8_t width;
} place[PROPS][PROP_PARTS] = {
#define AT(field)                                                \
	{                                                        \
		offsetof(struct vif_control, field),             \
			sizeof(((struct vif_control *)0)->field) \
	}
	[PROP_ID_RATE] = { AT(rate_bps) },
	[PROP_ID_RATE_IN] = { AT(rate_in_bps) },
	[PROP_ID_MIN] = { AT(min_bps) },
	[PROP_ID_WEIGHT] = { AT(weight) },
	[PROP_ID_PRIO] = { AT(prio) },
	[PROP_ID_LIMIT] = { AT(limit_bytes), AT(limit_ns) },
	[PROP_ID_DELAY] = { AT(delay_ns) },
	[PROP_ID_JITTER] = { AT(jitter_ns) },
	[PROP_ID_LOSS] = { AT(loss_ppm) },
	[PROP_ID_REORDER] = { AT(reorder_ppm) },
	[PROP_ID_DUPLICATE] = { AT(duplicate_ppm) },
	[PROP_ID_MARK] = { AT(mark) },
	[PROP_ID_SAMPLE] = { AT(sample) },
	[PROP_ID_QUOTA] = { AT(quota_children), AT(quota_depth),
			    AT(quota_queue_bytes), AT(quota_program_ns),
			    AT(quota_map_bytes) },
#undef AT
};

static const enum prop_id text_prop[TEXTS] = {
	PROP_ID_FILTER, PROP_ID_FILTER_IN, PROP_ID_PROGRAM, PROP_ID_PROGRAM_IN,
	PROP_ID_FLOW
};

struct settings *settings_new(struct daemon *d)
{
	struct settings *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->note = calloc(d->options->max_vifs, sizeof(*s->note));
	s->end = VIF_ROOT + 1;
	if (s->note)
		return s;
	free(s);
	return NULL;
}

static void free_texts(struct note *n)
{
	for (int i = 0; n->text && i < TEXTS; i++)
		free(n->text[i]);
	free(n->text);
	n->text = NULL;
}

void settings_free(struct settings *s)
{
	if (!s)
		return;
	for (vif_ix ix = 0; ix < s->end; ix++)
		free_texts(&s->note[ix]);
	free(s->note);
	free(s->owner);
	free(s);
}

static struct note *note_of(struct daemon *d, vif_ix ix)
{
	return &d->settings->note[ix];
}

static uint64_t load_place(const struct vif_control *c, struct place at)
{
	const char *p = (const char *)c + at.offset;

	if (!c || !at.width)
		return 0;
	if (at.width == 4)
		return atomic_load_explicit((const _Atomic uint32_t *)p,
					    memory_order_relaxed);
	return atomic_load_explicit((const _Atomic uint64_t *)p,
				    memory_order_relaxed);
}

static void store_place(struct vif_control *c, struct place at, uint64_t n)
{
	char *p = (char *)c + at.offset;

	if (at.width == 4)
		atomic_store_explicit((_Atomic uint32_t *)p, (uint32_t)n,
				      memory_order_relaxed);
	else if (at.width)
		atomic_store_explicit((_Atomic uint64_t *)p, n,
				      memory_order_relaxed);
}

void settings_get(struct daemon *d, vif_ix ix, struct prop_value of[PROPS])
{
	const struct vif_control *c = vif_control_of(daemon_fabric(d), ix);
	const struct note *n = note_of(d, ix);

	memset(of, 0, PROPS * sizeof(*of));
	for (int id = 0; c && id < PROPS; id++)
		for (size_t i = 0; i < prop_table[id].parts; i++)
			of[id].n[i] = load_place(c, place[id][i]);
	of[PROP_ID_OWNER].n[0] = n->owner_and_1;
	for (int i = 0; n->text && i < TEXTS; i++)
		of[text_prop[i]].text = n->text[i];
}

bool settings_any(struct daemon *d, vif_ix ix)
{
	const struct note *n = note_of(d, ix);

	return n->owner_and_1 || n->text ||
	       vif_control_of(daemon_fabric(d), ix);
}

/* --- guarantees --------------------------------------------------------------
 */

static uint64_t claim_of(const struct note *n)
{
	return n->min ? n->min : n->claimed;
}

/* The claim of a VIF below @ix has changed from @old to @now. */
static void claim_up(struct daemon *d, vif_ix ix, uint64_t old, uint64_t now)
{
	const struct fabric *f = daemon_fabric(d);

	while (ix && old != now) {
		struct note *n = note_of(d, ix);
		uint64_t before = claim_of(n);

		n->claimed += now - old;
		old = before;
		now = claim_of(n);
		ix = vif_parent(vif_at(f, ix));
	}
}

static void set_min(struct daemon *d, vif_ix ix, uint64_t min)
{
	struct note *n = note_of(d, ix);
	uint64_t before = claim_of(n);

	n->min = min;
	claim_up(d, vif_parent(vif_at(daemon_fabric(d), ix)), before,
		 claim_of(n));
}

static void rate_word(uint64_t bps, char word[PROP_TEXT_MAX])
{
	prop_print(PROP_ID_RATE, &(struct prop_value){ .n = { bps } }, word);
}

/* What the rates of @ix let through; UINT64_MAX: anything. */
static uint64_t ceiling_of(const struct prop_value of[PROPS], const char **name)
{
	uint64_t out = of[PROP_ID_RATE].n[0], in = of[PROP_ID_RATE_IN].n[0];

	if (in && (!out || in < out)) {
		*name = "rate-in";
		return in;
	}
	*name = "rate";
	return out ? out : UINT64_MAX;
}

/* @of: what @ix has, or is about to have; its note has its min already. */
static int check_one(struct daemon *d, vif_ix ix,
		     const struct prop_value of[PROPS], struct refusal *why)
{
	const struct note *n = note_of(d, ix);
	const char *name;
	uint64_t most = ceiling_of(of, &name);
	char path[VIF_PATH_MAX], sum[PROP_TEXT_MAX], has[PROP_TEXT_MAX];

	vif_path(daemon_fabric(d), ix, path);
	if (n->min > most) {
		rate_word(n->min, sum);
		rate_word(most, has);
		return refuse(why, "guarantee", EX_DATAERR,
			      "VIF %.200s cannot be guaranteed %s, more than "
			      "its %s of %s: lower min or raise %s",
			      path, sum, name, has, name);
	}
	if (n->min) {
		most = n->min;
		name = "min";
	}
	if (n->claimed <= most)
		return 0;
	rate_word(n->claimed, sum);
	rate_word(most, has);
	return refuse(why, "guarantee", EX_DATAERR,
		      "the guarantees of the VIFs below %.200s would add up to "
		      "%s, more than its %s of %s: lower one of them, or raise "
		      "%s of %.64s",
		      path, sum, name, has, name, path);
}

int settings_check(struct daemon *d, vif_ix ix, struct refusal *why)
{
	struct prop_value of[PROPS];

	for (; ix; ix = vif_parent(vif_at(daemon_fabric(d), ix))) {
		if (!note_of(d, ix)->claimed && !note_of(d, ix)->min)
			continue;
		settings_get(d, ix, of);
		if (check_one(d, ix, of, why))
			return -1;
	}
	return 0;
}

/* --- owners and texts --------------------------------------------------------
 */

/* Counts the VIFs of each owner: few, so a list. */
static int count_owner(struct settings *s, uint32_t owner_and_1, int by)
{
	struct owner *o;

	if (!owner_and_1)
		return 0;
	for (size_t i = 0; i < s->owners; i++)
		if (s->owner[i].uid == owner_and_1 - 1) {
			s->owner[i].vifs += (uint32_t)by;
			return 0;
		}
	o = realloc(s->owner, (s->owners + 1) * sizeof(*o));
	if (!o)
		return -ENOMEM;
	s->owner = o;
	o[s->owners++] = (struct owner){ owner_and_1 - 1, (uint32_t)by };
	return 0;
}

static int put_owner(struct daemon *d, vif_ix ix, uint32_t owner_and_1)
{
	struct note *n = note_of(d, ix);

	if (n->owner_and_1 == owner_and_1)
		return 0;
	if (count_owner(d->settings, owner_and_1, 1))
		return -ENOMEM;
	count_owner(d->settings, n->owner_and_1, -1);
	n->owner_and_1 = owner_and_1;
	return 0;
}

bool settings_owns(struct daemon *d, uid_t uid)
{
	const struct settings *s = d->settings;

	for (size_t i = 0; s && i < s->owners; i++)
		if (s->owner[i].uid == uid && s->owner[i].vifs)
			return true;
	return false;
}

bool settings_owner(struct daemon *d, vif_ix ix, uid_t *uid)
{
	uint32_t owner = note_of(d, ix)->owner_and_1;

	*uid = owner - 1;
	return owner;
}

static bool same_text(const char *a, const char *b)
{
	return !strcmp(a ? a : "", b ? b : "");
}

/* What is written of @ix's programs; with @of as they are about to be. */
static struct program_texts texts_of(const struct prop_value of[PROPS])
{
	return (struct program_texts){
		.filter = of[PROP_ID_FILTER].text,
		.filter_in = of[PROP_ID_FILTER_IN].text,
		.program = of[PROP_ID_PROGRAM].text,
		.program_in = of[PROP_ID_PROGRAM_IN].text,
		.flow = of[PROP_ID_FLOW].text,
	};
}

static void free_copies(char *copy[TEXTS])
{
	for (int i = 0; i < TEXTS; i++)
		free(copy[i]);
	free(copy);
}

/* NULL: no memory. */
static char **copy_texts(const struct prop_value of[PROPS])
{
	char **copy = calloc(TEXTS, sizeof(*copy));

	for (int i = 0; copy && i < TEXTS; i++) {
		const char *text = of[text_prop[i]].text;

		copy[i] = strdup(text ? text : "");
		if (!copy[i]) {
			free_copies(copy);
			return NULL;
		}
	}
	return copy;
}

/* Puts the programs into effect that @of names, all or none. */
static int put_texts(struct daemon *d, vif_ix ix,
		     const struct prop_value of[PROPS], struct refusal *why)
{
	struct program_texts texts = texts_of(of);
	struct note *n = note_of(d, ix);
	struct program_plan plan;
	char **copy;
	bool same = true;
	char *const *old = n->text;

	for (int i = 0; i < TEXTS; i++)
		same = same && same_text(n->text ? n->text[i] : NULL,
					 of[text_prop[i]].text);
	if (same && !programs_stale(d, ix, &texts))
		return 0;
	texts.same = old && same_text(old[TEXT_PROGRAM], texts.program);
	texts.same_in =
		old && same_text(old[TEXT_PROGRAM_IN], texts.program_in);
	copy = copy_texts(of);
	if (!copy || !vif_control_make(daemon_fabric(d), ix)) {
		if (copy)
			free_copies(copy);
		return refuse(why, "internal", EX_OSERR, "out of memory");
	}
	if (programs_plan(d, ix, &texts, &plan, why)) {
		free_copies(copy);
		return -1;
	}
	programs_commit(d, ix, &plan);
	free_texts(n);
	n->text = copy;
	return 0;
}

/* --- putting -----------------------------------------------------------------
 */

static bool any_text(const struct note *n)
{
	for (int i = 0; n->text && i < TEXTS; i++)
		if (*n->text[i])
			return true;
	return false;
}

/* The texts in @of may have been those of the note, and be gone: it has the
 * ones that are in effect. */
static void write_numbers(struct daemon *d, vif_ix ix,
			  const struct prop_value of[PROPS])
{
	struct fabric *f = daemon_fabric(d);
	struct vif_control *c;
	bool any = any_text(note_of(d, ix));

	for (int id = 0; id < PROPS; id++)
		for (size_t i = 0; i < prop_table[id].parts; i++)
			any = any || (place[id][i].width && of[id].n[i]);
	c = vif_control_of(f, ix);
	any = any || (c && atomic_load(&c->flow_first));
	c = any ? vif_control_make(f, ix) : c;
	if (!c)
		return;
	for (int id = 0; id < PROPS; id++)
		for (size_t i = 0; i < prop_table[id].parts; i++)
			store_place(c, place[id][i], of[id].n[i]);
	if (!any)
		vif_control_drop(f, ix);
	vif_sched_apply(f, ix);
}

/* The part of the quota that programs are charged against. */
#define QUOTA_PROGRAM 3

static uint64_t load_quota(struct daemon *d, vif_ix ix)
{
	return load_place(vif_control_of(daemon_fabric(d), ix),
			  place[PROP_ID_QUOTA][QUOTA_PROGRAM]);
}

int settings_put(struct daemon *d, vif_ix ix, const struct prop_value of[PROPS],
		 bool later, struct refusal *why)
{
	struct note *n = note_of(d, ix);
	bool had = flows_takes(d, ix), will = prop_is_set(&of[PROP_ID_FLOW]) ||
					      prop_is_set(&of[PROP_ID_MARK]);
	uint64_t min = n->min;
	bool quota;

	set_min(d, ix, of[PROP_ID_MIN].n[0]);
	if (!later &&
	    (check_one(d, ix, of, why) ||
	     settings_check(d, vif_parent(vif_at(daemon_fabric(d), ix)), why)))
		goto refused;
	if ((will && !had && flows_check(d, ix, why)) ||
	    put_texts(d, ix, of, why))
		goto refused;
	if (put_owner(d, ix, (uint32_t)of[PROP_ID_OWNER].n[0])) {
		refuse(why, "internal", EX_OSERR, "out of memory");
		goto refused;
	}
	quota = of[PROP_ID_QUOTA].n[QUOTA_PROGRAM] != load_quota(d, ix);
	if (had && !will)
		flows_link(d, vif_parent(vif_at(daemon_fabric(d), ix)), ix);
	write_numbers(d, ix, of);
	if (will && !had)
		flows_link(d, vif_parent(vif_at(daemon_fabric(d), ix)), 0);
	if (quota)
		vif_program_apply(daemon_fabric(d), ix);
	return 0;
refused:
	set_min(d, ix, min);
	return -1;
}

int settings_copy(struct daemon *d, vif_ix ix, struct daemon *from,
		  vif_ix from_ix, struct refusal *why)
{
	struct note *n = note_of(d, ix);
	struct prop_value of[PROPS];

	if (!settings_any(from, from_ix))
		return 0;
	settings_get(from, from_ix, of);
	for (int i = 0; i < TEXTS; i++)
		of[text_prop[i]].text = NULL;
	if (settings_put(d, ix, of, true, why))
		return -1;
	settings_get(from, from_ix, of);
	free_texts(n);
	n->text = copy_texts(of);
	return n->text ? 0 : refuse(why, "internal", EX_OSERR, "out of memory");
}

/* --- the tree changes --------------------------------------------------------
 */

/* @ix and what is below it is counted by those above, or no longer. */
static void count_up(struct daemon *d, vif_ix ix, int sign)
{
	uint32_t vifs = 1 + note_of(d, ix)->below;
	vif_ix up = ix;

	while ((up = vif_parent(vif_at(daemon_fabric(d), up))))
		note_of(d, up)->below += sign < 0 ? -vifs : vifs;
}

void settings_leave(struct daemon *d, vif_ix ix)
{
	vif_ix parent = vif_parent(vif_at(daemon_fabric(d), ix));

	claim_up(d, parent, claim_of(note_of(d, ix)), 0);
	count_up(d, ix, -1);
	if (flows_takes(d, ix))
		flows_link(d, parent, ix);
}

void settings_arrive(struct daemon *d, vif_ix ix)
{
	vif_ix parent = vif_parent(vif_at(daemon_fabric(d), ix));

	claim_up(d, parent, 0, claim_of(note_of(d, ix)));
	count_up(d, ix, 1);
	vif_program_apply(daemon_fabric(d), ix);
	if (flows_takes(d, ix))
		flows_link(d, parent, 0);
}

void settings_born(struct daemon *d, vif_ix ix)
{
	memset(note_of(d, ix), 0, sizeof(struct note));
	if (ix >= d->settings->end)
		d->settings->end = ix + 1;
	count_up(d, ix, 1);
	events_vif(d, EVENT_VIF_ADD, ix);
}

void settings_gone(struct daemon *d, vif_ix ix)
{
	struct prop_value none[PROPS];
	struct refusal unused;

	memset(none, 0, sizeof(none));
	events_vif(d, EVENT_VIF_REMOVE, ix);
	if (settings_any(d, ix))
		settings_put(d, ix, none, true, &unused);
	free_texts(note_of(d, ix));
	count_up(d, ix, -1);
}

uint32_t settings_below(struct daemon *d, vif_ix ix)
{
	return note_of(d, ix)->below;
}
