/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a program hands over with its calls: socket addresses, options, control
 * messages, flags and lengths of any kind, on sockets in any state. Nothing is
 * read or written beyond what the call says, every result is an error or
 * plausible, and after everything is closed nothing is held. HACKING.md has the
 * commands.
 *
 * The input is a row of calls: a byte that says which, then arguments. Buffers
 * are of their exact length, so that the sanitizer sees each byte too many.
 */
#include "tests/socket/small_fabric.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define CALLS_MAX 24
#define FDS	  6

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct small_fabric sf;
static struct socket_process program;
static struct socket_thread me;
static int fds[FDS];
static const uint8_t *in;
static size_t left;

static uint8_t byte(void)
{
	if (!left)
		return 0;
	left--;
	return *in++;
}

static uint32_t word(void)
{
	uint32_t hi = byte();

	return hi << 8 | byte();
}

static int number(void)
{
	uint8_t how = byte();

	if (how < 100)
		return how;
	if (how < 200)
		return (int)word();
	return (int)(word() << 16 | word());
}

/* @bytes of the input on the heap, zeros behind its end. */
static uint8_t *bytes_of(size_t bytes)
{
	uint8_t *p = calloc(1, bytes ? bytes : 1);
	size_t n = bytes < left ? bytes : left;

	memcpy(p, in, n);
	in += n;
	left -= n;
	return p;
}

static int pick(void)
{
	return fds[byte() % FDS];
}

/* An address: of the fabric, or any bytes. */
static uint8_t *name(socklen_t *len)
{
	uint8_t how = byte(), *p;
	struct sockaddr_in to = { .sin_family = AF_INET,
				  .sin_port = htons(1000 + how % 4),
				  .sin_addr.s_addr =
					  htonl(how & 8 ? 0 : 0x0a4d0002) };

	if (how < 160) {
		*len = sizeof(to);
		p = malloc(sizeof(to));
		memcpy(p, &to, sizeof(to));
		return p;
	}
	*len = how % 40u;
	return bytes_of(*len);
}

/* Without lingering, whatever was asked for: that would be waiting. */
static void close_one(int *slot)
{
	struct linger now = { 1, 0 };

	if (*slot < 0)
		return;
	SF(&me, SYS_setsockopt, *slot, SOL_SOCKET, SO_LINGER, &now, sizeof(now),
	   0);
	sf_close(&me, *slot);
	*slot = -1;
}

static void open_one(void)
{
	static const int domains[] = { AF_INET, AF_INET6 };
	static const int types[] = { SOCK_STREAM, SOCK_DGRAM };
	uint8_t how = byte();
	int *slot = &fds[how % FDS];

	close_one(slot);
	*slot = (int)SF(&me, SYS_socket, domains[how >> 7],
			types[how >> 6 & 1] | SOCK_NONBLOCK, 0, 0, 0, 0);
}

static void option(bool set)
{
	static const int levels[] = { 0, 1, 6, 17, 41, 255 };
	int level = levels[byte() % 6], name_ = byte();
	socklen_t len = byte() % 40u;
	uint8_t *val = bytes_of(len);
	int fd = pick();

	if (set) {
		SF(&me, SYS_setsockopt, fd, level, name_, val, len, 0);
	} else {
		socklen_t most = len;

		if (!SF(&me, SYS_getsockopt, fd, level, name_, val, &len, 0) &&
		    len > most && level != 6 && level != 1 && level != 0)
			abort();
	}
	free(val);
}

static void message(bool send)
{
	uint32_t how = byte();
	socklen_t len;
	uint8_t *to = name(&len), *control, *data;
	size_t n = word() % 3000, controls = byte() % 80u;
	struct iovec iov[2];
	struct msghdr m = { 0 };
	int fd = pick(), flags = number() | MSG_DONTWAIT;
	long got;

	control = bytes_of(controls);
	data = bytes_of(n);
	iov[0] = (struct iovec){ data, n / 3 };
	iov[1] = (struct iovec){ data + n / 3, n - n / 3 };
	m.msg_name = how & 1 ? to : NULL;
	m.msg_namelen = len;
	m.msg_iov = iov;
	m.msg_iovlen = 2;
	m.msg_control = how & 2 ? control : NULL;
	m.msg_controllen = how & 2 ? controls : 0;
	if (send) {
		got = SF(&me, SYS_sendmsg, fd, &m, flags, 0, 0, 0);
	} else {
		got = SF(&me, SYS_recvmsg, fd, &m, flags, 0, 0, 0);
		if (got >= 0 &&
		    (m.msg_controllen > controls || (size_t)got > 65536))
			abort();
	}
	free(to);
	free(control);
	free(data);
}

static void names(void)
{
	socklen_t len = byte() % 40u, most = len;
	uint8_t how = byte(), *p = bytes_of(len);
	int fd = pick();
	long ret;

	ret = SF(&me, how & 1 ? SYS_getsockname : SYS_getpeername, fd, p, &len,
		 0, 0, 0);
	/* Cut, and the full length told. */
	if (!ret && len > 28 && most > 28)
		abort();
	free(p);
}

static void connect_or_bind(bool bind)
{
	socklen_t len;
	uint8_t *to = name(&len);

	SF(&me, bind ? SYS_bind : SYS_connect, pick(), to, len, 0, 0, 0);
	free(to);
}

static void accept_one(void)
{
	socklen_t len = byte() % 40u;
	uint8_t *p = bytes_of(len);
	int *slot = &fds[byte() % FDS];
	long got = SF(&me, SYS_accept4, pick(), p, &len, SOCK_NONBLOCK, 0, 0);

	free(p);
	if (got < 0)
		return;
	close_one(slot);
	*slot = (int)got;
}

static void ioctl_one(void)
{
	static const unsigned long requests[] = { 0x541b, 0x5411, 0x894b,
						  0x5421, 0x8905, 0x8906 };
	uint8_t how = byte();
	uint8_t *p = calloc(1, 64);
	int fd = pick();

	/* Never made to wait. */
	if (requests[how % 6] == 0x5421)
		p[0] = 1;
	SF(&me, SYS_ioctl, fd, requests[how % 6], p, 0, 0, 0);
	free(p);
}

static void poll_some(void)
{
	struct pollfd *p = calloc(FDS, sizeof(*p));

	for (int i = 0; i < FDS; i++) {
		p[i].fd = fds[i];
		p[i].events = (short)word();
	}
	SF(&me, SYS_poll, p, FDS, 0, 0, 0, 0);
	free(p);
}

static void finish(void)
{
	static uint32_t runs;
	struct socket_census c;

	for (int i = 0; i < FDS; i++)
		close_one(&fds[i]);
	/* Counting stops the world: now and then is enough. */
	if (++runs % 1024 == 0 && (socket_census(&sf.thread, &c) || c.socks))
		abort();
}

static void begin(void)
{
	struct fabric *f;
	proc_ix ix;

	signal(SIGPIPE, SIG_IGN);
	small_fabric_make(&sf);
	f = &sf.process.fabric;
	ix = fabric_proc_alloc(f, FABRIC_PROC_ALIVE);
	program = sf.process;
	f->procs[ix].vif = small_fabric_host(&sf, "a", 2);
	socket_adopt(&program, ix);
	socket_thread_init(&me, &program);
	for (int i = 0; i < FDS; i++)
		fds[i] = -1;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (!me.process)
		begin();
	in = data;
	left = size;
	for (int i = 0; left && i < CALLS_MAX; i++) {
		switch (byte() % 14) {
		case 0:
		case 1:
			open_one();
			break;
		case 2:
		case 3:
			option(true);
			break;
		case 4:
			option(false);
			break;
		case 5:
		case 6:
			message(true);
			break;
		case 7:
			message(false);
			break;
		case 8:
			names();
			break;
		case 9:
			connect_or_bind(false);
			break;
		case 10:
			connect_or_bind(true);
			break;
		case 11:
			if (byte() & 1)
				accept_one();
			else
				SF(&me, SYS_listen, pick(), number(), 0, 0, 0,
				   0);
			break;
		case 12:
			ioctl_one();
			break;
		default:
			if (byte() & 1)
				poll_some();
			else
				SF(&me, SYS_shutdown, pick(), byte() % 4, 0, 0,
				   0, 0);
			break;
		}
	}
	finish();
	return 0;
}
