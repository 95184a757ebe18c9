/* SPDX-License-Identifier: BSD-2-Clause */
/* See program.h. */
#include "vif/program.h"
#include "base/mem.h"
#include "bpf/cost.h"
#include "fabric/address.h"
#include "vif/capture.h"

/* How often programs may send a frame elsewhere: they might do so in a circle.
 */
#define TURNS_MAX 8

void vif_program_params(struct fabric_params *params)
{
	params->table[FABRIC_TABLE_PROGRAM] =
		(struct fabric_table_size){ VIF_PROGRAM_MAX,
					    sizeof(struct bpf_program) };
	params->table[FABRIC_TABLE_MAP] =
		(struct fabric_table_size){ VIF_MAP_MAX,
					    sizeof(struct bpf_map) };
	params->table[FABRIC_TABLE_MAP_MEMORY] =
		(struct fabric_table_size){ VIF_MAP_PAGES, VIF_MAP_PAGE };
}

struct judge {
	const struct fabric *f;
	struct bpf_view view;
	struct frame *frame;
	struct bpf_job job;
	vif_ix to; /* VIF of the host it is for */
	host_ix host;
	bool turned; /* `to` has changed */
};

static void add(_Atomic uint64_t *c, uint64_t n)
{
	atomic_fetch_add_explicit(c, n, memory_order_relaxed);
}

static void count(_Atomic uint64_t *c)
{
	add(c, 1);
}

/* --- time --------------------------------------------------------------------
 */

static bool has_time(const struct vif_control *c, uint64_t now)
{
	return atomic_load_explicit(&c->program_paid_ns,
				    memory_order_relaxed) <=
	       now + VIF_PROGRAM_BURST_NS;
}

/*
 * Two that pay at once may pay for one: the error is at most a factor of the
 * cores at work, and a locked instruction would cost as much as a filter.
 */
static void pay(struct vif_control *c, uint64_t now, uint32_t cost)
{
	uint64_t scale =
		atomic_load_explicit(&c->program_scale, memory_order_relaxed);
	uint64_t paid =
		atomic_load_explicit(&c->program_paid_ns, memory_order_relaxed);

	paid = (paid > now ? paid : now) + (cost * scale >> 16);
	atomic_store_explicit(&c->program_paid_ns, paid, memory_order_relaxed);
}

static struct vif_control *payer_of(const struct fabric *f,
				    const struct vif_control *c)
{
	uint32_t slot =
		atomic_load_explicit(&c->program_payer, memory_order_relaxed);

	return slot ? vif_control_at(f, slot) : NULL;
}

static bool may_run(const struct fabric *f, struct vif_control *c, uint64_t now)
{
	for (int n = 0; c && n < VIF_DEPTH_MAX; n++, c = payer_of(f, c))
		if (!has_time(c, now))
			return false;
	return true;
}

static void charge(const struct fabric *f, struct vif_control *c, uint64_t now,
		   uint32_t cost)
{
	for (int n = 0; c && n < VIF_DEPTH_MAX; n++, c = payer_of(f, c))
		pay(c, now, cost);
}

/* --- one hook ----------------------------------------------------------------
 */

static void send_to(struct judge *j, host_ix host)
{
	j->host = host;
	j->to = j->f->hosts[host].vif;
	j->turned = true;
	fabric_mac(host, j->frame->header);
}

/* The host whose address the packet is for now; false: nobody has it. */
static bool send_to_address(struct judge *j)
{
	const uint8_t *h = j->frame->header + j->frame->l3_off;
	struct ip_addr to = { 0 };
	host_ix host;

	if (h[0] >> 4 == 4) {
		uint32_t v4;

		mem_copy(&v4, h + 16, sizeof(v4));
		to = ip_from_v4(v4);
	} else {
		mem_copy(&to, h + 24, sizeof(to));
	}
	host = fabric_address_find(j->f, &to);
	if (host)
		send_to(j, host);
	return host;
}

static bool send_to_vif(struct judge *j, vif_ix vif)
{
	host_ix host = 0;

	if (vif < j->f->table[FABRIC_TABLE_VIF].pool->capacity)
		host = vif_host(j->f, vif);
	if (host)
		send_to(j, host);
	return host;
}

/* Runs one program. False: the frame is dropped. */
static bool run(struct judge *j, struct vif_control *c, uint32_t slot,
		bool is_filter)
{
	struct vif_program_count *n = &c->programs[j->job.direction];
	struct bpf_job *job = &j->job;
	bool pass;

	if (slot >= VIF_PROGRAM_MAX)
		return false;
	if (!may_run(j->f, c, job->now_ns)) {
		count(&n->over_rate);
		return false;
	}
	bpf_program_run(vif_program_at(j->f, slot), &j->view, job);
	charge(j->f, c, job->now_ns, job->cost);
	count(&n->runs);
	add(&n->cost, job->cost);
	if (job->sample) {
		count(&n->sampled);
		if (capture_any(j->f))
			capture_sample(j->f, j->view.arena, j->frame, job->vif,
				       (enum vif_way)job->direction);
	}
	if (job->over) {
		count(&n->over_run);
		return false;
	}
	pass = job->verdict != TOAMI_DROP;
	if (pass && job->verdict == TOAMI_REDIRECT) {
		count(&n->redirected);
		pass = send_to_vif(j, job->redirect);
	} else if (pass && job->moved) {
		pass = send_to_address(j);
	}
	if (!pass)
		count(is_filter ? &n->filtered : &n->dropped);
	return pass;
}

/* Filter and program of @ix in one direction. False: dropped, and counted. */
static bool pass(struct judge *j, vif_ix ix, enum vif_way way)
{
	struct vif_control *c = vif_control_of(j->f, ix);
	uint32_t filter, program;

	if (!c)
		return true;
	filter = atomic_load_explicit(&c->filter[way], memory_order_acquire);
	program = atomic_load_explicit(&c->program[way], memory_order_acquire);
	j->job.vif = ix;
	j->job.rx_vif = j->to;
	j->job.direction = way;
	if ((!filter || run(j, c, filter, true)) &&
	    (!program || run(j, c, program, false)))
		return true;
	if (way == VIF_TX)
		vif_drop_tx(j->f, ix, 1);
	else
		vif_drop_rx(j->f, ix, 1);
	return false;
}

/* --- the path ----------------------------------------------------------------
 */

static uint32_t depth_of(const struct fabric *f, vif_ix ix)
{
	return atomic_load_explicit(&vif_at(f, ix)->depth,
				    memory_order_relaxed);
}

/* The VIF below @at on the way down to @to; 0: @to is not below @at. */
static vif_ix next_down(const struct fabric *f, vif_ix at, vif_ix to)
{
	for (int n = 0; n <= VIF_DEPTH_MAX && to; n++) {
		vif_ix up = vif_parent(vif_at(f, to));

		if (up == at)
			return to;
		if (depth_of(f, to) <= depth_of(f, at))
			return 0;
		to = up;
	}
	return 0;
}

/* The lane of @ix that takes what is marked so; 0: none does. */
static vif_ix lane_of_mark(const struct judge *j, vif_ix ix)
{
	const struct vif_control *c = vif_control_of(j->f, ix);
	vif_ix lane = c ? atomic_load(&c->flow_first) : 0;

	for (int n = 0; lane && n < VIF_FLOWS_MAX; n++) {
		c = vif_control_of(j->f, lane);
		if (!c)
			return 0;
		if (atomic_load_explicit(&c->mark, memory_order_relaxed) ==
		    j->job.mark)
			return lane;
		lane = atomic_load(&c->flow_next);
	}
	return 0;
}

/* The frame's own VIF has let it out, marked: it leaves by the lane of that
 * mark, and by that one's, and so on. False: dropped there. */
static bool follow_mark(struct judge *j)
{
	for (int n = 0; n < VIF_DEPTH_MAX && j->job.mark; n++) {
		vif_ix lane = lane_of_mark(j, j->frame->tx_vif);

		if (!lane)
			return true;
		j->frame->tx_vif = lane;
		j->job.tx_vif = lane;
		if (!pass(j, lane, VIF_TX))
			return false;
	}
	return true;
}

static bool walk(struct judge *j, vif_ix at)
{
	int turns = 0;

	for (int n = 0; n < 2 * VIF_DEPTH_MAX * TURNS_MAX && at != j->to; n++) {
		vif_ix down = next_down(j->f, at, j->to);
		bool went = down ? pass(j, down, VIF_RX) : pass(j, at, VIF_TX);

		if (!went || (!down && at == j->frame->tx_vif &&
			      unlikely(j->job.mark) && !follow_mark(j)))
			return false;
		at = down ? down : vif_parent(vif_at(j->f, at));
		if (j->turned && ++turns > TURNS_MAX)
			return false;
		j->turned = false;
		/* The tree has changed under us: what is left is nothing. */
		if (!at)
			break;
	}
	return true;
}

/* Does the flow of lane @ix take the frame? A filter that has used up its time
 * takes nothing. */
static bool takes(struct judge *j, vif_ix ix)
{
	struct vif_control *c = vif_control_of(j->f, ix);
	uint32_t slot =
		c ? atomic_load_explicit(&c->flow, memory_order_acquire) : 0;

	if (!slot || slot >= VIF_PROGRAM_MAX ||
	    !may_run(j->f, c, j->job.now_ns))
		return false;
	j->job.vif = ix;
	j->job.rx_vif = j->to;
	j->job.direction = VIF_TX;
	bpf_program_run(vif_program_at(j->f, slot), &j->view, &j->job);
	charge(j->f, c, j->job.now_ns, j->job.cost);
	return !j->job.over && j->job.verdict != TOAMI_DROP;
}

/* The lane of @ix whose flow the frame is of; @ix itself where none takes it.
 */
static vif_ix flow_of(struct judge *j, vif_ix ix)
{
	const struct vif_control *c = vif_control_of(j->f, ix);
	vif_ix lane = c ? atomic_load(&c->flow_first) : 0;

	for (int n = 0; lane && n < VIF_FLOWS_MAX; n++) {
		if (takes(j, lane))
			return lane;
		c = vif_control_of(j->f, lane);
		lane = c ? atomic_load(&c->flow_next) : 0;
	}
	return ix;
}

/* Puts the frame on the lane that takes it, and on that one's, and so on. */
static void sort(struct judge *j)
{
	for (int n = 0; n < VIF_DEPTH_MAX; n++) {
		vif_ix ix = j->frame->tx_vif, lane;

		if (!(atomic_load_explicit(&vif_at(j->f, ix)->hooks,
					   memory_order_relaxed) &
		      VIF_HOOK_FLOW))
			return;
		lane = flow_of(j, ix);
		if (lane == ix)
			return;
		j->frame->tx_vif = lane;
		j->job.tx_vif = lane;
	}
}

static void judge_init(struct judge *j, const struct fabric *f,
		       const struct arena *arena, uint64_t *random,
		       uint64_t now_ns, frame_ix ix)
{
	*j = (struct judge){
		.f = f,
		.view = { arena, vif_program_maps(f), f->code, random },
		.frame = frame_at(arena, ix),
	};
	j->job = (struct bpf_job){ .frame = ix,
				   .tx_vif = j->frame->tx_vif,
				   .now_ns = now_ns,
				   .budget = BPF_RUN_BUDGET };
}

bool vif_program_judge(const struct fabric *f, const struct arena *arena,
		       uint64_t *random, uint64_t now_ns, frame_ix ix,
		       host_ix *to, vif_ix *flow)
{
	struct judge j;
	bool goes_on;

	judge_init(&j, f, arena, random, now_ns, ix);
	*flow = j.frame->tx_vif;
	if (!j.frame->tx_vif)
		return true;
	j.host = *to;
	j.to = f->hosts[*to].vif;
	sort(&j);
	*flow = j.frame->tx_vif;
	goes_on = walk(&j, j.frame->tx_vif);
	*to = j.host;
	return goes_on;
}

bool vif_program_admit(const struct fabric *f, const struct arena *arena,
		       uint64_t *random, uint64_t now_ns, frame_ix ix,
		       vif_ix host, vif_ix lane)
{
	struct judge j;

	judge_init(&j, f, arena, random, now_ns, ix);
	j.to = lane;
	for (int n = 0; n < VIF_DEPTH_MAX && host && host != lane; n++) {
		host = next_down(f, host, lane);
		if (host && !pass(&j, host, VIF_RX))
			return false;
	}
	return true;
}

/* --- the daemon's part -------------------------------------------------------
 */

static uint32_t own_hooks(const struct fabric *f, vif_ix ix)
{
	const struct vif_control *c = vif_control_of(f, ix);
	uint32_t hooks = 0;

	for (int way = 0; c && way < 2; way++)
		if (atomic_load(&c->filter[way]) ||
		    atomic_load(&c->program[way]))
			hooks |= 1u << way;
	if (ix == VIF_ROOT)
		hooks = 0;
	if (c && atomic_load(&c->flow_first))
		hooks |= VIF_HOOK_FLOW;
	return hooks;
}

/* The controls of the nearest VIF above @ix that has a quota for programs. */
static uint32_t find_payer(const struct fabric *f, vif_ix ix)
{
	for (int n = 0; n < VIF_DEPTH_MAX; n++) {
		const struct vif_control *c;

		ix = vif_parent(vif_at(f, ix));
		if (!ix)
			return 0;
		c = vif_control_of(f, ix);
		if (c && c->quota_program_ns)
			return atomic_load(&vif_at(f, ix)->control);
	}
	return 0;
}

static void apply_one(struct fabric *f, vif_ix ix)
{
	struct vif_control *c = vif_control_of(f, ix);
	vif_ix parent = vif_parent(vif_at(f, ix));
	uint64_t ns;
	uint32_t hooks;

	if (c) {
		ns = c->quota_program_ns ? c->quota_program_ns : VIF_PROGRAM_NS;
		/* Half a nanosecond each, stretched by the share of a core. */
		atomic_store(&c->program_scale,
			     (NSEC_PER_SEC << 15) / (ns ? ns : 1));
		atomic_store(&c->program_payer, find_payer(f, ix));
	}
	hooks = own_hooks(f, ix);
	if (parent && parent != VIF_ROOT)
		hooks |= atomic_load(&vif_at(f, parent)->hooks) &
			 (VIF_HOOK_TX | VIF_HOOK_RX);
	atomic_store(&vif_at(f, ix)->hooks, hooks);
}

void vif_program_apply(struct fabric *f, vif_ix ix)
{
	vif_ix top = ix;

	do {
		apply_one(f, ix);
		ix = vif_next(f, top, ix);
	} while (ix);
}

void vif_program_mend(struct fabric *f)
{
	struct bpf_maps maps = vif_program_maps(f);
	uint32_t end = slot_end(&maps.table);

	for (uint32_t ix = 1; ix < end; ix++)
		if (atomic_load(&bpf_map_at(&maps, ix)->live))
			bpf_map_repair(&maps, bpf_map_at(&maps, ix));
}
