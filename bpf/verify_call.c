/* SPDX-License-Identifier: BSD-2-Clause */
/* Calls of helpers and of the program's own functions. */
#include "bpf/verify_internal.h"

#include "toami/bpf.h"

static int check_size(struct verifier *v, const struct reg *memory,
		      const struct reg *size, bool write)
{
	if (size->kind != KIND_NUMBER)
		return verify_refuse(v, "a size is %s", kind_name(size));
	if (size->umax > BPF_COPY_MAX)
		return verify_refuse(v,
				     "a size may be as large as %llu: %d is "
				     "the limit; compare it first",
				     (unsigned long long)size->umax,
				     BPF_COPY_MAX);
	if (!write || reg_is_const(size))
		return verify_bytes(v, memory, size->umax,
				    write ? ACCESS_WRITE : ACCESS_READ);
	/* All of it must be ours; what is surely written is readable after. */
	if (memory->kind == KIND_STACK) {
		struct reg last = *memory;
		int err;

		last.smax += (int64_t)size->umax;
		last.umax = UINT64_MAX;
		if (last.smax + last.off > 0)
			return verify_refuse(
				v, "%llu bytes reach beyond the stack",
				(unsigned long long)size->umax);
		last.smax -= 1;
		err = size->umax ? verify_bytes(v, &last, 1, ACCESS_MAY_WRITE)
				 : 0;
		if (err || !size->umin)
			return err;
	} else {
		int err = verify_bytes(v, memory, size->umax, ACCESS_WRITE);

		if (err)
			return err;
	}
	return verify_bytes(v, memory, size->umin, ACCESS_WRITE);
}

static int check_argument(struct verifier *v, const struct bpf_prototype *p,
			  int n, const struct reg **map)
{
	struct frame_state *top = state_top(&v->cur);
	const struct reg *r = reg_read(v, (uint8_t)(n + 1));
	const struct bpf_map_def *m = *map ? &v->maps[(*map)->map] : NULL;

	if (!r)
		return -1;
	switch ((enum bpf_arg)p->arg[n]) {
	case BPF_ARG_PACKET:
		if (r->kind != KIND_CONTEXT || r->off)
			return verify_refuse(v,
					     "argument %d of %s is %s, not the "
					     "program's argument",
					     n + 1, p->name, kind_name(r));
		return 0;
	case BPF_ARG_MAP:
		if (r->kind != KIND_MAP)
			return verify_refuse(
				v, "argument %d of %s is %s, not a map", n + 1,
				p->name, kind_name(r));
		*map = r;
		return 0;
	case BPF_ARG_KEY:
		return verify_bytes(v, r, m->key_bytes, ACCESS_READ);
	case BPF_ARG_VALUE:
		if (m->read_only)
			return verify_refuse(
				v, "writes to %s, which is constant", m->name);
		return verify_bytes(v, r, m->value_bytes, ACCESS_READ);
	case BPF_ARG_NUMBER:
	case BPF_ARG_SIZE:
		if (r->kind != KIND_NUMBER)
			return verify_refuse(
				v, "argument %d of %s is %s, not a number",
				n + 1, p->name, kind_name(r));
		return 0;
	case BPF_ARG_FROM:
	case BPF_ARG_TO: {
		const struct reg *size = reg_read(v, (uint8_t)(n + 2));

		if (!size)
			return -1;
		return check_size(v, &top->reg[n + 1], size,
				  p->arg[n] == BPF_ARG_TO);
	}
	default:
		return 0;
	}
}

int verify_helper(struct verifier *v, const struct bpf_insn *i)
{
	struct frame_state *top = state_top(&v->cur);
	const struct bpf_prototype *p = bpf_prototype(i->imm);
	const struct reg *map = NULL;
	uint8_t which;

	for (int n = 0; n < 5 && p->arg[n]; n++) {
		int err = check_argument(v, p, n, &map);

		if (err)
			return err;
	}
	which = map ? map->map : 0;
	v->report->writes |= p->writes;
	for (int r = 1; r <= 5; r++)
		top->reg[r] = (struct reg){ .kind = KIND_NONE };
	reg_unknown(&top->reg[0]);
	if (p->result == BPF_RESULT_VALUE_OR_NULL) {
		reg_const(&top->reg[0], 0);
		top->reg[0].kind = KIND_VALUE_OR_NULL;
		top->reg[0].map = which;
		top->reg[0].id = ++v->next_id;
	}
	return 0;
}

int verify_local_call(struct verifier *v, const struct bpf_insn *i)
{
	struct frame_state *from = state_top(&v->cur), *to;

	if (v->cur.frames == BPF_FRAMES_MAX)
		return verify_refuse(
			v, "functions call each other more than %d deep",
			BPF_FRAMES_MAX);
	if (state_push_frame(&v->cur, v->pc + 1))
		return verify_refuse(v, "out of memory");
	to = state_top(&v->cur);
	for (int r = 1; r <= 5; r++)
		to->reg[r] = from->reg[r];
	for (int r = 0; r <= 5; r++)
		from->reg[r] = (struct reg){ .kind = KIND_NONE };
	v->pc = (uint32_t)((int64_t)v->pc + 1 + i->imm);
	return 0;
}
