/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Names are answered by the fabric: every VIF has one, and the host's own
 * resolvers know nothing of them.
 *
 * A program that opens /etc/resolv.conf finds the gateway there, and "toami" to
 * search in, so that `db` and `db.toami` are the same to the resolvers of
 * glibc, musl and c-ares. The caches that would answer from the host's network
 * are not found.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/memfd.h>

#include "base/sys.h"
#include "hook/hook.h"

#define RESOLV_CONF "/etc/resolv.conf"

static bool is_resolv_conf(long path)
{
	char text[sizeof(RESOLV_CONF)];

	/* Most paths differ within their first bytes: no need to read on. */
	return path && !hook_copy_user(text, (void *)path, 8) &&
	       !__builtin_memcmp(text, RESOLV_CONF, 8) &&
	       !hook_copy_user(text, (void *)path, sizeof(text)) &&
	       !__builtin_memcmp(text, RESOLV_CONF, sizeof(text));
}

static char *put_number(char *p, unsigned v)
{
	if (v >= 100)
		*p++ = (char)('0' + v / 100);
	if (v >= 10)
		*p++ = (char)('0' + v / 10 % 10);
	*p++ = (char)('0' + v % 10);
	return p;
}

static char *put_text(char *p, const char *s)
{
	while (*s)
		*p++ = *s++;
	return p;
}

static long open_resolv_conf(int flags)
{
	const uint8_t *gateway = hook_process.fabric.header->gateway4.b + 12;
	char text[80], *p;
	long fd;

	p = put_text(text, "nameserver ");
	for (int i = 0; i < 4; i++) {
		p = put_number(p, gateway[i]);
		*p++ = i < 3 ? '.' : '\n';
	}
	p = put_text(p, "search toami\n");
	fd = sys_call(SYS_memfd_create, "resolv.conf",
		      flags & O_CLOEXEC ? MFD_CLOEXEC : 0);
	if (fd < 0)
		return fd;
	sys_call(SYS_pwrite64, fd, text, p - text, 0);
	return fd;
}

int hook_open(struct hook_thread *t, struct hook_frame *f)
{
	int path = f->rax == SYS_open ? 0 : 1;
	long flags = f->args[path + 1];

	(void)t;
	if (!is_resolv_conf(f->args[path]))
		return HOOK_PASS;
	if (f->rax == SYS_openat2 &&
	    hook_copy_user(&flags, (void *)f->args[2], 8))
		return HOOK_PASS;
	if ((flags & O_ACCMODE) != O_RDONLY || (flags & (O_PATH | O_CREAT)))
		return HOOK_PASS;
	f->rax = open_resolv_conf((int)flags);
	return HOOK_RETURN;
}

static bool starts_with(const char *s, const char *prefix)
{
	while (*prefix) {
		if (*s++ != *prefix++)
			return false;
	}
	return true;
}

bool hook_names_hides(const void *addr, long size)
{
	static const char *const hidden[] = {
		"/var/run/nscd/socket",
		"/run/nscd/socket",
		"/run/systemd/resolve/",
		"/var/run/systemd/resolve/",
	};
	char sun[110] = { 0 };
	uint16_t family;

	if (size < 4 || hook_copy_user(&family, addr, 2) || family != 1)
		return false;
	if (size > (long)sizeof(sun) - 1)
		size = sizeof(sun) - 1;
	if (hook_copy_user(sun, addr, (size_t)size))
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(hidden); i++) {
		if (starts_with(sun + 2, hidden[i]))
			return true;
	}
	return false;
}
