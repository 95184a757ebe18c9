/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See forward.h. c-ares does the asking; its sockets and its timeouts hang on
 * the daemon's loop. The channel is made with the first question, and anew when
 * it is old and idle, so that a changed /etc/resolv.conf is noticed.
 */
#include "daemon/forward.h"

#include <ares.h>
#include <stdlib.h>

#define TIMEOUT_MS 1500 /* doubles with the second try */
#define TRIES	   2
#define CHANNEL_NS (30 * NSEC_PER_SEC)
#define SOCKETS	   16 /* c-ares keeps one or two a server */

struct ares_source {
	struct loop_source source;
	struct forward *forward;
};

struct forward {
	struct loop *loop;
	struct loop_timer timer;
	const char *servers; /* NULL: the host's */
	ares_channel channel;
	bool open;
	uint64_t opened_ns;
	uint32_t pending;
	struct ares_source source[SOCKETS];
};

struct question {
	struct forward *forward;
	void (*done)(void *arg, const uint8_t *answer, size_t bytes);
	void *arg;
};

static uint64_t now(struct forward *f)
{
	return fabric_now(&f->loop->thread->process->fabric);
}

/* Arms the timer for c-ares' next timeout. */
static void set_timer(struct forward *f)
{
	struct timeval tv, *next;

	loop_disarm(f->loop, &f->timer);
	next = f->open && f->pending ? ares_timeout(f->channel, NULL, &tv)
				     : NULL;
	if (next)
		loop_arm(f->loop, &f->timer,
			 now(f) + (uint64_t)next->tv_sec * NSEC_PER_SEC +
				 (uint64_t)next->tv_usec * NSEC_PER_USEC);
}

static void on_timer(struct loop_timer *t)
{
	struct forward *f =
		(struct forward *)((char *)t - offsetof(struct forward, timer));

	ares_process_fd(f->channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
	set_timer(f);
}

static void on_ready(struct loop_source *s, uint32_t events)
{
	struct forward *f = ((struct ares_source *)s)->forward;
	bool in = events & (EPOLLIN | EPOLLERR | EPOLLHUP);

	ares_process_fd(f->channel, in ? s->fd : ARES_SOCKET_BAD,
			events & EPOLLOUT ? s->fd : ARES_SOCKET_BAD);
	set_timer(f);
}

/* c-ares has opened, changed or is about to close a socket. */
static void on_socket(void *arg, ares_socket_t fd, int readable, int writable)
{
	struct forward *f = arg;
	uint32_t events =
		(readable ? EPOLLIN : 0u) | (writable ? EPOLLOUT : 0u);
	struct ares_source *unused = NULL;

	for (int i = 0; i < SOCKETS; i++) {
		struct ares_source *s = &f->source[i];

		if (s->source.fd < 0 && !unused)
			unused = s;
		if (s->source.fd != fd)
			continue;
		if (events) {
			loop_change(f->loop, &s->source, events);
		} else {
			loop_remove(f->loop, &s->source);
			s->source.fd = -1;
		}
		return;
	}
	/* Without a place it is not waited for: the question times out. */
	if (!events || !unused)
		return;
	unused->source.fd = fd;
	if (loop_add(f->loop, &unused->source, events))
		unused->source.fd = -1;
}

static void close_channel(struct forward *f)
{
	if (f->open)
		ares_destroy(f->channel);
	f->open = false;
	loop_disarm(f->loop, &f->timer);
}

static bool open_channel(struct forward *f)
{
	struct ares_options o = {
		.flags = ARES_FLAG_NOCHECKRESP | ARES_FLAG_STAYOPEN,
		.timeout = TIMEOUT_MS,
		.tries = TRIES,
		.sock_state_cb = on_socket,
		.sock_state_cb_data = f,
	};

	if (f->open && !f->pending && now(f) > f->opened_ns + CHANNEL_NS)
		close_channel(f);
	if (f->open)
		return true;
	if (ares_init_options(&f->channel, &o,
			      ARES_OPT_FLAGS | ARES_OPT_TIMEOUTMS |
				      ARES_OPT_TRIES |
				      ARES_OPT_SOCK_STATE_CB) != ARES_SUCCESS)
		return false;
	f->open = true;
	f->opened_ns = now(f);
	if (!f->servers ||
	    ares_set_servers_ports_csv(f->channel, f->servers) == ARES_SUCCESS)
		return true;
	close_channel(f);
	return false;
}

struct forward *forward_new(struct loop *loop, const char *servers)
{
	struct forward *f = calloc(1, sizeof(*f));

	if (!f || ares_library_init(ARES_LIB_INIT_ALL) != ARES_SUCCESS) {
		free(f);
		return NULL;
	}
	f->loop = loop;
	f->servers = servers;
	f->timer.run = on_timer;
	for (int i = 0; i < SOCKETS; i++)
		f->source[i] =
			(struct ares_source){ { .fd = -1, .ready = on_ready },
					      f };
	return f;
}

void forward_free(struct forward *f)
{
	if (!f)
		return;
	close_channel(f);
	ares_library_cleanup();
	free(f);
}

static void on_answer(void *arg, int status, int timeouts,
		      unsigned char *answer, int bytes)
{
	struct question *q = arg;

	(void)timeouts;
	q->forward->pending--;
	if (status == ARES_SUCCESS && answer && bytes > 0)
		q->done(q->arg, answer, (size_t)bytes);
	else
		q->done(q->arg, NULL, 0);
	free(q);
}

void forward_send(struct forward *f, const uint8_t *query, size_t bytes,
		  void (*done)(void *arg, const uint8_t *answer, size_t bytes),
		  void *arg)
{
	struct question *q;

	if (f->pending >= FORWARD_MAX || !open_channel(f) ||
	    !(q = malloc(sizeof(*q)))) {
		done(arg, NULL, 0);
		return;
	}
	*q = (struct question){ f, done, arg };
	f->pending++;
	ares_send(f->channel, query, (int)bytes, on_answer, q);
	set_timer(f);
}
