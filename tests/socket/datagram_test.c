/* SPDX-License-Identifier: BSD-2-Clause */
/* Datagrams, call by call, as stream_test.c has streams. */
#include "two_hosts.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <linux/errqueue.h>
#include <netinet/udp.h>
#include <sys/socket.h>

#include "socket/work.h"

static void datagrams_keep_their_bounds(void **state)
{
	struct sockaddr_in to = { .sin_family = AF_INET,
				  .sin_port = htons(53),
				  .sin_addr.s_addr =
					  htonl(0x0a4d0000 | B_LAST) },
			   from;
	socklen_t len = sizeof(from);
	static char big[60000], back[60000];
	char buf[8];
	int x = udp(&a, 1000), y = udp(&b, 53);

	(void)state;
	assert_int_equal(SF(&a, SYS_sendto, x, "one", 3, 0, &to, sizeof(to)),
			 3);
	assert_int_equal(SF(&a, SYS_sendto, x, "", 0, 0, &to, sizeof(to)), 0);
	assert_int_equal(SF(&a, SYS_sendto, x, "longer than that", 16, 0, &to,
			    sizeof(to)),
			 16);
	assert_int_equal(SF(&b, SYS_recvfrom, y, buf, 8, 0, &from, &len), 3);
	assert_int_equal(ntohs(from.sin_port), 1000);
	assert_int_equal(ntohl(from.sin_addr.s_addr), 0x0a4d0000 | A_LAST);
	assert_int_equal(SF(&b, SYS_recvfrom, y, buf, 8, 0, 0, 0), 0);
	assert_int_equal(SF(&b, SYS_recvfrom, y, buf, 8, MSG_TRUNC, 0, 0), 16);
	assert_memory_equal(buf, "longer t", 8);
	assert_int_equal(SF(&b, SYS_recvfrom, y, buf, 8, MSG_DONTWAIT, 0, 0),
			 -EAGAIN);
	/* Larger than any frame: in fragments. */
	for (size_t i = 0; i < sizeof(big); i++)
		big[i] = (char)(i * 7 + i / 251);
	assert_int_equal(SF(&a, SYS_sendto, x, big, sizeof(big), 0, &to,
			    sizeof(to)),
			 sizeof(big));
	assert_int_equal(SF(&b, SYS_recvfrom, y, back, sizeof(back), 0, 0, 0),
			 sizeof(back));
	assert_memory_equal(big, back, sizeof(big));
	assert_int_equal(SF(&a, SYS_sendto, x, big, 70000, 0, &to, sizeof(to)),
			 -EMSGSIZE);
}

static void a_connected_datagram_socket_learns_of_refusal(void **state)
{
	struct sockaddr_in to = { .sin_family = AF_INET,
				  .sin_port = htons(54),
				  .sin_addr.s_addr =
					  htonl(0x0a4d0000 | B_LAST) };
	char buf[8];
	int x = udp(&a, 0);

	(void)state;
	assert_int_equal(SF(&a, SYS_sendto, x, "x", 1, 0, 0, 0), -EDESTADDRREQ);
	assert_int_equal(SF(&a, SYS_connect, x, &to, sizeof(to), 0, 0, 0), 0);
	assert_int_equal(SF(&a, SYS_sendto, x, "x", 1, 0, 0, 0), 1);
	assert_int_equal(SF(&a, SYS_recvfrom, x, buf, 8, MSG_DONTWAIT, 0, 0),
			 -ECONNREFUSED);
	assert_int_equal(SF(&a, SYS_recvfrom, x, buf, 8, MSG_DONTWAIT, 0, 0),
			 -EAGAIN);
}

static int datagram(struct socket_thread *t, int protocol)
{
	return (int)SF(t, SYS_socket, AF_INET, SOCK_DGRAM, protocol, 0, 0, 0);
}

static struct sockaddr_in at(uint8_t last, uint16_t port)
{
	return (struct sockaddr_in){ .sin_family = AF_INET,
				     .sin_port = htons(port),
				     .sin_addr.s_addr =
					     htonl(0x0a4d0000u + last) };
}

static void set_on(struct socket_thread *t, int fd, int level, int name)
{
	int on = 1;

	assert_int_equal(
		SF(t, SYS_setsockopt, fd, level, name, &on, sizeof(on), 0), 0);
}

/* Receives into @m, whose buffers are static; the first message of @type. */
static struct cmsghdr *receive_note(struct socket_thread *t, int fd,
				    struct msghdr *m, int flags, int type)
{
	static char control[256], data[256];
	static struct iovec iov;
	static struct sockaddr_in from;

	iov = (struct iovec){ data, sizeof(data) };
	*m = (struct msghdr){ .msg_name = &from,
			      .msg_namelen = sizeof(from),
			      .msg_iov = &iov,
			      .msg_iovlen = 1,
			      .msg_control = control,
			      .msg_controllen = sizeof(control) };
	assert_true(SF(t, SYS_recvmsg, fd, m, flags, 0, 0, 0) >= 0);
	for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c))
		if (c->cmsg_type == type)
			return c;
	return NULL;
}

static void tells_of_datagrams(void **state)
{
	struct sockaddr_in to = at(B_LAST, 53);
	struct in_pktinfo info;
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(int))] = { 0 };
	struct cmsghdr *h = (struct cmsghdr *)control;
	int ttl = 7;
	char text[] = "abc";
	struct iovec iov = { text, 3 };
	struct msghdr m = { &to, sizeof(to), &iov,
			    1,	 control,    CMSG_LEN(sizeof(int)),
			    0 },
		      got;
	int x = datagram(&a, 0), y = datagram(&b, 0), v;
	struct cmsghdr *c;

	(void)state;
	*h = (struct cmsghdr){ CMSG_LEN(sizeof(ttl)), IPPROTO_IP, IP_TTL };
	memcpy(CMSG_DATA(h), &ttl, sizeof(ttl));
	assert_int_equal(SF(&b, SYS_bind, y, &to, sizeof(to), 0, 0, 0), 0);
	set_on(&b, y, IPPROTO_IP, IP_PKTINFO);
	set_on(&b, y, IPPROTO_IP, IP_RECVTTL);
	set_on(&b, y, IPPROTO_IP, IP_RECVTOS);
	set_on(&b, y, SOL_SOCKET, SO_TIMESTAMP);
	for (int i = 0; i < 4; i++)
		assert_int_equal(SF(&a, SYS_sendmsg, x, &m, 0, 0, 0, 0), 3);
	c = receive_note(&b, y, &got, 0, IP_PKTINFO);
	assert_non_null(c);
	memcpy(&info, CMSG_DATA(c), sizeof(info));
	assert_int_equal(info.ipi_addr.s_addr, to.sin_addr.s_addr);
	assert_int_equal(info.ipi_ifindex, 2);
	c = receive_note(&b, y, &got, 0, IP_TTL);
	assert_non_null(c);
	memcpy(&v, CMSG_DATA(c), sizeof(v));
	assert_int_equal(v, 7);
	assert_int_equal(got.msg_flags, 0);
	c = receive_note(&b, y, &got, 0, SO_TIMESTAMP);
	assert_non_null(c);
	/* Cut where there is no room, and said so. */
	got.msg_controllen = CMSG_LEN(4);
	assert_int_equal(SF(&b, SYS_recvmsg, y, &got, 0, 0, 0, 0), 3);
	assert_int_equal(got.msg_flags, MSG_CTRUNC);
	assert_int_equal(got.msg_controllen, CMSG_LEN(4));
	/* Nonsense is refused. */
	ttl = 256;
	memcpy(CMSG_DATA(h), &ttl, sizeof(ttl));
	assert_int_equal(SF(&a, SYS_sendmsg, x, &m, 0, 0, 0, 0), -EINVAL);
	h->cmsg_len = 3;
	assert_int_equal(SF(&a, SYS_sendmsg, x, &m, 0, 0, 0, 0), -EINVAL);
}

static void keeps_errors_for_who_asks(void **state)
{
	struct sockaddr_in to = at(B_LAST, 9), name;
	struct sock_extended_err ee;
	struct pollfd p = { datagram(&a, 0), POLLIN, 0 };
	struct cmsghdr *c;
	struct msghdr m = { 0 };

	(void)state;
	set_on(&a, p.fd, IPPROTO_IP, IP_RECVERR);
	assert_int_equal(SF(&a, SYS_recvmsg, p.fd, &m, MSG_ERRQUEUE, 0, 0, 0),
			 -EAGAIN);
	assert_int_equal(
		SF(&a, SYS_sendto, p.fd, "hello", 5, 0, &to, sizeof(to)), 5);
	assert_int_equal(SF(&a, SYS_poll, &p, 1, 1000, 0, 0, 0), 1);
	assert_int_equal(p.revents & POLLERR, POLLERR);
	c = receive_note(&a, p.fd, &m, MSG_ERRQUEUE, IP_RECVERR);
	assert_non_null(c);
	memcpy(&ee, CMSG_DATA(c), sizeof(ee));
	assert_int_equal(ee.ee_errno, ECONNREFUSED);
	assert_int_equal(ee.ee_origin, SO_EE_ORIGIN_ICMP);
	assert_int_equal(ee.ee_type, 3);
	assert_int_equal(ee.ee_code, 3);
	assert_int_equal(m.msg_flags, MSG_ERRQUEUE);
	assert_memory_equal(m.msg_iov->iov_base, "hello", 5);
	memcpy(&name, m.msg_name, sizeof(name));
	assert_int_equal(name.sin_addr.s_addr, to.sin_addr.s_addr);
	assert_int_equal(name.sin_port, to.sin_port);
	assert_int_equal(SF(&a, SYS_recvmsg, p.fd, &m, MSG_ERRQUEUE, 0, 0, 0),
			 -EAGAIN);
}

static void pings(void **state)
{
	struct sockaddr_in to = at(B_LAST, 0);
	uint8_t request[16] = { 8, 0, 0, 0, 0xaa, 0xaa, 0, 5, 'p' }, reply[32];
	int x = datagram(&a, IPPROTO_ICMP);

	(void)state;
	assert_int_equal(SF(&a, SYS_sendto, x, request, 16, 0, &to, sizeof(to)),
			 16);
	assert_int_equal(SF(&a, SYS_recvfrom, x, reply, sizeof(reply),
			    MSG_DONTWAIT, 0, 0),
			 16);
	assert_int_equal(reply[0], 0);
	assert_memory_equal(reply + 6, request + 6, 10);
	/* Only requests, and nothing shorter than one. */
	request[0] = 0;
	assert_int_equal(SF(&a, SYS_sendto, x, request, 16, 0, &to, sizeof(to)),
			 -EINVAL);
	assert_int_equal(SF(&a, SYS_sendto, x, request, 7, 0, &to, sizeof(to)),
			 -EINVAL);
	assert_int_equal(datagram(&a, IPPROTO_ICMPV6), -EPROTONOSUPPORT);
}

/* UDP_SEGMENT: one call, many datagrams; the control message outdoes the
 * option. */
static void a_call_may_send_many_datagrams(void **state)
{
	struct sockaddr_in to = at(B_LAST, 53);
	union {
		struct cmsghdr header;
		char space[CMSG_SPACE(sizeof(uint16_t))];
	} control = { .header = { CMSG_LEN(sizeof(uint16_t)), IPPROTO_UDP,
				  UDP_SEGMENT } };
	static char big[2500], buf[4000];
	struct iovec iov[2] = { { big, 700 }, { big + 700, 1800 } };
	struct msghdr msg = { .msg_name = &to,
			      .msg_namelen = sizeof(to),
			      .msg_iov = iov,
			      .msg_iovlen = 2 };
	int x = datagram(&a, 0), y = datagram(&b, 0), v = 1000;
	uint16_t segment = 2000;

	(void)state;
	for (size_t i = 0; i < sizeof(big); i++)
		big[i] = (char)(i * 7 + i / 251);
	assert_int_equal(SF(&b, SYS_bind, y, &to, sizeof(to), 0, 0, 0), 0);
	assert_int_equal(SF(&a, SYS_setsockopt, x, IPPROTO_UDP, UDP_SEGMENT, &v,
			    4, 0),
			 0);
	assert_int_equal(SF(&a, SYS_sendmsg, x, &msg, 0, 0, 0, 0), 2500);
	for (int i = 0; i < 3; i++) {
		size_t want = i < 2 ? 1000 : 500;

		assert_int_equal(SF(&b, SYS_recvfrom, y, buf, sizeof(buf),
				    MSG_DONTWAIT, 0, 0),
				 want);
		assert_memory_equal(buf, big + i * 1000, want);
	}
	assert_int_equal(SF(&b, SYS_recvfrom, y, buf, sizeof(buf), MSG_DONTWAIT,
			    0, 0),
			 -EAGAIN);
	/* Larger than the link; fits into one; as the message says. */
	memcpy(CMSG_DATA(&control.header), &segment, 2);
	msg.msg_control = &control;
	msg.msg_controllen = sizeof(control);
	assert_int_equal(SF(&a, SYS_sendmsg, x, &msg, 0, 0, 0, 0), -EINVAL);
	segment = 1250;
	memcpy(CMSG_DATA(&control.header), &segment, 2);
	assert_int_equal(SF(&a, SYS_sendmsg, x, &msg, 0, 0, 0, 0), 2500);
	for (int i = 0; i < 2; i++)
		assert_int_equal(SF(&b, SYS_recvfrom, y, buf, sizeof(buf),
				    MSG_DONTWAIT, 0, 0),
				 1250);
	v = 70000;
	assert_int_equal(SF(&a, SYS_setsockopt, x, IPPROTO_UDP, UDP_SEGMENT, &v,
			    4, 0),
			 -EINVAL);
}

/* UDP_GRO: one read, many datagrams of one sender, all but the last as long. */
static void a_read_may_take_many_datagrams(void **state)
{
	struct sockaddr_in to = at(B_LAST, 53);
	union {
		struct cmsghdr header;
		char space[CMSG_SPACE(sizeof(int))];
	} control;
	static char big[2500], buf[4000];
	struct iovec iov = { buf, sizeof(buf) };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	int x = datagram(&a, 0), y = datagram(&b, 0), other = datagram(&a, 0);
	int v = 1000, on = 1, got = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(big); i++)
		big[i] = (char)(i * 5 + i / 251);
	SF(&b, SYS_bind, y, &to, sizeof(to), 0, 0, 0);
	SF(&a, SYS_setsockopt, x, IPPROTO_UDP, UDP_SEGMENT, &v, 4, 0);
	SF(&b, SYS_setsockopt, y, IPPROTO_UDP, UDP_GRO, &on, 4, 0);
	for (int round = 0; round < 2; round++)
		assert_int_equal(SF(&a, SYS_sendto, x, big, sizeof(big), 0, &to,
				    sizeof(to)),
				 sizeof(big));
	SF(&a, SYS_sendto, x, big, 1000, 0, &to, sizeof(to));
	SF(&a, SYS_sendto, other, big, 1000, 0, &to, sizeof(to));
	/* A peek takes one; then a train each, ended by its short carriage. */
	assert_int_equal(SF(&b, SYS_recvfrom, y, buf, sizeof(buf),
			    MSG_PEEK | MSG_DONTWAIT, 0, 0),
			 1000);
	for (int round = 0; round < 2; round++) {
		memset(&control, 0, sizeof(control));
		msg.msg_control = &control;
		msg.msg_controllen = sizeof(control);
		assert_int_equal(SF(&b, SYS_recvmsg, y, &msg, MSG_DONTWAIT, 0,
				    0, 0),
				 sizeof(big));
		assert_memory_equal(buf, big, sizeof(big));
		assert_int_equal(msg.msg_flags, 0);
		assert_int_equal(control.header.cmsg_level, IPPROTO_UDP);
		assert_int_equal(control.header.cmsg_type, UDP_GRO);
		memcpy(&got, CMSG_DATA(&control.header), sizeof(got));
		assert_int_equal(got, 1000);
	}
	/* One of each sender: nothing to tell. */
	for (int round = 0; round < 2; round++) {
		msg.msg_control = &control;
		msg.msg_controllen = sizeof(control);
		assert_int_equal(SF(&b, SYS_recvmsg, y, &msg, MSG_DONTWAIT, 0,
				    0, 0),
				 1000);
		assert_int_equal(msg.msg_controllen, 0);
	}
	/* Only as many as there is room for. */
	SF(&a, SYS_sendto, x, big, sizeof(big), 0, &to, sizeof(to));
	assert_int_equal(SF(&b, SYS_recvfrom, y, buf, 2100, MSG_DONTWAIT, 0, 0),
			 2000);
	assert_int_equal(SF(&b, SYS_recvfrom, y, buf, 2100, MSG_DONTWAIT, 0, 0),
			 500);
	assert_int_equal(SF(&b, SYS_recvfrom, y, buf, 2100, MSG_DONTWAIT, 0, 0),
			 -EAGAIN);
}

static void udp_lite_is_its_own(void **state)
{
	struct sockaddr_in to = at(B_LAST, 53);
	int x = datagram(&a, IPPROTO_UDPLITE),
	    y = datagram(&b, IPPROTO_UDPLITE);
	int udp = datagram(&b, 0), v = 20;
	char buf[64];

	(void)state;
	assert_int_equal(SF(&b, SYS_bind, y, &to, sizeof(to), 0, 0, 0), 0);
	/* UDP has the same numbers for itself. */
	assert_int_equal(SF(&b, SYS_bind, udp, &to, sizeof(to), 0, 0, 0), 0);
	assert_int_equal(SF(&a, SYS_sendto, x, "whole", 5, 0, &to, sizeof(to)),
			 5);
	assert_int_equal(SF(&b, SYS_recvfrom, y, buf, 64, MSG_DONTWAIT, 0, 0),
			 5);
	assert_int_equal(SF(&b, SYS_recvfrom, udp, buf, 64, MSG_DONTWAIT, 0, 0),
			 -EAGAIN);
	/* What covers less than is demanded is not delivered. */
	assert_int_equal(
		SF(&a, SYS_setsockopt, x, IPPROTO_UDPLITE, 10, &v, 4, 0), 0);
	v = 30;
	assert_int_equal(
		SF(&b, SYS_setsockopt, y, IPPROTO_UDPLITE, 11, &v, 4, 0), 0);
	memset(buf, 'x', sizeof(buf));
	assert_int_equal(SF(&a, SYS_sendto, x, buf, 64, 0, &to, sizeof(to)),
			 64);
	assert_int_equal(SF(&b, SYS_recvfrom, y, buf, 64, MSG_DONTWAIT, 0, 0),
			 -EAGAIN);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(datagrams_keep_their_bounds),
		TEST(a_connected_datagram_socket_learns_of_refusal),
		TEST(tells_of_datagrams),
		TEST(keeps_errors_for_who_asks),
		TEST(pings),
		TEST(a_call_may_send_many_datagrams),
		TEST(a_read_may_take_many_datagrams),
		TEST(udp_lite_is_its_own),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
