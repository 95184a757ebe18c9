/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An unmodified program as if it had been linked to libtoami: its calls of the
 * C library's socket functions become calls of libtoami's, without a hook. For
 * bench/hook, which runs redis both ways. TOAMI_DIR and TOAMI_VIF say where.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "toami/socket.h"

static __attribute__((constructor)) void start(void)
{
	const char *vif = getenv("TOAMI_LINKED_VIF");
	char text[256] = "";

	if (vif && toami_attach(NULL, vif, text, sizeof(text))) {
		fprintf(stderr, "linked: %s\n", text);
		_exit(69);
	}
}

static long answer(long ret)
{
	if (ret >= 0)
		return ret;
	errno = (int)-ret;
	return -1;
}

#define AS(type, name, declared, ...)                           \
	type name declared;                                     \
	type name declared                                      \
	{                                                       \
		return (type)answer(toami_##name(__VA_ARGS__)); \
	}

AS(int, socket, (int domain, int type, int protocol), domain, type, protocol)
AS(int, bind, (int fd, const struct sockaddr *a, socklen_t n), fd, a, n)
AS(int, listen, (int fd, int backlog), fd, backlog)
AS(int, accept4, (int fd, struct sockaddr *a, socklen_t *n, int flags), fd, a,
   n, flags)
AS(int, connect, (int fd, const struct sockaddr *a, socklen_t n), fd, a, n)
AS(ssize_t, read, (int fd, void *buf, size_t n), fd, buf, n)
AS(ssize_t, write, (int fd, const void *buf, size_t n), fd, buf, n)
AS(ssize_t, recvmsg, (int fd, struct msghdr *m, int flags), fd, m, flags)
AS(ssize_t, sendmsg, (int fd, const struct msghdr *m, int flags), fd, m, flags)
AS(int, shutdown, (int fd, int how), fd, how)
AS(int, close, (int fd), fd)
AS(int, getsockopt, (int fd, int level, int name, void *v, socklen_t *n), fd,
   level, name, v, n)
AS(int, setsockopt, (int fd, int level, int name, const void *v, socklen_t n),
   fd, level, name, v, n)
AS(int, getsockname, (int fd, struct sockaddr *a, socklen_t *n), fd, a, n)
AS(int, getpeername, (int fd, struct sockaddr *a, socklen_t *n), fd, a, n)
AS(int, poll, (struct pollfd * p, nfds_t n, int ms), p, n, ms)
AS(int, epoll_create1, (int flags), flags)
AS(int, epoll_ctl, (int e, int op, int fd, struct epoll_event *ev), e, op, fd,
   ev)
AS(int, epoll_wait, (int e, struct epoll_event *ev, int max, int ms), e, ev,
   max, ms)

int accept(int fd, struct sockaddr *a, socklen_t *n)
{
	return accept4(fd, a, n, 0);
}

int epoll_create(int size)
{
	(void)size;
	return epoll_create1(0);
}

ssize_t recv(int fd, void *buf, size_t n, int flags)
{
	return answer(toami_recvfrom(fd, buf, n, flags, NULL, NULL));
}

ssize_t send(int fd, const void *buf, size_t n, int flags)
{
	return answer(toami_sendto(fd, buf, n, flags, NULL, 0));
}

ssize_t writev(int fd, const struct iovec *v, int n)
{
	const struct msghdr m = { .msg_iov = (struct iovec *)v,
				  .msg_iovlen = (size_t)n };
	long ret = toami_sendmsg(fd, &m, 0);

	/* The kernel's: one after the other will do. */
	if (ret == -ENOTSOCK)
		ret = toami_write(fd, v->iov_base, v->iov_len);
	return answer(ret);
}

int program_fcntl(int fd, int cmd, ...) __asm__("fcntl");
int program_fcntl(int fd, int cmd, ...)
{
	va_list ap;
	int ret;

	va_start(ap, cmd);
	ret = (int)answer(toami_fcntl(fd, cmd, va_arg(ap, long)));
	va_end(ap);
	return ret;
}

/* Its other name, which the header may have given it already. */
int program_fcntl64(int fd, int cmd, ...) __asm__("fcntl64")
	__attribute__((alias("fcntl")));
