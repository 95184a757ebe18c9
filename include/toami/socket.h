/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Toami sockets for programs that link with libtoami: the BSD socket calls over
 * a fabric, without a hook.
 *
 * Every function returns what the Linux call of the same name returns, except
 * that an error is its negative errno; errno itself is not touched. Descriptors
 * are real kernel descriptors; use them with these calls (toami_close too).
 * Descriptors of the kernel may be mixed in toami_poll and toami_epoll_*.
 *
 * Thread rules: everything from any thread after toami_attach(). A child of
 * fork() has no part in its parent's sockets: it attaches anew.
 */
#ifndef TOAMI_SOCKET_API_H
#define TOAMI_SOCKET_API_H

#include <poll.h>
#include <stddef.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/uio.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * toami_attach - this process becomes a member of a fabric
 * @dir:  the daemon's directory; NULL: as `toami` finds it
 * @vif:  path of a VIF that exists
 * @text: gets one sentence on failure; NULL if not wanted
 * @size: bytes at @text
 *
 * Returns 0 or a negative errno.
 */
int toami_attach(const char *dir, const char *vif, char *text, size_t size);

int toami_socket(int domain, int type, int protocol);
int toami_bind(int fd, const struct sockaddr *addr, socklen_t len);
int toami_listen(int fd, int backlog);
int toami_accept4(int fd, struct sockaddr *addr, socklen_t *len, int flags);
int toami_connect(int fd, const struct sockaddr *addr, socklen_t len);
ssize_t toami_read(int fd, void *buf, size_t len);
ssize_t toami_write(int fd, const void *buf, size_t len);
ssize_t toami_recvfrom(int fd, void *buf, size_t len, int flags,
		       struct sockaddr *from, socklen_t *fromlen);
ssize_t toami_sendto(int fd, const void *buf, size_t len, int flags,
		     const struct sockaddr *to, socklen_t tolen);
ssize_t toami_recvmsg(int fd, struct msghdr *msg, int flags);
ssize_t toami_sendmsg(int fd, const struct msghdr *msg, int flags);
int toami_shutdown(int fd, int how);
int toami_close(int fd);
int toami_fcntl(int fd, int cmd, long arg);
int toami_getsockopt(int fd, int level, int name, void *val, socklen_t *len);
int toami_setsockopt(int fd, int level, int name, const void *val,
		     socklen_t len);
int toami_getsockname(int fd, struct sockaddr *addr, socklen_t *len);
int toami_getpeername(int fd, struct sockaddr *addr, socklen_t *len);
int toami_poll(struct pollfd *fds, nfds_t count, int timeout_ms);
int toami_epoll_create1(int flags);
int toami_epoll_ctl(int epfd, int op, int fd, struct epoll_event *event);
int toami_epoll_wait(int epfd, struct epoll_event *events, int max,
		     int timeout_ms);

#ifdef __cplusplus
}
#endif

#endif
