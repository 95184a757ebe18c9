/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One instruction, taken apart: of those that compilers put around system
 * calls. Others are unknown, which is always an answer: the site stays as it
 * is.
 */
#ifndef TOAMI_HOOK_DECODE_H
#define TOAMI_HOOK_DECODE_H

#include <stdbool.h>
#include <stdint.h>

#define INSTRUCTION_MAX 15 /* bytes that are read, at most */

struct instruction {
	const uint8_t *next; /* the address after it */
	uint8_t op;	     /* of the map behind 0x0f, if two */
	uint8_t rex;
	bool two;
	bool word; /* prefix 0x66 */
	/* ModRM, if it has one; registers are 0..15, index 4 and base 16 none.
	 */
	bool modrm, memory, relative; /* relative: to %rip, or absolute */
	uint8_t reg, rm, base, index;
	int32_t disp, imm;
};

/* hook_decode - false: unknown */
bool hook_decode(const uint8_t *p, struct instruction *in);

/* hook_decode_moves - may @in be carried out at another address? */
bool hook_decode_moves(const struct instruction *in);

#endif
