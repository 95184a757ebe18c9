/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A jump in the place of the instruction before the system call.
 *
 * Most sites read `mov $number, %eax; syscall`. The mov is five bytes, and so
 * is a jump: one instruction gives way to one of the same length, and the
 * system call stays where it is. A thread that is between the two, or comes
 * there by another way, makes its call through the kernel as before. The stub
 * does what the mov did:
 *
 *   mov $number, %eax; and then what stub.h says
 *
 * Where other instructions lie between the mov and the call, they stay, and the
 * stub has them once more.
 *
 * read is number 0, hence `xor %eax, %eax; syscall`. Two bytes hold a short
 * jump, to the padding behind a `ret` nearby, which holds the jump to the stub.
 * Where the number comes from elsewhere (Go's and musl's functions that make
 * any call), the system call instruction itself becomes such a jump.
 *
 * Other threads may be running those bytes, and no processor promises to fetch
 * five of them at once. So they change one by one, and each state is an
 * instruction that we can deal with: first the number's highest byte, which
 * makes it no number at all, then the others, which become the jump's distance;
 * a thread that loads such a number comes to us by dispatch, and
 * hook_jump_number() says what it means. The first byte is the last to change.
 * membarrier() in between makes sure that nobody has a mixture of three states.
 *
 * Nothing is pushed, no register changes, address 0 stays unmapped. How do we
 * know that the bytes before the call are that instruction, and not the tail of
 * a longer one? The register has the value that the instruction gives it.
 */
#include <errno.h>
#include <linux/membarrier.h>
#include <linux/mman.h>

#include "base/mem.h"
#include "base/sys.h"
#include "hook/decode.h"
#include "hook/hook.h"
#include "hook/site.h"
#include "hook/stub.h"

#define MOVED_MAX STUB_STANDS_FOR
#define PAGE	  4096
#define NO_NUMBER 0x40 /* as the highest byte of a call's number */

enum form {
	FORM_NONE,
	FORM_MOVED, /* an instruction of five bytes, and what follows it */
	FORM_ZERO,  /* 31 c0 */
	FORM_CALL,  /* 0f 05, the system call itself */
};

/* What gives way, and how it is called. */
struct plan {
	enum form form;
	uint8_t *at; /* from here to the system call moves into the stub */
};

static int32_t get32(const uint8_t *p)
{
	return (int32_t)((const struct mem_word *)p)->v;
}

/* Do whole instructions that run anywhere lie between @p and the site? */
static bool moves(const struct hook_site *s, const uint8_t *p)
{
	struct instruction in;

	while (p < s->at) {
		if (!hook_decode(p, &in) || !hook_decode_moves(&in))
			return false;
		p = in.next;
	}
	return p == s->at;
}

/* `mov $number, %eax`, right before the site or with little in between. */
static uint8_t *number_before(const struct hook_site *s)
{
	uint64_t rax = (uint64_t)s->g[REG_RAX];

	for (uint8_t *p = s->at - 5; p >= s->at - MOVED_MAX; p--) {
		/* b8 after a REX prefix loads another register. */
		if (p[0] == 0xb8 && (uint64_t)(int64_t)get32(p + 1) == rax &&
		    (p[-1] & 0xf0) != 0x40 && moves(s, p + 5))
			return p;
	}
	return NULL;
}

/* The C library's syscall(): its last move before the call has five bytes, too.
 */
static bool is_syscall_function(const struct hook_site *s)
{
	static const uint8_t body[] = {
		0x48, 0x89, 0xf8, 0x48, 0x89, 0xf7, 0x48, 0x89,
		0xd6, 0x48, 0x89, 0xca, 0x4d, 0x89, 0xc2, 0x4d,
		0x89, 0xc8, 0x4c, 0x8b, 0x4c, 0x24, 0x08,
	};

	static_assert(sizeof(body) <= MOVED_MAX, "within reach");
	return !memcmp(s->at - sizeof(body), body, sizeof(body));
}

static struct plan plan_for(const struct hook_site *s)
{
	struct plan plan = { 0 };

	if (s->at - s->text < HOOK_SITE_BEFORE)
		return plan;
	plan.form = FORM_MOVED;
	plan.at = number_before(s);
	if (plan.at)
		return plan;
	plan.at = s->at - 5;
	if (is_syscall_function(s))
		return plan;
	plan.at = s->at - 2;
	plan.form = FORM_ZERO;
	if (!s->g[REG_RAX] && plan.at[0] == 0x31 && plan.at[1] == 0xc0)
		return plan;
	plan.at = s->at;
	plan.form = FORM_CALL;
	return plan;
}

/* All threads of the process pass a serializing instruction. False: unknown
 * here. */
static bool synchronize(void)
{
	long ret = sys_call(SYS_membarrier,
			    MEMBARRIER_CMD_PRIVATE_EXPEDITED_SYNC_CORE, 0, 0);

	if (ret != -EPERM)
		return !ret;
	sys_call(SYS_membarrier,
		 MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_SYNC_CORE, 0, 0);
	return !sys_call(SYS_membarrier,
			 MEMBARRIER_CMD_PRIVATE_EXPEDITED_SYNC_CORE, 0, 0);
}

/*
 * The padding that assemblers (or Go: int3) put before an aligned address, five
 * bytes or more, behind an instruction that never goes on to it. NULL: none
 * near.
 */
static uint8_t *padding_near(const struct hook_site *s)
{
	static const uint8_t nops[][10] = {
		{ 0x0f, 0x1f, 0x44, 0x00, 0x00 },
		{ 0x66, 0x0f, 0x1f, 0x44, 0x00, 0x00 },
		{ 0x0f, 0x1f, 0x80, 0x00, 0x00, 0x00, 0x00 },
		{ 0x0f, 0x1f, 0x84, 0x00, 0x00, 0x00, 0x00, 0x00 },
		{ 0x66, 0x0f, 0x1f, 0x84, 0x00, 0x00, 0x00, 0x00, 0x00 },
		{ 0x66, 0x2e, 0x0f, 0x1f, 0x84, 0x00, 0x00, 0x00, 0x00, 0x00 },
	};
	uint8_t *p, *end = (uint8_t *)(((uint64_t)s->at + 15) & ~UINT64_C(15));

	for (; end <= s->at + 120 && end <= s->text_end; end += 16) {
		for (int i = 0; i < (int)ARRAY_SIZE(nops); i++) {
			int n = i + 5;

			p = end - n;
			if (p > s->at + 2 && p[-1] == 0xc3 &&
			    !memcmp(p, nops[i], (size_t)n))
				return p;
		}
		for (p = end; p > s->at + 2 && p[-1] == 0xcc; p--)
			;
		if (end - p >= 5 && end - p < 32 && p[-1] == 0xc3)
			return p;
	}
	return NULL;
}

/* Of the instruction that gives way. */
static int length(const struct plan *plan)
{
	return plan->form == FORM_MOVED ? 5 : 2;
}

bool hook_jump_fits(const struct hook_site *s)
{
	struct plan plan = plan_for(s);

	if (plan.form == FORM_NONE)
		return false;
	if (length(&plan) == 2 && !padding_near(s))
		return false;
	if (s->alone || hook_site_whole(plan.at, length(&plan)))
		return true;
	/* Byte by byte: hook_jump_number() must be able to look back. */
	return plan.at[0] == 0xb8 && (uint64_t)s->at % PAGE >= MOVED_MAX;
}

/* The number of a site that is being rewritten, while its bytes say something
 * else. */
static struct {
	uint8_t *_Atomic at;
	long nr;
} under_way;

/* Puts a jump in the place of `mov $nr, %eax` that other threads may be
 * running. */
static bool replace(const struct hook_site *s, volatile uint8_t *at,
		    const uint8_t jump[5])
{
	if (!synchronize())
		return false;
	under_way.nr = s->g[REG_RAX];
	atomic_store(&under_way.at, s->at);
	at[4] = NO_NUMBER;
	synchronize();
	at[1] = jump[1];
	at[2] = jump[2];
	at[3] = jump[3];
	synchronize();
	at[4] = jump[4];
	synchronize();
	at[0] = jump[0];
	atomic_store(&under_way.at, NULL);
	return true;
}

/* The stub that a jump at @p leads to, or will lead to, or NULL. */
static const uint8_t *stub_of(const uint8_t *p)
{
	const uint8_t *to = p + 5 + get32(p + 1);

	if (p[0] != 0xe9 && p[0] != 0xb8)
		return NULL;
	return stub_is(to) ? to : NULL;
}

long hook_jump_number(const uint8_t *at)
{
	const uint8_t *p = at - 5, *stub;
	long nr;

	if (atomic_load(&under_way.at) == at) {
		nr = under_way.nr;
		if (atomic_load(&under_way.at) == at)
			return nr;
	}
	for (; p >= at - MOVED_MAX && (uint64_t)p % PAGE + 5 < PAGE; p--) {
		stub = stub_of(p);
		if (stub && stub[0] == 0xb8)
			return get32(stub + 1);
	}
	return -1;
}

/* Writes over the instruction in whichever way is safe. */
static bool overwrite(const struct hook_site *s, const struct plan *plan,
		      const uint8_t *bytes)
{
	int n = length(plan);

	if (s->alone)
		mem_copy(plan->at, bytes, (size_t)n);
	else if (hook_site_whole(plan->at, n))
		hook_site_write(plan->at, bytes, n);
	else
		return replace(s, plan->at, bytes);
	return true;
}

bool hook_jump_write(const struct hook_site *s)
{
	struct plan plan = plan_for(s);
	uint8_t *stub = stub_make(s, plan.at);
	uint8_t jump[5], *pad;
	int32_t distance;

	if (!stub)
		return false;
	if (length(&plan) == 2) {
		pad = padding_near(s);
		stub_jump(pad, stub);
		jump[0] = 0xeb;
		jump[1] = (uint8_t)(pad - (plan.at + 2));
		return overwrite(s, &plan, jump);
	}
	distance = (int32_t)(stub - (plan.at + 5));
	jump[0] = 0xe9;
	mem_copy(jump + 1, &distance, 4);
	return overwrite(s, &plan, jump);
}
