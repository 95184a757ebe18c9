/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A preloaded object comes in through the program's loader (PT_INTERP), and
 * only if the kernel does not tell the loader to distrust its environment
 * (AT_SECURE). Where there is no loader, or none that is asked for a C library,
 * toami-load stands in for the kernel.
 */
#include "hook/elf_check.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/resource.h>
#include <linux/stat.h>
#include <stdint.h>

#include "base/mem.h"
#include "base/sys.h"
#include "hook/enter.h"

#define PHDRS_MAX   64
#define DYNAMIC_MAX 64

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

/* Does the program ask for any library? */
static bool has_libraries(long fd, const Elf64_Phdr *dynamic)
{
	const long bytes = (long)(DYNAMIC_MAX * sizeof(Elf64_Dyn));
	Elf64_Dyn d[DYNAMIC_MAX];
	long n = sys_call(SYS_pread64, fd, d, bytes, dynamic->p_offset);

	for (long i = 0; i < n / (long)sizeof(d[0]); i++) {
		if (d[i].d_tag == DT_NEEDED)
			return true;
		if (d[i].d_tag == DT_NULL)
			return false;
	}
	return true;
}

/* Is the loader missing that the program asks for? */
static bool is_lost(long fd, const Elf64_Phdr *p)
{
	char name[256];
	long n = (long)p->p_filesz;

	if (n < 2 || n > (long)sizeof(name) ||
	    sys_call(SYS_pread64, fd, name, n, p->p_offset) != n || name[n - 1])
		return false;
	return sys_call(SYS_faccessat, AT_FDCWD, name, 0 /* F_OK */) == -ENOENT;
}

static int check_elf(long fd, const char *path, const Elf64_Ehdr *e,
		     struct hook_plan *plan, char *text, size_t size)
{
	Elf64_Phdr ph[PHDRS_MAX];
	bool interpreter = false, libraries = false;
	long want, n;

	if (e->e_ident[EI_CLASS] != ELFCLASS64)
		return refuse(text, size, path,
			      "is a 32-bit program, which cannot be hooked: "
			      "try --stack kernel");
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
		if (ph[i].p_type == PT_INTERP) {
			interpreter = true;
			plan->lost = is_lost(fd, &ph[i]);
		}
		if (ph[i].p_type == PT_DYNAMIC)
			libraries = has_libraries(fd, &ph[i]);
	}
	/* Without a C library a program cares for its threads' storage itself:
	 * Go's, although there is a loader. */
	plan->load = interpreter ? !libraries
				 : e->e_type != ET_DYN || !is_loader(path);
	if (plan->filter)
		plan->load = e->e_type == ET_EXEC || e->e_type == ET_DYN;
	plan->load &= !plan->lost;
	return 0;
}

static char *skip(char *p, bool blank)
{
	while (*p && *p != '\n' && (*p == ' ' || *p == '\t') == blank)
		p++;
	return p;
}

/* "#! interpreter argument", cut into pieces in place. */
static void read_line(char *line, const char **interpreter,
		      const char **argument)
{
	char *p = skip(line + 2, true), *end;

	*interpreter = p;
	p = skip(p, false);
	end = p;
	p = skip(p, true);
	*end = '\0';
	*argument = p > end && *p && *p != '\n' ? p : NULL;
	/* One argument, with the blanks inside it, not those behind it. */
	for (end = p; *p && *p != '\n'; p++) {
		if (*p != ' ' && *p != '\t')
			end = p + 1;
	}
	if (*argument)
		*end = '\0';
}

/* What the kernel may read and we may not would not be seen by anybody. */
static int unreadable(const char *path, char *text, size_t size)
{
	if (sys_call(SYS_faccessat, AT_FDCWD, path, 1 /* X_OK */) < 0)
		return 0;
	return refuse(text, size, path,
		      "cannot be read and so not be hooked: check its "
		      "permissions");
}

static long open_once(const char *path)
{
	return sys_call(SYS_openat, AT_FDCWD, path,
			O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
}

/*
 * Execution takes no descriptor of the caller's. If it has none left, the limit
 * is lifted for a moment.
 */
static long open_program(const char *path)
{
	long fd = open_once(path);
	struct rlimit64 limit, more;

	if (fd != -EMFILE ||
	    sys_call(SYS_prlimit64, 0, RLIMIT_NOFILE, 0, &limit))
		return fd;
	more = limit;
	more.rlim_cur++;
	if (more.rlim_cur > more.rlim_max)
		more.rlim_max = more.rlim_cur; /* for those who may */
	if (sys_call(SYS_prlimit64, 0, RLIMIT_NOFILE, &more, 0))
		return fd;
	fd = open_once(path);
	sys_call(SYS_prlimit64, 0, RLIMIT_NOFILE, &limit, 0);
	return fd;
}

static int check(const char *path, struct hook_plan *plan, char *text,
		 size_t size)
{
	char *line = plan->script[plan->scripts].text;
	Elf64_Ehdr elf;
	long fd, n;
	int ret = 0;

	fd = open_program(path);
	if (fd == -EACCES)
		return unreadable(path, text, size);
	if (fd == -EMFILE || fd == -ENFILE)
		return refuse(text, size, path,
			      "cannot be hooked: no descriptor is free to read "
			      "it");
	if (fd < 0)
		return 0;
	n = sys_call(SYS_pread64, fd, line, HOOK_LINE_MAX, 0);
	line[n > 0 ? n : 0] = '\0';
	if (n >= (long)sizeof(elf) && line[0] == ELFMAG0 &&
	    line[1] == ELFMAG1 && line[2] == ELFMAG2 && line[3] == ELFMAG3) {
		mem_copy(&elf, line, sizeof(elf));
		if (is_secure(fd))
			ret = refuse(text, size, path,
				     "has privileges of its own (set-user-ID, "
				     "set-group-ID or capabilities) and cannot "
				     "be hooked: try --stack kernel");
		else
			ret = check_elf(fd, path, &elf, plan, text, size);
		/* Else the kernel refuses the program. */
		plan->load = plan->load && !ret &&
			     !sys_call(SYS_faccessat, AT_FDCWD, path, 1);
		if (plan->load) {
			sys_call(SYS_fcntl, fd, F_SETFD, 0);
			plan->fd = (int)fd;
			return 0;
		}
	} else if (n > 2 && line[0] == '#' && line[1] == '!' &&
		   plan->scripts < HOOK_SCRIPTS - 1) {
		read_line(line, &plan->script[plan->scripts].interpreter,
			  &plan->script[plan->scripts].argument);
		plan->scripts++;
		ret = check(plan->script[plan->scripts - 1].interpreter, plan,
			    text, size);
	}
	sys_call(SYS_close, fd);
	return ret;
}

int hook_exec_check(const char *path, bool filter, struct hook_plan *p,
		    char *text, size_t size)
{
	p->filter = filter;
	p->load = false;
	p->lost = false;
	p->fd = -1;
	p->scripts = 0;
	return check(path, p, text, size);
}

/* The kernel's order: each script's interpreter before its name. */
void hook_exec_words(struct hook_plan *p, const char *path, long argc,
		     char *const *argv, const char **out)
{
	const char *program = path;
	char *digit = p->fd_text + sizeof(p->fd_text) - 1;
	int fd = p->fd;

	*digit = '\0';
	do {
		*--digit = (char)('0' + fd % 10);
		fd /= 10;
	} while (fd);
	if (p->scripts)
		program = p->script[p->scripts - 1].interpreter;
	*out++ = p->scripts || !argc ? program : argv[0];
	*out++ = digit;
	*out++ = program;
	*out++ = LOAD_TRAP_LEFT;
	for (int i = p->scripts - 1; i >= 0; i--) {
		*out++ = p->script[i].interpreter;
		if (p->script[i].argument)
			*out++ = p->script[i].argument;
	}
	if (p->scripts)
		*out++ = path;
	else
		*out++ = argc ? argv[0] : "";
	for (long i = 1; i < argc; i++)
		*out++ = argv[i];
	*out = NULL;
}
