/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The daemon's loop: descriptors that become ready, and dates.
 *
 * Sources and timers lie in their owners; the loop borrows them between add and
 * remove. A callback may add and remove anything, itself among them. One
 * thread.
 *
 * Descriptors are of the kernel or of the fabric: every system call that
 * concerns one that may be of the fabric goes through io_call().
 */
#ifndef TOAMI_DAEMON_LOOP_H
#define TOAMI_DAEMON_LOOP_H

#include "base/sys.h"
#include "socket/socket.h"

#include <errno.h>
#include <sys/epoll.h>

#define LOOP_BATCH 16

struct loop_source {
	int fd; /* -1: not in the loop */
	void (*ready)(struct loop_source *s, uint32_t events); /* EPOLL* */
};

struct loop_timer {
	uint64_t due_ns; /* fabric_now() */
	void (*run)(struct loop_timer *t);
	struct loop_timer *next;
	bool armed;
};

struct loop {
	struct socket_thread *thread;
	int epfd;
	struct loop_timer *timers; /* armed ones, earliest first */
	struct epoll_event batch[LOOP_BATCH];
	int batch_end;
	int batch_at;
	bool end;
};

/* io_call - a system call, on the fabric's behalf where it concerns the fabric
 */
static inline long io_call(struct socket_thread *t, long nr, long a, long b,
			   long c, long d, long e, long f)
{
	const long args[6] = { a, b, c, d, e, f };
	long ret = socket_call(t, nr, args);

	if (ret == SOCKET_PASS)
		return sys_call6(nr, a, b, c, d, e, f);
	return ret == SOCKET_RESTART ? -EINTR : ret;
}

/* loop_init - @thread: borrowed, of the daemon. Returns 0 or a negative errno.
 */
int loop_init(struct loop *l, struct socket_thread *thread);
void loop_fini(struct loop *l);

/* loop_add - waits for @events on @s->fd (level). Returns 0 or a negative
 * errno. */
int loop_add(struct loop *l, struct loop_source *s, uint32_t events);
int loop_change(struct loop *l, struct loop_source *s, uint32_t events);

/* loop_remove - no event of @s will be told any more; its descriptor stays open
 */
void loop_remove(struct loop *l, struct loop_source *s);

/* loop_close - loop_remove(), and closes the descriptor */
void loop_close(struct loop *l, struct loop_source *s);

/* loop_arm - @t runs once at @due_ns; a date set before is forgotten */
void loop_arm(struct loop *l, struct loop_timer *t, uint64_t due_ns);
void loop_disarm(struct loop *l, struct loop_timer *t);

/* loop_run - until l->end is set; also runs the fabric's timers */
void loop_run(struct loop *l);

#endif
