/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a program may call (include/toami/bpf.h tells authors): numbers, types
 * of arguments for the verifier, costs for the budget.
 */
#ifndef TOAMI_BPF_HELPER_H
#define TOAMI_BPF_HELPER_H

#include "base/types.h"

enum bpf_helper {
	BPF_HELPER_NONE,
	BPF_HELPER_MAP_FIND,
	BPF_HELPER_MAP_SET,
	BPF_HELPER_MAP_DELETE,
	BPF_HELPER_NOW,
	BPF_HELPER_RANDOM,
	BPF_HELPER_LOAD,
	BPF_HELPER_STORE,
	BPF_HELPER_REDIRECT,
	BPF_HELPERS,
};

enum bpf_arg {
	BPF_ARG_NONE,
	BPF_ARG_PACKET, /* the program's argument */
	BPF_ARG_MAP,
	BPF_ARG_KEY,   /* memory of the map's key_bytes, read */
	BPF_ARG_VALUE, /* memory of the map's value_bytes, read */
	BPF_ARG_NUMBER,
	BPF_ARG_FROM, /* memory, read; the next argument is its size */
	BPF_ARG_TO,   /* memory, written; the next argument is its size */
	BPF_ARG_SIZE, /* 0 to BPF_COPY_MAX */
};

#define BPF_COPY_MAX 512

enum bpf_result { BPF_RESULT_NUMBER, BPF_RESULT_VALUE_OR_NULL };

struct bpf_prototype {
	const char *name;
	uint8_t arg[5]; /* enum bpf_arg */
	uint8_t result; /* enum bpf_result */
	uint8_t writes; /* to the packet */
	uint16_t cost;	/* in instructions, at most */
};

/* bpf_prototype - of helper @number, or NULL: there is none */
const struct bpf_prototype *bpf_prototype(int32_t number);

#endif
