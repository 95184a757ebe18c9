/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See dns_service.h: sockets, and who asked.
 *
 * An `ask` is a question under way to the host's resolver: over UDP it
 * remembers the asker's address, over TCP the connection. A connection asks one
 * question at a time and is not read meanwhile; one that goes away while its
 * question is under way lives on as `gone` until the answer comes.
 */
#include "daemon/dns_service.h"
#include "daemon/forward.h"
#include "daemon/log.h"
#include "daemon/names.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define DNS_PORT	53
#define MESSAGE_MAX	65535
#define UDP_BURST	64 /* datagrams in one turn of the loop */
#define TCP_CONNECTIONS 64
#define TCP_PATIENCE_NS (10 * NSEC_PER_SEC)

struct endpoint {
	struct loop_source source;
	struct dns_service *service;
};

struct dns_service {
	struct daemon *daemon;
	struct forward *forward;
	struct endpoint udp[2]; /* IPv4, IPv6 */
	struct endpoint tcp[2];
	struct conversation *first;
	uint32_t conversations;
};

/* A TCP connection. */
struct conversation {
	struct loop_source source;
	struct loop_timer patience;
	struct dns_service *service;
	struct conversation *next;
	bool asking;	 /* a question is under way */
	bool gone;	 /* and the connection is closed */
	bool conversing; /* inside converse() */
	size_t answer_bytes;
	size_t in_bytes;
	size_t out_bytes;
	size_t out_at;
	uint8_t in[2 + MESSAGE_MAX];
	uint8_t out[2 + MESSAGE_MAX];
};

struct ask {
	struct endpoint *udp;		   /* NULL: over TCP */
	struct conversation *conversation; /* NULL: over UDP */
	struct sockaddr_storage from;
	socklen_t from_bytes;
	struct dns_query query;
	uint8_t header[DNS_UDP_MIN]; /* of the query, with the question */
};

static long call(struct dns_service *s, long nr, long a, long b, long c, long d,
		 long e, long f)
{
	return io_call(&s->daemon->thread, nr, a, b, c, d, e, f);
}

/* --- UDP ---------------------------------------------------------------------
 */

static void send_udp(struct endpoint *e, const void *msg, size_t bytes,
		     const struct sockaddr_storage *to, socklen_t to_bytes)
{
	/* Lost like any datagram when there is no room: the asker asks again.
	 */
	call(e->service, SYS_sendto, e->source.fd, (long)msg, (long)bytes,
	     MSG_DONTWAIT, (long)to, (long)to_bytes);
}

static void on_tcp_answer(struct conversation *c, size_t bytes);

/* The host's resolver has answered, or has not. */
static void on_answer(void *arg, const uint8_t *answer, size_t bytes)
{
	static uint8_t reply[MESSAGE_MAX];
	struct ask *a = arg;
	struct conversation *c = a->conversation;

	if (answer && bytes >= 12 && bytes <= sizeof(reply)) {
		memcpy(reply, answer, bytes);
		dns_put_id(reply, a->query.id);
	} else {
		bytes = names_refuse(a->header, &a->query, DNS_SERVFAIL, reply);
	}
	if (a->udp) {
		bytes = dns_truncate(reply, bytes, a->query.udp_bytes);
		send_udp(a->udp, reply, bytes, &a->from, a->from_bytes);
	} else {
		memcpy(c->out + 2, reply, bytes);
		on_tcp_answer(c, bytes);
	}
	free(a);
}

/* Passes the question on. @a is filled but for the query; it is copied. */
static bool pass_on(struct dns_service *s, const struct ask *a,
		    const uint8_t *msg, size_t bytes, const struct dns_query *q)
{
	struct ask *copy = malloc(sizeof(*copy));

	if (!copy)
		return false;
	*copy = *a;
	copy->query = *q;
	memcpy(copy->header, msg, q->question_end);
	forward_send(s->forward, msg, bytes, on_answer, copy);
	return true;
}

static void on_datagram(struct loop_source *source, uint32_t events)
{
	static uint8_t msg[DNS_UDP_MAX];
	struct endpoint *e = (struct endpoint *)source;
	struct daemon *d = e->service->daemon;
	uint8_t reply[NAMES_REPLY_MAX];
	struct dns_query q;
	size_t bytes;

	(void)events;
	for (int i = 0; i < UDP_BURST; i++) {
		struct ask a = { .udp = e, .from_bytes = sizeof(a.from) };
		long n = call(e->service, SYS_recvfrom, source->fd, (long)msg,
			      sizeof(msg), MSG_DONTWAIT, (long)&a.from,
			      (long)&a.from_bytes);

		if (n < 0)
			return;
		switch (names_answer(daemon_fabric(d), &d->pool, msg, (size_t)n,
				     &q, reply, &bytes)) {
		case NAMES_ANSWERED:
			send_udp(e, reply, bytes, &a.from, a.from_bytes);
			break;
		case NAMES_FORWARD:
			pass_on(e->service, &a, msg, (size_t)n, &q);
			break;
		case NAMES_DROP:
			break;
		}
	}
}

/* --- TCP ---------------------------------------------------------------------
 */

static void hang_up(struct conversation *c)
{
	struct dns_service *s = c->service;
	struct conversation **link = &s->first;

	if (!c->gone) {
		while (*link != c)
			link = &(*link)->next;
		*link = c->next;
		loop_disarm(&s->daemon->loop, &c->patience);
		loop_close(&s->daemon->loop, &c->source);
		s->conversations--;
		c->gone = true;
	}
	if (!c->asking)
		free(c);
}

static void be_patient(struct conversation *c)
{
	struct daemon *d = c->service->daemon;

	loop_arm(&d->loop, &c->patience,
		 fabric_now(daemon_fabric(d)) + TCP_PATIENCE_NS);
}

/* Sends what it can; false: the connection is gone. */
static bool flush(struct conversation *c)
{
	struct loop *loop = &c->service->daemon->loop;

	while (c->out_at < c->out_bytes) {
		long n = call(c->service, SYS_sendto, c->source.fd,
			      (long)(c->out + c->out_at),
			      (long)(c->out_bytes - c->out_at),
			      MSG_DONTWAIT | MSG_NOSIGNAL, 0, 0);

		if (n == -EAGAIN)
			return !loop_change(loop, &c->source, EPOLLOUT);
		if (n <= 0)
			return false;
		c->out_at += (size_t)n;
	}
	c->out_at = c->out_bytes = 0;
	be_patient(c);
	return !loop_change(loop, &c->source, EPOLLIN);
}

/* Sends the answer in out[2]..., of @bytes, to the first question in in[]. */
static bool reply(struct conversation *c, size_t bytes)
{
	size_t asked = 2 + ((size_t)c->in[0] << 8 | c->in[1]);

	c->out[0] = (uint8_t)(bytes >> 8);
	c->out[1] = (uint8_t)bytes;
	c->out_bytes = bytes + 2;
	c->in_bytes -= asked;
	memmove(c->in, c->in + asked, c->in_bytes);
	return flush(c);
}

/* Asks the host's resolver. False: the connection has to go. */
static bool ask(struct conversation *c, size_t bytes, const struct dns_query *q)
{
	struct ask a = { .conversation = c };

	/* Not read meanwhile. */
	if (loop_change(&c->service->daemon->loop, &c->source, 0))
		return false;
	c->asking = true;
	c->answer_bytes = 0;
	if (!pass_on(c->service, &a, c->in + 2, bytes, q)) {
		c->asking = false;
		return false;
	}
	/* It may have been answered at once, by a failure. */
	return c->asking || reply(c, c->answer_bytes);
}

/* Answers the questions that have come in whole. False: the connection has to
 * go. */
static bool converse(struct conversation *c)
{
	struct daemon *d = c->service->daemon;
	bool good = true;

	c->conversing = true;
	while (good && !c->asking && !c->out_bytes && c->in_bytes >= 2) {
		size_t bytes = (size_t)c->in[0] << 8 | c->in[1], n;
		struct dns_query q;

		if (c->in_bytes < 2 + bytes)
			break;
		switch (names_answer(daemon_fabric(d), &d->pool, c->in + 2,
				     bytes, &q, c->out + 2, &n)) {
		case NAMES_ANSWERED:
			good = reply(c, n);
			break;
		case NAMES_FORWARD:
			good = ask(c, bytes, &q);
			break;
		case NAMES_DROP:
			good = false;
			break;
		}
	}
	c->conversing = false;
	return good;
}

/* The answer to a question that was passed on lies in out[2].... */
static void on_tcp_answer(struct conversation *c, size_t bytes)
{
	c->asking = false;
	c->answer_bytes = bytes;
	if (c->conversing)
		return;
	if (c->gone || !reply(c, bytes) || !converse(c))
		hang_up(c);
}

static void on_stream(struct loop_source *source, uint32_t events)
{
	struct conversation *c = (struct conversation *)source;
	long n;

	if (events & (EPOLLERR | EPOLLHUP)) {
		hang_up(c);
		return;
	}
	if (c->out_bytes) {
		if (!flush(c) || !converse(c))
			hang_up(c);
		return;
	}
	n = call(c->service, SYS_recvfrom, source->fd,
		 (long)(c->in + c->in_bytes),
		 (long)(sizeof(c->in) - c->in_bytes), MSG_DONTWAIT, 0, 0);
	if (n == -EAGAIN || n == -EINTR)
		return;
	if (n <= 0) {
		hang_up(c);
		return;
	}
	c->in_bytes += (size_t)n;
	be_patient(c);
	if (!converse(c))
		hang_up(c);
}

static void on_impatience(struct loop_timer *t)
{
	hang_up((struct conversation *)((char *)t -
					offsetof(struct conversation,
						 patience)));
}

static void on_connection(struct loop_source *source, uint32_t events)
{
	struct dns_service *s = ((struct endpoint *)source)->service;
	long fd = call(s, SYS_accept4, source->fd, 0, 0,
		       SOCK_NONBLOCK | SOCK_CLOEXEC, 0, 0);
	struct conversation *c;

	(void)events;
	if (fd < 0)
		return;
	c = s->conversations < TCP_CONNECTIONS ? malloc(sizeof(*c)) : NULL;
	if (!c) {
		call(s, SYS_close, fd, 0, 0, 0, 0, 0);
		return;
	}
	memset(c, 0, offsetof(struct conversation, in));
	c->service = s;
	c->source = (struct loop_source){ (int)fd, on_stream };
	c->patience.run = on_impatience;
	c->next = s->first;
	s->first = c;
	s->conversations++;
	be_patient(c);
	if (loop_add(&s->daemon->loop, &c->source, EPOLLIN))
		hang_up(c);
}

/* --- the service -------------------------------------------------------------
 */

static socklen_t name_of(const struct ip_addr *addr,
			 struct sockaddr_storage *ss)
{
	struct sockaddr_in *in4 = (struct sockaddr_in *)ss;
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)ss;

	memset(ss, 0, sizeof(*ss));
	if (ip_is_v4(addr)) {
		in4->sin_family = AF_INET;
		in4->sin_port = htons(DNS_PORT);
		in4->sin_addr.s_addr = addr->w[3];
		return sizeof(*in4);
	}
	in6->sin6_family = AF_INET6;
	in6->sin6_port = htons(DNS_PORT);
	memcpy(&in6->sin6_addr, addr->b, 16);
	return sizeof(*in6);
}

/* Opens a socket of the fabric at @addr. Returns 0 or a negative errno. */
static int open_endpoint(struct endpoint *e, int type,
			 const struct ip_addr *addr)
{
	struct dns_service *s = e->service;
	struct sockaddr_storage ss;
	socklen_t len = name_of(addr, &ss);
	long fd = call(s, SYS_socket, ss.ss_family,
		       type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, 0, 0, 0);
	long err;

	if (fd < 0)
		return (int)fd;
	e->source.fd = (int)fd;
	if (!socket_owns(&s->daemon->thread, fd))
		err = -EOPNOTSUPP;
	else
		err = call(s, SYS_bind, fd, (long)&ss, len, 0, 0, 0);
	if (!err && type == SOCK_STREAM)
		err = call(s, SYS_listen, fd, TCP_CONNECTIONS, 0, 0, 0, 0);
	if (!err)
		err = loop_add(&s->daemon->loop, &e->source, EPOLLIN);
	if (err) {
		call(s, SYS_close, fd, 0, 0, 0, 0, 0);
		e->source.fd = -1;
	}
	return (int)err;
}

struct dns_service *dns_service_new(struct daemon *d)
{
	const struct ip_addr gateway[] = { pool_gateway4(&d->pool),
					   pool_gateway6(&d->pool) };
	struct dns_service *s = calloc(1, sizeof(*s));
	int err = 0;

	if (!s)
		return NULL;
	s->daemon = d;
	for (int i = 0; i < 2; i++) {
		s->udp[i] = (struct endpoint){ { -1, on_datagram }, s };
		s->tcp[i] = (struct endpoint){ { -1, on_connection }, s };
	}
	s->forward = forward_new(&d->loop, d->options->resolver);
	for (int i = 0; s->forward && i < 2; i++) {
		char text[POOL_TEXT];

		if (ip_is_any(&gateway[i]))
			continue;
		err = open_endpoint(&s->udp[i], SOCK_DGRAM, &gateway[i]);
		if (!err)
			err = open_endpoint(&s->tcp[i], SOCK_STREAM,
					    &gateway[i]);
		if (err)
			log_line("no names at %s: %s",
				 pool_print(&gateway[i], text), strerror(-err));
	}
	if (s->udp[0].source.fd >= 0)
		return s;
	dns_service_free(s);
	return NULL;
}

void dns_service_free(struct dns_service *s)
{
	if (!s)
		return;
	while (s->first)
		hang_up(s->first);
	forward_free(s->forward);
	for (int i = 0; i < 2; i++) {
		loop_close(&s->daemon->loop, &s->udp[i].source);
		loop_close(&s->daemon->loop, &s->tcp[i].source);
	}
	free(s);
}

uint32_t dns_service_sockets(const struct dns_service *s)
{
	uint32_t n = s ? s->conversations : 0;

	for (int i = 0; s && i < 2; i++)
		n += (s->udp[i].source.fd >= 0 ? 1u : 0u) +
		     (s->tcp[i].source.fd >= 0 ? 1u : 0u);
	return n;
}
