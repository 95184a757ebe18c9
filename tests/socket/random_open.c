/* SPDX-License-Identifier: BSD-2-Clause */
/* Calls that make sockets, name them, connect them and end them. */
#include "random.h"

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <sys/uio.h>

static unsigned int kind_of(long domain, long type)
{
	if (domain == AF_UNIX)
		return KIND_UNIX;
	return type == SOCK_STREAM ? KIND_TCP : KIND_UDP;
}

void random_socket(struct dice *d)
{
	long domain =
		one(d, AF_INET, AF_INET, AF_INET, AF_INET6, AF_INET6, AF_UNIX);
	long type = one(d, SOCK_STREAM, SOCK_STREAM, SOCK_DGRAM);
	long flags = one(d, 0, 0, SOCK_NONBLOCK, SOCK_CLOEXEC);
	long protocol = 0;
	int fd;

	if (odds(d, 15))
		domain = one(d, 0, 99, -1, AF_APPLETALK);
	if (odds(d, 15))
		type = one(d, 0, SOCK_SEQPACKET, SOCK_RDM, 7, 11, -1);
	if (odds(d, 10))
		flags = one(d, 0x10, 0x400000, SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (odds(d, 8))
		protocol = one(d, IPPROTO_TCP, IPPROTO_UDP, IPPROTO_TCP, 255,
			       256, -1, 5);
	say("socket(%ld, %ld, %ld)", domain, type | flags, protocol);
	errno = 0;
	fd = socket((int)domain, (int)(type | flags), (int)protocol);
	told(fd);
	slot_put(fd, kind_of(domain, type), domain == AF_INET6);
}

/* Listener, client and server: a connected pair of streams. */
static void stream_pair(struct dice *d, bool inet6)
{
	union address a = { 0 };
	socklen_t len = sizeof(a);
	int l, x, y, domain = inet6 ? AF_INET6 : AF_INET;
	bool keep = odds(d, 3);

	say("stream pair, IPv%d", inet6 ? 6 : 4);
	l = socket(domain, SOCK_STREAM, 0);
	x = socket(domain, SOCK_STREAM, 0);
	a.any.sa_family = (sa_family_t)domain;
	if (inet6)
		a.in6.sin6_addr = in6addr_loopback;
	else
		a.in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	told(bind(l, &a.any, inet6 ? sizeof(a.in6) : sizeof(a.in)));
	told(listen(l, 4));
	getsockname(l, &a.any, &len);
	told(TIMED(connect(x, &a.any, len)));
	y = (int)told(TIMED(accept(l, NULL, NULL)));
	slot_put(x, KIND_TCP, inet6);
	slot_put(y, KIND_TCP, inet6);
	if (keep)
		slot_put(l, KIND_TCP, inet6);
	else
		close(l);
}

static void datagram_pair(struct dice *d, bool inet6)
{
	union address a = { 0 };
	socklen_t len = sizeof(a);
	int x, y, domain = inet6 ? AF_INET6 : AF_INET;
	bool both = odds(d, 2);

	say("datagram pair, IPv%d", inet6 ? 6 : 4);
	x = socket(domain, SOCK_DGRAM, 0);
	y = socket(domain, SOCK_DGRAM, 0);
	a.any.sa_family = (sa_family_t)domain;
	if (inet6)
		a.in6.sin6_addr = in6addr_loopback;
	else
		a.in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	told(bind(y, &a.any, inet6 ? sizeof(a.in6) : sizeof(a.in)));
	getsockname(y, &a.any, &len);
	told(connect(x, &a.any, len));
	len = sizeof(a);
	getsockname(x, &a.any, &len);
	if (both)
		told(connect(y, &a.any, len));
	slot_put(x, KIND_UDP, inet6);
	slot_put(y, KIND_UDP, inet6);
}

void random_pairs(struct dice *d)
{
	int fd[2] = { -1, -1 };
	long type;

	switch (roll(d, 12)) {
	default:
		stream_pair(d, odds(d, 3));
		return;
	case 0:
	case 1:
		datagram_pair(d, odds(d, 3));
		return;
	case 2:
		type = one(d, SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET);
		say("socketpair(unix, %ld)", type);
		told(socketpair(AF_UNIX, (int)type, 0, fd));
		slot_put(fd[0], KIND_UNIX, false);
		slot_put(fd[1], KIND_UNIX, false);
		return;
	case 3:
		say("pipe");
		type = one(d, 0, 0, O_NONBLOCK);
		told(pipe2(fd, (int)type));
		slot_put(fd[0], KIND_PIPE, false);
		slot_put(fd[1], KIND_PIPE, false);
		return;
	case 4:
		type = one(d, AF_INET, AF_INET6, 99);
		say("socketpair(%ld)", type);
		told(socketpair((int)type,
				odds(d, 2) ? SOCK_STREAM : SOCK_DGRAM, 0, fd));
		return;
	case 5:
	case 6:
		say("epoll_create1");
		slot_put(told(epoll_create1(odds(d, 2) ? EPOLL_CLOEXEC : 0)),
			 KIND_EPOLL, false);
		return;
	case 7:
		if (!odds(d, 3)) {
			stream_pair(d, odds(d, 3));
			return;
		}
		say("eventfd");
		slot_put(told(eventfd(roll(d, 2), EFD_NONBLOCK)), KIND_FILE,
			 false);
		return;
	}
}

void random_bind(struct dice *d)
{
	const struct sockaddr *to;
	union address a;
	socklen_t len;
	int slot = slot_pick(d, KIND_SOCKET), fd;

	say("bind ");
	fd = slot_fd(slot);
	say(" to ");
	to = address_draw(d, slot, true, &a, &len);
	errno = 0;
	told(bind(fd, to, len));
}

void random_listen(struct dice *d)
{
	int slot = slot_pick(d, KIND_TCP | (odds(d, 5) ? KIND_ANY : 0));
	int fd, backlog = (int)one(d, 0, 1, 2, 5, 128, -1);

	say("listen ");
	fd = slot_fd(slot);
	say(" %d", backlog);
	errno = 0;
	told(listen(fd, backlog));
}

void random_connect(struct dice *d)
{
	const struct sockaddr *to;
	union address a;
	socklen_t len;
	int slot = slot_pick(d, KIND_SOCKET), fd, from;

	say("connect ");
	fd = slot_fd(slot);
	say(" to ");
	from = slot_pick(d, KIND_SOCKET);
	/* Most often to where somebody is. */
	len = sizeof(a);
	if (!odds(d, 4) && from >= 0 && slot >= 0 &&
	    slots[from].kind == slots[slot].kind &&
	    !getsockname(slots[from].fd, &a.any, &len)) {
		say("s%d ", from);
		address_say(&a, len);
		to = &a.any;
	} else {
		to = address_draw(d, slot, false, &a, &len);
	}
	/* To port 0 the kernel connects a datagram socket, for what it is
	 * worth. */
	if (slot >= 0 && slots[slot].kind == KIND_UDP && to == &a.any &&
	    a.any.sa_family != AF_UNSPEC && !a.in.sin_port) {
		a.in.sin_port = htons((uint16_t)seed_port);
		say(" P0");
	}
	told(TIMED(connect(fd, to, len)));
}

void random_accept(struct dice *d)
{
	union address a;
	socklen_t len = (socklen_t)one(d, sizeof(a), sizeof(a), sizeof(a), 16,
				       28, 0, 3, -1);
	bool named = odds(d, 2);
	long flags = one(d, 0, 0, SOCK_NONBLOCK, SOCK_CLOEXEC);
	int slot = slot_pick(d, KIND_TCP | (odds(d, 4) ? KIND_ANY : 0));
	int from = slot;
	int fd, y;
	struct sockaddr *to = NULL;
	socklen_t *tolen = NULL;

	/* Most often one that listens. */
	for (int i = 0; slot >= 0 && i < SLOTS && !odds(d, 10); i++) {
		int on = 0;
		socklen_t n = sizeof(on);

		from = (slot + i) % SLOTS;
		if (slots[from].fd >= 0 &&
		    !getsockopt(slots[from].fd, SOL_SOCKET, SO_ACCEPTCONN, &on,
				&n) &&
		    on)
			break;
		from = slot;
	}
	say("accept ");
	fd = slot_fd(from);
	memset(&a, 0, sizeof(a));
	if (odds(d, 30))
		flags = one(d, 1, 0x10000);
	if (named) {
		say(" named %d", (int)len);
		to = pointer_draw(d, &a);
		tolen = pointer_draw(d, &len);
	}
	say(" flags %lx", flags);
	y = (int)TIMED(accept4(fd, to, tolen, (int)flags));
	told(y);
	if (y >= 0) {
		if (named) {
			say(" from ");
			address_say(&a, len);
		}
		slot_put(y, from < 0 ? KIND_TCP : slots[from].kind,
			 from >= 0 && slots[from].inet6);
	}
}

void random_name(struct dice *d)
{
	union address a;
	socklen_t len =
		(socklen_t)one(d, sizeof(a), sizeof(a), 16, 28, 0, 3, 8, -1);
	bool peer = odds(d, 2);
	int slot = slot_pick(d, KIND_SOCKET | (odds(d, 9) ? KIND_ANY : 0)), fd;
	struct sockaddr *to;
	socklen_t *tolen;
	int err;

	memset(&a, TOUCHED, sizeof(a));
	say("%s ", peer ? "getpeername" : "getsockname");
	fd = slot_fd(slot);
	say(" in %d", (int)len);
	to = pointer_draw(d, &a);
	tolen = pointer_draw(d, &len);
	errno = 0;
	err = (peer ? getpeername : getsockname)(fd, to, tolen);
	told(err);
	if (!err && to == &a.any) {
		say(" ");
		address_say(&a, len);
	}
}

void random_shutdown(struct dice *d)
{
	int slot = slot_pick(d, KIND_SOCKET | (odds(d, 9) ? KIND_ANY : 0)), fd;
	long how = one(d, SHUT_RD, SHUT_WR, SHUT_WR, SHUT_RDWR);

	if (odds(d, 20))
		how = one(d, 3, -1);
	say("shutdown ");
	fd = slot_fd(slot);
	say(" %ld", how);
	errno = 0;
	told(shutdown(fd, (int)how));
}

void random_close(struct dice *d)
{
	int slot = slot_pick(d, KIND_ANY), fd;

	say("close ");
	fd = slot_fd(slot);
	told(TIMED(close(fd)));
	if (slot >= 0)
		slot_closed(slot);
}

static void same_kind(int slot, long fd)
{
	if (slot >= 0)
		slot_put(fd, slots[slot].kind, slots[slot].inet6);
}

void random_dup(struct dice *d)
{
	int slot = slot_pick(d, KIND_ANY), fd, over;
	long n;

	switch (roll(d, 4)) {
	default:
		say("dup ");
		fd = slot_fd(slot);
		errno = 0;
		same_kind(slot, told(dup(fd)));
		return;
	case 0:
		n = one(d, 0, 10, 30, -1, 1 << 30);
		say("F_DUPFD ");
		fd = slot_fd(slot);
		say(" from %ld", n);
		errno = 0;
		same_kind(slot,
			  told(fcntl(fd, odds(d, 2) ? F_DUPFD : F_DUPFD_CLOEXEC,
				     n)));
		return;
	case 1:
		over = slot_pick(d, KIND_ANY);
		say("dup2 ");
		fd = slot_fd(slot);
		say(" over ");
		n = slot_fd(over);
		n = told(odds(d, 2) ? dup2(fd, (int)n)
				    : dup3(fd, (int)n,
					   odds(d, 2) ? O_CLOEXEC : 0));
		if (n >= 0 && slot >= 0 && over >= 0) {
			slots[over].kind = slots[slot].kind;
			slots[over].inet6 = slots[slot].inet6;
		}
		return;
	}
}

void random_fcntl(struct dice *d)
{
	int slot = slot_pick(d, KIND_ANY), fd;
	static const struct {
		const char *name;
		int cmd;
		long arg;
	} cmds[] = {
		{ "F_GETFL", F_GETFL, 0 },
		{ "F_GETFD", F_GETFD, 0 },
		{ "F_SETFD", F_SETFD, FD_CLOEXEC },
		{ "F_SETFD", F_SETFD, 0 },
		{ "F_SETFL", F_SETFL, 0 },
		{ "F_SETFL", F_SETFL, O_NONBLOCK },
		{ "F_SETFL", F_SETFL, O_NONBLOCK | O_SYNC },
		{ "F_SETFL", F_SETFL, O_DIRECT },
		{ "F_SETFL", F_SETFL, O_NOATIME },
		{ "F_GETOWN", F_GETOWN, 0 },
		{ "F_GETSIG", F_GETSIG, 0 },
		{ "F_SETSIG", F_SETSIG, 99 },
		{ "F_GETLEASE", F_GETLEASE, 0 },
		{ "F_GETPIPE_SZ", F_GETPIPE_SZ, 0 },
		{ "F_GET_SEALS", F_GET_SEALS, 0 },
		{ "F_GETLK", F_GETLK, 64 },
		{ "99", 99, 0 },
	};
	unsigned int c = roll(d, sizeof(cmds) / sizeof(*cmds));

	say("fcntl ");
	fd = slot_fd(slot);
	say(" %s %lx", cmds[c].name, cmds[c].arg);
	errno = 0;
	told(fcntl(fd, cmds[c].cmd, cmds[c].arg));
}

/* What is asked of any file. */
void random_file(struct dice *d)
{
	int slot = slot_pick(d, KIND_SOCKET | KIND_EPOLL), fd;
	struct iovec iov = { buf, 4 };
	struct stat st;

	say("file ");
	fd = slot_fd(slot);
	errno = 0;
	switch (roll(d, 10)) {
	case 0:
		say(" lseek");
		told(lseek(fd, 0, SEEK_CUR));
		return;
	case 1:
		say(" pread");
		told(pread(fd, buf, 4, 0));
		return;
	case 2:
		say(" pwrite");
		told(pwrite(fd, buf, 4, 0));
		return;
	case 3:
		say(" ftruncate");
		told(ftruncate(fd, 0));
		return;
	case 4:
		say(" fsync");
		told(fsync(fd));
		return;
	case 5:
		say(" fstat");
		if (!told(fstat(fd, &st)))
			say(" %o", st.st_mode);
		return;
	case 6:
		say(" preadv");
		told(preadv(fd, &iov, 1, 0));
		return;
	case 7:
		say(" preadv2 from here");
		told(TIMED(preadv2(fd, &iov, 1, -1, 0)));
		return;
	case 8:
		say(" pwritev2 from here, no waiting");
		fill(buf, 4);
		told(TIMED(pwritev2(fd, &iov, 1, -1, RWF_NOWAIT)));
		return;
	default:
		say(" fallocate");
		told(fallocate(fd, 0, 0, 10));
		return;
	}
}
