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

#include "base/mem.h"
#include "base/sys.h"
#include "hook/elf_check.h"
#include "hook/hook.h"
#include "hook/maps.h"

#define PATH_BYTES 4096
#define PRELOAD	   "LD_PRELOAD="

/* "NAME=value", kept since programs overwrite their environment (setproctitle).
 */
enum { DIR, VIF, TIER, TRACE, VARIABLES };
static const char *const names[VARIABLES] = { "TOAMI_DIR=", "TOAMI_VIF=",
					      "TOAMI_HOOK=", "TOAMI_TRACE=" };
static char kept[VARIABLES][512];
static char self[PATH_BYTES]; /* our own file */

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

int hook_exec_start(char **env)
{
	const char *preload = NULL;
	struct hook_map m;

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
	if (!hook_map_find((uint64_t)&hook_exec_start, &m, self,
			   sizeof(self)) &&
	    self[0] == '/')
		return 0;
	/* No /proc: we are the first in the list, as exec() puts it. */
	for (size_t n = 0; preload && n < sizeof(self) - 1; n++) {
		self[n] = preload[n];
		if (!self[n] || self[n] == ':' || self[n] == ' ') {
			self[n] = '\0';
			return 0;
		}
	}
	return -ENOENT;
}

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
	char *p = path;
	long n;

	n = get_string(path, (char *)f->args[1], PATH_BYTES);
	if (n < 0)
		return (int)n;
	if (path[0] == '/' || dir == AT_FDCWD)
		return 0;
	if (n > PATH_BYTES - 40)
		return -ENAMETOOLONG;
	memmove(path + 32, path, (size_t)n + 1);
	for (const char *s = "/proc/self/fd/"; *s; s++)
		*p++ = *s;
	for (int unit = 1000000000; unit; unit /= 10) {
		if (dir >= unit || unit == 1)
			*p++ = (char)('0' + dir / unit % 10);
	}
	if (n)
		*p++ = '/';
	memmove(p, path + 32, (size_t)n + 1);
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

/*
 * The environment @env with ours. Returns NULL: out of memory; strings that
 * cannot be read are left to the kernel to refuse.
 */
static char **environment(struct hook_thread *t, char *const *env, long count)
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
	size = ((size_t)count + VARIABLES + 2) * sizeof(*v) + sizeof(PRELOAD) +
	       sizeof(self) + old + 2;
	v = (char **)exec_memory(t, (size + 4095) & ~(size_t)4095);
	if (!v)
		return NULL;
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

int hook_exec(struct hook_thread *t, struct hook_frame *f)
{
	bool at = f->rax == SYS_execveat;
	int env_at = at ? 3 : 2;
	char path[PATH_BYTES], text[PATH_BYTES + 200];
	char *const *env = (char *const *)f->args[env_at];
	long count, ret;
	char **v;

	if (at)
		ret = path_at(f, path);
	else
		ret = get_string(path, (char *)f->args[0], sizeof(path));
	count = count_of(env);
	if (ret < 0 || count < 0)
		return HOOK_PASS; /* for its error */
	ret = hook_exec_check(path, text, sizeof(text));
	if (ret < 0) {
		hook_say(text, NULL);
		f->rax = ret;
		return HOOK_RETURN;
	}
	v = environment(t, env, count);
	if (!v) {
		f->rax = -ENOMEM;
		return HOOK_RETURN;
	}
	t->alt_nr = f->rax;
	mem_copy(t->alt, f->args, sizeof(t->alt));
	t->alt[env_at] = (long)v;
	t->alt_oldset = NULL;
	return HOOK_ALT;
}
