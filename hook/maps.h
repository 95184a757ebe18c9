/* SPDX-License-Identifier: BSD-2-Clause */
/* What is mapped at an address, as /proc/self/maps has it. */
#ifndef TOAMI_HOOK_MAPS_H
#define TOAMI_HOOK_MAPS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct hook_map {
	uint64_t start, end;
	bool read, write, exec, shared, file;
};

/**
 * hook_map_find - the mapping that holds @addr
 * @name: gets the file's path, or is NULL
 *
 * Returns 0, or -ENOENT: nothing there, or no /proc.
 */
int hook_map_find(uint64_t addr, struct hook_map *m, char *name, size_t size);

#endif
