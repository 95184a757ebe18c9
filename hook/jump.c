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
 *   mov $number, %eax; movabs $after, %rcx; jmp *hook_entry
 *
 * read is number 0, hence `xor %eax, %eax; syscall`. Two bytes hold a short
 * jump, to the padding behind a `ret` nearby, which holds the jump to the stub.
 *
 * A third form occurs where the number was loaded earlier: a `mov 8(%rsp),
 * %reg` of five bytes before the call moves into the stub as it is.
 *
 * Other threads may be running the five bytes. Where no processor fetches them
 * in two parts one store will do. Elsewhere the first two bytes become a jump
 * to themselves: who comes there waits. membarrier() makes the rest certain: no
 * thread is going by the old bytes any more when the last three change, and
 * none has a mixture when the first two do.
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
#include "hook/hook.h"
#include "hook/site.h"

#define STUB_BYTES 32
#define AREA_BYTES (64 * 1024)
#define AREAS	   16
#define LINE	   64
#define FETCH	   16 /* bytes that every processor fetches at once */
#define REACH	   0x7fff0000L

/* Stubs lie where a near jump reaches them: one area serves what is mapped
 * around it. */
static struct area {
	uint8_t *start;
	uint32_t used; /* bytes */
} areas[AREAS];
static int area_count;

/* The first: ours, so that libraries mapped with us have one, whatever is
 * mapped later. */
static uint8_t own_area[AREA_BYTES] __attribute__((aligned(4096)));

int hook_jump_start(void)
{
	areas[area_count++].start = own_area;
	return (int)sys_call(SYS_mprotect, own_area, sizeof(own_area),
			     PROT_READ | PROT_EXEC);
}

static bool in_reach(const struct area *a, const uint8_t *at)
{
	int64_t far = at - a->start;

	return far < REACH && far > -REACH;
}

static bool area_at(uint64_t hint)
{
	long p = sys_call(SYS_mmap, hint, AREA_BYTES, PROT_READ | PROT_EXEC,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1,
			  0);

	if (p != (long)hint) {
		if (p >= 0)
			sys_call(SYS_munmap, p, AREA_BYTES);
		return false;
	}
	areas[area_count++].start = (uint8_t *)p;
	return true;
}

/* A new area near @s: on either side of its mapping, but away from a low
 * program's heap. */
static struct area *area_near(const struct hook_site *s)
{
	const uint64_t step = UINT64_C(1) << 26;
	uint64_t base = (uint64_t)s->text & ~UINT64_C(0xffff);
	bool low = base < UINT64_C(1) << 32;

	for (uint64_t i = low ? 16 : 1; i < 30; i++) {
		if ((!low && area_at(base - i * step)) ||
		    area_at(base + i * step))
			return &areas[area_count - 1];
	}
	return NULL;
}

/* An area with room that a jump at @s reaches, or NULL. */
static struct area *area_for(const struct hook_site *s)
{
	for (int i = 0; i < area_count; i++) {
		if (in_reach(&areas[i], s->at) &&
		    areas[i].used + STUB_BYTES <= AREA_BYTES)
			return &areas[i];
	}
	return area_count < AREAS ? area_near(s) : NULL;
}

enum form {
	FORM_NONE,
	FORM_NUMBER, /* b8 imm32 */
	FORM_ZERO,   /* 31 c0 */
	FORM_LOAD,   /* 48|4c 8b modrm 24 disp8 */
};

static uint32_t get32(const uint8_t *p)
{
	return ((const struct mem_word *)p)->v & 0xffffffff;
}

/* Does `mov disp8(%rsp), %reg` at @p give the register what it has? */
static bool is_load(const uint8_t *p, const greg_t *g)
{
	static const uint8_t reg[16] = {
		REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP,
		REG_RSI, REG_RDI, REG_R8,  REG_R9,  REG_R10, REG_R11,
		REG_R12, REG_R13, REG_R14, REG_R15,
	};
	int n = (p[0] & 4 ? 8 : 0) | (p[2] >> 3 & 7);
	uint64_t value;

	if ((p[0] != 0x48 && p[0] != 0x4c) || p[1] != 0x8b ||
	    (p[2] & 0xc7) != 0x44 || p[3] != 0x24)
		return false;
	if (n == 1 || n == 4 || n == 11 || p[4] >= 0x80)
		return false;
	value = *(const uint64_t *)(g[REG_RSP] + p[4]);
	/* Small values agree by chance. */
	return value > 0xffff && value == (uint64_t)g[reg[n]];
}

static enum form form_of(const struct hook_site *s)
{
	const uint8_t *p = s->at - 5;
	uint64_t rax = (uint64_t)s->g[REG_RAX];

	/* b8 after a REX prefix loads another register. */
	if (p[0] == 0xb8 && get32(p + 1) == rax && (p[-1] & 0xf0) != 0x40)
		return FORM_NUMBER;
	if (!rax && p[3] == 0x31 && p[4] == 0xc0)
		return FORM_ZERO;
	if (is_load(p, s->g))
		return FORM_LOAD;
	return FORM_NONE;
}

static bool within(const uint8_t *p, int n, uint64_t unit)
{
	return (uint64_t)p % unit + (uint64_t)n <= unit;
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
 * The padding that assemblers put before an aligned address, five bytes or
 * more, behind an instruction that never goes on to it. NULL: none near.
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
	}
	return NULL;
}

bool hook_jump_fits(const struct hook_site *s)
{
	if (s->at - s->text < HOOK_SITE_BEFORE)
		return false;
	switch (form_of(s)) {
	case FORM_NUMBER:
	case FORM_LOAD:
		return s->alone || within(s->at - 5, 2, LINE);
	case FORM_ZERO:
		return within(s->at - 2, 2, LINE) && padding_near(s);
	default:
		return false;
	}
}

static uint8_t *put_jump(uint8_t *from, const void *to)
{
	int32_t distance = (int32_t)((const uint8_t *)to - (from + 5));

	from[0] = 0xe9;
	mem_copy(from + 1, &distance, 4);
	return from + 5;
}

/* A stub that starts with the @n bytes that it stands for. NULL: no room. */
static uint8_t *stub_make(const struct hook_site *s, const uint8_t *first,
			  int n)
{
	struct area *a = area_for(s);
	uint64_t after = (uint64_t)s->at + 2, entry = (uint64_t)hook_entry;
	uint64_t page;
	uint8_t *stub, *p;

	if (!a)
		return NULL;
	p = stub = a->start + a->used;
	page = (uint64_t)stub & ~UINT64_C(4095);
	if (sys_call(SYS_mprotect, page, 4096,
		     PROT_READ | PROT_WRITE | PROT_EXEC) < 0)
		return NULL;
	for (int i = 0; i < n; i++)
		*p++ = first[i];
	*p++ = 0x48; /* movabs $after, %rcx */
	*p++ = 0xb9;
	mem_copy(p, &after, 8);
	p += 8;
	*p++ = 0xff; /* jmp *0(%rip) */
	*p++ = 0x25;
	mem_zero(p, 4);
	mem_copy(p + 4, &entry, 8);
	sys_call(SYS_mprotect, page, 4096, PROT_READ | PROT_EXEC);
	a->used += STUB_BYTES;
	return stub;
}

/* Puts a jump in the place of one instruction of five bytes. */
static bool replace(const struct hook_site *s, uint8_t *at,
		    const uint8_t jump[5])
{
	static const uint8_t wait[2] = { 0xeb, 0xfe };
	uint8_t old[2] = { at[0], at[1] };

	if (s->alone) {
		mem_copy(at, jump, 5);
		return true;
	}
	if (within(at, 5, FETCH)) {
		hook_site_write(at, jump, 5);
		return true;
	}
	if (!synchronize())
		return false;
	hook_site_write(at, wait, 2);
	if (!synchronize()) {
		hook_site_write(at, old, 2);
		return false;
	}
	for (int i = 2; i < 5; i++)
		((volatile uint8_t *)at)[i] = jump[i];
	synchronize();
	hook_site_write(at, jump, 2);
	return true;
}

bool hook_jump_write(const struct hook_site *s)
{
	bool zero = form_of(s) == FORM_ZERO;
	uint8_t *at = zero ? s->at - 2 : s->at - 5;
	uint8_t *stub = stub_make(s, at, (int)(s->at - at));
	uint8_t jump[5], *pad;
	int32_t distance;

	if (!stub)
		return false;
	if (zero) {
		pad = padding_near(s);
		put_jump(pad, stub);
		jump[0] = 0xeb;
		jump[1] = (uint8_t)(pad - s->at);
		hook_site_write(at, jump, 2);
		return true;
	}
	distance = (int32_t)(stub - s->at);
	jump[0] = 0xe9;
	mem_copy(jump + 1, &distance, 4);
	return replace(s, at, jump);
}
