/* SPDX-License-Identifier: BSD-2-Clause */
/* See wait.h. */
#include "socket/wait.h"
#include "base/sys.h"
#include "socket/hold.h"

#include <errno.h>
#include <linux/futex.h>
#include <sys/resource.h>
#include <time.h>

#define SPIN_SHORT_NS \
	UINT64_C(3000) /* longer than an answer from an awake peer takes */
#define SPIN_NS UINT64_C(50000) /* about what a sleep and a wake-up cost */
#define CROWDED_NS                                                 \
	(5 * NSEC_PER_MSEC) /* how long a preemption is remembered \
			     */

uint64_t wait_date(const struct socket_thread *t, uint64_t timeout_ns)
{
	return timeout_ns ? fabric_now(&t->process->fabric) + timeout_ns
			  : WAIT_FOREVER;
}

struct timespec *wait_timespec(const struct socket_thread *t, uint64_t until,
			       struct timespec *ts)
{
	uint64_t now, left;

	if (until == WAIT_FOREVER)
		return NULL;
	now = fabric_now(&t->process->fabric);
	left = until > now ? until - now : 0;
	ts->tv_sec = (time_t)(left / NSEC_PER_SEC);
	ts->tv_nsec = (long)(left % NSEC_PER_SEC);
	return ts;
}

/*
 * Has this thread lost its core to somebody else lately? Then others want to
 * run, and whom we wait for may be among them: burning the core would only
 * delay the answer. (Offering it with sched_yield gives it away for
 * milliseconds if the taker is a stranger.)
 */
static bool crowded(struct socket_thread *t, uint64_t now)
{
	struct rusage ru;

	if (sys_call(SYS_getrusage, RUSAGE_THREAD, &ru))
		return false;
	if (ru.ru_nivcsw != t->preemptions) {
		t->preemptions = ru.ru_nivcsw;
		t->crowded_until_ns = now + CROWDED_NS;
	}
	return now < t->crowded_until_ns;
}

/*
 * Takes one of the places for long spinners; NULL: every core has one. A place
 * names who has it, so that it is found if he dies there.
 */
static _Atomic proc_ix *join_spinners(struct fabric *f, proc_ix self)
{
	uint32_t n = min_u32(f->header->cores, FABRIC_SPINNERS);

	for (uint32_t i = 0; i < n; i++) {
		_Atomic proc_ix *place = &f->header->spinner[i];
		proc_ix nobody = 0;

		if (!atomic_load_explicit(place, memory_order_relaxed) &&
		    atomic_compare_exchange_strong(place, &nobody, self))
			return place;
	}
	return NULL;
}

void wait_leave_places(struct fabric *f, proc_ix gone)
{
	for (uint32_t i = 0; i < FABRIC_SPINNERS; i++) {
		proc_ix ix = gone;

		atomic_compare_exchange_strong(&f->header->spinner[i], &ix, 0);
	}
}

/* How long this thread may spin: the fewer of its last spins paid, the shorter.
 */
static uint64_t budget(const struct socket_thread *t)
{
	return t->spin_failed >= 8 ? SPIN_SHORT_NS
				   : SPIN_NS >> (t->spin_failed / 2);
}

static void learn(struct socket_thread *t, bool paid, bool was_long)
{
	if (paid && was_long)
		t->spin_failed = 0;
	else if (paid)
		t->spin_failed = (uint8_t)(t->spin_failed / 2);
	else if (t->spin_failed < 16)
		t->spin_failed++;
	else
		t->spin_failed = 6; /* now and then, find out again */
}

bool wait_spin(struct socket_thread *t, bool (*ready)(void *arg), void *arg,
	       uint64_t until)
{
	struct fabric *f = &t->process->fabric;
	_Atomic proc_ix *place = NULL;
	uint64_t begin = fabric_now(f), now = begin;
	uint64_t limit = begin + budget(t);
	bool paid = false;

	if (limit > until)
		limit = until;
	while (now < limit && !t->signal_due) {
		for (int i = 0; i < 8; i++) {
			paid = ready(arg);
			if (paid)
				goto out;
			cpu_relax();
		}
		now = fabric_now(f);
		/* What is waited for may be waiting for its date. */
		if (unlikely(sched_next_ns(f) <= now))
			work_serve(t);
		if (now - begin < SPIN_SHORT_NS)
			continue;
		if (!place) {
			if (!crowded(t, now))
				place = join_spinners(f, t->self);
			if (!place)
				break;
		}
	}
	paid = ready(arg);
out:
	if (place)
		atomic_store_explicit(place, 0, memory_order_release);
	learn(t, paid, place);
	return paid;
}

int wait_futex(struct socket_thread *t, _Atomic uint32_t *word, uint32_t value,
	       uint64_t until)
{
	struct timespec ts;
	long args[6] = { (long)word,  FUTEX_WAIT,
			 (long)value, (long)wait_timespec(t, until, &ts),
			 0,	      0 };
	long n = sys_sleep(&t->signal_due, SYS_futex, args);

	return n == -EINTR || n == -ETIMEDOUT ? (int)n : 0;
}

struct sock_wait {
	struct sock *s;
	uint32_t events;
	const struct conn *conn; /* NULL: events alone count */
	size_t bytes;		 /* what @conn is to have */
};

static bool sock_is_ready(void *arg)
{
	struct sock_wait *sw = arg;

	return (atomic_load_explicit(&sw->s->ready, memory_order_acquire) &
		sw->events) ||
	       (sw->conn && tcp_readable(sw->conn) >= sw->bytes);
}

static int wait_on(struct socket_thread *t, struct sock_wait *sw,
		   uint64_t until)
{
	struct sock *s = sw->s;

	if (wait_spin(t, sock_is_ready, sw, until))
		return 0;
	for (;;) {
		/* What is slept on tells this announcement from any later one.
		 */
		uint32_t word = atomic_fetch_or(&s->sleeping, 1) | 1;
		int err;

		if (sock_is_ready(sw))
			return 0;
		err = wait_futex(t, &s->sleeping, word, until);
		if (sock_is_ready(sw))
			return 0;
		if (err)
			return err == -ETIMEDOUT ? -EAGAIN : err;
	}
}

int wait_sock(struct socket_thread *t, struct sock *s, uint32_t events,
	      uint64_t until)
{
	struct sock_wait sw = { s, events | STACK_ERR | STACK_HUP, NULL, 0 };

	return wait_on(t, &sw, until);
}

int wait_bytes(struct socket_thread *t, struct sock *s, size_t bytes,
	       uint64_t until)
{
	const struct conn *c =
		slot_at(&t->process->fabric.table[FABRIC_TABLE_CONN], s->conn);
	struct sock_wait sw = { s,
				STACK_IN | STACK_RDHUP | STACK_ERR | STACK_HUP,
				NULL, bytes };

	/* Only there can bytes lie unannounced. Looking at the connection on
	 * every turn takes its lines from whoever is delivering to it. */
	if (bytes && bytes < tcp_low_water(c))
		sw.conn = c;
	return wait_on(t, &sw, until);
}
