/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Filters: what libpcap compiles a capture expression to, translated to packet
 * programs.
 *
 * Classic BPF (McCanne, Jacobson 1993) as libpcap makes it for Ethernet. The
 * program that comes out passes what the filter accepts and drops the rest. It
 * is verified and compiled as any other.
 *
 * This header stands alone: libpcap has a struct bpf_insn of its own.
 */
#ifndef TOAMI_BPF_FILTER_H
#define TOAMI_BPF_FILTER_H

#include <stdint.h>

struct bpf_insn;

/* A classic instruction; libpcap's struct bpf_insn has the same fields. */
struct bpf_classic {
	uint16_t code;
	uint8_t jt;
	uint8_t jf;
	uint32_t k;
};

/**
 * bpf_filter_translate - writes a program that does what @from does
 *
 * Returns the number of instructions written; -EINVAL: not a classic program;
 * -E2BIG: more than @max.
 */
int bpf_filter_translate(const struct bpf_classic *from, uint32_t count,
			 struct bpf_insn *to, uint32_t max);

#endif
