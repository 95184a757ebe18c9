/* SPDX-License-Identifier: BSD-2-Clause */
/* See wake.h. */
#include "fabric/wake.h"
#include "base/mem.h"
#include "base/sys.h"

#include <errno.h>
#include <linux/futex.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>

/* Timers need not be exact to less than this: fewer wake-ups of the daemon. */
#define SLACK_NS NSEC_PER_MSEC

uint32_t wake_address(const struct fabric *f, uint64_t name,
		      struct sockaddr_un *un)
{
	static const char digits[] = "0123456789abcdef";
	static const char prefix[] = "toami-";
	uint64_t v[2] = { f->header->id, name };
	char *p = un->sun_path;

	un->sun_family = AF_UNIX;
	*p++ = 0;
	mem_copy(p, prefix, sizeof(prefix) - 1);
	p += sizeof(prefix) - 1;
	for (int i = 0; i < 2; i++)
		for (int shift = 60; shift >= 0; shift -= 4)
			*p++ = digits[v[i] >> shift & 15];
	return (uint32_t)((char *)p - (char *)un);
}

int wake_open(const struct fabric *f, uint64_t name)
{
	struct sockaddr_un un;
	uint32_t len = wake_address(f, name, &un);
	long fd = sys_call(SYS_socket, AF_UNIX,
			   SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	long err;

	if (fd < 0)
		return (int)fd;
	err = sys_call(SYS_bind, fd, &un, len);
	if (err) {
		sys_call(SYS_close, fd);
		return (int)err;
	}
	return (int)fd;
}

int wake_bind(const struct fabric *f, int fd, uint64_t name)
{
	struct sockaddr_un un;
	uint32_t len = wake_address(f, name, &un);

	return (int)sys_call(SYS_bind, fd, &un, len);
}

bool wake_name(const struct fabric *f, int fd, uint64_t *name)
{
	struct sockaddr_un un, like;
	uint32_t len = sizeof(un), n = wake_address(f, 0, &like);
	const char *digits = un.sun_path + (n - sizeof(un.sun_family)) - 16;

	if (sys_call(SYS_getsockname, fd, &un, &len) || len != n ||
	    memcmp(&un, &like, n - 16))
		return false;
	*name = 0;
	for (int i = 0; i < 16; i++)
		*name = *name << 4 |
			(uint64_t)(digits[i] <= '9' ? digits[i] - '0'
						    : digits[i] - 'a' + 10);
	return true;
}

bool wake_alive(const struct fabric *f, uint64_t name)
{
	struct sockaddr_un un;
	uint32_t len = wake_address(f, name, &un);
	long fd = sys_call(SYS_socket, AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	long err;

	if (fd < 0)
		return true;
	err = sys_call(SYS_connect, fd, &un, len);
	sys_call(SYS_close, fd);
	return err != -ECONNREFUSED;
}

void wake_drain(int fd)
{
	char byte[8];

	while (sys_call(SYS_recvfrom, fd, byte, sizeof(byte), MSG_DONTWAIT, 0,
			0) >= 0)
		;
}

/*
 * A socket to send from. A program that has used up its descriptors still has
 * to wake others: for this moment the soft limit gives way, as far as the hard
 * one lets it.
 */
static long sender(void)
{
	struct rlimit old, more;
	long fd = sys_call(SYS_socket, AF_UNIX,
			   SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (likely(fd != -EMFILE) ||
	    sys_call(SYS_prlimit64, 0, RLIMIT_NOFILE, 0, &old))
		return fd;
	more = (struct rlimit){ old.rlim_max, old.rlim_max };
	sys_call(SYS_prlimit64, 0, RLIMIT_NOFILE, &more, 0);
	fd = sys_call(SYS_socket, AF_UNIX,
		      SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	sys_call(SYS_prlimit64, 0, RLIMIT_NOFILE, &old, 0);
	return fd;
}

/*
 * No socket is to be had (a sandbox's limit of 0 descriptors, a full table of
 * the kernel's): any that stands behind one of ours is an unconnected datagram
 * socket, and will do. Should another thread close it and the number be the
 * program's by now, then a byte goes to a wake socket by that, or nothing.
 */
static void send_by_own(const struct fabric *f, proc_ix self,
			const struct sockaddr_un *un, uint32_t len)
{
	struct fabric_proc *p = &f->procs[self];
	uint32_t end = atomic_load(&p->fd_end);

	for (uint32_t fd = 0; self && fd < end; fd++) {
		uint32_t e = atomic_load(&p->fd[fd]);
		long n;

		if (!e || (e != FABRIC_FD_HIDDEN && (e & FABRIC_FD_PSET)))
			continue;
		n = sys_call(SYS_sendto, fd, "w", 1,
			     MSG_DONTWAIT | MSG_NOSIGNAL, un, len);
		if (n > 0 || n == -ECONNREFUSED || n == -EAGAIN)
			return;
	}
}

void wake_send(const struct fabric *f, proc_ix self, uint64_t name)
{
	struct sockaddr_un un;
	uint32_t len = wake_address(f, name, &un);
	long fd;

	/*
	 * A socket for each wake: 1.5 us beside the 12 us that waking costs,
	 * and no descriptor of ours among the program's between two of its
	 * calls.
	 */
	fd = sender();
	if (fd < 0) {
		send_by_own(f, self, &un, len);
		return;
	}
	sys_call(SYS_sendto, fd, "w", 1, MSG_DONTWAIT | MSG_NOSIGNAL, &un, len);
	sys_call(SYS_close, fd);
}

void wake_futex(_Atomic uint32_t *word, int count)
{
	sys_call(SYS_futex, word, FUTEX_WAKE, count);
}

static void wake_daemon(const struct fabric *f, proc_ix self, uint64_t date_ns,
			uint64_t slack_ns)
{
	uint64_t plan = atomic_load(&f->header->daemon_plan_ns);

	while (date_ns != UINT64_MAX && date_ns + slack_ns < plan)
		if (atomic_compare_exchange_weak(&f->header->daemon_plan_ns,
						 &plan, date_ns)) {
			wake_send(f, self, WAKE_DAEMON);
			return;
		}
}

void wake_daemon_at(const struct fabric *f, proc_ix self, uint64_t date_ns)
{
	wake_daemon(f, self, date_ns, SLACK_NS);
}

void wake_daemon_by(const struct fabric *f, proc_ix self, uint64_t date_ns)
{
	wake_daemon(f, self, date_ns, 0);
}
