/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A new program must come back hooked, even if its environment has been
 * cleared: our object leads LD_PRELOAD, and the variables that say where to
 * attach are there unless the program has set its own.
 */
#include "hook/exec.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/mman.h>
#include <signal.h>

#include "base/mem.h"
#include "base/sys.h"
#include "hook/elf_check.h"
#include "hook/enter.h"
#include "hook/exe.h"
#include "hook/hook.h"
#include "hook/maps.h"
#include "hook/traceme.h"

#define PATH_BYTES 4096
#define PRELOAD	   "LD_PRELOAD="

/* "NAME=value", kept since programs overwrite their environment (setproctitle).
 */
enum { DIR, VIF, TIER, TRACE, VARIABLES };
static const char *const names[VARIABLES] = { "TOAMI_DIR=", "TOAMI_VIF=",
					      "TOAMI_HOOK=", "TOAMI_TRACE=" };
static char kept[VARIABLES][512];
static char self[PATH_BYTES];	/* the file to preload */
static char loader[PATH_BYTES]; /* toami-load, beside it */

/* The length of @prefix if @s starts with it, else 0. */
static size_t prefix_of(const char *s, const char *prefix)
{
	size_t n = 0;

	for (; prefix[n]; n++) {
		if (s[n] != prefix[n])
			return 0;
	}
	return n;
}

/* Where we are, from the kernel; without /proc, from @preload: exec() puts us
 * first there. */
static int find_self(const char *preload)
{
	struct hook_map m;

	if (!hook_map_find((uint64_t)&hook_exec_start, &m, self,
			   sizeof(self)) &&
	    self[0] == '/') {
#ifdef HOOK_OWN_THREADS
		if (!hook_beside(self, sizeof(self), self, HOOK_PRELOADED_FILE))
			return -ENAMETOOLONG;
#endif
		return 0;
	}
	for (size_t n = 0; preload && n < sizeof(self) - 1; n++) {
		self[n] = preload[n];
		if (!self[n] || self[n] == ':' || self[n] == ' ') {
			self[n] = '\0';
			return 0;
		}
	}
	return -ENOENT;
}

int hook_exec_start(char **env)
{
	const char *preload = NULL;
	int ret;

	for (; env && *env; env++) {
		if (prefix_of(*env, PRELOAD))
			preload = *env + sizeof(PRELOAD) - 1;
		for (int i = 0; i < VARIABLES; i++) {
			size_t n = strlen(*env) + 1;

			if (!prefix_of(*env, names[i]))
				continue;
			if (n > sizeof(kept[i]))
				return -ENAMETOOLONG;
			mem_copy(kept[i], *env, n);
		}
	}
	ret = find_self(preload);
	if (!ret &&
	    !hook_beside(loader, sizeof(loader), self, HOOK_LOADER_FILE))
		ret = -ENAMETOOLONG;
	return ret;
}

#ifdef HOOK_OWN_THREADS
void hook_exec_hide(char **env)
{
	for (; *env; env++) {
		char *from, *to;

		if (!prefix_of(*env, PRELOAD))
			continue;
		from = to = *env + sizeof(PRELOAD) - 1;
		while (*from) {
			size_t n = 0, name = 0;
			bool ours;

			for (; from[n] && from[n] != ':' && from[n] != ' '; n++)
				name = from[n] == '/' ? n + 1 : name;
			/* Whichever way to it leads there. */
			ours = n - name == sizeof(HOOK_PRELOADED_FILE) - 1 &&
			       prefix_of(from + name, HOOK_PRELOADED_FILE);
			for (; n; n--, from++) {
				if (!ours)
					*to++ = *from;
			}
			if (*from)
				*to++ = *from++;
		}
		*to = '\0';
	}
}
#endif

static const char *value(int i)
{
	return kept[i][0] ? kept[i] + strlen(names[i]) : NULL;
}

const char *hook_exec_dir(void)
{
	return value(DIR);
}

const char *hook_exec_vif(void)
{
	return value(VIF);
}

const char *hook_exec_trace(void)
{
	return value(TRACE);
}

const char *hook_exec_tier(void)
{
	return value(TIER);
}

const char *hook_exec_loader(void)
{
	return loader;
}

/* --- reading the program's arguments
 * -------------------------------------------- */

/* Copies a string; returns its length, or -EFAULT, -ENAMETOOLONG. */
static long get_string(char *to, const char *from, size_t size)
{
	for (size_t n = 0; n < size; n++) {
		if (hook_copy_user(to + n, from + n, 1))
			return -EFAULT;
		if (!to[n])
			return (long)n;
	}
	return -ENAMETOOLONG;
}

/* The number of pointers before the NULL, or -EFAULT. */
static long count_of(char *const *v)
{
	char *p;
	long n = 0;

	if (!v)
		return 0;
	for (;; n++) {
		if (hook_copy_user(&p, v + n, sizeof(p)))
			return -EFAULT;
		if (!p)
			return n;
	}
}

/* The file that execveat() means, as a path. 0 or a negative errno. */
static int path_at(const struct hook_frame *f, char *path)
{
	int dir = (int)f->args[0];
	char *p;
	long n;

	n = get_string(path, (char *)f->args[1], PATH_BYTES);
	if (n < 0)
		return (int)n;
	if (path[0] == '/' || dir == AT_FDCWD)
		return 0;
	if (n > PATH_BYTES - HOOK_FD_PATH)
		return -ENAMETOOLONG;
	memmove(path + HOOK_FD_PATH, path, (size_t)n + 1);
	p = hook_fd_path(path, dir);
	if (n)
		*p++ = '/';
	memmove(p, path + HOOK_FD_PATH, (size_t)n + 1);
	return 0;
}

/* --- the new environment
 * ------------------------------------------------------ */

/* Is our file among the list of files (separated by ':' or ' ') in @s? */
static bool lists_self(const char *s)
{
	size_t n;

	while (*s) {
		n = prefix_of(s, self);
		if (n && (!s[n] || s[n] == ':' || s[n] == ' '))
			return true;
		while (*s && *s != ':' && *s != ' ')
			s++;
		while (*s == ':' || *s == ' ')
			s++;
	}
	return false;
}

/* Memory for @size bytes, kept for the thread's next exec. NULL: none. */
static char *exec_memory(struct hook_thread *t, size_t size)
{
	long p;

	if (t->exec_size >= size)
		return t->exec_memory;
	if (t->exec_memory)
		sys_call(SYS_munmap, t->exec_memory, t->exec_size);
	t->exec_memory = NULL;
	t->exec_size = 0;
	p = sys_call(SYS_mmap, 0, size, PROT_READ | PROT_WRITE,
		     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (p < 0)
		return NULL;
	t->exec_memory = (char *)p;
	t->exec_size = size;
	return t->exec_memory;
}

/* What the kernel reads while it executes a program, in the thread's memory. */
struct room {
	struct hook_plan plan;
	char path[PATH_BYTES];
	const char *words[]; /* toami-load's arguments, then the environment */
};

/*
 * The environment @env with ours, behind @words words for the caller to fill.
 * Returns NULL: out of memory; strings that cannot be read are left to the
 * kernel to refuse.
 */
static char **environment(struct hook_thread *t, char *const *env, long count,
			  long words)
{
	bool found[VARIABLES] = { 0 };
	const char *preload = NULL;
	char head[16], **v, **out, *p;
	size_t old = 0;
	size_t size;

	for (long i = 0; i < count; i++) {
		if (get_string(head, env[i], sizeof(head)) == -EFAULT)
			continue;
		if (prefix_of(head, PRELOAD))
			preload = env[i];
	}
	if (preload)
		old = strlen(preload);
	size = sizeof(struct room) +
	       ((size_t)(count + words) + VARIABLES + 2) * sizeof(*v) +
	       sizeof(PRELOAD) + sizeof(self) + old + 2;
	p = exec_memory(t, (size + 4095) & ~(size_t)4095);
	if (!p)
		return NULL;
	v = (char **)((struct room *)p)->words + words;
	out = v + 1; /* v[0]: LD_PRELOAD */
	for (long i = 0; i < count; i++) {
		*out++ = env[i];
		if (get_string(head, env[i], sizeof(head)) == -EFAULT)
			continue;
		if (prefix_of(head, PRELOAD))
			out--;
		for (int k = 0; k < VARIABLES; k++)
			found[k] |= prefix_of(head, names[k]) != 0;
	}
	for (int k = 0; k < VARIABLES; k++) {
		if (!found[k] && kept[k][0])
			*out++ = kept[k];
	}
	*out++ = NULL;
	if (preload && lists_self(preload + sizeof(PRELOAD) - 1)) {
		v[0] = (char *)preload;
		return v;
	}
	p = v[0] = (char *)out;
	for (const char *s = PRELOAD; *s; s++)
		*p++ = *s;
	for (const char *s = self; *s; s++)
		*p++ = *s;
	if (preload) {
		*p++ = ':';
		for (const char *s = preload + sizeof(PRELOAD) - 1; *s; s++)
			*p++ = *s;
	}
	*p = '\0';
	return v;
}

/* The program's path into @room. 0 or a negative errno. */
static long path_read(const struct hook_frame *f, struct room *room)
{
	if (f->rax == SYS_execveat)
		return path_at(f, room->path);
	return get_string(room->path, hook_exe_means((char *)f->args[0]),
			  sizeof(room->path));
}

/*
 * In another root directory or namespace of mounts our files may be missing: a
 * loader only complains of that, and the program would run without us. What the
 * program needs, and does not find although it could be started, or NULL.
 */
static const char *missing(const struct room *room)
{
	const char *need = room->plan.load ? loader : self;

	if (!sys_call(SYS_faccessat, AT_FDCWD, need, 4 /* R_OK */))
		return NULL;
	if (sys_call(SYS_faccessat, AT_FDCWD, room->path, 1 /* X_OK */))
		return NULL;
	return need;
}

/*
 * Under a filter nothing runs that toami-load has not started. Why will the
 * kernel not start what is none of its plan? A negative errno: binfmt_misc's
 * kinds of programs are unknown then.
 */
static long not_started(const struct room *room)
{
	const char *path = room->path;
	long ret, fd;

	fd = sys_call(SYS_openat, AT_FDCWD, path,
		      O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (fd >= 0) {
		sys_call(SYS_close, fd);
		return -EACCES;
	}
	for (int i = 0; i <= room->plan.scripts; i++) {
		ret = sys_call(SYS_faccessat, AT_FDCWD, path, 1 /* X_OK */);
		if (ret)
			return ret;
		path = room->plan.script[i].interpreter;
	}
	if (room->plan.lost)
		return -ENOENT;
	return room->plan.scripts == HOOK_SCRIPTS - 1 ? -ELOOP : -ENOEXEC;
}

/*
 * Holds SIGTRAP back over the exec: see LOAD_WORDS. False: the program has it
 * blocked itself, and so will the next. What a handler between this and the
 * exec, which is then made again, finds in its mask is still ours.
 */
static bool trap_hold(struct hook_thread *t)
{
	uint64_t trap = SIGBIT(SIGTRAP), old = 0;

	sys_call(SYS_rt_sigprocmask, SIG_BLOCK, &trap, &old, 8);
	if (!(old & trap))
		t->exec_trap = true;
	return t->exec_trap;
}

void hook_exec_failed(struct hook_thread *t)
{
	uint64_t trap = SIGBIT(SIGTRAP);

	if (t->exec_fd)
		sys_call(SYS_close, t->exec_fd);
	if (t->exec_trap)
		sys_call(SYS_rt_sigprocmask, SIG_UNBLOCK, &trap, 0, 8);
	t->exec_fd = 0;
	t->exec_trap = false;
}

int hook_exec(struct hook_thread *t, struct hook_frame *f)
{
	int at = f->rax == SYS_execveat;
	char *const *argv = (char *const *)f->args[1 + at];
	char *const *env = (char *const *)f->args[2 + at];
	long argc = count_of(argv), count = count_of(env);
	char text[PATH_BYTES + 200];
	const char *need;
	struct room *room;
	char **v;

	if (count < 0 || argc < 0)
		return HOOK_PASS; /* for its error */
	v = environment(t, env, count, argc + HOOK_WORDS_MAX);
	if (!v) {
		f->rax = -ENOMEM;
		return HOOK_RETURN;
	}
	room = (struct room *)t->exec_memory;
	if (path_read(f, room) < 0)
		return HOOK_PASS; /* for its error */
	f->rax = hook_exec_check(room->path, hook_config.filter, &room->plan,
				 text, sizeof(text))
			 ?: f->rax;
	if (f->rax < 0) {
		hook_say(text, NULL);
		return HOOK_RETURN;
	}
	need = missing(room);
	if (need) {
		hook_say(room->path, " cannot be hooked: there is no ", need,
			 " where it would be started", NULL);
		if (room->plan.load)
			sys_call(SYS_close, room->plan.fd);
		f->rax = -EPERM;
		return HOOK_RETURN;
	}
	if (hook_config.filter && !room->plan.load) {
		f->rax = not_started(room);
		return HOOK_RETURN;
	}
	if (t->traceme && sys_call(SYS_faccessat, AT_FDCWD, room->path, 1))
		return HOOK_PASS; /* for its error */
	hook_traceme_exec(t);
	socket_bare(&t->socket);
	t->alt_nr = f->rax;
	mem_copy(t->alt, f->args, sizeof(t->alt));
	t->alt[2 + at] = (long)v;
	t->alt_oldset = NULL;
	if (room->plan.load) {
		hook_exec_words(&room->plan, room->path, argc, argv,
				room->words);
		if (trap_hold(t))
			room->words[LOAD_WORD_TRAP] = LOAD_TRAP_HELD;
		t->exec_fd = room->plan.fd;
		t->alt_nr = SYS_execve;
		t->alt[0] = (long)loader;
		t->alt[1] = (long)room->words;
		t->alt[2] = (long)v;
	} else if (!at) { /* /proc/self/exe may be the loader's */
		t->alt[0] = (long)room->path;
	}
	return HOOK_ALT;
}
