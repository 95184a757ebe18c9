/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A preloaded object comes in through the program's loader (PT_INTERP), and
 * only if the kernel does not tell the loader to distrust its environment
 * (AT_SECURE).
 */
#include "hook/elf_check.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/stat.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/sys.h"

#define HEAD	     256 /* BINPRM_BUF_SIZE: as much as the kernel reads */
#define SCRIPT_DEPTH 5
#define PHDRS_MAX    64

union head {
	char c[HEAD + 1];
	Elf64_Ehdr elf;
};

static int refuse(char *text, size_t size, const char *path, const char *why)
{
	const char *const pieces[] = { path, " ", why };
	size_t n = 0;

	for (size_t i = 0; i < 3; i++) {
		for (const char *p = pieces[i]; *p && n + 1 < size; p++)
			text[n++] = *p;
	}
	if (size)
		text[n] = '\0';
	return -EPERM;
}

/* Will the kernel set AT_SECURE? */
static bool is_secure(long fd)
{
	struct statx st;
	uint32_t uid = (uint32_t)sys_call(SYS_getuid);
	uint32_t gid = (uint32_t)sys_call(SYS_getgid);
	uint32_t new_uid = (uint32_t)sys_call(SYS_geteuid);
	uint32_t new_gid = (uint32_t)sys_call(SYS_getegid);
	char caps[32];

	if (sys_call(SYS_statx, fd, "", AT_EMPTY_PATH, STATX_BASIC_STATS, &st) <
	    0)
		return false;
	if (st.stx_mode & 04000)
		new_uid = st.stx_uid;
	/* Without the group's x bit it means something else. */
	if ((st.stx_mode & 02010) == 02010)
		new_gid = st.stx_gid;
	if (new_uid != uid || new_gid != gid)
		return true;
	return uid && sys_call(SYS_fgetxattr, fd, "security.capability", caps,
			       sizeof(caps)) > 0;
}

/* A loader started as a program ("ld.so program"), or musl's, which is its
 * libc. */
static bool is_loader(const char *path)
{
	const char *name = path;

	for (const char *p = path; *p; p++) {
		if (*p == '/')
			name = p + 1;
	}
	if (name[0] == 'l' && name[1] == 'd' &&
	    (name[2] == '-' || name[2] == '.'))
		return true;
	for (int i = 0; name[i] == "libc.so"[i]; i++) {
		if (!name[i])
			return true;
	}
	return false;
}

static int check_elf(long fd, const char *path, const Elf64_Ehdr *e, char *text,
		     size_t size)
{
	Elf64_Phdr ph[PHDRS_MAX];
	long want, n;

	if (e->e_ident[EI_CLASS] != ELFCLASS64)
		return refuse(text, size, path,
			      "is a 32-bit program, which cannot be hooked");
	if (e->e_machine != EM_X86_64)
		return refuse(text, size, path,
			      "is for another processor and cannot be hooked");
	if (e->e_phentsize != sizeof(ph[0]))
		return 0;
	n = e->e_phnum < PHDRS_MAX ? e->e_phnum : PHDRS_MAX;
	want = n * (long)sizeof(ph[0]);
	if (sys_call(SYS_pread64, fd, ph, want, e->e_phoff) != want)
		return 0;
	for (long i = 0; i < n; i++) {
		if (ph[i].p_type == PT_INTERP)
			return 0;
	}
	if (e->e_type == ET_DYN && is_loader(path))
		return 0;
	return refuse(text, size, path,
		      "is statically linked and cannot be hooked: "
		      "use a dynamically linked build of it");
}

/* The interpreter named by "#!", cut out of the head in place. */
static const char *interpreter(union head *h, long n)
{
	char *p = h->c + 2, *end = h->c + n, *start;

	while (p < end && (*p == ' ' || *p == '\t'))
		p++;
	start = p;
	while (p < end && *p != ' ' && *p != '\t' && *p != '\n' && *p)
		p++;
	*p = '\0';
	return start;
}

static int check(const char *path, int depth, char *text, size_t size)
{
	union head h;
	long fd, n;
	int ret = 0;

	fd = sys_call(SYS_openat, AT_FDCWD, path,
		      O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0)
		return 0;
	n = sys_call(SYS_pread64, fd, h.c, HEAD, 0);
	if (n >= (long)sizeof(h.elf) && h.c[0] == ELFMAG0 &&
	    h.c[1] == ELFMAG1 && h.c[2] == ELFMAG2 && h.c[3] == ELFMAG3) {
		if (is_secure(fd))
			ret = refuse(text, size, path,
				     "has privileges of its own (set-user-ID, "
				     "set-group-ID or capabilities) and cannot "
				     "be hooked");
		else
			ret = check_elf(fd, path, &h.elf, text, size);
	} else if (n > 2 && h.c[0] == '#' && h.c[1] == '!' &&
		   depth < SCRIPT_DEPTH) {
		ret = check(interpreter(&h, n), depth + 1, text, size);
	}
	sys_call(SYS_close, fd);
	return ret;
}

int hook_exec_check(const char *path, char *text, size_t size)
{
	return check(path, 0, text, size);
}
