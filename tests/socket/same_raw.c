/* SPDX-License-Identifier: BSD-2-Clause */
/* Raw sockets: ICMP as old pings use it, protocols of one's own, headers of
 * one's own. Needs the right to open them. */
#include "same.h"

#include <netinet/icmp6.h>
#include <netinet/ip.h>
#include <netinet/ip_icmp.h>
#include <netinet/udp.h>

#define ICMP_FILTER                                              \
	1 /* linux/icmp.h, which quarrels with netinet/ip_icmp.h \
	   */

static uint16_t sum_of(const void *data, size_t bytes)
{
	const unsigned char *p = data;
	uint32_t sum = 0;

	for (size_t i = 0; i + 1 < bytes; i += 2)
		sum += (uint32_t)p[i] << 8 | p[i + 1];
	if (bytes & 1)
		sum += (uint32_t)p[bytes - 1] << 8;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return htons((uint16_t)~sum);
}

static void show(int fd)
{
	unsigned char buf[256] = { 0 };
	long n;

	same_readable(fd);
	n = recv(fd, buf, sizeof(buf), MSG_DONTWAIT);
	if (n < 0)
		printf("  nothing: %s\n", strerrorname_np(errno));
	else
		printf("  %ld bytes: version %d, protocol %d, ttl %d, icmp "
		       "%d/%d\n",
		       n, buf[0] >> 4, buf[9], buf[8], buf[20], buf[21]);
}

static void drain(int fd)
{
	char buf[2048];

	while (recv(fd, buf, sizeof(buf), MSG_DONTWAIT) >= 0)
		;
}

static void echo(void)
{
	struct sockaddr_in to = same_loopback(0), from;
	struct icmphdr h = { .type = ICMP_ECHO, .un.echo = { 7, 1 } };
	uint32_t filter = ~(1u << ICMP_ECHOREPLY);
	socklen_t len = sizeof(from);
	char buf[64];
	int r = socket(AF_INET, SOCK_RAW, IPPROTO_ICMP), v = 0;

	if (r < 0) {
		printf("  refused: %s\n", strerrorname_np(errno));
		return;
	}
	len = sizeof(v);
	STEP(getsockopt(r, SOL_SOCKET, SO_TYPE, &v, &len));
	printf("  type %d\n", v);
	STEP(getsockopt(r, SOL_SOCKET, SO_PROTOCOL, &v, &len));
	printf("  protocol %d\n", v);
	h.checksum = sum_of(&h, sizeof(h));
	STEP(sendto(r, &h, sizeof(h), 0, (void *)&to, sizeof(to)));
	show(r);
	show(r);
	show(r);
	STEP(setsockopt(r, SOL_RAW, ICMP_FILTER, &filter, sizeof(filter)));
	STEP(sendto(r, &h, sizeof(h), 0, (void *)&to, sizeof(to)));
	len = sizeof(from);
	same_readable(r);
	STEP(recvfrom(r, buf, sizeof(buf), 0, (void *)&from, &len));
	printf("  from %s port %d\n", inet_ntoa(from.sin_addr),
	       ntohs(from.sin_port));
	show(r);
	STEP(connect(r, (void *)&to, sizeof(to)));
	STEP(send(r, &h, sizeof(h), 0));
	show(r);
	STEP(listen(r, 1));
	STEP(accept(r, NULL, NULL));
	v = 1;
	STEP(setsockopt(r, IPPROTO_IP, IP_TTL, &v, sizeof(v)));
	STEP(send(r, &h, 4, 0));
	close(r);
}

/* A protocol that nobody knows, between two sockets. */
static void own_protocol(void)
{
	struct sockaddr_in to = same_loopback(0);
	int a = socket(AF_INET, SOCK_RAW, 200);
	int b = socket(AF_INET, SOCK_RAW, 200);
	int other = socket(AF_INET, SOCK_RAW, 201);

	if (a < 0 || b < 0)
		return;
	STEP(bind(b, (void *)&to, sizeof(to)));
	STEP(sendto(a, "hello", 5, 0, (void *)&to, sizeof(to)));
	show(a);
	show(b);
	STEP(send(a, "hello", 5, 0));
	STEP(sendto(other, "hello", 5, MSG_OOB, (void *)&to, sizeof(to)));
	drain(a);
	drain(b);
	show(other);
	close(a);
	close(b);
	close(other);
}

static void own_header(void)
{
	struct {
		struct iphdr ip;
		struct udphdr udp;
		char data[4];
	} p = { .ip = { .version = 4,
			.ihl = 5,
			.ttl = 9,
			.protocol = IPPROTO_UDP },
		.data = "abc" };
	struct sockaddr_in to = same_loopback(0), at;
	int x, y, r = socket(AF_INET, SOCK_RAW, IPPROTO_RAW), v = 1;
	socklen_t len = sizeof(at);
	char buf[8] = { 0 };

	if (r < 0)
		return;
	same_datagrams(&x, &y);
	getsockname(y, (void *)&at, &len);
	p.ip.saddr = to.sin_addr.s_addr;
	p.ip.daddr = to.sin_addr.s_addr;
	p.udp.source = htons(4242);
	p.udp.dest = at.sin_port;
	p.udp.len = htons(sizeof(p) - sizeof(p.ip));
	STEP(sendto(r, &p, sizeof(p), 0, (void *)&to, sizeof(to)));
	same_readable(y);
	len = sizeof(at);
	STEP(recvfrom(y, buf, sizeof(buf), MSG_DONTWAIT, (void *)&at, &len));
	printf("  %s from port %d\n", buf, ntohs(at.sin_port));
	STEP(sendto(r, &p, 8, 0, (void *)&to, sizeof(to)));
	STEP(recv(r, buf, sizeof(buf), MSG_DONTWAIT));
	close(r);
	r = socket(AF_INET, SOCK_RAW, IPPROTO_UDP);
	STEP(setsockopt(r, IPPROTO_IP, IP_HDRINCL, &v, sizeof(v)));
	len = sizeof(v);
	v = 0;
	STEP(getsockopt(r, IPPROTO_IP, IP_HDRINCL, &v, &len));
	printf("  %d\n", v);
	STEP(sendto(r, &p, sizeof(p), 0, (void *)&to, sizeof(to)));
	same_readable(y);
	STEP(recv(y, buf, sizeof(buf), MSG_DONTWAIT));
	/* It sees what comes for others. */
	show(r);
	close(r);
	close(x);
	close(y);
}

static void six(void)
{
	struct sockaddr_in6 to = { .sin6_family = AF_INET6,
				   .sin6_addr = IN6ADDR_LOOPBACK_INIT };
	struct icmp6_hdr h = { .icmp6_type = ICMP6_ECHO_REQUEST };
	struct icmp6_filter filter;
	unsigned char buf[64] = { 0 };
	int r = socket(AF_INET6, SOCK_RAW, IPPROTO_ICMPV6), v = 2;

	if (r < 0) {
		printf("  refused: %s\n", strerrorname_np(errno));
		return;
	}
	ICMP6_FILTER_SETBLOCKALL(&filter);
	ICMP6_FILTER_SETPASS(ICMP6_ECHO_REPLY, &filter);
	STEP(setsockopt(r, IPPROTO_ICMPV6, ICMP6_FILTER, &filter,
			sizeof(filter)));
	STEP(setsockopt(r, SOL_RAW, IPV6_CHECKSUM, &v, sizeof(v)));
	STEP(sendto(r, &h, sizeof(h), 0, (void *)&to, sizeof(to)));
	same_readable(r);
	/* Unlike IPv4's, without the IP header. */
	STEP(recv(r, buf, sizeof(buf), MSG_DONTWAIT));
	printf("  type %d\n", buf[0]);
	STEP(recv(r, buf, sizeof(buf), MSG_DONTWAIT));
	close(r);
}

static void refusals(void)
{
	STEP(socket(AF_INET, SOCK_RAW, 0));
	STEP(socket(AF_INET, SOCK_RDM, 0));
	STEP(socket(AF_INET, SOCK_SEQPACKET, 0));
	STEP(socket(AF_INET, SOCK_STREAM, IPPROTO_UDP));
	STEP(socket(AF_INET, SOCK_DGRAM, IPPROTO_TCP));
}

void same_raw(void)
{
	echo();
	own_protocol();
	own_header();
	six();
	refusals();
}
