/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See object.h. Relocations are those of LLVM's BPF back end: R_BPF_64_64 on
 * the constant of two instructions (its addend is the instruction's imm) and
 * R_BPF_64_32 on a call, in bytes of eight.
 */
#include "bpf/object.h"

#include <elf.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "toami/bpf.h"

#ifndef EM_BPF
#define EM_BPF 247
#endif
#ifndef R_BPF_64_64
#define R_BPF_64_64 1
#endif
#ifndef R_BPF_64_32
#define R_BPF_64_32 10
#endif

#define SECTIONS_MAX 256
#define NONE	     UINT32_MAX

struct reader {
	const uint8_t *bytes;
	size_t size;
	const Elf64_Ehdr *header;
	const Elf64_Shdr *section;
	uint32_t sections;
	const char *names; /* of sections */
	size_t names_bytes;
	const Elf64_Sym *symbol;
	uint32_t symbols;
	const char *strings; /* of symbols */
	size_t strings_bytes;
	uint32_t maps_section;
	uint32_t text_section;
	uint32_t map_of[SECTIONS_MAX]; /* of data sections; NONE */
	struct bpf_object *o;
	char *why;
};

static int bad(struct reader *r, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static int bad(struct reader *r, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(r->why, BPF_OBJECT_WHY, format, args);
	va_end(args);
	return -EINVAL;
}

static bool within(const struct reader *r, uint64_t at, uint64_t bytes)
{
	return at <= r->size && bytes <= r->size - at;
}

static const char *text_at(const char *texts, size_t bytes, uint32_t at)
{
	if (at >= bytes || !memchr(texts + at, 0, bytes - at))
		return "?";
	return texts + at;
}

static const char *section_name(const struct reader *r, uint32_t n)
{
	return text_at(r->names, r->names_bytes, r->section[n].sh_name);
}

static const void *section_bytes(const struct reader *r, uint32_t n)
{
	return r->bytes + r->section[n].sh_offset;
}

/* --- the file's own structure ------------------------------------------------
 */

static int read_header(struct reader *r)
{
	const Elf64_Ehdr *h = (const Elf64_Ehdr *)r->bytes;

	if (r->size < sizeof(*h) || memcmp(h->e_ident, ELFMAG, SELFMAG))
		return bad(r, "it is no ELF file");
	if (h->e_ident[EI_CLASS] != ELFCLASS64 ||
	    h->e_ident[EI_DATA] != ELFDATA2LSB || h->e_machine != EM_BPF ||
	    h->e_type != ET_REL)
		return bad(r, "it is no object for little-endian BPF: clang "
			      "-O2 -target bpf -c makes one");
	if (h->e_shentsize != sizeof(Elf64_Shdr) || !h->e_shnum ||
	    h->e_shnum > SECTIONS_MAX || h->e_shoff % 8 ||
	    !within(r, h->e_shoff, h->e_shnum * sizeof(Elf64_Shdr)))
		return bad(r, "its table of sections is not in the file");
	r->header = h;
	r->section = (const Elf64_Shdr *)(r->bytes + h->e_shoff);
	r->sections = h->e_shnum;
	for (uint32_t n = 0; n < r->sections; n++)
		if (r->section[n].sh_type != SHT_NOBITS &&
		    (!within(r, r->section[n].sh_offset,
			     r->section[n].sh_size) ||
		     (r->section[n].sh_type != SHT_STRTAB &&
		      r->section[n].sh_type != SHT_PROGBITS &&
		      r->section[n].sh_offset % 8)))
			return bad(r, "section %u is not in the file", n);
	if (h->e_shstrndx >= r->sections)
		return bad(r, "its sections have no names");
	r->names = section_bytes(r, h->e_shstrndx);
	r->names_bytes = r->section[h->e_shstrndx].sh_size;
	if (r->section[h->e_shstrndx].sh_type != SHT_STRTAB)
		return bad(r, "its sections have no names");
	return 0;
}

static int read_symbols(struct reader *r)
{
	for (uint32_t n = 0; n < r->sections; n++) {
		const Elf64_Shdr *s = &r->section[n];

		if (s->sh_type != SHT_SYMTAB)
			continue;
		if (s->sh_link >= r->sections ||
		    r->section[s->sh_link].sh_type != SHT_STRTAB)
			return bad(r, "its symbols have no names");
		r->symbol = section_bytes(r, n);
		r->symbols = (uint32_t)(s->sh_size / sizeof(Elf64_Sym));
		r->strings = section_bytes(r, s->sh_link);
		r->strings_bytes = r->section[s->sh_link].sh_size;
		return 0;
	}
	return bad(r, "it has no symbols: do not strip it");
}

static const char *symbol_name(const struct reader *r, const Elf64_Sym *s)
{
	if (ELF64_ST_TYPE(s->st_info) == STT_SECTION &&
	    s->st_shndx < r->sections)
		return section_name(r, s->st_shndx);
	return text_at(r->strings, r->strings_bytes, s->st_name);
}

/* --- maps --------------------------------------------------------------------
 */

static int add_map(struct reader *r, const char *name,
		   const struct toami_map *from)
{
	struct bpf_map_def *m;

	if (r->o->map_count == BPF_MAPS_MAX)
		return bad(r, "it has more than %d maps", BPF_MAPS_MAX);
	if (strlen(name) >= BPF_NAME_MAX)
		return bad(r, "the name of map %.60s is longer than %d", name,
			   BPF_NAME_MAX - 1);
	m = &r->o->map[r->o->map_count++];
	m->type = from->type;
	m->key_bytes = from->key_bytes;
	m->value_bytes = from->value_bytes;
	m->entries = from->entries;
	m->flags = from->flags;
	memcpy(m->name, name, strlen(name));
	return 0;
}

/* The numbers of maps are their places in the section. */
static int read_maps(struct reader *r)
{
	const Elf64_Shdr *s;
	uint32_t count;

	if (r->maps_section == NONE)
		return 0;
	s = &r->section[r->maps_section];
	if (s->sh_type != SHT_PROGBITS || s->sh_size % sizeof(struct toami_map))
		return bad(r, "section maps holds something else than maps");
	count = (uint32_t)(s->sh_size / sizeof(struct toami_map));
	for (uint32_t n = 0; n < count; n++) {
		const Elf64_Sym *found = NULL;
		struct toami_map map;

		for (uint32_t y = 0; y < r->symbols; y++)
			if (r->symbol[y].st_shndx == r->maps_section &&
			    ELF64_ST_TYPE(r->symbol[y].st_info) == STT_OBJECT &&
			    r->symbol[y].st_value == n * sizeof(map))
				found = &r->symbol[y];
		if (!found)
			return bad(r, "map %u has no name", n);
		memcpy(&map,
		       (const uint8_t *)section_bytes(r, r->maps_section) +
			       n * sizeof(map),
		       sizeof(map));
		if (add_map(r, symbol_name(r, found), &map))
			return -EINVAL;
	}
	return 0;
}

static bool is_data(const struct reader *r, uint32_t n)
{
	const char *name = section_name(r, n);

	return !strncmp(name, ".rodata", 7) || !strcmp(name, ".data") ||
	       !strcmp(name, ".bss");
}

static int read_data(struct reader *r)
{
	for (uint32_t n = 0; n < r->sections; n++) {
		const Elf64_Shdr *s = &r->section[n];
		struct toami_map map = { .type = TOAMI_ARRAY,
					 .key_bytes = 4,
					 .value_bytes = (uint32_t)s->sh_size,
					 .entries = 1 };
		uint32_t at = r->o->map_count;

		r->map_of[n] = NONE;
		if (!is_data(r, n) || !s->sh_size ||
		    (s->sh_type != SHT_PROGBITS && s->sh_type != SHT_NOBITS))
			continue;
		if (s->sh_size > 65536)
			return bad(r, "section %s is larger than 64 KiB",
				   section_name(r, n));
		if (add_map(r, section_name(r, n), &map))
			return -EINVAL;
		r->map_of[n] = at;
		r->o->map[at].read_only =
			!strncmp(section_name(r, n), ".rodata", 7);
		if (s->sh_type == SHT_NOBITS)
			continue;
		r->o->initial[at] = malloc(s->sh_size);
		if (!r->o->initial[at])
			return -ENOMEM;
		memcpy(r->o->initial[at], section_bytes(r, n), s->sh_size);
	}
	return 0;
}

/* --- code --------------------------------------------------------------------
 */

struct code {
	struct bpf_insn *insn;
	uint32_t count;
	uint32_t text_at; /* where .text was appended; NONE */
};

static int append(struct reader *r, struct code *c, uint32_t section)
{
	const Elf64_Shdr *s = &r->section[section];
	uint32_t count = (uint32_t)(s->sh_size / sizeof(struct bpf_insn));
	struct bpf_insn *grown;

	if (s->sh_type != SHT_PROGBITS || s->sh_size % sizeof(struct bpf_insn))
		return bad(r, "section %s holds no code",
			   section_name(r, section));
	if (c->count + count > BPF_INSNS_MAX)
		return bad(r, "it has more than %d instructions",
			   BPF_INSNS_MAX);
	grown = realloc(c->insn,
			(c->count + count + 1) * sizeof(struct bpf_insn));
	if (!grown)
		return -ENOMEM;
	c->insn = grown;
	memcpy(c->insn + c->count, section_bytes(r, section), s->sh_size);
	c->count += count;
	return 0;
}

static int relocate_constant(struct reader *r, struct code *c, uint32_t at,
			     const Elf64_Sym *y)
{
	struct bpf_insn *i = &c->insn[at];
	uint64_t offset;

	if (at + 1 >= c->count || !bpf_insn_wide(i))
		return bad(r, "instruction %u is no 64-bit constant", at);
	offset = y->st_value + (uint32_t)i->imm;
	if (y->st_shndx == r->maps_section && y->st_shndx) {
		if (offset % sizeof(struct toami_map))
			return bad(r,
				   "instruction %u refers into a map's "
				   "description",
				   at);
		i->src = BPF_MAP;
		i->imm = (int32_t)(offset / sizeof(struct toami_map));
		i[1].imm = 0;
		return 0;
	}
	if (y->st_shndx < r->sections && r->map_of[y->st_shndx] != NONE) {
		i->src = BPF_MAP_VALUE;
		i->imm = (int32_t)r->map_of[y->st_shndx];
		i[1].imm = (int32_t)offset;
		return 0;
	}
	return bad(r, "nothing here is called %.60s", symbol_name(r, y));
}

static int relocate_call(struct reader *r, struct code *c, uint32_t at,
			 const Elf64_Sym *y)
{
	struct bpf_insn *i = &c->insn[at];
	int64_t to;

	if (at >= c->count || !bpf_insn_is_local_call(i))
		return bad(r, "instruction %u is no call of a function", at);
	if (y->st_shndx != r->text_section || r->text_section == NONE)
		return bad(r,
			   "nothing here is called %.60s: functions of other "
			   "files and of the C library are out of reach",
			   symbol_name(r, y));
	if (c->text_at == NONE) {
		c->text_at = c->count;
		if (append(r, c, r->text_section))
			return -EINVAL;
		i = &c->insn[at];
	}
	to = (int64_t)c->text_at +
	     (int64_t)(y->st_value / sizeof(struct bpf_insn)) + i->imm + 1;
	if (to < c->text_at || to >= c->count)
		return bad(r, "instruction %u calls beyond the code", at);
	i->imm = (int32_t)(to - at - 1);
	return 0;
}

/* Applies the relocations of @section, which lies at instruction @base. */
static int relocate(struct reader *r, struct code *c, uint32_t section,
		    uint32_t base)
{
	for (uint32_t n = 0; n < r->sections; n++) {
		const Elf64_Shdr *s = &r->section[n];
		const Elf64_Rel *rel;

		if (s->sh_info != section || s->sh_type == SHT_NULL)
			continue;
		if (s->sh_type == SHT_RELA)
			return bad(r, "relocations with addends");
		if (s->sh_type != SHT_REL)
			continue;
		rel = section_bytes(r, n);
		for (size_t k = 0; k < s->sh_size / sizeof(*rel); k++) {
			uint64_t y = ELF64_R_SYM(rel[k].r_info);
			uint64_t type = ELF64_R_TYPE(rel[k].r_info);
			uint64_t at = rel[k].r_offset / sizeof(struct bpf_insn);
			int err;

			if (y >= r->symbols || rel[k].r_offset % 8 ||
			    at >= r->section[section].sh_size / 8)
				return bad(r, "a relocation points nowhere");
			at += base;
			if (type == R_BPF_64_64)
				err = relocate_constant(r, c, (uint32_t)at,
							&r->symbol[y]);
			else if (type == R_BPF_64_32)
				err = relocate_call(r, c, (uint32_t)at,
						    &r->symbol[y]);
			else
				err = bad(r, "relocations of kind %u",
					  (unsigned int)type);
			if (err)
				return err;
		}
	}
	return 0;
}

static int read_program(struct reader *r, uint32_t section, int way)
{
	struct code c = { .text_at = NONE };
	int err;

	if (r->o->insn[way])
		return bad(r, "it has two sections %s", way ? "rx" : "tx");
	err = append(r, &c, section);
	if (!err)
		err = relocate(r, &c, section, 0);
	if (!err && c.text_at != NONE)
		err = relocate(r, &c, r->text_section, c.text_at);
	r->o->insn[way] = c.insn;
	r->o->count[way] = c.count;
	return err;
}

/* Only one function may be in a section: the program begins with it. */
static int check_functions(struct reader *r, uint32_t section)
{
	uint32_t functions = 0;

	for (uint32_t y = 0; y < r->symbols; y++)
		if (r->symbol[y].st_shndx == section &&
		    ELF64_ST_TYPE(r->symbol[y].st_info) == STT_FUNC)
			functions++;
	if (functions == 1)
		return 0;
	return bad(r, "section %s has %u functions instead of one",
		   section_name(r, section), functions);
}

/* TOAMI_TX, TOAMI_RX, or -1: it holds no program. */
static int way_of(const char *name)
{
	if (!strcmp(name, "tx") || !strncmp(name, "tx/", 3))
		return TOAMI_TX;
	if (!strcmp(name, "rx") || !strncmp(name, "rx/", 3))
		return TOAMI_RX;
	return -1;
}

static int read_all(struct reader *r)
{
	int err = read_header(r);

	if (!err)
		err = read_symbols(r);
	if (err)
		return err;
	r->maps_section = r->text_section = NONE;
	for (uint32_t n = 0; n < r->sections; n++) {
		if (!strcmp(section_name(r, n), "maps"))
			r->maps_section = n;
		if (!strcmp(section_name(r, n), ".text"))
			r->text_section = n;
	}
	err = read_maps(r);
	if (!err)
		err = read_data(r);
	for (uint32_t n = 0; n < r->sections && !err; n++) {
		int way = way_of(section_name(r, n));

		if (way < 0 || r->section[n].sh_type != SHT_PROGBITS)
			continue;
		err = check_functions(r, n);
		if (!err)
			err = read_program(r, n, way);
	}
	if (!err && !r->o->insn[TOAMI_TX] && !r->o->insn[TOAMI_RX])
		err = bad(r, "it has no program: a function in section \"tx\" "
			     "or \"rx\" is one");
	return err;
}

int bpf_object_read(struct bpf_object *o, const uint8_t *bytes, size_t size,
		    char why[BPF_OBJECT_WHY])
{
	struct reader *r = calloc(1, sizeof(*r));
	int err;

	memset(o, 0, sizeof(*o));
	why[0] = 0;
	if (!r)
		return -ENOMEM;
	r->bytes = bytes;
	r->size = size;
	r->o = o;
	r->why = why;
	err = read_all(r);
	free(r);
	return err;
}

void bpf_object_fini(struct bpf_object *o)
{
	for (uint32_t n = 0; n < BPF_MAPS_MAX; n++)
		free(o->initial[n]);
	free(o->insn[TOAMI_TX]);
	free(o->insn[TOAMI_RX]);
	memset(o, 0, sizeof(*o));
}
