/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See loop.h. One turn: dates of the daemon, dates of the fabric, wait, events.
 * The fabric's dates come last before waiting, because socket_timers()
 * publishes when the daemon will wake; whoever needs it earlier sends to its
 * wake socket.
 *
 * A source may go while the batch still holds an event for it: loop_remove()
 * takes that event out.
 */
#include "daemon/loop.h"

#include <time.h>
#include <unistd.h>

static long call(struct loop *l, long nr, long a, long b, long c, long d)
{
	return io_call(l->thread, nr, a, b, c, d, 0, 0);
}

int loop_init(struct loop *l, struct socket_thread *thread)
{
	*l = (struct loop){ .thread = thread };
	l->epfd = (int)call(l, SYS_epoll_create1, EPOLL_CLOEXEC, 0, 0, 0);
	return l->epfd < 0 ? l->epfd : 0;
}

void loop_fini(struct loop *l)
{
	if (l->thread && l->epfd >= 0)
		call(l, SYS_close, l->epfd, 0, 0, 0);
	l->epfd = -1;
}

static int control(struct loop *l, int op, struct loop_source *s,
		   uint32_t events)
{
	struct epoll_event e = { .events = events, .data.ptr = s };

	return (int)call(l, SYS_epoll_ctl, l->epfd, op, s->fd, (long)&e);
}

int loop_add(struct loop *l, struct loop_source *s, uint32_t events)
{
	return control(l, EPOLL_CTL_ADD, s, events);
}

int loop_change(struct loop *l, struct loop_source *s, uint32_t events)
{
	return control(l, EPOLL_CTL_MOD, s, events);
}

void loop_remove(struct loop *l, struct loop_source *s)
{
	control(l, EPOLL_CTL_DEL, s, 0);
	for (int i = l->batch_at; i < l->batch_end; i++)
		if (l->batch[i].data.ptr == s)
			l->batch[i].data.ptr = NULL;
}

void loop_close(struct loop *l, struct loop_source *s)
{
	if (s->fd < 0)
		return;
	loop_remove(l, s);
	call(l, SYS_close, s->fd, 0, 0, 0);
	s->fd = -1;
}

void loop_disarm(struct loop *l, struct loop_timer *t)
{
	struct loop_timer **link = &l->timers;

	if (!t->armed)
		return;
	while (*link != t)
		link = &(*link)->next;
	*link = t->next;
	t->armed = false;
}

void loop_arm(struct loop *l, struct loop_timer *t, uint64_t due_ns)
{
	struct loop_timer **link = &l->timers;

	loop_disarm(l, t);
	while (*link && (*link)->due_ns <= due_ns)
		link = &(*link)->next;
	t->due_ns = due_ns;
	t->next = *link;
	t->armed = true;
	*link = t;
}

static void run_due(struct loop *l, uint64_t now)
{
	while (l->timers && l->timers->due_ns <= now) {
		struct loop_timer *t = l->timers;

		loop_disarm(l, t);
		t->run(t);
	}
}

/* From now until @date, exactly: what is shaped comes by the microsecond. NULL:
 * forever. */
static struct timespec *wait_time(uint64_t now, uint64_t date,
				  struct timespec *ts)
{
	uint64_t ns = date > now ? date - now : 0;

	if (date == UINT64_MAX)
		return NULL;
	ts->tv_sec = (time_t)(ns / NSEC_PER_SEC);
	ts->tv_nsec = (long)(ns % NSEC_PER_SEC);
	return ts;
}

void loop_run(struct loop *l)
{
	const struct fabric *f = &l->thread->process->fabric;

	while (!l->end) {
		struct timespec ts;
		uint64_t next;
		long n;

		run_due(l, fabric_now(f));
		if (l->end)
			break;
		next = socket_timers(l->thread);
		if (l->timers)
			next = min_u64(next, l->timers->due_ns);
		n = call(l, SYS_epoll_pwait2, l->epfd, (long)l->batch,
			 LOOP_BATCH, (long)wait_time(fabric_now(f), next, &ts));
		l->batch_end = n > 0 ? (int)n : 0;
		for (l->batch_at = 0; l->batch_at < l->batch_end && !l->end;) {
			struct epoll_event *e = &l->batch[l->batch_at++];
			struct loop_source *s = e->data.ptr;

			if (s)
				s->ready(s, e->events);
		}
		l->batch_end = 0;
	}
}
