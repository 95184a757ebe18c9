/* SPDX-License-Identifier: BSD-2-Clause */
/* See programs.h. */
#include "daemon/programs.h"
#include "base/random.h"
#include "bpf/compile.h"
#include "bpf/cost.h"
#include "bpf/object.h"
#include "bpf/extent.h"
#include "daemon/filter_text.h"
#include "daemon/maps.h"
#include "daemon/pcap_filter.h"
#include "daemon/program_file.h"
#include "daemon/settings.h"
#include "fabric/code.h"
#include "vif/program.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

/* So many replaced programs are worth stopping everybody for a moment. */
#define RETIRED_MAX 16

/* Of one request's filters, but for who may do everything. */
#define FILTERS_NS_MAX (300 * NSEC_PER_MSEC)

struct programs {
	unsigned char *code; /* writable */
	struct extent_book code_book;
	struct bpf_report report; /* of the program at hand */
	uint32_t retired[VIF_PROGRAM_MAX];
	uint32_t retired_count;
	uint64_t key[2]; /* of hashes */
};

struct programs *programs_new(struct daemon *d, struct refusal *why)
{
	struct programs *p = calloc(1, sizeof(*p));

	if (!p) {
		refuse(why, "internal", EX_OSERR, "out of memory");
		return NULL;
	}
	d->code_fd = fabric_code_create(&p->code);
	if (d->code_fd < 0) {
		refuse(why, "internal", EX_OSERR,
		       "cannot make the memory for packet programs: %s",
		       strerror(-d->code_fd));
		free(p);
		return NULL;
	}
	fabric_code_map(daemon_fabric(d), d->code_fd);
	if (getrandom(p->key, sizeof(p->key), 0) < 0)
		p->key[0] = fabric_now(daemon_fabric(d));
	/* Offset 0 means none. */
	p->code_book.begin = CACHE_LINE;
	p->code_book.end = FABRIC_CODE_BYTES;
	return p;
}

void programs_free(struct programs *p)
{
	if (!p)
		return;
	munmap(p->code, FABRIC_CODE_BYTES);
	extent_fini(&p->code_book);
	free(p);
}

/* --- programs ----------------------------------------------------------------
 */

static struct bpf_program *program_at(struct daemon *d, uint32_t slot)
{
	return vif_program_at(daemon_fabric(d), slot);
}

static void program_free(struct daemon *d, uint32_t slot)
{
	struct bpf_program *p = program_at(d, slot);

	for (uint32_t n = 0; n < p->map_count; n++)
		maps_put(d, p->map[n]);
	p->map_count = 0;
	if (p->code_off)
		extent_give(&d->programs->code_book, p->code_off);
	p->code_off = 0;
	p->hash = 0;
	slot_free(&daemon_fabric(d)->table[FABRIC_TABLE_PROGRAM], slot);
}

/* Lets go of what nobody can be running any more. */
static void reclaim(struct daemon *d)
{
	struct programs *p = d->programs;

	if (!p->retired_count || socket_quiet(&d->thread))
		return;
	for (uint32_t n = 0; n < p->retired_count; n++)
		program_free(d, p->retired[n]);
	p->retired_count = 0;
}

static void program_put(struct daemon *d, uint32_t slot)
{
	struct programs *p = d->programs;

	if (!slot || --program_at(d, slot)->refs)
		return;
	/* Nobody else finds it any more. */
	program_at(d, slot)->hash = 0;
	p->retired[p->retired_count++] = slot;
	/* Maps are seen from outside: they go with their program. */
	if (p->retired_count >= RETIRED_MAX || program_at(d, slot)->map_count)
		reclaim(d);
}

/* Takes a slot and code for it, making room where there is none. */
static uint32_t program_slot(struct daemon *d, const uint8_t *code,
			     uint32_t bytes, uint64_t *at)
{
	struct slot_table *t = &daemon_fabric(d)->table[FABRIC_TABLE_PROGRAM];
	uint32_t slot = slot_alloc(t);

	*at = extent_take(&d->programs->code_book, bytes, CACHE_LINE);
	if (!slot || *at == UINT64_MAX) {
		reclaim(d);
		if (!slot)
			slot = slot_alloc(t);
		if (*at == UINT64_MAX)
			*at = extent_take(&d->programs->code_book, bytes,
					  CACHE_LINE);
	}
	if (slot && *at != UINT64_MAX) {
		memcpy(d->programs->code + *at, code, bytes);
		return slot;
	}
	if (slot)
		slot_free(t, slot);
	if (*at != UINT64_MAX)
		extent_give(&d->programs->code_book, *at);
	return 0;
}

/* Gives maps their numbers, and what is never reached a harmless end. */
static void bind(struct daemon *d, struct bpf_insn *insn, uint32_t count,
		 const uint32_t *map, const bool *seen)
{
	for (uint32_t pc = 0; pc < count; pc++) {
		uint64_t at;

		if (!seen[pc]) {
			insn[pc] =
				(struct bpf_insn){ .code = BPF_JMP | BPF_EXIT };
			continue;
		}
		if (!bpf_insn_wide(&insn[pc]))
			continue;
		if (insn[pc].src == BPF_MAP) {
			insn[pc].imm = (int32_t)map[insn[pc].imm];
		} else if (insn[pc].src == BPF_MAP_VALUE) {
			at = maps_at(d, map[insn[pc].imm])->elements +
			     (uint32_t)insn[pc + 1].imm;
			insn[pc].imm = (int32_t)(uint32_t)at;
			insn[pc + 1].imm = (int32_t)(at >> 32);
		}
		pc++;
	}
}

struct source {
	struct bpf_insn *insn; /* changed: bound */
	uint32_t count;
	const struct bpf_map_def *def;
	const uint32_t *map; /* slots by the program's own numbers */
	uint32_t map_count;
	const char *name;
	uint64_t hash;
};

/* A program in a slot, ready to be run; its maps get one reference more. */
static uint32_t program_make(struct daemon *d, const struct source *s,
			     const char *object, struct refusal *why)
{
	struct bpf_report *report = &d->programs->report;
	uint32_t room = BPF_CODE_MAX(s->count), bytes, slot;
	struct bpf_program *p;
	struct bpf_fault fault;
	uint64_t at = 0;
	uint8_t *code;
	int err;

	err = bpf_verify(s->insn, s->count, s->def, s->map_count, report,
			 &fault);
	if (err) {
		refuse(why, "bad-program", EX_DATAERR,
		       "%.64s keeps what it has: %s was refused at instruction "
		       "%u: %s",
		       object, s->name, fault.insn,
		       err == -ENOMEM ? "out of memory" : fault.why);
		return 0;
	}
	bind(d, s->insn, s->count, s->map, report->seen);
	code = malloc(room);
	bytes = code ? bpf_compile(s->insn, s->count, report->charge, code,
				   room)
		     : 0;
	slot = bytes ? program_slot(d, code, bytes, &at) : 0;
	free(code);
	if (!slot) {
		refuse(why, "no-memory", EX_OSERR,
		       "%.64s keeps what it has: the fabric has no room for "
		       "another program",
		       object);
		return 0;
	}
	p = program_at(d, slot);
	p->refs = 1;
	p->count = s->count;
	p->entry_cost = report->entry_cost;
	p->writes = report->writes;
	p->code_off = at;
	p->code_bytes = bytes;
	p->hash = s->hash;
	p->map_count = s->map_count;
	snprintf(p->name, sizeof(p->name), "%s", s->name);
	atomic_store(&p->runs, 0);
	atomic_store(&p->over, 0);
	for (uint32_t n = 0; n < s->map_count; n++) {
		p->map[n] = s->map[n];
		maps_at(d, s->map[n])->refs++;
	}
	memcpy(p->insn, s->insn, s->count * sizeof(*p->insn));
	memcpy(p->charge, report->charge, s->count * sizeof(*p->charge));
	return slot;
}

/* Under the daemon's own key: nobody makes a filter that passes for another. */
static uint64_t hash_of(struct daemon *d, const uint64_t *words, size_t n)
{
	uint64_t h = siphash(d->programs->key, words, n);

	return h ? h : 1;
}

/* --- filters -----------------------------------------------------------------
 */

/* An equal filter that is in use already; its refs grow. */
static uint32_t filter_find(struct daemon *d, uint32_t count, uint64_t hash)
{
	uint32_t end = slot_end(&daemon_fabric(d)->table[FABRIC_TABLE_PROGRAM]);

	for (uint32_t slot = 1; slot < end; slot++) {
		struct bpf_program *p = program_at(d, slot);

		if (p->hash != hash || !p->refs || p->count != count)
			continue;
		p->refs++;
		return slot;
	}
	return 0;
}

/* libpcap's part of a filter, which takes a while: not for one stranger's
 * request all the time that the loop has. */
static int filter_compile(struct daemon *d, const char *text,
			  struct bpf_classic **classic, char *said, size_t size)
{
	uint64_t begin_ns = fabric_now(daemon_fabric(d));
	int n;

	if (d->filters_ns > FILTERS_NS_MAX && d->asking &&
	    !rights_all(d, d->asking)) {
		snprintf(said, size,
			 "those before it took longer than %u ms: ask for "
			 "fewer at once",
			 (unsigned)(FILTERS_NS_MAX / NSEC_PER_MSEC));
		return -1;
	}
	n = pcap_filter_compile(text, classic, said, size);
	d->filters_ns += fabric_now(daemon_fabric(d)) - begin_ns;
	return n;
}

/* @meant: the expression for what @text says. */
static uint32_t filter_make(struct daemon *d, const char *text,
			    const char *meant, const char *object,
			    struct refusal *why)
{
	struct bpf_insn *insn = calloc(BPF_INSNS_MAX, sizeof(*insn));
	struct bpf_classic *classic = NULL;
	struct source s = { .insn = insn, .name = "the filter" };
	char said[256] = "out of memory";
	uint32_t slot = 0;
	int n = -1;

	if (insn)
		n = filter_compile(d, meant, &classic, said, sizeof(said));
	if (n < 0) {
		refuse(why, "bad-value", EX_USAGE,
		       "'%.100s' is no filter for %.64s: %s: see "
		       "pcap-filter(7)",
		       text, object, said);
		goto out;
	}
	n = bpf_filter_translate(classic, (uint32_t)n, insn, BPF_INSNS_MAX);
	if (n < 0) {
		refuse(why, "bad-value", EX_USAGE,
		       "'%.100s' is no filter for %.64s: %s", text, object,
		       n == -E2BIG ? "it comes to too many instructions"
				   : "it loops ('protochain'), as no filter "
				     "may");
		goto out;
	}
	s.count = (uint32_t)n;
	s.hash = hash_of(d, (const uint64_t *)insn, s.count);
	slot = filter_find(d, s.count, s.hash);
	if (!slot)
		slot = program_make(d, &s, object, why);
out:
	free(classic);
	free(insn);
	return slot;
}

/* A filter of what may pass, not of what is picked. */
static uint32_t gate_make(struct daemon *d, const char *text,
			  const char *object, struct refusal *why)
{
	char *meant = filter_text(text);
	uint32_t slot = meant ? filter_make(d, text, meant, object, why) : 0;

	if (!meant)
		refuse(why, "internal", EX_OSERR, "out of memory");
	free(meant);
	return slot;
}

/* --- objects -----------------------------------------------------------------
 */

/* An object with its maps in the fabric. */
struct loaded {
	struct bpf_object object;
	uint32_t map[BPF_MAPS_MAX];
	uint32_t maps; /* acquired */
	uint64_t stamp;
	const char *path;
};

static void unload(struct daemon *d, struct loaded *l)
{
	for (uint32_t n = 0; n < l->maps; n++)
		maps_put(d, l->map[n]);
	l->maps = 0;
	bpf_object_fini(&l->object);
}

static int load(struct daemon *d, vif_ix ix, const char *path,
		const char *object, struct loaded *l, struct refusal *why)
{
	char said[BPF_OBJECT_WHY];
	struct program_file file;
	int err;

	l->path = path;
	if (program_file_read(d, path, object, &file, why))
		return -1;
	l->stamp = file.stamp;
	err = bpf_object_read(&l->object, file.bytes, file.size, said);
	free(file.bytes);
	if (err) {
		refuse(why, "bad-program", EX_DATAERR,
		       "%.64s keeps what it has: %.100s is no packet program: "
		       "%s",
		       object, path, err == -ENOMEM ? "out of memory" : said);
		return -1;
	}
	for (; l->maps < l->object.map_count; l->maps++) {
		uint32_t slot = maps_get(d, ix, &l->object.map[l->maps],
					 l->object.initial[l->maps], why);

		if (!slot)
			return -1;
		l->map[l->maps] = slot;
	}
	return maps_permit(d, ix, l->map, l->maps, why);
}

/* The program of one direction of a loaded object; -1: refused. */
static int loaded_make(struct daemon *d, const struct loaded *l, int way,
		       const char *object, uint32_t *slot, struct refusal *why)
{
	char name[BPF_PROGRAM_NAME];
	const char *file = strrchr(l->path, '/');
	struct source s = { .insn = l->object.insn[way],
			    .count = l->object.count[way],
			    .def = l->object.map,
			    .map = l->map,
			    .map_count = l->object.map_count,
			    .name = name,
			    .hash = l->stamp };

	*slot = 0;
	if (!s.insn)
		return 0;
	snprintf(name, sizeof(name), "%s of %.50s", way ? "rx" : "tx",
		 file ? file + 1 : l->path);
	*slot = program_make(d, &s, object, why);
	return *slot ? 0 : -1;
}

static bool given(const char *text)
{
	return text && *text;
}

static bool is_stale(struct daemon *d, uint32_t slot, const char *path)
{
	struct stat st;

	return slot && program_at(d, slot)->hash && given(path) &&
	       program_file_may_open(d) && !stat(path, &st) &&
	       program_at(d, slot)->hash != program_file_stamp(&st);
}

/* The one that is in effect, once more. */
static uint32_t keep(struct daemon *d, vif_ix ix, int way)
{
	const struct vif_control *c = vif_control_of(daemon_fabric(d), ix);
	uint32_t slot = c ? atomic_load(&c->program[way]) : 0;

	if (slot)
		program_at(d, slot)->refs++;
	return slot;
}

/* Whose text is as it was is not read again, unless its file has changed. */
static bool is_kept(struct daemon *d, vif_ix ix, const struct program_texts *t,
		    int way)
{
	const struct vif_control *c = vif_control_of(daemon_fabric(d), ix);
	const char *path = way == VIF_RX && given(t->program_in) ? t->program_in
								 : t->program;

	if (!c || program_file_given(d, path))
		return false;
	return (path == t->program ? t->same : t->same_in) &&
	       !is_stale(d, atomic_load(&c->program[way]), path);
}

static int plan_objects(struct daemon *d, vif_ix ix,
			const struct program_texts *t, const char *object,
			struct program_plan *plan, struct refusal *why)
{
	bool kept_out = is_kept(d, ix, t, VIF_TX);
	bool kept_in = is_kept(d, ix, t, VIF_RX);
	struct loaded one = { 0 }, in = { 0 };
	int err = 0;

	if (kept_out && (kept_in || given(t->program_in)))
		plan->program[VIF_TX] = keep(d, ix, VIF_TX);
	if (kept_in && (kept_out || given(t->program_in)))
		plan->program[VIF_RX] = keep(d, ix, VIF_RX);
	if (given(t->program) &&
	    !(kept_out && (kept_in || given(t->program_in)))) {
		err = load(d, ix, t->program, object, &one, why);
		if (!err)
			err = loaded_make(d, &one, VIF_TX, object,
					  &plan->program[VIF_TX], why);
		if (!err && !given(t->program_in))
			err = loaded_make(d, &one, VIF_RX, object,
					  &plan->program[VIF_RX], why);
	}
	if (!err && given(t->program_in) && !kept_in) {
		err = load(d, ix, t->program_in, object, &in, why);
		if (!err && !in.object.insn[VIF_RX])
			err = refuse(why, "bad-program", EX_DATAERR,
				     "%.64s keeps what it has: %.100s has no "
				     "section \"rx\", which sees what enters",
				     object, t->program_in);
		if (!err)
			err = loaded_make(d, &in, VIF_RX, object,
					  &plan->program[VIF_RX], why);
	}
	unload(d, &one);
	unload(d, &in);
	return err;
}

int programs_plan(struct daemon *d, vif_ix ix, const struct program_texts *t,
		  struct program_plan *plan, struct refusal *why)
{
	const char *const filter[2] = { t->filter, t->filter_in };
	char object[VIF_PATH_MAX];
	int err = 0;

	memset(plan, 0, sizeof(*plan));
	vif_path(daemon_fabric(d), ix, object);
	for (int way = 0; way < 2 && !err; way++) {
		if (!given(filter[way]))
			continue;
		plan->filter[way] = gate_make(d, filter[way], object, why);
		err = plan->filter[way] ? 0 : -1;
	}
	if (!err && given(t->flow)) {
		plan->flow = filter_make(d, t->flow, t->flow, object, why);
		err = plan->flow ? 0 : -1;
	}
	if (!err)
		err = plan_objects(d, ix, t, object, plan, why);
	if (err)
		programs_abandon(d, plan);
	return err;
}

void programs_abandon(struct daemon *d, const struct program_plan *plan)
{
	for (int way = 0; way < 2; way++) {
		program_put(d, plan->filter[way]);
		program_put(d, plan->program[way]);
	}
	program_put(d, plan->flow);
}

void programs_commit(struct daemon *d, vif_ix ix,
		     const struct program_plan *plan)
{
	struct vif_control *c = vif_control_of(daemon_fabric(d), ix);
	struct program_plan old = { 0 };

	for (int way = 0; c && way < 2; way++) {
		old.filter[way] =
			atomic_exchange(&c->filter[way], plan->filter[way]);
		old.program[way] =
			atomic_exchange(&c->program[way], plan->program[way]);
	}
	if (c)
		old.flow = atomic_exchange(&c->flow, plan->flow);
	vif_program_apply(daemon_fabric(d), ix);
	programs_abandon(d, &old);
}

bool programs_stale(struct daemon *d, vif_ix ix, const struct program_texts *t)
{
	const struct vif_control *c = vif_control_of(daemon_fabric(d), ix);

	if (!c)
		return false;
	return program_file_given(d, t->program) ||
	       program_file_given(d, t->program_in) ||
	       is_stale(d, atomic_load(&c->program[VIF_TX]), t->program) ||
	       is_stale(d, atomic_load(&c->program[VIF_RX]),
			given(t->program_in) ? t->program_in : t->program);
}
