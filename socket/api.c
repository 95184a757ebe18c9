/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * libtoami's sockets: include/toami/socket.h over socket_call(). A thread's
 * handle is thread-local; what is not ours goes to the kernel.
 */
#include "base/mem.h"
#include "base/sys.h"
#include "fabric/attach.h"
#include "socket/api.h"
#include "toami/socket.h"
#include "toami/vif.h"

#include <errno.h>
#include <string.h>
#include <stdlib.h>
#include <time.h>

static struct socket_process process;
static _Thread_local struct socket_thread thread;

struct socket_thread *api_thread(void)
{
	if (!thread.process && process.self)
		socket_thread_init(&thread, &process);
	return &thread;
}

struct socket_process *api_process(void)
{
	return &process;
}

static long call(long nr, long a, long b, long c, long d, long e, long f)
{
	const long args[6] = { a, b, c, d, e, f };
	struct socket_thread *t = api_thread();
	long n;

	if (!t->process)
		return -ENOTCONN;
	n = socket_call(t, nr, args);
	if (n == SOCKET_PASS)
		return sys_call6(nr, a, b, c, d, e, f);
	return n == SOCKET_RESTART ? -EINTR : n;
}

#define CALL(nr, a, b, c, d, e, f)                                      \
	call(nr, (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), \
	     (long)(f))

int toami_attach(const char *dir, const char *vif, char *text, size_t size)
{
	char said[ATTACH_TEXT_MAX] = "";
	int err;

	if (process.self)
		return -EALREADY;
	if (!dir)
		dir = getenv("TOAMI_DIR");
	if (!dir)
		return -EINVAL;
	err = socket_attach(&process, dir, vif, program_invocation_short_name,
			    said);
	if (text && size) {
		size_t n = strnlen(said, size - 1);

		mem_copy(text, said, n);
		text[n] = 0;
	}
	return err;
}

int toami_socket(int domain, int type, int protocol)
{
	return (int)CALL(SYS_socket, domain, type, protocol, 0, 0, 0);
}

int toami_bind(int fd, const struct sockaddr *addr, socklen_t len)
{
	return (int)CALL(SYS_bind, fd, addr, len, 0, 0, 0);
}

int toami_listen(int fd, int backlog)
{
	return (int)CALL(SYS_listen, fd, backlog, 0, 0, 0, 0);
}

int toami_accept4(int fd, struct sockaddr *addr, socklen_t *len, int flags)
{
	return (int)CALL(SYS_accept4, fd, addr, len, flags, 0, 0);
}

int toami_connect(int fd, const struct sockaddr *addr, socklen_t len)
{
	return (int)CALL(SYS_connect, fd, addr, len, 0, 0, 0);
}

ssize_t toami_read(int fd, void *buf, size_t len)
{
	return CALL(SYS_read, fd, buf, len, 0, 0, 0);
}

ssize_t toami_write(int fd, const void *buf, size_t len)
{
	return CALL(SYS_write, fd, buf, len, 0, 0, 0);
}

ssize_t toami_recvfrom(int fd, void *buf, size_t len, int flags,
		       struct sockaddr *from, socklen_t *fromlen)
{
	return CALL(SYS_recvfrom, fd, buf, len, flags, from, fromlen);
}

ssize_t toami_sendto(int fd, const void *buf, size_t len, int flags,
		     const struct sockaddr *to, socklen_t tolen)
{
	return CALL(SYS_sendto, fd, buf, len, flags, to, tolen);
}

ssize_t toami_recvmsg(int fd, struct msghdr *msg, int flags)
{
	return CALL(SYS_recvmsg, fd, msg, flags, 0, 0, 0);
}

ssize_t toami_sendmsg(int fd, const struct msghdr *msg, int flags)
{
	return CALL(SYS_sendmsg, fd, msg, flags, 0, 0, 0);
}

int toami_shutdown(int fd, int how)
{
	return (int)CALL(SYS_shutdown, fd, how, 0, 0, 0, 0);
}

int toami_close(int fd)
{
	return (int)CALL(SYS_close, fd, 0, 0, 0, 0, 0);
}

int toami_fcntl(int fd, int cmd, long arg)
{
	return (int)CALL(SYS_fcntl, fd, cmd, arg, 0, 0, 0);
}

int toami_getsockopt(int fd, int level, int name, void *val, socklen_t *len)
{
	return (int)CALL(SYS_getsockopt, fd, level, name, val, len, 0);
}

int toami_setsockopt(int fd, int level, int name, const void *val,
		     socklen_t len)
{
	return (int)CALL(SYS_setsockopt, fd, level, name, val, len, 0);
}

int toami_vif_attach_socket(int fd, const char *path)
{
	const char *name = path ? path : "";
	size_t bytes = path ? strlen(path) + 1 : 0;

	/* Of a program that has not joined by itself, the hook's. */
	if (!process.self)
		return (int)sys_call6(SYS_setsockopt, fd, SOL_SOCKET,
				      SO_BINDTODEVICE, (long)name, (long)bytes,
				      0);
	return toami_setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, name,
				(socklen_t)bytes);
}

int toami_getsockname(int fd, struct sockaddr *addr, socklen_t *len)
{
	return (int)CALL(SYS_getsockname, fd, addr, len, 0, 0, 0);
}

int toami_getpeername(int fd, struct sockaddr *addr, socklen_t *len)
{
	return (int)CALL(SYS_getpeername, fd, addr, len, 0, 0, 0);
}

int toami_poll(struct pollfd *fds, nfds_t count, int timeout_ms)
{
	return (int)CALL(SYS_poll, fds, count, timeout_ms, 0, 0, 0);
}

int toami_epoll_create1(int flags)
{
	return (int)CALL(SYS_epoll_create1, flags, 0, 0, 0, 0, 0);
}

int toami_epoll_ctl(int epfd, int op, int fd, struct epoll_event *event)
{
	return (int)CALL(SYS_epoll_ctl, epfd, op, fd, event, 0, 0);
}

int toami_epoll_wait(int epfd, struct epoll_event *events, int max,
		     int timeout_ms)
{
	return (int)CALL(SYS_epoll_wait, epfd, events, max, timeout_ms, 0, 0);
}
