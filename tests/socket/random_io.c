/* SPDX-License-Identifier: BSD-2-Clause */
/* Calls that send and receive. */
#include "random.h"

#include <linux/errqueue.h>
#include <netinet/ip.h>
#include <netinet/udp.h>
#include <sys/sendfile.h>
#include <sys/uio.h>

#define IOVS 4

static long send_flags(struct dice *d)
{
	long flags = one(d, 0, 0, 0, MSG_DONTWAIT, MSG_NOSIGNAL, MSG_MORE,
			 MSG_OOB, MSG_DONTWAIT | MSG_NOSIGNAL);

	if (odds(d, 15))
		flags |= one(d, MSG_EOR, MSG_CONFIRM, MSG_DONTROUTE,
			     MSG_WAITALL, MSG_PEEK, MSG_TRUNC, MSG_ERRQUEUE,
			     MSG_CTRUNC, 0x4000000, INT32_MIN);
	return flags;
}

static long recv_flags(struct dice *d)
{
	long flags = one(d, 0, 0, MSG_DONTWAIT, MSG_DONTWAIT, MSG_PEEK,
			 MSG_PEEK | MSG_DONTWAIT, MSG_OOB, MSG_TRUNC);

	if (odds(d, 6))
		flags |= one(d, MSG_WAITALL, MSG_ERRQUEUE, MSG_TRUNC, MSG_OOB,
			     MSG_PEEK, MSG_CMSG_CLOEXEC);
	if (odds(d, 20))
		flags |= one(d, MSG_EOR, MSG_CONFIRM, MSG_DONTROUTE, MSG_MORE,
			     MSG_NOSIGNAL, MSG_CTRUNC, 0x4000000, INT32_MIN);
	return flags;
}

static const struct sockaddr *to_whom(struct dice *d, int slot,
				      union address *a, socklen_t *len)
{
	int to = slot_pick(d, KIND_SOCKET);

	*len = sizeof(*a);
	if (!odds(d, 3) && to >= 0 && slot >= 0 &&
	    slots[to].kind == slots[slot].kind &&
	    !getsockname(slots[to].fd, &a->any, len)) {
		say(" to s%d ", to);
		address_say(a, *len);
		return &a->any;
	}
	say(" to ");
	return address_draw(d, slot, false, a, len);
}

void random_send(struct dice *d)
{
	const struct sockaddr *to = NULL;
	union address a;
	socklen_t len = 0;
	int slot = slot_pick(d, KIND_DATA | (odds(d, 20) ? KIND_ANY : 0)), fd;
	size_t n = length_draw(d);
	long flags = send_flags(d);
	bool plain = odds(d, 4) || (slot >= 0 && slots[slot].kind == KIND_PIPE);
	void *from;

	fill(buf, n);
	say(plain ? "write " : "send ");
	fd = slot_fd(slot);
	say(" %zu", n);
	from = pointer_draw(d, buf);
	if (plain) {
		told(TIMED(write(fd, from, n)));
		return;
	}
	say(" flags %lx", flags);
	if (odds(d, slot >= 0 && slots[slot].kind == KIND_TCP ? 8 : 2))
		to = to_whom(d, slot, &a, &len);
	told(TIMED(sendto(fd, from, n, (int)flags, to, len)));
}

static size_t vectors(struct dice *d, struct iovec *iov, bool sending)
{
	size_t count = roll(d, IOVS + 1), at = 0;

	for (size_t i = 0; i < count; i++) {
		size_t n = (size_t)one(d, 0, 1, 3, 10, 100, 1000, 3000);

		say(" %zu", n);
		iov[i] = (struct iovec){ pointer_draw(d, buf + at), n };
		at += n;
	}
	if (sending)
		fill(buf, at);
	else
		memset(buf, TOUCHED, at);
	if (odds(d, 60)) {
		say(" too many");
		return 2000;
	}
	return count;
}

/* --- ancillary data ----------------------------------------------------------
 */

static void control_add(struct msghdr *m, int level, int type, const void *data,
			size_t n)
{
	struct cmsghdr *c =
		(void *)((char *)m->msg_control + m->msg_controllen);

	c->cmsg_level = level;
	c->cmsg_type = type;
	c->cmsg_len = CMSG_LEN(n);
	memcpy(CMSG_DATA(c), data, n);
	m->msg_controllen += CMSG_SPACE(n);
	say(" with %d/%d/%zu", level, type, n);
}

static void control_draw(struct dice *d, struct msghdr *m, char *room)
{
	struct in_pktinfo info = { .ipi_spec_dst.s_addr = htonl(0x7f000002) };
	struct in6_pktinfo info6 = { .ipi6_addr = in6addr_loopback };
	int v = (int)one(d, 1, 64, 8, 0, 255, 256, -1);
	uint16_t segment = (uint16_t)one(d, 10, 100, 0);

	m->msg_control = room;
	m->msg_controllen = 0;
	switch (roll(d, 12)) {
	case 0:
		control_add(m, IPPROTO_IP, IP_PKTINFO, &info, sizeof(info));
		break;
	case 1:
		control_add(m, IPPROTO_IP, IP_TTL, &v, sizeof(v));
		break;
	case 2:
		control_add(m, IPPROTO_IP, IP_TOS, &v, odds(d, 2) ? 4 : 1);
		break;
	case 3:
		control_add(m, IPPROTO_IPV6, IPV6_PKTINFO, &info6,
			    sizeof(info6));
		break;
	case 4:
		control_add(m, IPPROTO_IPV6, IPV6_HOPLIMIT, &v, sizeof(v));
		break;
	case 5:
		control_add(m, IPPROTO_IPV6, IPV6_TCLASS, &v, sizeof(v));
		break;
	case 6:
		control_add(m, SOL_UDP, UDP_SEGMENT, &segment, sizeof(segment));
		break;
	case 7:
		control_add(m, SOL_SOCKET,
			    (int)one(d, 77, SCM_RIGHTS, SO_MARK, 37), &v,
			    sizeof(v));
		break;
	case 8:
		control_add(m, (int)one(d, 0, 6, 41, 17, 99), 99, &v,
			    sizeof(v));
		break;
	case 9:
		control_add(m, IPPROTO_IP, IP_TTL, &v, 1);
		break;
	case 10:
		control_add(m, IPPROTO_IP, IP_TTL, &v, sizeof(v));
		((struct cmsghdr *)room)->cmsg_len =
			(size_t)one(d, 0, 15, 16, 100, -1);
		say(" (long %zd)", (ssize_t)((struct cmsghdr *)room)->cmsg_len);
		break;
	default:
		control_add(m, IPPROTO_IP, IP_TOS, &v, sizeof(v));
		control_add(m, IPPROTO_IP, IP_TTL, &v, sizeof(v));
		break;
	}
	if (odds(d, 10)) {
		m->msg_controllen = (size_t)one(d, 1, 8, 15, 16, 17);
		say(" in %zu", m->msg_controllen);
	}
}

void random_sendmsg(struct dice *d)
{
	struct iovec iov[2000] = { { 0 } };
	_Alignas(8) char room[128] = { 0 };
	union address a;
	socklen_t len = 0;
	struct msghdr m = { .msg_iov = iov };
	int slot = slot_pick(d, KIND_SOCKET | (odds(d, 9) ? KIND_ANY : 0)), fd;
	long flags = send_flags(d);
	bool plain = odds(d, 4);

	say(plain ? "writev " : "sendmsg ");
	fd = slot_fd(slot);
	m.msg_iovlen = vectors(d, iov, true);
	if (plain) {
		told(TIMED(writev(fd, iov, (int)m.msg_iovlen)));
		return;
	}
	say(" flags %lx", flags);
	if (odds(d, slot >= 0 && slots[slot].kind == KIND_TCP ? 8 : 2)) {
		m.msg_name = (void *)to_whom(d, slot, &a, &len);
		m.msg_namelen = len;
	}
	if (odds(d, 3) && slot >= 0 && slots[slot].kind != KIND_UNIX)
		control_draw(d, &m, room);
	m.msg_iov = pointer_draw(d, iov);
	told(TIMED(sendmsg(fd, pointer_draw(d, &m), (int)flags)));
}

/* --- receiving ---------------------------------------------------------------
 */

/* What has come, and that nothing else was written. */
static void data_say(long n, size_t room)
{
	size_t got = n < 0 ? 0 : (size_t)n, end;

	if (got > room)
		got = room;
	for (end = room; end > got && buf[end - 1] == (char)TOUCHED; end--)
		;
	if (got)
		say(" %08x", digest(buf, got));
	if (end > got)
		say(" and %zu more bytes written", end - got);
}

void random_recv(struct dice *d)
{
	union address a;
	socklen_t len = (socklen_t)one(d, sizeof(a), sizeof(a), 16, 0, 3, -1);
	int slot = slot_pick(d, KIND_DATA | (odds(d, 20) ? KIND_ANY : 0)), fd;
	size_t n = length_draw(d);
	long flags = recv_flags(d), ret;
	bool plain = odds(d, 4) || (slot >= 0 && slots[slot].kind == KIND_PIPE);
	bool named = odds(d, 3);
	void *to;

	memset(buf, TOUCHED, n);
	memset(&a, 0, sizeof(a));
	say(plain ? "read " : "recv ");
	fd = slot_fd(slot);
	say(" %zu", n);
	to = pointer_draw(d, buf);
	if (plain) {
		ret = TIMED(read(fd, to, n));
	} else {
		say(" flags %lx", flags);
		if (named)
			say(" name in %d", (int)len);
		ret = TIMED(recvfrom(fd, to, n, (int)flags,
				     named ? &a.any : NULL,
				     named ? pointer_draw(d, &len) : NULL));
	}
	told(ret);
	data_say(ret, n);
	if (!plain && named && ret >= 0) {
		say(" from ");
		address_say(&a, len);
	}
}

static void error_say(const struct sock_extended_err *e, size_t n)
{
	union address a = { 0 };

	say(" errno %u origin %u type %u code %u info %u data %u", e->ee_errno,
	    e->ee_origin, e->ee_type, e->ee_code, e->ee_info, e->ee_data);
	if (n <= sizeof(*e))
		return;
	n -= sizeof(*e);
	memcpy(&a, SO_EE_OFFENDER(e), n > sizeof(a) ? sizeof(a) : n);
	say(" by ");
	address_say(&a, (socklen_t)n);
}

static void one_control_say(const struct cmsghdr *c)
{
	size_t n = c->cmsg_len - CMSG_LEN(0);
	int v = 0;

	say(" [%d/%d/%zu", c->cmsg_level, c->cmsg_type, n);
	memcpy(&v, CMSG_DATA(c), n < sizeof(v) ? n : sizeof(v));
	if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS) {
		for (size_t i = 0; i + sizeof(v) <= n; i += sizeof(v)) {
			memcpy(&v, CMSG_DATA(c) + i, sizeof(v));
			say(" fd %d", v);
			slot_put(v, KIND_FILE, false);
		}
	} else if (c->cmsg_level == SOL_SOCKET) {
		; /* times, processes */
	} else if ((c->cmsg_level == IPPROTO_IP &&
		    c->cmsg_type == IP_RECVERR) ||
		   (c->cmsg_level == IPPROTO_IPV6 &&
		    c->cmsg_type == IPV6_RECVERR)) {
		error_say((void *)CMSG_DATA(c), n);
	} else if (n > sizeof(v)) {
		say(" %08x", digest(CMSG_DATA(c), n));
	} else {
		say(" %d", v);
	}
	say("]");
}

static void control_say(struct msghdr *m)
{
	say(" flags %x control %zu", (unsigned int)m->msg_flags,
	    m->msg_controllen);
	for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c))
		one_control_say(c);
}

void random_recvmsg(struct dice *d)
{
	struct iovec iov[2000] = { { 0 } };
	_Alignas(8) char room[512];
	union address a;
	struct msghdr m = { .msg_iov = iov };
	int slot = slot_pick(d, KIND_SOCKET | (odds(d, 9) ? KIND_ANY : 0)), fd;
	long flags = recv_flags(d), ret;
	bool plain = odds(d, 5), named = odds(d, 2);
	size_t n = 0;

	memset(&a, 0, sizeof(a));
	memset(room, 0, sizeof(room));
	say(plain ? "readv " : "recvmsg ");
	fd = slot_fd(slot);
	m.msg_iovlen = vectors(d, iov, false);
	for (size_t i = 0; i < m.msg_iovlen && i < IOVS; i++)
		n += iov[i].iov_len;
	if (plain) {
		ret = TIMED(readv(fd, iov, (int)m.msg_iovlen));
		told(ret);
		data_say(ret, n);
		return;
	}
	say(" flags %lx", flags);
	if (named) {
		m.msg_name = &a;
		m.msg_namelen =
			(socklen_t)one(d, sizeof(a), 16, 0, 3, sizeof(a), -1);
		say(" name in %d", (int)m.msg_namelen);
	}
	if (!odds(d, 3)) {
		m.msg_control = pointer_draw(d, room);
		m.msg_controllen =
			(size_t)one(d, sizeof(room), sizeof(room), sizeof(room),
				    64, 24, 20, 16, 12, 8);
		say(" control in %zu", m.msg_controllen);
	}
	ret = TIMED(recvmsg(fd, pointer_draw(d, &m), (int)flags));
	told(ret);
	data_say(ret, n);
	if (ret < 0)
		return;
	if (named) {
		say(" from ");
		address_say(&a, m.msg_namelen);
	}
	control_say(&m);
}

void random_several(struct dice *d)
{
	struct mmsghdr m[3];
	struct iovec iov[3];
	union address a[3];
	struct timespec ts = { 0, 5000000 };
	int slot = slot_pick(d, KIND_SOCKET), fd;
	bool sending = odds(d, 2);
	unsigned int count = roll(d, 4);
	long flags = sending ? send_flags(d) : recv_flags(d), ret;
	size_t at = 0;

	if (!sending && odds(d, 3))
		flags |= MSG_WAITFORONE;
	memset(m, 0, sizeof(m));
	memset(a, 0, sizeof(a));
	say(sending ? "sendmmsg " : "recvmmsg ");
	fd = slot_fd(slot);
	say(" flags %lx", flags);
	for (unsigned int i = 0; i < count; i++) {
		iov[i] = (struct iovec){ buf + at, length_draw(d) };
		if (at + iov[i].iov_len > sizeof(buf))
			iov[i].iov_len = 0;
		at += iov[i].iov_len;
		say(", %zu", iov[i].iov_len);
		m[i].msg_hdr.msg_iov = &iov[i];
		m[i].msg_hdr.msg_iovlen = 1;
		if (sending && odds(d, 2)) {
			socklen_t len;

			m[i].msg_hdr.msg_name =
				(void *)to_whom(d, slot, &a[i], &len);
			m[i].msg_hdr.msg_namelen = len;
		}
	}
	if (sending) {
		fill(buf, at);
		ret = TIMED(sendmmsg(fd, m, count, (int)flags));
	} else {
		memset(buf, TOUCHED, at);
		ret = TIMED(recvmmsg(fd, m, count, (int)flags,
				     odds(d, 2) ? &ts : NULL));
	}
	told(ret);
	for (long i = 0; i < ret; i++) {
		say(" %u", m[i].msg_len);
		if (!sending)
			say("/%08x/%x",
			    digest(iov[i].iov_base,
				   m[i].msg_len < iov[i].iov_len
					   ? m[i].msg_len
					   : iov[i].iov_len),
			    (unsigned int)m[i].msg_hdr.msg_flags);
	}
}

/* --- from descriptor to descriptor -------------------------------------------
 */

void random_splice(struct dice *d)
{
	int from = slot_pick(d, KIND_DATA), to = slot_pick(d, KIND_DATA);
	size_t n = length_draw(d);
	unsigned int flags =
		(unsigned int)one(d, 0, SPLICE_F_NONBLOCK, SPLICE_F_MORE,
				  SPLICE_F_NONBLOCK, 0x100);
	struct iovec iov = { buf, n };
	int in, out, file;
	off_t at = 3;

	switch (roll(d, 6)) {
	default:
		say("splice ");
		in = slot_fd(from);
		say(" to ");
		out = slot_fd(to);
		say(" %zu flags %x", n, flags);
		told(TIMED(splice(in, NULL, out, NULL, n, flags)));
		return;
	case 0:
		say("tee ");
		in = slot_fd(from);
		say(" to ");
		out = slot_fd(to);
		say(" %zu flags %x", n, flags);
		told(TIMED(tee(in, out, n, flags)));
		return;
	case 1:
		say("vmsplice ");
		out = slot_fd(to);
		say(" %zu flags %x", n, flags);
		fill(buf, n);
		/* A copy: pages would be filled anew while in the pipe. */
		if (to >= 0 && slots[to].kind == KIND_PIPE)
			told(TIMED(write(out, buf, n)));
		else
			told(TIMED(vmsplice(out, &iov, 1, flags)));
		return;
	case 2:
	case 3:
		say("sendfile to ");
		out = slot_fd(to = slot_pick(d, KIND_TCP));
		file = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
		say(" %zu", n);
		told(TIMED(sendfile(out, file, odds(d, 2) ? &at : NULL, n)));
		say(" at %ld", (long)at);
		close(file);
		return;
	}
}

void random_rights(struct dice *d)
{
	int slot = slot_pick(d, KIND_UNIX), what = slot_pick(d, KIND_ANY), fd;
	_Alignas(8) char room[CMSG_SPACE(sizeof(int))] = { 0 };
	struct iovec iov = { buf, 1 };
	struct msghdr m = { .msg_iov = &iov,
			    .msg_iovlen = 1,
			    .msg_control = room,
			    .msg_controllen = sizeof(room) };
	struct cmsghdr *c = CMSG_FIRSTHDR(&m);
	int sent;

	fill(buf, 1);
	say("rights by ");
	fd = slot_fd(slot);
	say(" of ");
	sent = slot_fd(what);
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(c), &sent, sizeof(sent));
	told(TIMED(sendmsg(fd, &m, MSG_DONTWAIT)));
}
