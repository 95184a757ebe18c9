/* SPDX-License-Identifier: BSD-2-Clause */
/* The two opcode maps, as far as they are known here. */
#include "hook/decode.h"

#define RANGE(first, last) [(first)...(last)] = 1

/* With a ModRM byte. */
static const uint8_t modrm1[256] = {
	RANGE(0x00, 0x03), RANGE(0x08, 0x0b), RANGE(0x10, 0x13),
	RANGE(0x18, 0x1b), RANGE(0x20, 0x23), RANGE(0x28, 0x2b),
	RANGE(0x30, 0x33), RANGE(0x38, 0x3b), RANGE(0x63, 0x63),
	RANGE(0x69, 0x69), RANGE(0x6b, 0x6b), RANGE(0x80, 0x81),
	RANGE(0x83, 0x8b), RANGE(0x8d, 0x8d), RANGE(0xc0, 0xc1),
	RANGE(0xc6, 0xc7), RANGE(0xd0, 0xd3), RANGE(0xf6, 0xf7),
	RANGE(0xfe, 0xff),
};
static const uint8_t modrm2[256] = {
	RANGE(0x10, 0x18), RANGE(0x1e, 0x1f), RANGE(0x28, 0x29),
	RANGE(0x2e, 0x2f), RANGE(0x40, 0x4f), RANGE(0x57, 0x57),
	RANGE(0x6e, 0x6f), RANGE(0x7e, 0x7f), RANGE(0x90, 0x9f),
	RANGE(0xa3, 0xa3), RANGE(0xab, 0xab), RANGE(0xaf, 0xb1),
	RANGE(0xb6, 0xb7), RANGE(0xba, 0xba), RANGE(0xbe, 0xc1),
	RANGE(0xd6, 0xd6), RANGE(0xef, 0xef),
};
/* Without one. */
static const uint8_t plain1[256] = {
	RANGE(0x04, 0x05), RANGE(0x0c, 0x0d), RANGE(0x14, 0x15),
	RANGE(0x1c, 0x1d), RANGE(0x24, 0x25), RANGE(0x2c, 0x2d),
	RANGE(0x34, 0x35), RANGE(0x3c, 0x3d), RANGE(0x50, 0x5f),
	RANGE(0x68, 0x68), RANGE(0x6a, 0x6a), RANGE(0x70, 0x7f),
	RANGE(0x90, 0x90), RANGE(0x98, 0x99), RANGE(0xa8, 0xa9),
	RANGE(0xb0, 0xbf), RANGE(0xc2, 0xc3), RANGE(0xc9, 0xc9),
	RANGE(0xcc, 0xcc), RANGE(0xe8, 0xe9), RANGE(0xeb, 0xeb),
	RANGE(0xf4, 0xf4),
};
static const uint8_t plain2[256] = {
	RANGE(0x05, 0x05),
	RANGE(0x0b, 0x0b),
	RANGE(0x80, 0x8f),
};

static int32_t number(const uint8_t *p, int n)
{
	uint32_t v = 0;

	for (int i = 0; i < n; i++)
		v |= (uint32_t)p[i] << 8 * i;
	return n == 1 ? (int8_t)v : (int32_t)v;
}

/* Prefixes and opcode; returns what follows. */
static const uint8_t *opcode(const uint8_t *p, struct instruction *in)
{
	for (int i = 0; i < 4; i++, p++) {
		if (*p == 0x66)
			in->word = true;
		else if (*p != 0xf2 && *p != 0xf3 && *p != 0xf0 && *p != 0x64 &&
			 *p != 0x2e && *p != 0x3e)
			break;
	}
	if ((*p & 0xf0) == 0x40)
		in->rex = *p++;
	in->op = *p++;
	if (in->op == 0x0f) {
		in->two = true;
		in->op = *p++;
	}
	return p;
}

/* ModRM, SIB, displacement. */
static const uint8_t *operand(const uint8_t *p, struct instruction *in)
{
	uint8_t m = *p++, mod = m >> 6, low = m & 7;
	int n = mod == 1 ? 1 : mod == 2 ? 4 : 0;

	in->modrm = true;
	in->reg = (m >> 3 & 7) | (in->rex & 4 ? 8 : 0);
	in->rm = low | (in->rex & 1 ? 8 : 0);
	if (mod == 3)
		return p;
	in->memory = true;
	in->index = 4;
	if (low == 4) {
		in->index = (*p >> 3 & 7) | (in->rex & 2 ? 8 : 0);
		low = *p++ & 7;
	} else if (!mod && low == 5) {
		in->relative = true;
	}
	in->base = low | (in->rex & 1 ? 8 : 0);
	if (!mod && low == 5) {
		if (!in->relative)
			in->base = 16; /* none, but an index perhaps */
		n = 4;
	}
	in->disp = number(p, n);
	return p + n;
}

static int immediate_size(const struct instruction *in)
{
	int z = in->word ? 2 : 4;
	uint8_t op = in->op;

	if (in->two)
		return op == 0xba ? 1 : (op & 0xf0) == 0x80 ? 4 : 0;
	if (op < 0x40)
		return (op & 7) == 4 ? 1 : (op & 7) == 5 ? z : 0;
	switch (op) {
	case 0x68:
	case 0x69:
	case 0x81:
	case 0xa9:
	case 0xc7:
		return z;
	case 0xe8:
	case 0xe9:
		return 4;
	case 0x6a:
	case 0x6b:
	case 0x80:
	case 0x83:
	case 0xa8:
	case 0xc0:
	case 0xc1:
	case 0xc6:
	case 0xeb:
	case 0x70 ... 0x7f:
	case 0xb0 ... 0xb7:
		return 1;
	case 0xc2:
		return 2;
	case 0xf6:
		return in->reg & 6 ? 0 : 1;
	case 0xf7:
		return in->reg & 6 ? 0 : z;
	case 0xb8 ... 0xbf:
		return in->rex & 8 ? 8 : z;
	default:
		return 0;
	}
}

bool hook_decode(const uint8_t *p, struct instruction *in)
{
	const uint8_t *end = p + INSTRUCTION_MAX;
	int n;

	*in = (struct instruction){ .index = 4 };
	p = opcode(p, in);
	if (in->two ? modrm2[in->op] : modrm1[in->op])
		p = operand(p, in);
	else if (!(in->two ? plain2[in->op] : plain1[in->op]))
		return false;
	n = immediate_size(in);
	/* Longer than any: the processor would not take it either. */
	if (end - p < n)
		return false;
	in->imm = number(p, n > 4 ? 4 : n);
	in->next = p + n;
	return true;
}

bool hook_decode_moves(const struct instruction *in)
{
	if (in->relative)
		return false;
	if (in->two) /* jcc, syscall, ud2 */
		return !plain2[in->op];
	switch (in->op) {
	case 0x70 ... 0x7f: /* jcc */
	case 0xc2:
	case 0xc3:
	case 0xc9:
	case 0xcc:
	case 0xe8:
	case 0xe9:
	case 0xeb:
	case 0xf4:
	case 0xff:
		return false;
	default:
		return true;
	}
}
