/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Names are answered by the fabric: every VIF has one, and the host's own
 * resolvers know nothing of them.
 *
 * A program that opens /etc/resolv.conf finds the gateway there, and "toami" to
 * search in, so that `db` and `db.toami` are the same to the resolvers of
 * glibc, musl and c-ares. /etc/gai.conf prefers IPv4 there: every name has an
 * address of either kind, many servers listen on IPv4 alone, and many clients
 * try the first address only. The caches that would answer from the host's
 * network are not found. /proc/net/tcp and its like list the fabric's sockets
 * (socket/procnet.h).
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/memfd.h>

#include "base/mem.h"
#include "base/sys.h"
#include "hook/exe.h"
#include "hook/hook.h"
#include "socket/procnet.h"

#define RESOLV_CONF "/etc/resolv.conf"
#define GAI_CONF    "/etc/gai.conf"

static bool is_file(long path, const char *name, size_t size)
{
	char text[sizeof(RESOLV_CONF)];

	/* Most paths differ within their first bytes: no need to read on. */
	return path && !hook_copy_user(text, (void *)path, 8) &&
	       !__builtin_memcmp(text, name, 8) &&
	       !hook_copy_user(text, (void *)path, size) &&
	       !__builtin_memcmp(text, name, size);
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

/* A file of the kernel's with the @size bytes at @text, to be read. */
static long open_text(const char *name, int flags, const char *text, long size)
{
	long fd = sys_call(SYS_memfd_create, name,
			   flags & O_CLOEXEC ? MFD_CLOEXEC : 0);

	if (fd >= 0)
		sys_call(SYS_pwrite64, fd, text, size, 0);
	return fd;
}

static long open_gai_conf(int flags)
{
	char text[48];

	return open_text("gai.conf", flags, text,
			 put_text(text, "precedence ::ffff:0:0/96 100\n") -
				 text);
}

static long open_resolv_conf(int flags)
{
	const uint8_t *gateway = hook_process.fabric.header->gateway4.b + 12;
	char text[80], *p;

	p = put_text(text, "nameserver ");
	for (int i = 0; i < 4; i++) {
		p = put_number(p, gateway[i]);
		*p++ = i < 3 ? '.' : '\n';
	}
	p = put_text(p, "search toami\n");
	return open_text("resolv.conf", flags, text, p - text);
}

/* The @name of a file in /proc/net. */
static bool proc_net(long path, char name[PROCNET_NAME_MAX])
{
	static const char *const places[] = { "/proc/net/", "/proc/self/net/" };

	for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
		size_t n = __builtin_strlen(places[i]);

		if (!is_file(path, places[i], n))
			continue;
		for (size_t k = 0; k < PROCNET_NAME_MAX; k++) {
			if (hook_copy_user(name + k, (char *)path + n + k, 1))
				return false;
			if (!name[k])
				return k > 0;
		}
	}
	return false;
}

int hook_open(struct hook_thread *t, struct hook_frame *f)
{
	int path = f->rax == SYS_open ? 0 : 1;
	long flags = f->args[path + 1];

	bool resolv = is_file(f->args[path], RESOLV_CONF, sizeof(RESOLV_CONF));
	bool gai = is_file(f->args[path], GAI_CONF, sizeof(GAI_CONF));
	char sockets[PROCNET_NAME_MAX];
	bool listed = proc_net(f->args[path], sockets);
	const char *name = (const char *)f->args[path];

	socket_opens(&t->socket, name);
	if (hook_exe_means(name) != name) {
		t->alt_nr = f->rax;
		mem_copy(t->alt, f->args, sizeof(t->alt));
		t->alt[path] = (long)hook_exe_means(name);
		t->alt_oldset = NULL;
		return HOOK_ALT;
	}
	if ((!resolv && !gai && !listed) || hook_config.passive)
		return HOOK_PASS;
	if (f->rax == SYS_openat2 &&
	    hook_copy_user(&flags, (void *)f->args[2], 8))
		return HOOK_PASS;
	if ((flags & O_ACCMODE) != O_RDONLY || (flags & (O_PATH | O_CREAT)))
		return HOOK_PASS;
	if (listed) {
		long fd = procnet_open(&t->socket, sockets, flags & O_CLOEXEC);

		if (fd == SOCKET_PASS)
			return HOOK_PASS;
		f->rax = fd;
		return HOOK_RETURN;
	}
	f->rax = resolv ? open_resolv_conf((int)flags)
			: open_gai_conf((int)flags);
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
