// SPDX-License-Identifier: BSD-2-Clause
/* See live.h. The two ends are two processes; each has a testnet of its own, of
 * which it uses one host, so that both know both addresses. */
#include "bench/live.h"
#include "stack/segment.h"
#include "stack/testnet.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define BATCH	   64
#define PORT	   5001
#define BUFFER_MAX (64u << 20)
#define HEADERS	   66 /* Ethernet, IPv4, TCP with timestamps */

struct live {
	struct testnet *n;
	struct stack *st;
	uint32_t host;
	int fd;
	conn_ix c, listener;
	uint64_t read;
};

static uint64_t clock_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * NSEC_PER_SEC + (uint64_t)t.tv_nsec;
}

int live_open(void)
{
	struct sockaddr_ll a = { .sll_family = AF_PACKET,
				 .sll_protocol = htons(ETH_P_ALL) };
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int size = 64 << 20, on = 1;

	if (fd < 0)
		return fd;
	a.sll_ifindex = (int)if_nametoindex("tap0");
	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)) ||
	    setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size)) ||
	    setsockopt(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &on,
		       sizeof(on)) ||
	    bind(fd, (struct sockaddr *)&a, sizeof(a))) {
		close(fd);
		return -1;
	}
	return fd;
}

static void put_out(struct live *l)
{
	struct frame_list out = l->st->out, pieces = { 0, 0 };
	static unsigned char bytes[65536 + FRAME_HEADER_ROOM];
	frame_ix ix;

	l->st->out = (struct frame_list){ 0, 0 };
	while ((ix = frame_list_pop(&l->n->arena, &out)))
		if (frame_segment(&l->n->arena, ix, true, &pieces) < 0)
			exit(1);
	while ((ix = frame_list_pop(&l->n->arena, &pieces))) {
		const struct frame *f = frame_at(&l->n->arena, ix);

		memcpy(bytes, f->header, f->header_bytes);
		frame_copy_out(&l->n->arena, f, 0, bytes + f->header_bytes,
			       f->payload);
		/* Full: lost, as on any network. */
		if (send(l->fd, bytes, f->header_bytes + f->payload, 0) < 0 &&
		    errno != EAGAIN && errno != ENOBUFS)
			exit(1);
		frame_free(&l->n->arena, ix);
	}
}

static bool take_in(struct live *l)
{
	unsigned char bytes[2048];
	uint32_t n = 0;

	for (; n < BATCH; n++) {
		ssize_t got = recv(l->fd, bytes, sizeof(bytes), 0);
		frame_ix ix;
		struct frame *f;
		uint32_t header;

		if (got < ETH_HLEN)
			break;
		ix = frame_alloc(&l->n->arena);
		if (!ix)
			continue;
		f = frame_at(&l->n->arena, ix);
		header = min_u32((uint32_t)got, HEADERS);
		memcpy(f->header, bytes, header);
		f->header_bytes = (uint8_t)header;
		if (frame_fill(&l->n->arena, ix, bytes + header,
			       (uint32_t)got - header)) {
			frame_free(&l->n->arena, ix);
			continue;
		}
		l->st->now_ns = clock_ns();
		stack_input(l->st, ix);
	}
	return n;
}

static void write_all(struct live *l)
{
	static const char zero[65536];
	const struct conn *c = testnet_conn(l->n, l->c);

	if (c->state != CONN_ESTABLISHED || tcp_room(c) < c->sndbuf / 3)
		return;
	while (tcp_room(c) && tcp_append(l->st, l->c, zero, sizeof(zero)))
		;
	tcp_push(l->st, l->c, false);
}

static void read_all(struct live *l)
{
	struct frame_list list = { 0, 0 };

	if (!l->c) {
		l->c = tcp_accept(l->st, l->listener);
		if (!l->c)
			return;
		conn_own(l->st, l->c, 3, 2);
	}
	l->read += tcp_take(l->st, l->c, UINT32_MAX, &list);
	frame_list_free(&l->n->arena, &list);
	tcp_consumed(l->st, l->c);
}

static void begin(struct live *l, bool reno)
{
	struct ip_addr any = { .d = { 0, 0 } }, to = testnet_ip4(1);

	l->n->host[l->host]->config.rcvbuf_max = BUFFER_MAX;
	l->n->host[l->host]->config.sndbuf_max = BUFFER_MAX;
	l->st->now_ns = clock_ns();
	if (l->host) {
		if (conn_open(l->st, STACK_TCP, 1, 2, &l->listener) ||
		    conn_bind(l->st, l->listener, &any, PORT, 0) ||
		    tcp_listen(l->st, l->listener, 16))
			exit(1);
	} else if (conn_open(l->st, STACK_TCP, 2, 1, &l->c) ||
		   conn_set(l->st, l->c, CONN_CONGESTION, reno) ||
		   conn_connect(l->st, l->c, &to, PORT)) {
		exit(1);
	}
	put_out(l);
}

uint64_t live_run(uint32_t me, int fd, bool reno, uint64_t end_ns)
{
	struct live l = { .n = testnet_new(2, 1), .host = me - 1, .fd = fd };
	struct pollfd p = { .fd = fd, .events = POLLIN };
	uint64_t now, next;

	l.st = &l.n->st[l.host];
	begin(&l, reno);
	while ((now = clock_ns()) < end_ns) {
		bool busy = take_in(&l);

		l.st->now_ns = clock_ns();
		if (l.host)
			read_all(&l);
		else
			write_all(&l);
		if (stack_next_timer_ns(l.n->host[l.host]) <= l.st->now_ns)
			stack_timers(l.st);
		put_out(&l);
		if (busy)
			continue;
		next = stack_next_timer_ns(l.n->host[l.host]);
		next = next < end_ns ? next : end_ns;
		next = next > now ? next - now : 0;
		ppoll(&p, 1,
		      &(struct timespec){ (time_t)(next / NSEC_PER_SEC),
					  (long)(next % NSEC_PER_SEC) },
		      NULL);
	}
	return l.read;
}
