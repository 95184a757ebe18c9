/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See metrics.h. A connection is for one request: whatever it asks for, it gets
 * the text; HTTP/1.1 allows to close after that. One that does not ask, or
 * does not take, within PATIENCE_NS is closed.
 */
#include "daemon/metrics.h"
#include "daemon/listener.h"
#include "daemon/vif_stats.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define CONNECTIONS   32
#define PATIENCE_NS   (10 * NSEC_PER_SEC)
#define REQUEST_BYTES 8192

struct metrics {
	struct listener local; /* the Unix socket */
	struct listener port;
	struct reader *first;
};

struct reader {
	struct loop_source source;
	struct loop_timer patience;
	struct metrics *metrics;
	struct listener *listener;
	struct reader *next;
	uid_t uid;
	char *out;
	size_t out_bytes, out_at;
	size_t in_bytes;
	char in[REQUEST_BYTES];
};

static struct daemon *daemon_of(struct reader *r)
{
	return r->listener->daemon;
}

static void drop(struct reader *r)
{
	struct daemon *d = daemon_of(r);
	struct reader **link = &r->metrics->first;

	while (*link != r)
		link = &(*link)->next;
	*link = r->next;
	loop_disarm(&d->loop, &r->patience);
	loop_close(&d->loop, &r->source);
	listener_left(r->listener, r->uid);
	free(r->out);
	free(r);
}

static void on_impatience(struct loop_timer *t)
{
	drop((struct reader *)((char *)t - offsetof(struct reader, patience)));
}

/* Sends what it can; true: there is more, later. */
static bool flush(struct reader *r)
{
	while (r->out_at < r->out_bytes) {
		ssize_t n = send(r->source.fd, r->out + r->out_at,
				 r->out_bytes - r->out_at,
				 MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return !loop_change(&daemon_of(r)->loop, &r->source,
					    EPOLLOUT);
		if (n <= 0)
			return false;
		r->out_at += (size_t)n;
	}
	return false;
}

static bool answer(struct reader *r)
{
	static const char head[] =
		"HTTP/1.1 200 OK\r\n"
		"Content-Type: application/openmetrics-text; version=1.0.0; "
		"charset=utf-8\r\n"
		"Content-Length: %zu\r\n"
		"Connection: close\r\n"
		"\r\n"
		"%s";
	bool head_only = !strncmp(r->in, "HEAD ", 5);
	char *text = vif_stats_metrics(daemon_of(r));
	int n = text ? asprintf(&r->out, head, strlen(text),
				head_only ? "" : text)
		     : -1;

	free(text);
	if (n < 0) {
		r->out = NULL;
		return false;
	}
	r->out_bytes = (size_t)n;
	return flush(r);
}

static void on_ready(struct loop_source *s, uint32_t events)
{
	struct reader *r = (struct reader *)s;
	ssize_t n;

	(void)events;
	if (r->out) {
		if (!flush(r))
			drop(r);
		return;
	}
	n = recv(s->fd, r->in + r->in_bytes, sizeof(r->in) - 1 - r->in_bytes,
		 MSG_DONTWAIT);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		drop(r);
		return;
	}
	r->in_bytes += (size_t)n;
	r->in[r->in_bytes] = 0;
	/* The end of the request's head, or of what we are willing to read. */
	if (!strstr(r->in, "\r\n\r\n") && !strstr(r->in, "\n\n") &&
	    r->in_bytes < sizeof(r->in) - 1)
		return;
	if (!answer(r))
		drop(r);
}

static void on_accepted(struct listener *l, int fd, const struct peer *peer)
{
	struct metrics *m = l->owner;
	struct reader *r = calloc(1, sizeof(*r));
	struct refusal unused;

	/* The port is for whom it was opened to; the file for those who may
	 * command the fabric. */
	if (!r || (l == &m->local && daemon_admits(l->daemon, peer, &unused))) {
		free(r);
		close(fd);
		listener_left(l, peer->uid);
		return;
	}
	r->metrics = m;
	r->listener = l;
	r->uid = peer->uid;
	r->source = (struct loop_source){ .fd = fd, .ready = on_ready };
	r->patience.run = on_impatience;
	r->next = m->first;
	m->first = r;
	if (loop_add(&l->daemon->loop, &r->source, EPOLLIN)) {
		drop(r);
		return;
	}
	loop_arm(&l->daemon->loop, &r->patience,
		 fabric_now(daemon_fabric(l->daemon)) + PATIENCE_NS);
}

/* A listening TCP socket on "10.0.0.1:9100", "[::1]:9100"; or a negative errno.
 */
static int listen_port(const char *address)
{
	struct sockaddr_storage ss = { 0 };
	struct sockaddr_in *in4 = (struct sockaddr_in *)&ss;
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)&ss;
	const char *colon = strrchr(address, ':');
	char host[64], *end;
	unsigned long port;
	size_t n;
	int fd, one = 1;

	if (!colon)
		return -EINVAL;
	port = strtoul(colon + 1, &end, 10);
	n = (size_t)(colon - address);
	if (*address == '[' && n > 2 && address[n - 1] == ']') {
		address++;
		n -= 2;
	}
	if (*end || end == colon + 1 || port > 65535 || n >= sizeof(host))
		return -EINVAL;
	memcpy(host, address, n);
	host[n] = 0;
	if (inet_pton(AF_INET, host, &in4->sin_addr) == 1) {
		ss.ss_family = AF_INET;
		in4->sin_port = htons((uint16_t)port);
	} else if (inet_pton(AF_INET6, host, &in6->sin6_addr) == 1) {
		ss.ss_family = AF_INET6;
		in6->sin6_port = htons((uint16_t)port);
	} else {
		return -EINVAL;
	}
	fd = socket(ss.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK,
		    0);
	if (fd < 0)
		return -errno;
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) ||
	    bind(fd, (struct sockaddr *)&ss,
		 ss.ss_family == AF_INET ? sizeof(*in4) : sizeof(*in6)) ||
	    listen(fd, 64)) {
		int err = -errno;

		close(fd);
		return err;
	}
	return fd;
}

static int open_port(struct metrics *m, struct daemon *d, const char *address,
		     struct refusal *why)
{
	int fd = listen_port(address);
	int err = fd < 0 ? fd : listener_adopt(&m->port, d, fd);

	if (err == -EINVAL)
		return refuse(why, "bad-address", EX_USAGE,
			      "'%.64s' is no address for metrics: write "
			      "ADDRESS:PORT, for instance 127.0.0.1:9100",
			      address);
	if (err)
		return refuse(why, "internal", EX_OSERR,
			      "cannot serve metrics on %.64s: %s: choose "
			      "another port",
			      address, strerror(-err));
	return 0;
}

struct metrics *metrics_new(struct daemon *d, const char *address,
			    struct refusal *why)
{
	struct metrics *m = calloc(1, sizeof(*m));
	int err = -ENOMEM;

	if (m) {
		m->local.limit = m->port.limit = CONNECTIONS;
		m->local.accepted = m->port.accepted = on_accepted;
		m->local.owner = m->port.owner = m;
		m->local.source.fd = m->port.source.fd = -1;
		err = listener_open(&m->local, d, "metrics", SOCK_STREAM);
		if (err)
			m->local.source.fd = -1;
	}
	if (err) {
		refuse(why, "internal", EX_OSERR, "cannot open %s/metrics: %s",
		       d->options->dir, strerror(-err));
	} else if (!address || !open_port(m, d, address, why)) {
		return m;
	}
	metrics_free(m);
	return NULL;
}

void metrics_free(struct metrics *m)
{
	if (!m)
		return;
	while (m->first)
		drop(m->first);
	if (m->port.source.fd >= 0)
		listener_close(&m->port);
	if (m->local.source.fd >= 0)
		listener_close(&m->local);
	listener_fini(&m->port);
	listener_fini(&m->local);
	free(m);
}
