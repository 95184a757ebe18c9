/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See control.h.
 *
 * A client is read while it has nothing left to take: its next request waits
 * until the last reply has gone, so what a slow reader costs is one reply. One
 * that takes nothing for STALL_NS is cut off, and so is one that sends more
 * than line_max() without a line's end.
 */
#include "daemon/control.h"
#include "daemon/given.h"
#include "daemon/log.h"
#include "daemon/session.h"
#include "daemon/settings.h"
#include "daemon/verbs.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define CONTROL_CONNECTIONS 512
#define LINE_FIRST_BYTES    4096
#define LINE_MAX_BYTES	    65536
#define LINE_OWN_MAX_BYTES  (64u << 20) /* of the fabric's user: `load` */
#define EVENTS_MAX_BYTES    (1u << 20)
#define STALL_NS	    (30 * NSEC_PER_SEC)

struct control {
	struct listener listener;
	struct client *first;
};

struct client {
	struct loop_source source;
	struct loop_timer stall;
	struct control *control;
	struct peer peer;
	struct session session;
	char *events; /* that wait for the reply under way */
	size_t events_bytes;
	uint64_t events_lost;
	struct client *next;
	char *out; /* a reply under way, or NULL */
	size_t out_bytes;
	size_t out_at;
	char *in; /* what has been read of requests */
	size_t in_size;
	size_t in_bytes;
	size_t in_seen;	    /* of that, known to have no line's end */
	bool last;	    /* hang up after this reply */
	struct given given; /* what came with the request */
};

static struct daemon *daemon_of(struct client *c)
{
	return c->control->listener.daemon;
}

static void drop(struct client *c)
{
	struct daemon *d = daemon_of(c);
	struct client **link = &c->control->first;

	while (*link != c)
		link = &(*link)->next;
	*link = c->next;
	session_end(d, &c->session);
	free(c->events);
	loop_disarm(&d->loop, &c->stall);
	loop_close(&d->loop, &c->source);
	given_close(&c->given);
	listener_left(&c->control->listener, c->peer.uid);
	free(c->out);
	free(c->in);
	free(c);
}

static size_t line_max(struct client *c)
{
	return rights_all(daemon_of(c), &c->peer) ? LINE_OWN_MAX_BYTES
						  : LINE_MAX_BYTES;
}

/* Room for more of a request; what a long one has needed is given back. */
static bool make_room(struct client *c)
{
	size_t size = c->in_size;
	char *in;

	if (!c->in_bytes)
		size = LINE_FIRST_BYTES;
	else if (c->in_bytes == size)
		size *= 2;
	if (size == c->in_size)
		return true;
	in = realloc(c->in, size);
	if (!in)
		return false;
	c->in = in;
	c->in_size = size;
	return true;
}

/* Sends what it can of the reply. Returns false when the client has gone. */
static bool flush(struct client *c)
{
	struct daemon *d = daemon_of(c);
	ssize_t n;

	while (c->out_at < c->out_bytes) {
		n = send(c->source.fd, c->out + c->out_at,
			 c->out_bytes - c->out_at, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno != EAGAIN)
			return false;
		if (n <= 0) {
			loop_arm(&d->loop, &c->stall,
				 fabric_now(daemon_fabric(d)) + STALL_NS);
			return !loop_change(&d->loop, &c->source, EPOLLOUT);
		}
		c->out_at += (size_t)n;
	}
	free(c->out);
	c->out = c->events;
	c->out_at = 0;
	c->out_bytes = c->events_bytes;
	c->events = NULL;
	c->events_bytes = 0;
	if (c->out)
		return flush(c);
	loop_disarm(&d->loop, &c->stall);
	if (c->last)
		return false;
	return !loop_change(&d->loop, &c->source, EPOLLIN);
}

/* Gives the client @text, one line; consumes it. Returns as flush(). */
static bool reply(struct client *c, char *text)
{
	if (!text)
		return false;
	c->out = text;
	c->out_bytes = strlen(text);
	c->out_at = 0;
	c->out[c->out_bytes++] = '\n'; /* over the final zero */
	return flush(c);
}

/* Answers the requests that are there. Returns false when the client has to go.
 */
static bool answer(struct client *c)
{
	char *end;

	while (!c->out && (end = memchr(c->in + c->in_seen, '\n',
					c->in_bytes - c->in_seen))) {
		size_t bytes = (size_t)(end - c->in);
		char *text = verbs_answer(daemon_of(c), &c->peer, c->in, bytes);

		c->in_bytes -= bytes + 1;
		/* What follows may be the request that it came with. */
		if (!c->in_bytes)
			given_close(&c->given);
		c->in_seen = 0;
		memmove(c->in, end + 1, c->in_bytes);
		if (!reply(c, text))
			return false;
	}
	if (c->out)
		return true;
	c->in_seen = c->in_bytes;
	if (c->in_bytes >= line_max(c)) {
		c->last = true;
		return reply(c, verbs_refuse_line(line_max(c)));
	}
	return true;
}

/* Reads more of a request, and the descriptors that may come with it. */
static ssize_t read_more(struct client *c)
{
	union {
		struct cmsghdr header;
		char space[CMSG_SPACE(GIVEN_MAX * sizeof(int))];
	} control;
	struct iovec iov = { c->in + c->in_bytes, c->in_size - c->in_bytes };
	struct msghdr msg = { .msg_iov = &iov,
			      .msg_iovlen = 1,
			      .msg_control = &control,
			      .msg_controllen = sizeof(control) };
	ssize_t n =
		recvmsg(c->source.fd, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);

	if (n > 0)
		given_receive(&c->given, &msg);
	return n;
}

static void on_ready(struct loop_source *s, uint32_t events)
{
	struct client *c = (struct client *)s;
	ssize_t n;

	if (!c->out && c->events && events & EPOLLOUT) {
		c->out_at = c->out_bytes = 0;
		if (!flush(c)) {
			drop(c);
			return;
		}
	}
	if (c->out) {
		/* It has hung up, or takes more, or both. */
		if (events & (EPOLLERR | EPOLLHUP) || !flush(c) || !answer(c))
			drop(c);
		return;
	}
	if (!(events & (EPOLLIN | EPOLLHUP | EPOLLERR)))
		return;
	if (!make_room(c)) {
		drop(c);
		return;
	}
	n = read_more(c);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		drop(c);
		return;
	}
	c->in_bytes += (size_t)n;
	if (!answer(c))
		drop(c);
}

static void on_stall(struct loop_timer *t)
{
	struct client *c =
		(struct client *)((char *)t - offsetof(struct client, stall));

	log_line("process %d does not take its answer: cut off", c->peer.pid);
	drop(c);
}

static void on_accepted(struct listener *l, int fd, const struct peer *peer)
{
	struct control *control = (struct control *)l;
	struct client *c = calloc(1, sizeof(*c));
	struct refusal why;

	if (!c) {
		close(fd);
		listener_left(l, peer->uid);
		return;
	}
	c->control = control;
	c->peer = *peer;
	c->peer.session = &c->session;
	c->peer.given = &c->given;
	c->source = (struct loop_source){ .fd = fd, .ready = on_ready };
	c->stall.run = on_stall;
	c->next = control->first;
	control->first = c;
	if (loop_add(&l->daemon->loop, &c->source, EPOLLIN)) {
		drop(c);
		return;
	}
	if (daemon_admits(l->daemon, peer, &why)) {
		c->last = true;
		if (!reply(c, verbs_refuse(&why)))
			drop(c);
	}
}

static void on_refused(struct listener *l, int fd, const struct refusal *why)
{
	char *text = verbs_refuse(why);
	struct iovec line[] = { { text, text ? strlen(text) : 0 },
				{ (char[]){ '\n' }, 1 } };
	struct msghdr msg = { .msg_iov = line, .msg_iovlen = 2 };

	/* Into an empty socket: it fits, or nobody is there any more. */
	(void)l;
	if (text && sendmsg(fd, &msg, MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
		log_line("a client did not wait for its answer");
	free(text);
}

struct listener *control_new(struct daemon *d, struct refusal *why)
{
	struct control *control = calloc(1, sizeof(*control));
	int err = -ENOMEM;

	if (control) {
		control->listener.limit = CONTROL_CONNECTIONS;
		control->listener.accepted = on_accepted;
		control->listener.refused = on_refused;
		err = listener_open(&control->listener, d, "control",
				    SOCK_STREAM);
	}
	if (!err)
		return &control->listener;
	refuse(why, "internal", EX_OSERR, "cannot open %s/control: %s",
	       d->options->dir, strerror(-err));
	free(control);
	return NULL;
}

/* Appends a line to what waits; one that finds no room is counted. */
static void queue_event(struct client *c, const char *line, size_t bytes)
{
	char lost[64];
	size_t n = 0;
	char *more;

	if (c->events_lost && c->events_bytes < EVENTS_MAX_BYTES / 2)
		n = (size_t)snprintf(lost, sizeof(lost),
				     "{\"event\":\"lost\",\"count\":%llu}\n",
				     (unsigned long long)c->events_lost);
	more = c->events_bytes + n + bytes < EVENTS_MAX_BYTES
		       ? realloc(c->events, c->events_bytes + n + bytes + 1)
		       : NULL;
	if (!more) {
		c->events_lost++;
		return;
	}
	c->events = more;
	memcpy(c->events + c->events_bytes, lost, n);
	memcpy(c->events + c->events_bytes + n, line, bytes);
	c->events[c->events_bytes + n + bytes] = '\n';
	c->events_bytes += n + bytes + 1;
	if (n)
		c->events_lost = 0;
}

void control_publish(struct listener *l, const char *line)
{
	struct control *control = (struct control *)l;

	for (struct client *c = control->first; c; c = c->next) {
		if (!c->session.watching)
			continue;
		queue_event(c, line, strlen(line));
		/* Sent when the loop finds room: a client is never dropped from
		 * here. */
		if (!c->out)
			loop_change(&daemon_of(c)->loop, &c->source,
				    EPOLLIN | EPOLLOUT);
	}
}

void control_deaf(struct listener *l)
{
	listener_close(l);
}

void control_free(struct listener *l)
{
	struct control *control = (struct control *)l;

	if (!l)
		return;
	listener_close(l);
	while (control->first)
		drop(control->first);
	listener_fini(l);
	free(control);
}
