/* SPDX-License-Identifier: BSD-2-Clause */
/* Mapping an ELF file, as a kernel does for exec: for the loader and the hook
 * in it. */
#ifndef TOAMI_HOOK_ELF_MAP_H
#define TOAMI_HOOK_ELF_MAP_H

#include <elf.h>
#include <stdbool.h>
#include <stdint.h>

struct elf_map {
	uint64_t start, end; /* everything mapped */
	uint64_t bias;	     /* what is added to the file's addresses */
	uint64_t entry;
	uint64_t phdr; /* where the program headers are, 0: not mapped */
	uint64_t phnum;
	uint64_t dynamic;	 /* 0: none */
	uint64_t code, code_end; /* the executable segment */
	uint64_t data, data_end; /* the writable one, file part */
	bool exec_stack;	 /* asked for */
	char interpreter[256];	 /* "": none */
};

/**
 * elf_map_file - maps the loadable segments of the file at @fd
 * @at: where a position-independent one goes; 0: where the kernel likes
 *
 * Others go where they have to be. Returns 0; -ENOEXEC: not such a file;
 * -EEXIST: something is there already; or what the kernel said.
 */
int elf_map_file(int fd, uint64_t at, struct elf_map *m);

/* elf_map_relocate - @m's relative relocations. -ENOEXEC: it has others. */
int elf_map_relocate(const struct elf_map *m);

#endif
