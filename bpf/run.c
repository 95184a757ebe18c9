/* SPDX-License-Identifier: BSD-2-Clause */
/* Running a program on a frame, and what it may call; see program.h. */
#include "bpf/program.h"
#include "bpf/rewrite.h"
#include "base/mem.h"
#include "base/random.h"

#include <errno.h>

static uint64_t map_find(uint64_t map, uint64_t key, uint64_t c, uint64_t d,
			 uint64_t e, struct bpf_run *run)
{
	const struct bpf_maps *m = &run->view->maps;

	(void)c, (void)d, (void)e;
	return (uint64_t)(uintptr_t)bpf_map_find(
		m, bpf_map_at(m, (uint32_t)map), (const void *)key);
}

static uint64_t map_set(uint64_t map, uint64_t key, uint64_t value,
			uint64_t flags, uint64_t e, struct bpf_run *run)
{
	const struct bpf_maps *m = &run->view->maps;

	(void)e;
	return (uint64_t)bpf_map_set(m, bpf_map_at(m, (uint32_t)map),
				     (const void *)key, (const void *)value,
				     flags);
}

static uint64_t map_delete(uint64_t map, uint64_t key, uint64_t c, uint64_t d,
			   uint64_t e, struct bpf_run *run)
{
	const struct bpf_maps *m = &run->view->maps;

	(void)c, (void)d, (void)e;
	return (uint64_t)bpf_map_delete(m, bpf_map_at(m, (uint32_t)map),
					(const void *)key);
}

static uint64_t now(uint64_t a, uint64_t b, uint64_t c, uint64_t d, uint64_t e,
		    struct bpf_run *run)
{
	(void)a, (void)b, (void)c, (void)d, (void)e;
	return run->now_ns;
}

static uint64_t a_random(uint64_t a, uint64_t b, uint64_t c, uint64_t d,
			 uint64_t e, struct bpf_run *run)
{
	(void)a, (void)b, (void)c, (void)d, (void)e;
	return random_next(run->view->random);
}

/* Bytes of the packet, which begins with header[]; the rest is payload. */
static uint64_t load(uint64_t packet, uint64_t off, uint64_t to, uint64_t bytes,
		     uint64_t e, struct bpf_run *run)
{
	const struct frame *f = run->frame;
	uint8_t *out = (uint8_t *)to;
	uint32_t from = (uint32_t)off, n = (uint32_t)bytes;
	uint64_t length = (uint64_t)f->header_bytes + f->payload;

	(void)packet, (void)e;
	if ((uint64_t)from + n > length) {
		mem_zero(out, n);
		return (uint64_t)-EFAULT;
	}
	if (from < f->header_bytes) {
		uint32_t here = min_u32(n, f->header_bytes - from);

		mem_copy(out, f->header + from, here);
		out += here;
		n -= here;
		from += here;
	}
	if (n)
		frame_copy_out(run->view->arena, f, from - f->header_bytes, out,
			       n);
	return 0;
}

static uint64_t store(uint64_t packet, uint64_t off, uint64_t bytes_at,
		      uint64_t bytes, uint64_t e, struct bpf_run *run)
{
	struct frame *f = run->frame;
	const uint8_t *in = (const uint8_t *)bytes_at;
	uint32_t to = (uint32_t)off, n = (uint32_t)bytes;

	(void)packet, (void)e;
	if ((uint64_t)to + n > (uint64_t)f->header_bytes + f->payload)
		return (uint64_t)-EFAULT;
	if (to + n > f->header_bytes && f->flags & FRAME_REFS)
		return (uint64_t)-EROFS;
	for (; n; n--, to++, in++) {
		if (to < f->header_bytes) {
			f->header[to] = *in;
		} else {
			uint8_t *p = &f->data[to - f->header_bytes];

			run->payload_sum +=
				bpf_rewrite_byte(to - f->l4_off, *p, *in);
			*p = *in;
		}
	}
	return 0;
}

static uint64_t redirect(uint64_t packet, uint64_t vif, uint64_t c, uint64_t d,
			 uint64_t e, struct bpf_run *run)
{
	(void)packet, (void)c, (void)d, (void)e;
	run->redirect = (uint32_t)vif;
	return TOAMI_REDIRECT;
}

const bpf_helper_fn bpf_helpers[BPF_HELPERS] = {
	[BPF_HELPER_MAP_FIND] = map_find,     [BPF_HELPER_MAP_SET] = map_set,
	[BPF_HELPER_MAP_DELETE] = map_delete, [BPF_HELPER_NOW] = now,
	[BPF_HELPER_RANDOM] = a_random,	      [BPF_HELPER_LOAD] = load,
	[BPF_HELPER_STORE] = store,	      [BPF_HELPER_REDIRECT] = redirect,
};

typedef uint64_t (*native_fn)(struct toami_packet *p, struct bpf_run *run);

static uint64_t execute(const struct bpf_program *p,
			const struct bpf_view *view, struct bpf_run *run)
{
	if (likely(view->code && p->code_off)) {
		native_fn fn = (native_fn)(uintptr_t)(view->code + p->code_off);

		return fn(&run->packet, run);
	}
	return bpf_interpret(p->insn, p->charge, run);
}

static void judge(struct bpf_job *job, const struct bpf_run *run, uint64_t r0)
{
	uint32_t verdict = (uint32_t)r0 & ~(uint32_t)TOAMI_SAMPLE;

	job->sample = r0 & TOAMI_SAMPLE;
	job->over = run->left < 0;
	job->redirect = run->redirect;
	job->mark = run->packet.mark;
	job->cost = (uint32_t)((int64_t)job->budget - run->left);
	job->verdict = TOAMI_DROP;
	if (!job->over && (verdict == TOAMI_PASS ||
			   (verdict == TOAMI_REDIRECT && run->redirect)))
		job->verdict = verdict;
}

void bpf_program_run(struct bpf_program *p, const struct bpf_view *view,
		     struct bpf_job *job)
{
	struct frame *f = frame_at(view->arena, job->frame);
	uint8_t before[FRAME_HEADER_ROOM];
	struct bpf_run run = {
		.helper = bpf_helpers,
		.left = (int64_t)job->budget - p->entry_cost,
		.map_memory = view->maps.memory,
		.view = view,
		.frame = f,
		.now_ns = job->now_ns,
		.packet = {
			.data = f->header,
			.data_end = f->header + f->header_bytes,
			.length = f->header_bytes + f->payload,
			.window = f->header_bytes,
			.l3_off = f->l3_off,
			.l4_off = f->l4_off,
			.gso_bytes = f->gso_bytes,
			.vif = job->vif,
			.tx_vif = job->tx_vif,
			.rx_vif = job->rx_vif,
			.direction = job->direction,
			.mark = job->mark,
		},
	};
	uint64_t r0;

	job->moved = false;
	/* The verifier's promise to programs: at least an Ethernet header. */
	if (unlikely(f->header_bytes < 14 ||
		     f->header_bytes > FRAME_HEADER_ROOM || run.left < 0)) {
		judge(job, &run, TOAMI_DROP);
		return;
	}
	if (!p->writes) {
		judge(job, &run, execute(p, view, &run));
		return;
	}
	mem_copy(before, f->header, sizeof(before));
	r0 = execute(p, view, &run);
	judge(job, &run, r0);
	if (job->verdict != TOAMI_DROP &&
	    bpf_rewrite_finish(f, before, run.payload_sum, &job->moved))
		job->verdict = TOAMI_DROP;
}
