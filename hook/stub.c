/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See stub.h. A stub has a slot: what it stands for ends at STUB_HEAD, so that
 * the pattern's places lie at the same offsets in each.
 */
#include "hook/stub.h"

#include <linux/mman.h>

#include "base/mem.h"
#include "base/sys.h"
#include "hook/hook.h"

#define STUB_BYTES 128
#define STUB_HEAD  32
#define AREA_BYTES (128 * 1024)
#define AREAS	   16
#define REACH	   0x7fff0000L
static_assert(STUB_STANDS_FOR <= STUB_HEAD, "see stub_make()");

/* In entry.S: the pattern, and where something is filled in. */
extern const uint8_t hook_stub[], hook_stub_end[];
extern const uint8_t hook_stub_after1[], hook_stub_in[], hook_stub_top[];
extern const uint8_t hook_stub_entry[], hook_stub_out[], hook_stub_after2[];
extern const uint8_t hook_stub_looks[], hook_stub_leave[], hook_stub_after3[];
extern const uint8_t hook_stub_outside[];
void hook_entry_stub(void);
void hook_stub_due(void);

/* Stubs lie where a near jump reaches them: one area serves what is mapped
 * around it. */
static struct area {
	uint8_t *start;
	uint32_t used;	   /* bytes, in slots */
	const void *entry; /* hook_entry_stub, or a jump to it */
	const void *due;   /* hook_stub_due, likewise */
} areas[AREAS];
static int area_count;

/* The first: ours, so that libraries mapped with us have one, whatever is
 * mapped later. */
static uint8_t own_area[AREA_BYTES] __attribute__((aligned(4096)));

/* --- code --------------------------------------------------------------------
 */

static uint8_t *put(uint8_t *p, const void *bytes, size_t n)
{
	mem_copy(p, bytes, n);
	return p + n;
}

/* An operand of four bytes that ends an instruction and means @to. */
static uint8_t *put_distance(uint8_t *p, const void *to)
{
	int32_t distance = (int32_t)((const uint8_t *)to - (p + 4));

	return put(p, &distance, 4);
}

uint8_t *stub_jump(uint8_t *p, const void *to)
{
	*p++ = 0xe9;
	return put_distance(p, to);
}

/* The same to anywhere: jmp *0(%rip). */
static uint8_t *put_far_jump(uint8_t *p, uint64_t to)
{
	return put(put(p, "\xff\x25\0\0\0\0", 6), &to, 8);
}

/* The pattern, at @head. */
static void put_pattern(uint8_t *head, const struct area *a,
			const uint8_t *after)
{
	const uint8_t *const fields[] = { hook_stub_in, hook_stub_top,
					  hook_stub_out, hook_stub_looks };

	put(head, hook_stub, (size_t)(hook_stub_end - hook_stub));
	put_distance(head + (hook_stub_after1 - hook_stub), after);
	put_distance(head + (hook_stub_entry - hook_stub), a->entry);
	put_distance(head + (hook_stub_after2 - hook_stub), after);
	put_distance(head + (hook_stub_leave - hook_stub), a->due);
	put_distance(head + (hook_stub_after3 - hook_stub), after);
	for (size_t i = 0; i < ARRAY_SIZE(fields); i++) {
		uint8_t *p = head + (fields[i] - hook_stub);
		int32_t at;

		mem_copy(&at, p, 4);
		at += hook_thread_offset();
		put(p, &at, 4);
	}
}

/* --- areas -------------------------------------------------------------------
 */

/* Would a near jump at @from, or hereabouts, get to @to? */
static bool reaches(const uint8_t *from, const void *to)
{
	int64_t far = (const uint8_t *)to - from;

	return far < REACH && far > -REACH;
}

static void area_add(uint8_t *start)
{
	struct area *a = &areas[area_count++];
	uint8_t *p;

	a->start = start;
	a->entry = (const void *)hook_entry_stub;
	a->due = (const void *)hook_stub_due;
	if (reaches(start, a->entry))
		return;
	a->entry = start;
	a->due = p = put_far_jump(start, (uint64_t)hook_entry_stub);
	put_far_jump(p, (uint64_t)hook_stub_due);
	a->used = STUB_BYTES;
}

int hook_jump_start(void)
{
	area_add(own_area);
	return (int)sys_call(SYS_mprotect, own_area, sizeof(own_area),
			     PROT_READ | PROT_EXEC);
}

static bool area_at(uint64_t hint)
{
	long p = sys_call(SYS_mmap, hint, AREA_BYTES, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1,
			  0);

	if (p != (long)hint) {
		if (p >= 0)
			sys_call(SYS_munmap, p, AREA_BYTES);
		return false;
	}
	area_add((uint8_t *)p);
	sys_call(SYS_mprotect, p, AREA_BYTES, PROT_READ | PROT_EXEC);
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
		if (reaches(s->at, areas[i].start) &&
		    areas[i].used + STUB_BYTES <= AREA_BYTES)
			return &areas[i];
	}
	return area_count < AREAS ? area_near(s) : NULL;
}

static const struct area *area_of(const uint8_t *p)
{
	for (int i = 0; i < area_count; i++) {
		if (p >= areas[i].start && p < areas[i].start + areas[i].used)
			return &areas[i];
	}
	return NULL;
}

bool stub_is(const uint8_t *p)
{
	return area_of(p);
}

uint8_t *stub_make(const struct hook_site *s, const uint8_t *from)
{
	struct area *a = area_for(s);
	size_t n = (size_t)(s->at - from);
	uint8_t *head;
	uint64_t page;

	if (!a)
		return NULL;
	head = a->start + a->used + STUB_HEAD;
	page = (uint64_t)head & ~UINT64_C(4095);
	if (sys_call(SYS_mprotect, page, 4096,
		     PROT_READ | PROT_WRITE | PROT_EXEC) < 0)
		return NULL;
	put(head - n, from, n);
	put_pattern(head, a, s->at + 2);
	sys_call(SYS_mprotect, page, 4096, PROT_READ | PROT_EXEC);
	a->used += STUB_BYTES;
	return head - n;
}

/* --- signals -----------------------------------------------------------------
 */

void stub_canonical(greg_t *g)
{
	const uint8_t *at = (const uint8_t *)g[REG_RIP], *head;
	const struct area *a = area_of(at);
	int32_t distance;
	uint64_t after;

	if (!a)
		return;
	if (a->entry == a->start && at < a->start + STUB_BYTES) {
		g[REG_RIP] = g[REG_R11]; /* on its far jump to hook_stub_due */
		return;
	}
	head = at - (at - a->start) % STUB_BYTES + STUB_HEAD;
	mem_copy(&distance, head + (hook_stub_after1 - hook_stub), 4);
	after = (uint64_t)(head + (hook_stub_after1 - hook_stub) + 4) +
		(uint64_t)(int64_t)distance;
	if (at < head) { /* the text has the same, after the jump */
		g[REG_RIP] = (greg_t)(after - 2) - (head - at);
		return;
	}
	if (at < head + (hook_stub_outside - hook_stub))
		after -= 2; /* `inside` is not set yet */
	g[REG_RIP] = (greg_t)after;
	g[REG_RCX] = (greg_t)after;
}
