/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The bytes around a system call, which may be anything: the hook's decoder
 * reads no more than an instruction can have, and says nothing that its bytes
 * do not say. HACKING.md has the commands.
 */
#include "hook/decode.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	/* As long as it may read, and not a byte more. */
	static uint8_t *p;
	struct instruction in, again;
	size_t n;

	if (!p)
		p = malloc(INSTRUCTION_MAX);
	for (size_t at = 0; at < size && at < 16; at++) {
		n = size - at < INSTRUCTION_MAX ? size - at : INSTRUCTION_MAX;
		memset(p, 0, INSTRUCTION_MAX);
		memcpy(p, data + at, n);
		memset(&in, 0xaa, sizeof(in));
		if (!hook_decode(p, &in))
			continue;
		if (in.next <= p || in.next > p + INSTRUCTION_MAX)
			abort();
		if (in.modrm && (in.reg > 15 || in.rm > 15 || in.base > 16 ||
				 in.index > 15))
			abort();
		if (!in.modrm && (in.memory || in.relative))
			abort();
		hook_decode_moves(&in);
		/* What lies behind it is not part of it. */
		memset(p + (in.next - p), 0xff,
		       (size_t)(p + INSTRUCTION_MAX - in.next));
		memset(&again, 0xaa, sizeof(again));
		if (!hook_decode(p, &again) || again.next != in.next ||
		    again.op != in.op || again.imm != in.imm ||
		    again.disp != in.disp)
			abort();
	}
	return 0;
}
