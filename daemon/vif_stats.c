/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See vif_stats.h. OpenMetrics 1.0: one family after the other, each with all
 * VIFs; a path needs no escaping.
 */
#include "daemon/vif_stats.h"
#include "daemon/maps.h"
#include "daemon/members.h"
#include "daemon/prop.h"
#include "vif/sched.h"

#include <stdio.h>
#include <stdlib.h>

static const char *const way_names[] = { "tx", "rx" };
static const char *const drop_names[VIF_DROP_REASONS] = {
	[VIF_DROP_LIMIT] = "limit",   [VIF_DROP_LATE] = "late",
	[VIF_DROP_CODEL] = "codel",   [VIF_DROP_LOSS] = "loss",
	[VIF_DROP_MEMORY] = "memory",
};

static const struct vif_count *count_of(const struct fabric *f, vif_ix ix,
					int way)
{
	const struct vif *v = vif_at(f, ix);

	return way == VIF_TX ? &v->tx : &v->rx;
}

/* --- JSON --------------------------------------------------------------------
 */

static void put_count(struct json_text *j, const struct fabric *f, vif_ix ix,
		      int way)
{
	const struct vif_count *c = count_of(f, ix, way);

	json_text_open(j, way_names[way], '{');
	json_text_number(j, "packets", atomic_load(&c->packets));
	json_text_number(j, "bytes", atomic_load(&c->bytes));
	json_text_number(j, "drops", atomic_load(&c->drops));
	if (way == VIF_TX)
		json_text_number(j, "retransmits",
				 atomic_load(&c->retransmits));
	json_text_close(j, '}');
}

static void put_queue(struct json_text *j, const struct fabric *f, vif_ix ix,
		      int way)
{
	struct vif_class_stats s;

	vif_sched_stats(f, ix, (enum vif_way)way, &s);
	json_text_open(j, way_names[way], '{');
	json_text_number(j, "backlog_packets", s.backlog_packets);
	json_text_number(j, "backlog_bytes", s.backlog_bytes);
	json_text_number(j, "packets", s.packets);
	json_text_number(j, "bytes", s.bytes);
	json_text_number(j, "delay_p50_ns", vif_delay_ns(&s, 500));
	json_text_number(j, "delay_p99_ns", vif_delay_ns(&s, 990));
	json_text_number(j, "throttled_ns", s.throttled_ns);
	json_text_number(j, "borrowed_bytes", s.borrowed_bytes);
	json_text_open(j, "drops", '{');
	for (int i = 0; i < VIF_DROP_REASONS; i++)
		json_text_number(j, drop_names[i], s.drops[i]);
	json_text_close(j, '}');
	json_text_close(j, '}');
}

static const struct {
	const char *name;
	size_t offset;
} program_counts[] = {
#define AT(field) offsetof(struct vif_program_count, field)
	{ "runs", AT(runs) },		{ "filtered", AT(filtered) },
	{ "dropped", AT(dropped) },	{ "over_run", AT(over_run) },
	{ "over_time", AT(over_rate) }, { "redirected", AT(redirected) },
	{ "sampled", AT(sampled) },	{ "instructions", AT(cost) },
#undef AT
};

static uint64_t program_count(const struct vif_program_count *n, size_t i)
{
	return atomic_load(
		(const _Atomic uint64_t *)((const char *)n +
					   program_counts[i].offset));
}

/* Has @c, or had it, something to run? */
static bool has_programs(const struct vif_control *c, int way)
{
	return c &&
	       (atomic_load(&c->filter[way]) || atomic_load(&c->program[way]) ||
		atomic_load(&c->programs[way].runs));
}

/* What filter and program have done, each way that has some. */
static void put_hooks(struct json_text *j, const struct fabric *f, vif_ix ix)
{
	const struct vif_control *c = vif_control_of(f, ix);

	json_text_open(j, "hooks", '{');
	for (int way = VIF_TX; way <= VIF_RX; way++) {
		if (!has_programs(c, way))
			continue;
		json_text_open(j, way_names[way], '{');
		for (size_t i = 0; i < ARRAY_SIZE(program_counts); i++)
			json_text_number(j, program_counts[i].name,
					 program_count(&c->programs[way], i));
		json_text_close(j, '}');
	}
	json_text_close(j, '}');
}

void vif_stats_json(struct json_text *j, struct daemon *d, vif_ix ix,
		    bool queue)
{
	const struct fabric *f = daemon_fabric(d);

	put_count(j, f, ix, VIF_TX);
	put_count(j, f, ix, VIF_RX);
	if (!queue)
		return;
	put_hooks(j, f, ix);
	json_text_number(j, "map_bytes", maps_bytes(d, ix, true));
	if (!vif_control_of(f, ix)) {
		json_text_string(j, "queue", NULL);
		return;
	}
	json_text_open(j, "queue", '{');
	put_queue(j, f, ix, VIF_TX);
	put_queue(j, f, ix, VIF_RX);
	json_text_close(j, '}');
}

/* --- OpenMetrics -------------------------------------------------------------
 */

/* A sample: of a VIF, a way and, for some, a label more. */
struct sample {
	FILE *to;
	const char *name;
	const char *path;
	int way;
};

static void put_sample(const struct sample *s, const char *label,
		       const char *value, double n)
{
	fprintf(s->to, "toami_vif_%s{path=\"%s\",direction=\"%s\"", s->name,
		s->path, way_names[s->way]);
	if (label)
		fprintf(s->to, ",%s=\"%s\"", label, value);
	fprintf(s->to, "} %.17g\n", n);
}

static void packets(const struct sample *s, const struct fabric *f, vif_ix ix)
{
	put_sample(s, NULL, NULL,
		   (double)atomic_load(&count_of(f, ix, s->way)->packets));
}

static void bytes(const struct sample *s, const struct fabric *f, vif_ix ix)
{
	put_sample(s, NULL, NULL,
		   (double)atomic_load(&count_of(f, ix, s->way)->bytes));
}

static void retransmits(const struct sample *s, const struct fabric *f,
			vif_ix ix)
{
	if (s->way == VIF_TX)
		put_sample(s, NULL, NULL,
			   (double)atomic_load(
				   &count_of(f, ix, VIF_TX)->retransmits));
}

static void drops(const struct sample *s, const struct fabric *f, vif_ix ix)
{
	uint64_t all = atomic_load(&count_of(f, ix, s->way)->drops);
	struct vif_class_stats c;

	if (vif_control_of(f, ix)) {
		vif_sched_stats(f, ix, (enum vif_way)s->way, &c);
		for (int i = 0; i < VIF_DROP_REASONS; i++) {
			all -= c.drops[i] < all ? c.drops[i] : all;
			put_sample(s, "reason", drop_names[i],
				   (double)c.drops[i]);
		}
	}
	put_sample(s, "reason", "other", (double)all);
}

/* The families that only a VIF with settings has. */
static void queue(const struct sample *s, const struct fabric *f, vif_ix ix,
		  double (*of)(const struct vif_class_stats *c))
{
	struct vif_class_stats c;

	if (!vif_control_of(f, ix))
		return;
	vif_sched_stats(f, ix, (enum vif_way)s->way, &c);
	put_sample(s, NULL, NULL, of(&c));
}

static double backlog_bytes_of(const struct vif_class_stats *c)
{
	return (double)c->backlog_bytes;
}

static double backlog_packets_of(const struct vif_class_stats *c)
{
	return (double)c->backlog_packets;
}

static double throttled_of(const struct vif_class_stats *c)
{
	return (double)c->throttled_ns / 1e9;
}

static double borrowed_of(const struct vif_class_stats *c)
{
	return (double)c->borrowed_bytes;
}

static void backlog_bytes(const struct sample *s, const struct fabric *f,
			  vif_ix ix)
{
	queue(s, f, ix, backlog_bytes_of);
}

static void backlog_packets(const struct sample *s, const struct fabric *f,
			    vif_ix ix)
{
	queue(s, f, ix, backlog_packets_of);
}

static void throttled(const struct sample *s, const struct fabric *f, vif_ix ix)
{
	queue(s, f, ix, throttled_of);
}

static void borrowed(const struct sample *s, const struct fabric *f, vif_ix ix)
{
	queue(s, f, ix, borrowed_of);
}

static void delay(const struct sample *s, const struct fabric *f, vif_ix ix)
{
	struct vif_class_stats c;

	if (!vif_control_of(f, ix))
		return;
	vif_sched_stats(f, ix, (enum vif_way)s->way, &c);
	put_sample(s, "quantile", "0.5", (double)vif_delay_ns(&c, 500) / 1e9);
	put_sample(s, "quantile", "0.99", (double)vif_delay_ns(&c, 990) / 1e9);
}

static void ceiling(const struct sample *s, const struct fabric *f, vif_ix ix)
{
	const struct vif_control *c = vif_control_of(f, ix);
	uint64_t bps = !c		  ? 0
		       : s->way == VIF_TX ? atomic_load(&c->rate_bps)
					  : atomic_load(&c->rate_in_bps);

	if (bps)
		put_sample(s, NULL, NULL, (double)bps);
}

/* The families that only a VIF with a filter or a program has. */
static const struct vif_program_count *
hooks_of(const struct sample *s, const struct fabric *f, vif_ix ix)
{
	const struct vif_control *c = vif_control_of(f, ix);

	return has_programs(c, s->way) ? &c->programs[s->way] : NULL;
}

static void program_runs(const struct sample *s, const struct fabric *f,
			 vif_ix ix)
{
	const struct vif_program_count *n = hooks_of(s, f, ix);

	if (n)
		put_sample(s, NULL, NULL, (double)atomic_load(&n->runs));
}

static void program_drops(const struct sample *s, const struct fabric *f,
			  vif_ix ix)
{
	const struct vif_program_count *n = hooks_of(s, f, ix);

	if (!n)
		return;
	put_sample(s, "reason", "filtered", (double)atomic_load(&n->filtered));
	put_sample(s, "reason", "dropped", (double)atomic_load(&n->dropped));
	put_sample(s, "reason", "over_run", (double)atomic_load(&n->over_run));
	put_sample(s, "reason", "over_time",
		   (double)atomic_load(&n->over_rate));
}

static void program_instructions(const struct sample *s, const struct fabric *f,
				 vif_ix ix)
{
	const struct vif_program_count *n = hooks_of(s, f, ix);

	if (n)
		put_sample(s, NULL, NULL, (double)atomic_load(&n->cost));
}

static const struct family {
	const char *name, *type, *unit, *help;
	const char *suffix; /* of its samples */
	void (*put)(const struct sample *s, const struct fabric *f, vif_ix ix);
} families[] = {
	{ "packets", "counter", NULL, "Frames that left or entered the VIF.",
	  "_total", packets },
	{ "bytes", "counter", "bytes", "Their bytes, with Ethernet headers.",
	  "_total", bytes },
	{ "drops", "counter", NULL, "Frames lost there, by reason.", "_total",
	  drops },
	{ "retransmits", "counter", NULL,
	  "TCP segments sent again by connections on the VIF or below.",
	  "_total", retransmits },
	{ "backlog_bytes", "gauge", "bytes", "What waits in the VIF's queue.",
	  "", backlog_bytes },
	{ "backlog_packets", "gauge", "packets", "Frames that wait there.", "",
	  backlog_packets },
	{ "delay_seconds", "gauge", "seconds",
	  "How long frames have waited, by quantile.", "", delay },
	{ "throttled_seconds", "counter", "seconds",
	  "Time in which something waited for the ceiling.", "_total",
	  throttled },
	{ "borrowed_bytes", "counter", "bytes", "Sent beyond the guarantee.",
	  "_total", borrowed },
	{ "hook_runs", "counter", NULL, "Runs of the VIF's filter and program.",
	  "_total", program_runs },
	{ "hook_drops", "counter", NULL,
	  "Frames that they dropped, or ran out of budget or time for.",
	  "_total", program_drops },
	{ "hook_instructions", "counter", NULL,
	  "Instructions that they were charged.", "_total",
	  program_instructions },
	{ "ceiling_bps", "gauge", "bps", "The rate that is set, bits a second.",
	  "", ceiling },
};

static void put_family(struct daemon *d, const struct family *family, FILE *to)
{
	const struct fabric *f = daemon_fabric(d);
	char name[64], path[VIF_PATH_MAX];

	fprintf(to, "# TYPE toami_vif_%s %s\n", family->name, family->type);
	if (family->unit)
		fprintf(to, "# UNIT toami_vif_%s %s\n", family->name,
			family->unit);
	fprintf(to, "# HELP toami_vif_%s %s\n", family->name, family->help);
	snprintf(name, sizeof(name), "%s%s", family->name, family->suffix);
	for (vif_ix ix = 0; (ix = vif_next(f, VIF_ROOT, ix));) {
		vif_path(f, ix, path);
		for (int way = VIF_TX; way <= VIF_RX; way++)
			family->put(&(struct sample){ to, name, path, way }, f,
				    ix);
	}
}

static void put_programs(struct daemon *d, FILE *to)
{
	const struct fabric *f = daemon_fabric(d);
	uint32_t *on = calloc(d->options->max_vifs, sizeof(*on));
	char path[VIF_PATH_MAX];

	fputs("# TYPE toami_vif_programs gauge\n"
	      "# HELP toami_vif_programs Programs on the VIF itself.\n",
	      to);
	for (proc_ix p = 0; on && (p = members_next(d->members, VIF_ROOT, p));)
		on[f->procs[p].vif]++;
	for (vif_ix ix = 0; on && (ix = vif_next(f, VIF_ROOT, ix));) {
		vif_path(f, ix, path);
		fprintf(to, "toami_vif_programs{path=\"%s\"} %u\n", path,
			on[ix]);
	}
	free(on);
}

static void put_maps(struct daemon *d, FILE *to)
{
	const struct fabric *f = daemon_fabric(d);
	char path[VIF_PATH_MAX];

	fputs("# TYPE toami_vif_map_bytes gauge\n"
	      "# UNIT toami_vif_map_bytes bytes\n"
	      "# HELP toami_vif_map_bytes Memory of the maps of programs on "
	      "the "
	      "VIF and below, where there are any.\n",
	      to);
	for (vif_ix ix = 0; (ix = vif_next(f, VIF_ROOT, ix));) {
		uint64_t bytes = maps_bytes(d, ix, true);

		vif_path(f, ix, path);
		if (bytes)
			fprintf(to, "toami_vif_map_bytes{path=\"%s\"} %llu\n",
				path, (unsigned long long)bytes);
	}
}

/* Programs of one user on one VIF. */
struct user_count {
	vif_ix vif;
	uid_t uid;
	uint32_t programs;
};

/* Counts the program in slot @p of the table of members; returns the counts. */
static size_t count_user(const struct fabric *f, proc_ix p,
			 struct user_count *of, size_t n)
{
	struct user_count this = { f->procs[p].vif, f->procs[p].uid, 1 };

	for (size_t i = 0; i < n; i++)
		if (of[i].vif == this.vif && of[i].uid == this.uid) {
			of[i].programs++;
			return n;
		}
	of[n] = this;
	return n + 1;
}

static void put_users(struct daemon *d, FILE *to)
{
	const struct fabric *f = daemon_fabric(d);
	struct user_count *of = calloc(FABRIC_PROC_MAX, sizeof(*of));
	char path[VIF_PATH_MAX];
	size_t n = 0;

	fputs("# TYPE toami_vif_user_programs gauge\n"
	      "# HELP toami_vif_user_programs Programs of a user on the VIF.\n",
	      to);
	for (proc_ix p = 0; of && (p = members_next(d->members, VIF_ROOT, p));)
		n = count_user(f, p, of, n);
	for (size_t i = 0; i < n; i++) {
		vif_path(f, of[i].vif, path);
		fprintf(to,
			"toami_vif_user_programs{path=\"%s\",uid=\"%u\"} %u\n",
			path, of[i].uid, of[i].programs);
	}
	free(of);
}

char *vif_stats_metrics(struct daemon *d)
{
	char *text = NULL;
	size_t size;
	FILE *to = open_memstream(&text, &size);

	if (!to)
		return NULL;
	for (size_t i = 0; i < ARRAY_SIZE(families); i++)
		put_family(d, &families[i], to);
	put_programs(d, to);
	put_users(d, to);
	put_maps(d, to);
	fputs("# EOF\n", to);
	fclose(to);
	return text;
}
