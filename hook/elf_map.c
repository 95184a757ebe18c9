/* SPDX-License-Identifier: BSD-2-Clause */
/* See elf_map.h. */
#include "hook/elf_map.h"

#include <errno.h>
#include <linux/mman.h>

#include "base/mem.h"
#include "base/sys.h"

#define PAGE	 UINT64_C(4096)
#define PHDRS	 64
#define SPAN_MAX (UINT64_C(1) << 47)

static uint64_t down(uint64_t x)
{
	return x & ~(PAGE - 1);
}

static uint64_t up(uint64_t x)
{
	return down(x + PAGE - 1);
}

/* What the headers say of the whole. 0 or -ENOEXEC. */
static int survey(const Elf64_Phdr *ph, int n, uint64_t *first, uint64_t *end,
		  uint64_t *align)
{
	*first = ~UINT64_C(0);
	*end = 0;
	*align = PAGE;
	for (int i = 0; i < n; i++) {
		const Elf64_Phdr *p = &ph[i];

		if (p->p_type != PT_LOAD || !p->p_memsz)
			continue;
		if (p->p_vaddr > SPAN_MAX || p->p_memsz > SPAN_MAX ||
		    p->p_filesz > p->p_memsz ||
		    (p->p_vaddr - p->p_offset) % PAGE)
			return -ENOEXEC;
		if (down(p->p_vaddr) < *first)
			*first = down(p->p_vaddr);
		if (up(p->p_vaddr + p->p_memsz) > *end)
			*end = up(p->p_vaddr + p->p_memsz);
		if (p->p_align > *align && !(p->p_align & (p->p_align - 1)) &&
		    p->p_align < SPAN_MAX)
			*align = p->p_align;
	}
	return *end ? 0 : -ENOEXEC;
}

/* Address space for all of it, so that nothing else comes in between: at
 * *@place, * or anywhere (NULL). */
static int reserve(struct elf_map *m, const uint64_t *place, uint64_t first,
		   uint64_t end, uint64_t align)
{
	const int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
	uint64_t span = end - first, extra = align - PAGE, at;
	long p;

	if (place) {
		p = sys_call(SYS_mmap, *place, span, PROT_NONE,
			     flags | MAP_FIXED_NOREPLACE, -1, 0);
		if (p >= 0 && (uint64_t)p != *place)
			return -EEXIST;
		at = *place;
	} else {
		p = sys_call(SYS_mmap, 0, span + extra, PROT_NONE, flags, -1,
			     0);
		at = ((uint64_t)p + align - 1) & ~(align - 1);
	}
	if (p < 0)
		return (int)p;
	if (!place && extra) {
		if (at > (uint64_t)p)
			sys_call(SYS_munmap, p, at - (uint64_t)p);
		if ((uint64_t)p + extra > at)
			sys_call(SYS_munmap, at + span,
				 (uint64_t)p + extra - at);
	}
	m->bias = at - first;
	m->start = at;
	m->end = at + span;
	return 0;
}

static int protection(const Elf64_Phdr *p)
{
	return (p->p_flags & PF_R ? PROT_READ : 0) |
	       (p->p_flags & PF_W ? PROT_WRITE : 0) |
	       (p->p_flags & PF_X ? PROT_EXEC : 0);
}

/* One segment: its pages of the file, then zeroes. */
static int map_segment(int fd, const struct elf_map *m, const Elf64_Phdr *p)
{
	const uint64_t start = down(p->p_vaddr + m->bias);
	const uint64_t file_end = p->p_vaddr + m->bias + p->p_filesz;
	const uint64_t end = up(p->p_vaddr + m->bias + p->p_memsz);
	uint64_t zero = start;
	long ret;

	if (p->p_filesz) {
		ret = sys_call(SYS_mmap, start, file_end - start, protection(p),
			       MAP_PRIVATE | MAP_FIXED, fd, down(p->p_offset));
		if (ret < 0)
			return (int)ret;
		zero = up(file_end);
	}
	if (end > zero) {
		ret = sys_call(SYS_mmap, zero, end - zero, protection(p),
			       MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
		if (ret < 0)
			return (int)ret;
	}
	if (p->p_memsz > p->p_filesz && p->p_filesz && (p->p_flags & PF_W) &&
	    zero > file_end)
		mem_zero((void *)file_end, zero - file_end);
	return 0;
}

/* What the program will be told about itself. */
static void note_segment(struct elf_map *m, const Elf64_Ehdr *e,
			 const Elf64_Phdr *p)
{
	const uint64_t at = p->p_vaddr + m->bias;

	if (e->e_phoff >= p->p_offset &&
	    e->e_phoff + e->e_phnum * sizeof(*p) <= p->p_offset + p->p_filesz)
		m->phdr = at + e->e_phoff - p->p_offset;
	if ((p->p_flags & PF_X) && !m->code) {
		m->code = at;
		m->code_end = at + p->p_filesz;
	} else if (p->p_flags & PF_W) {
		m->data = at;
		m->data_end = at + p->p_filesz;
	}
}

static int read_interpreter(int fd, const Elf64_Phdr *p, struct elf_map *m)
{
	if (p->p_filesz < 2 || p->p_filesz > sizeof(m->interpreter) ||
	    sys_call(SYS_pread64, fd, m->interpreter, p->p_filesz,
		     p->p_offset) != (long)p->p_filesz ||
	    m->interpreter[p->p_filesz - 1])
		return -ENOEXEC;
	return 0;
}

static int map_all(int fd, uint64_t at, const Elf64_Ehdr *e,
		   const Elf64_Phdr *ph, struct elf_map *m)
{
	const uint64_t *place = NULL;
	uint64_t first, end, align;
	int ret = survey(ph, e->e_phnum, &first, &end, &align);

	if (e->e_type == ET_EXEC)
		place = &first;
	else if (at)
		place = &at;
	if (!ret)
		ret = reserve(m, place, first, end, align);
	for (int i = 0; !ret && i < e->e_phnum; i++) {
		switch (ph[i].p_type) {
		case PT_LOAD:
			if (!ph[i].p_memsz)
				break;
			ret = map_segment(fd, m, &ph[i]);
			note_segment(m, e, &ph[i]);
			break;
		case PT_INTERP:
			ret = read_interpreter(fd, &ph[i], m);
			break;
		case PT_DYNAMIC:
			m->dynamic = ph[i].p_vaddr + m->bias;
			break;
		case PT_GNU_STACK:
			m->exec_stack = ph[i].p_flags & PF_X;
			break;
		default:
			break;
		}
	}
	return ret;
}

int elf_map_file(int fd, uint64_t at, struct elf_map *m)
{
	Elf64_Phdr ph[PHDRS];
	Elf64_Ehdr e;
	long bytes;
	int ret;

	mem_zero(m, sizeof(*m));
	if (sys_call(SYS_pread64, fd, &e, sizeof(e), 0) != sizeof(e) ||
	    e.e_ident[EI_MAG0] != ELFMAG0 || e.e_ident[EI_MAG1] != ELFMAG1 ||
	    e.e_ident[EI_MAG2] != ELFMAG2 || e.e_ident[EI_MAG3] != ELFMAG3 ||
	    e.e_ident[EI_CLASS] != ELFCLASS64 || e.e_machine != EM_X86_64 ||
	    (e.e_type != ET_EXEC && e.e_type != ET_DYN) ||
	    e.e_phentsize != sizeof(ph[0]) || e.e_phnum > PHDRS)
		return -ENOEXEC;
	bytes = (long)(e.e_phnum * sizeof(ph[0]));
	if (sys_call(SYS_pread64, fd, ph, bytes, e.e_phoff) != bytes)
		return -ENOEXEC;
	ret = map_all(fd, at, &e, ph, m);
	m->entry = e.e_entry + m->bias;
	m->phnum = e.e_phnum;
	return ret;
}

int elf_map_relocate(const struct elf_map *m)
{
	const Elf64_Dyn *d = (const Elf64_Dyn *)m->dynamic;
	const Elf64_Rela *r = NULL;
	uint64_t n = 0;

	for (; d && d->d_tag != DT_NULL; d++) {
		if (d->d_tag == DT_RELA)
			r = (const Elf64_Rela *)(m->bias + d->d_un.d_ptr);
		else if (d->d_tag == DT_RELASZ)
			n = d->d_un.d_val / sizeof(*r);
		else if (d->d_tag == DT_PLTRELSZ && d->d_un.d_val)
			return -ENOEXEC;
	}
	for (uint64_t i = 0; r && i < n; i++) {
		if (ELF64_R_TYPE(r[i].r_info) != R_X86_64_RELATIVE)
			return -ENOEXEC;
		*(uint64_t *)(m->bias + r[i].r_offset) =
			m->bias + (uint64_t)r[i].r_addend;
	}
	return 0;
}
