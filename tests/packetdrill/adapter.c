/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * packetdrill_interface_init(): our sockets for packetdrill's --so_filename.
 *
 * Every call goes through socket_call(), as a hooked program's would. The
 * sockets underneath never wait: whoever has to, waits here, in virtual time
 * (blocking.h). Preloaded as well (LD_PRELOAD), the library also serves the
 * calls that packetdrill makes past the table: getsockopt() for its `%{` blocks
 * and sendfile().
 *
 * --so_flags, all optional, separated by commas: local4=ADDRESS, gateway4=,
 * local6=, gateway6=, mtu=BYTES, sysctl (follow /proc/sys/net/ipv4).
 */
#include "tests/packetdrill/interface.h"
#include "base/sys.h"
#include "base/user.h"
#include "tests/packetdrill/blocking.h"
#include "tests/packetdrill/tuning.h"
#include "socket/open.h"
#include "tests/packetdrill/world.h"

#include <arpa/inet.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <time.h>
#include <ucontext.h>

#define FDS 4096
/* What a program that waits for nothing at all is left waiting for. */
#define GIVE_UP_NS (3600 * NSEC_PER_SEC)

static struct world world;
static bool running;
static bool sysctls;
/* What each descriptor of ours is to the program. */
static struct {
	bool ours, blocks;
	uint64_t recv_timeout_ns, send_timeout_ns;
} fds[FDS];

#define CALL(nr, a, b, c, d, e, f)                                        \
	sf_call(&world.thread, SYS_##nr, (long)(a), (long)(b), (long)(c), \
		(long)(d), (long)(e), (long)(f))

static bool is_ours(long fd)
{
	return running && fd >= 0 && fd < FDS && fds[fd].ours;
}

static long begin(void)
{
	blocking_lock();
	if (sysctls)
		tuning_read(&world);
	return 0;
}

/* What the call has sent is the wire's; the result is the C library's. */
static long end(long n)
{
	world_collect(&world);
	blocking_unlock();
	if (n < 0) {
		errno = (int)-n;
		return -1;
	}
	return n;
}

static uint64_t date(uint64_t timeout_ns)
{
	return timeout_ns ? world_now(&world) + timeout_ns : BLOCKING_FOREVER;
}

static void note_fd(long fd, bool blocks)
{
	if (fd < 0 || fd >= FDS)
		return;
	memset(&fds[fd], 0, sizeof(fds[fd]));
	fds[fd].ours = true;
	fds[fd].blocks = blocks;
}

static bool may_block(int fd, int flags)
{
	return is_ours(fd) && fds[fd].blocks && !(flags & MSG_DONTWAIT);
}

/* --- opening and closing -----------------------------------------------------
 */

static int pd_socket(void *user, int domain, int type, int protocol)
{
	long fd = begin();

	(void)user;
	fd = CALL(socket, domain, type | SOCK_NONBLOCK, protocol, 0, 0, 0);
	note_fd(fd, !(type & SOCK_NONBLOCK));
	return (int)end(fd);
}

/* A script's local address may differ from the others'. */
static void take_address(const struct sockaddr *sa, socklen_t n)
{
	struct ip_addr a = { .d = { 0, 0 } };

	if (n >= sizeof(struct sockaddr_in) && sa->sa_family == AF_INET) {
		a = ip_from_v4(
			((const struct sockaddr_in *)sa)->sin_addr.s_addr);
	} else if (n >= sizeof(struct sockaddr_in6) &&
		   sa->sa_family == AF_INET6) {
		memcpy(a.b, &((const struct sockaddr_in6 *)sa)->sin6_addr,
		       sizeof(a.b));
	}
	world_be(&world, &a);
}

static int pd_bind(void *user, int fd, const struct sockaddr *sa, socklen_t n)
{
	(void)user;
	begin();
	take_address(sa, n);
	return (int)end(CALL(bind, fd, sa, n, 0, 0, 0));
}

static int pd_listen(void *user, int fd, int backlog)
{
	(void)user;
	begin();
	return (int)end(CALL(listen, fd, backlog, 0, 0, 0, 0));
}

static int pd_accept(void *user, int fd, struct sockaddr *sa, socklen_t *len)
{
	uint64_t until;
	long n;

	(void)user;
	begin();
	until = date(is_ours(fd) ? fds[fd].recv_timeout_ns : 0);
	do {
		n = CALL(accept4, fd, sa, len, SOCK_NONBLOCK, 0, 0);
	} while (n == -EAGAIN && may_block(fd, 0) &&
		 blocking_wait(&world, until));
	if (n >= 0)
		note_fd(n, true);
	return (int)end(n);
}

/* A connection under way has come about, or failed. */
static long wait_connected(int fd, uint64_t until)
{
	for (;;) {
		struct pollfd p = { fd, POLLOUT, 0 };
		int err = 0;
		socklen_t len = sizeof(err);
		long n;

		if (CALL(poll, &p, 1, 0, 0, 0, 0) == 1) {
			n = CALL(getsockopt, fd, SOL_SOCKET, SO_ERROR, &err,
				 &len, 0);
			return n < 0 ? n : -err;
		}
		if (!blocking_wait(&world, until))
			return -EINPROGRESS;
	}
}

static int pd_connect(void *user, int fd, const struct sockaddr *sa,
		      socklen_t len)
{
	long n;

	(void)user;
	begin();
	n = CALL(connect, fd, sa, len, 0, 0, 0);
	if (n == -EINPROGRESS && may_block(fd, 0))
		n = wait_connected(fd, date(fds[fd].send_timeout_ns));
	return (int)end(n);
}

static int pd_close(void *user, int fd)
{
	long n;

	(void)user;
	begin();
	n = CALL(close, fd, 0, 0, 0, 0, 0);
	if (fd >= 0 && fd < FDS)
		fds[fd].ours = false;
	return (int)end(n);
}

static int pd_shutdown(void *user, int fd, int how)
{
	(void)user;
	begin();
	return (int)end(CALL(shutdown, fd, how, 0, 0, 0, 0));
}

/* --- bytes -------------------------------------------------------------------
 */

static long receive(long nr, int fd, const long a[5], int flags)
{
	uint64_t until;
	long n;

	begin();
	until = date(is_ours(fd) ? fds[fd].recv_timeout_ns : 0);
	do {
		n = sf_call(&world.thread, nr, fd, a[0], a[1], a[2], a[3],
			    a[4]);
	} while (n == -EAGAIN && may_block(fd, flags) &&
		 blocking_wait(&world, until));
	return end(n);
}

static ssize_t pd_read(void *user, int fd, void *buf, size_t bytes)
{
	const long a[5] = { (long)buf, (long)bytes };

	(void)user;
	return receive(SYS_read, fd, a, 0);
}

static ssize_t pd_readv(void *user, int fd, const struct iovec *iov, int n)
{
	const long a[5] = { (long)iov, n };

	(void)user;
	return receive(SYS_readv, fd, a, 0);
}

static ssize_t pd_recvfrom(void *user, int fd, void *buf, size_t bytes,
			   int flags, struct sockaddr *sa, socklen_t *len)
{
	const long a[5] = { (long)buf, (long)bytes, flags, (long)sa,
			    (long)len };

	(void)user;
	return receive(SYS_recvfrom, fd, a, flags);
}

static ssize_t pd_recv(void *user, int fd, void *buf, size_t bytes, int flags)
{
	return pd_recvfrom(user, fd, buf, bytes, flags, NULL, NULL);
}

/* Stamps are dates of the wall clock: here the script's clock is on the wall.
 */
static void dates_of_script(struct msghdr *msg)
{
	struct timespec wall, *at;
	int64_t ns;

	clock_gettime(CLOCK_REALTIME, &wall);
	for (struct cmsghdr *h = CMSG_FIRSTHDR(msg); h;
	     h = CMSG_NXTHDR(msg, h)) {
		if (h->cmsg_level != SOL_SOCKET ||
		    h->cmsg_type != SO_TIMESTAMPING)
			continue;
		at = (struct timespec *)CMSG_DATA(h);
		ns = (wall.tv_sec - at->tv_sec) * (int64_t)NSEC_PER_SEC +
		     wall.tv_nsec - at->tv_nsec;
		ns = (int64_t)world_now(&world) - ns;
		at->tv_sec = ns / (int64_t)NSEC_PER_SEC;
		at->tv_nsec = ns % (int64_t)NSEC_PER_SEC;
	}
}

static ssize_t pd_recvmsg(void *user, int fd, struct msghdr *msg, int flags)
{
	const long a[5] = { (long)msg, flags };
	ssize_t n;

	(void)user;
	n = receive(SYS_recvmsg, fd, a, flags);
	if (n >= 0 && is_ours(fd))
		dates_of_script(msg);
	return n;
}

/* The rest of a message of which @done bytes are sent; @iov has room. */
static size_t rest_of(const struct msghdr *msg, size_t done, struct iovec *iov)
{
	size_t n = 0;

	for (size_t i = 0; i < msg->msg_iovlen; i++) {
		struct iovec v = msg->msg_iov[i];

		if (done >= v.iov_len) {
			done -= v.iov_len;
			continue;
		}
		v.iov_base = (char *)v.iov_base + done;
		v.iov_len -= done;
		done = 0;
		iov[n++] = v;
	}
	return n;
}

static size_t total_of(const struct msghdr *msg)
{
	size_t bytes = 0;

	for (size_t i = 0; i < msg->msg_iovlen; i++)
		bytes += msg->msg_iov[i].iov_len;
	return bytes;
}

/* A blocking send goes on until everything is in the send queue. */
static long send_rest(int fd, const struct msghdr *msg, int flags, long n)
{
	uint64_t until = date(fds[fd].send_timeout_ns);
	struct iovec *iov = calloc(msg->msg_iovlen + 1, sizeof(*iov));
	size_t done = n > 0 ? (size_t)n : 0, total = total_of(msg);

	flags &= ~MSG_FASTOPEN;
	open_await(&world.thread, fd);
	if (n == -EINPROGRESS) {
		long err = wait_connected(fd, until);

		if (err) {
			free(iov);
			return err;
		}
	}
	while (done < total) {
		struct msghdr m = { .msg_iov = iov };

		m.msg_iovlen = rest_of(msg, done, iov);
		n = CALL(sendmsg, fd, &m, flags, 0, 0, 0);
		if (n > 0)
			done += (size_t)n;
		else if (n != -EAGAIN || !blocking_wait(&world, until))
			break;
	}
	free(iov);
	return done ? (long)done : n;
}

/* Data went with the SYN, and nobody has answered yet. */
static bool is_opening(int fd)
{
	struct sockaddr_storage peer;
	socklen_t len = sizeof(peer);

	return CALL(getpeername, fd, &peer, &len, 0, 0, 0) == -ENOTCONN;
}

static long send_all(int fd, const struct msghdr *msg, int flags)
{
	long n, err;

	begin();
	n = CALL(sendmsg, fd, msg, flags, 0, 0, 0);
	if (n == -ENOTSOCK && !is_ours(fd)) /* a pipe or a file */
		n = CALL(writev, fd, msg->msg_iov, msg->msg_iovlen, 0, 0, 0);
	else if (may_block(fd, flags) && n >= 0 && is_opening(fd)) {
		/* A blocking socket waits for the answer to its SYN. */
		if ((size_t)n < total_of(msg))
			open_await(&world.thread, fd);
		err = wait_connected(fd, date(fds[fd].send_timeout_ns));
		if (err)
			n = err;
	}
	if (may_block(fd, flags) && (n == -EAGAIN || n == -EINPROGRESS ||
				     (n >= 0 && (size_t)n < total_of(msg))))
		n = send_rest(fd, msg, flags, n);
	return end(n);
}

static ssize_t pd_sendto(void *user, int fd, const void *buf, size_t bytes,
			 int flags, const struct sockaddr *sa, socklen_t len)
{
	struct iovec iov = { (void *)buf, bytes };
	struct msghdr msg = { .msg_iov = &iov,
			      .msg_iovlen = 1,
			      .msg_name = (void *)sa,
			      .msg_namelen = len };

	(void)user;
	return send_all(fd, &msg, flags);
}

static ssize_t pd_send(void *user, int fd, const void *buf, size_t bytes,
		       int flags)
{
	return pd_sendto(user, fd, buf, bytes, flags, NULL, 0);
}

static ssize_t pd_write(void *user, int fd, const void *buf, size_t bytes)
{
	return pd_sendto(user, fd, buf, bytes, 0, NULL, 0);
}

static ssize_t pd_writev(void *user, int fd, const struct iovec *iov, int n)
{
	struct msghdr msg = { .msg_iov = (struct iovec *)iov,
			      .msg_iovlen = (size_t)n };

	(void)user;
	return send_all(fd, &msg, 0);
}

static ssize_t pd_sendmsg(void *user, int fd, const struct msghdr *msg,
			  int flags)
{
	(void)user;
	return send_all(fd, msg, flags);
}

static int pd_pipe(void *user, int pipefd[2])
{
	(void)user;
	return pipe(pipefd);
}

static ssize_t pd_splice(void *user, int in, loff_t *off_in, int out,
			 loff_t *off_out, size_t bytes, unsigned int flags)
{
	long n, was;
	int mark = 0;

	(void)user;
	/* packetdrill hands over the address of a null offset. */
	if (off_in && !*off_in)
		off_in = NULL;
	if (off_out && !*off_out)
		off_out = NULL;
	begin();
	n = CALL(splice, in, off_in, out, off_out, bytes, flags);
	/* At an urgent byte it matters whether the socket waits: it does not.
	 */
	if (n == -EAGAIN && may_block(in, 0) &&
	    !CALL(ioctl, in, SIOCATMARK, &mark, 0, 0, 0) && mark) {
		was = CALL(fcntl, in, F_GETFL, 0, 0, 0, 0);
		CALL(fcntl, in, F_SETFL, was & ~(long)O_NONBLOCK, 0, 0, 0);
		n = CALL(splice, in, off_in, out, off_out, bytes, flags);
		CALL(fcntl, in, F_SETFL, was, 0, 0, 0);
	}
	return end(n);
}

/* --- options -----------------------------------------------------------------
 */

static int pd_fcntl(void *user, int fd, int cmd, ...)
{
	va_list ap;
	long arg, n;

	(void)user;
	va_start(ap, cmd);
	arg = va_arg(ap, long);
	va_end(ap);
	begin();
	if (is_ours(fd) && cmd == F_SETFL) {
		fds[fd].blocks = !(arg & O_NONBLOCK);
		arg |= O_NONBLOCK;
	}
	n = CALL(fcntl, fd, cmd, arg, 0, 0, 0);
	if (n >= 0 && is_ours(fd) && cmd == F_GETFL && fds[fd].blocks)
		n &= ~(long)O_NONBLOCK;
	return (int)end(n);
}

static int pd_ioctl(void *user, int fd, unsigned long request, ...)
{
	va_list ap;
	void *arg;

	(void)user;
	va_start(ap, request);
	arg = va_arg(ap, void *);
	va_end(ap);
	begin();
	if (is_ours(fd) && request == FIONBIO) {
		fds[fd].blocks = !*(int *)arg;
		return (int)end(0);
	}
	return (int)end(CALL(ioctl, fd, request, arg, 0, 0, 0));
}

static int pd_getsockopt(void *user, int fd, int level, int name, void *val,
			 socklen_t *len)
{
	(void)user;
	begin();
	return (int)end(CALL(getsockopt, fd, level, name, val, len, 0));
}

static int pd_setsockopt(void *user, int fd, int level, int name,
			 const void *val, socklen_t len)
{
	const struct timeval *tv = val;
	long n;

	(void)user;
	begin();
	n = CALL(setsockopt, fd, level, name, val, len, 0);
	if (!n && is_ours(fd) && level == SOL_SOCKET && len >= sizeof(*tv)) {
		uint64_t ns = 0;

		if (name == SO_RCVTIMEO || name == SO_SNDTIMEO)
			ns = (uint64_t)tv->tv_sec * NSEC_PER_SEC +
			     (uint64_t)tv->tv_usec * NSEC_PER_USEC;
		if (name == SO_RCVTIMEO)
			fds[fd].recv_timeout_ns = ns;
		if (name == SO_SNDTIMEO)
			fds[fd].send_timeout_ns = ns;
	}
	return (int)end(n);
}

/* --- waiting -----------------------------------------------------------------
 */

static uint64_t date_ms(int ms)
{
	return ms < 0 ? BLOCKING_FOREVER
		      : world_now(&world) + (uint64_t)ms * NSEC_PER_MSEC;
}

static int pd_poll(void *user, struct pollfd *p, nfds_t count, int ms)
{
	uint64_t until;
	long n;

	(void)user;
	begin();
	until = date_ms(ms);
	do {
		n = CALL(poll, p, count, 0, 0, 0, 0);
	} while (!n && ms && blocking_wait(&world, until));
	return (int)end(n);
}

static int pd_epoll_create(void *user, int size)
{
	(void)user;
	begin();
	return (int)end(CALL(epoll_create, size, 0, 0, 0, 0, 0));
}

static int pd_epoll_ctl(void *user, int ep, int op, int fd,
			struct epoll_event *ev)
{
	(void)user;
	begin();
	return (int)end(CALL(epoll_ctl, ep, op, fd, ev, 0, 0));
}

static int pd_epoll_wait(void *user, int ep, struct epoll_event *ev, int max,
			 int ms)
{
	uint64_t until;
	long n;

	(void)user;
	begin();
	until = date_ms(ms);
	do {
		n = CALL(epoll_wait, ep, ev, max, 0, 0, 0);
	} while (!n && ms && blocking_wait(&world, until));
	return (int)end(n);
}

/* --- the wire and the clock --------------------------------------------------
 */

static int pd_netdev_send(void *user, const void *ip, size_t bytes)
{
	int err;

	(void)user;
	begin();
	err = world_inject(&world, ip, bytes);
	blocking_kick();
	tuning_report(&world);
	return (int)end(err);
}

/* One step of time; what waits looks, and gives up at its date. */
static bool step(uint64_t until)
{
	uint64_t limit = until;
	bool ran;

	if (blocking_date() < limit)
		limit = blocking_date();
	ran = world_step(&world, limit);
	if (ran || limit < until)
		blocking_kick();
	return ran || limit < until;
}

static int pd_netdev_receive(void *user, void *buf, size_t *bytes,
			     long long *usec)
{
	struct world_packet *p;
	uint64_t until;

	(void)user;
	begin();
	until = world_now(&world) + GIVE_UP_NS;
	while (!(p = world_packet(&world)) && world_now(&world) < until)
		step(until);
	if (!p) {
		*bytes = 0;
		return (int)end(0);
	}
	if (p->bytes < *bytes)
		*bytes = p->bytes;
	memcpy(buf, p->ip, *bytes);
	*usec = (long long)(p->at_ns / NSEC_PER_USEC);
	free(p);
	return (int)end(0);
}

static int pd_usleep(void *user, useconds_t usec)
{
	uint64_t until;

	(void)user;
	blocking_lock();
	until = world_now(&world) + usec * NSEC_PER_USEC;
	while (step(until))
		;
	blocking_unlock();
	blocking_settle();
	return 0;
}

static int pd_gettimeofday(void *user, struct timeval *tv, struct timezone *tz)
{
	uint64_t usec;

	(void)user;
	(void)tz;
	blocking_told();
	blocking_lock();
	/* Who looks at the clock again and again waits for it to move. */
	step(world_now(&world) + NSEC_PER_USEC);
	usec = world_now(&world) / NSEC_PER_USEC;
	blocking_unlock();
	tv->tv_sec = (time_t)(usec / 1000000);
	tv->tv_usec = (suseconds_t)(usec % 1000000);
	return 0;
}

/* --- calls past the table, when preloaded ------------------------------------
 */

__attribute__((visibility("default"))) int
getsockopt(int fd, int level, int name, void *val, socklen_t *len)
{
	long n;

	if (is_ours(fd))
		return pd_getsockopt(NULL, fd, level, name, val, len);
	n = sys_call(SYS_getsockopt, fd, level, name, val, len);
	if (n >= 0)
		return (int)n;
	errno = (int)-n;
	return -1;
}

__attribute__((visibility("default"))) ssize_t
sendfile(int out, int in, off_t *offset, size_t count)
{
	long n;

	if (is_ours(out)) {
		begin();
		return end(CALL(sendfile, out, in, offset, count, 0, 0));
	}
	n = sys_call(SYS_sendfile, out, in, offset, count);
	if (n >= 0)
		return n;
	errno = (int)-n;
	return -1;
}

/* The same under the name that a 64-bit off_t may give it. */
__attribute__((visibility("default"))) ssize_t
plain_sendfile(int out, int in, off_t *offset,
	       size_t count) __asm__("sendfile");

ssize_t plain_sendfile(int out, int in, off_t *offset, size_t count)
{
	return sendfile(out, in, offset, count);
}

/* packetdrill pins its memory; a fabric is a few GiB of it, hardly used. */
__attribute__((visibility("default"))) int mlockall(int flags)
{
	(void)flags;
	return 0;
}

/* --- init --------------------------------------------------------------------
 */

static struct ip_addr address_of(const char *text)
{
	struct ip_addr a = { .d = { 0, 0 } };
	struct in_addr v4;

	if (inet_pton(AF_INET, text, &v4) == 1)
		return ip_from_v4(v4.s_addr);
	if (inet_pton(AF_INET6, text, a.b) != 1) {
		fprintf(stderr, "packetdrill adapter: %s is no address\n",
			text);
		exit(1);
	}
	return a;
}

static void parse_flags(const char *flags, struct world_config *c)
{
	char *copy = strdup(flags ? flags : ""), *save = NULL, *word;

	for (word = strtok_r(copy, ",", &save); word;
	     word = strtok_r(NULL, ",", &save)) {
		char *value = strchr(word, '=');

		if (value)
			*value++ = 0;
		if (!strcmp(word, "sysctl"))
			sysctls = true;
		else if (value && !strcmp(word, "local4"))
			c->local4 = address_of(value);
		else if (value && !strcmp(word, "gateway4"))
			c->gateway4 = address_of(value);
		else if (value && !strcmp(word, "local6"))
			c->local6 = address_of(value);
		else if (value && !strcmp(word, "gateway6"))
			c->gateway6 = address_of(value);
		else if (value && !strcmp(word, "mtu"))
			c->mtu = (uint16_t)atoi(value);
	}
	free(copy);
}

/* Bad pointers are the program's mistake, and give EFAULT as in a hooked one.
 */
static void on_fault(int sig, siginfo_t *info, void *context)
{
	greg_t *g = ((ucontext_t *)context)->uc_mcontext.gregs;
	const char *at = (const char *)g[REG_RIP];

	(void)info;
	if (at >= user_copy_begin && at < user_copy_end)
		g[REG_RIP] = (greg_t)user_copy_fault;
	else
		signal(sig, SIG_DFL);
}

static void pd_free(void *user)
{
	(void)user;
	running = false;
	world_drop(&world);
}

__attribute__((visibility("default"))) void
packetdrill_interface_init(const char *flags, struct pd_table *table)
{
	struct world_config c = {
		.local4 = address_of("192.168.0.1"),
		.gateway4 = address_of("192.168.255.254"),
		.prefix4 = 16,
		.local6 = address_of("fd3d:0a0b:17d6::1"),
		.gateway6 = address_of("fd3d:0a0b:17d6:8888::1"),
		.prefix6 = 48,
		.mtu = 1500,
	};
	parse_flags(flags, &c);
	sigaction(SIGSEGV,
		  &(struct sigaction){ .sa_sigaction = on_fault,
				       .sa_flags = SA_SIGINFO | SA_NODEFER },
		  NULL);
	world_make(&world, &c);
	blocking_init(&world);
	running = true;
	*table = (struct pd_table){
		.free = pd_free,
		.socket = pd_socket,
		.bind = pd_bind,
		.listen = pd_listen,
		.accept = pd_accept,
		.connect = pd_connect,
		.read = pd_read,
		.readv = pd_readv,
		.recv = pd_recv,
		.recvfrom = pd_recvfrom,
		.recvmsg = pd_recvmsg,
		.write = pd_write,
		.writev = pd_writev,
		.send = pd_send,
		.sendto = pd_sendto,
		.sendmsg = pd_sendmsg,
		.fcntl = pd_fcntl,
		.ioctl = pd_ioctl,
		.close = pd_close,
		.shutdown = pd_shutdown,
		.getsockopt = pd_getsockopt,
		.setsockopt = pd_setsockopt,
		.poll = pd_poll,
		.netdev_send = pd_netdev_send,
		.netdev_receive = pd_netdev_receive,
		.usleep = pd_usleep,
		.gettimeofday = pd_gettimeofday,
		.epoll_create = pd_epoll_create,
		.epoll_ctl = pd_epoll_ctl,
		.epoll_wait = pd_epoll_wait,
		.pipe = pd_pipe,
		.splice = pd_splice,
	};
}
