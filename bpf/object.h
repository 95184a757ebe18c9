/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Objects made by `clang -target bpf`: foreign bytes, read once and checked.
 *
 * What counts in one: code in sections "tx" and "rx" (or "tx/NAME", "rx/NAME"),
 * functions that these call in ".text", descriptions of maps in "maps", and
 * constants and variables in ".rodata", ".data" and ".bss", which become maps
 * of one value. Everything else is ignored.
 */
#ifndef TOAMI_BPF_OBJECT_H
#define TOAMI_BPF_OBJECT_H

#include "bpf/verify.h"

#include <stddef.h>

#define BPF_OBJECT_WHY 160

struct bpf_object {
	struct bpf_map_def map[BPF_MAPS_MAX];
	uint8_t *initial[BPF_MAPS_MAX]; /* value of a map of data, or NULL */
	uint32_t map_count;
	struct bpf_insn *insn[2]; /* TOAMI_TX, TOAMI_RX; NULL: none */
	uint32_t count[2];
};

/**
 * bpf_object_read - takes an object apart
 * @bytes: borrowed
 *
 * Returns 0; -EINVAL with a reason in @why; -ENOMEM. bpf_object_fini() in any
 * case.
 */
int bpf_object_read(struct bpf_object *o, const uint8_t *bytes, size_t size,
		    char why[BPF_OBJECT_WHY]);

void bpf_object_fini(struct bpf_object *o);

#endif
