/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See poll.h. What is ready now is found by reading readiness words; only
 * before a thread sleeps does it register, on a temporary pset from the
 * process's store of spares (their wake sockets are made once), for edges:
 * these only say that it is time to look again. Other threads may open and
 * close what is polled at any time: which descriptors are the kernel's is
 * decided once, in fill_kernel(). The kernel's descriptors are handed to the
 * kernel's ppoll, with the wake socket behind them.
 */
#include "socket/poll.h"
#include "socket/errqueue.h"
#include "base/mem.h"
#include "base/sys.h"
#include "base/user.h"
#include "fabric/wake.h"
#include "socket/descriptor.h"
#include "socket/epoll.h"
#include "socket/pset.h"
#include "socket/wait.h"

#include <errno.h>
#include <sys/mman.h>
#include <time.h>

#define ON_STACK       64
#define KERNEL_SPIN_NS 10000

struct poller {
	struct socket_thread *t;
	struct pollfd *fds;
	unsigned long count;
	struct pollfd *kernel; /* those of the kernel, and one place more */
	unsigned long room;    /* places in it */
	unsigned long plain;   /* the first so many are in fds, too */
	unsigned long kernels;
	unsigned long
		watched; /* two alike count twice: then the set is not kept */
	bool nested;	 /* an epoll instance of ours is among them */
	uint64_t kernel_checked_ns;
};

static uint32_t wanted(const struct pollfd *p)
{
	return (uint32_t)(uint16_t)p->events | POLLERR | POLLHUP;
}

/* STACK_* and POLL* agree in value; the RDNORM and WRNORM forms follow IN and
 * OUT. */
static short revents_of(const struct pollfd *p, uint32_t ready)
{
	if (ready & SOCK_NOTE)
		ready |= STACK_ERR;
	if (ready & STACK_IN)
		ready |= POLLRDNORM;
	if (ready & STACK_OUT)
		ready |= POLLWRNORM;
	return (short)(ready & wanted(p));
}

/* Fills revents of our own; returns how many are ready. */
static long look_at_ours(struct poller *po)
{
	long n = 0;

	for (unsigned long i = 0; i < po->count; i++) {
		struct pollfd *p = &po->fds[i];
		uint32_t e = descriptor_get(po->t, p->fd);
		const struct fabric *f = &po->t->process->fabric;

		if (!e)
			continue;
		p->revents = 0;
		if (e == FD_HIDDEN)
			p->revents = POLLNVAL;
		else if (!(e & FABRIC_FD_PSET))
			p->revents = revents_of(
				p, atomic_load(&sock_at(f, e)->ready));
		else if (epoll_pending(po->t, p->fd, e))
			p->revents = revents_of(p, STACK_IN);
		n += p->revents != 0;
	}
	return n;
}

/* Copies the kernel's answers back; returns how many are ready. */
static long merge_kernel(struct poller *po)
{
	unsigned long k = 0;
	long n = 0;

	for (unsigned long i = 0; i < po->count && k < po->plain; i++) {
		struct pollfd *p = &po->fds[i];

		if (p->fd != po->kernel[k].fd)
			continue;
		p->revents = po->kernel[k++].revents;
		n += p->revents != 0;
	}
	return n;
}

static long look_in_kernel(struct poller *po)
{
	struct timespec none = { 0, 0 };

	if (!po->kernels)
		return 0;
	po->kernel_checked_ns = fabric_now(&po->t->process->fabric);
	if (sys_call(SYS_ppoll, po->kernel, po->kernels, &none, 0, 0) < 0)
		for (unsigned long i = 0; i < po->kernels; i++)
			po->kernel[i].revents = 0;
	return merge_kernel(po);
}

static bool spin_ready(void *arg)
{
	struct poller *po = arg;

	if (look_at_ours(po))
		return true;
	if (!po->kernels ||
	    fabric_now(&po->t->process->fabric) - po->kernel_checked_ns <
		    KERNEL_SPIN_NS)
		return false;
	return look_in_kernel(po) > 0;
}

/* --- sleeping ----------------------------------------------------------------
 */

static pset_ix take_spare(struct socket_thread *t)
{
	/* A vfork child's would be reaped with it. */
	if (t->self != t->process->self)
		return 0;
	return atomic_exchange(&t->process->spare, 0);
}

static void give_spare(struct socket_thread *t, pset_ix ix)
{
	if (t->self == t->process->self)
		ix = atomic_exchange(&t->process->spare, ix);
	if (ix)
		pset_put(t, ix);
}

/* False: not every watch could be made, or not every one be found again. */
static bool watch_all(struct poller *po, pset_ix ix, bool on)
{
	bool all = true;
	unsigned long removed = 0;

	for (unsigned long i = 0; i < po->count; i++) {
		struct pollfd *p = &po->fds[i];
		uint32_t e = descriptor_get(po->t, p->fd);

		if (!e || e == FD_HIDDEN)
			continue;
		if (e & FABRIC_FD_PSET) {
			if (on)
				epoll_sleep_in_kernel(po->t, p->fd, e);
		} else if (on) {
			int err = pset_add(po->t, ix, -1, p->fd,
					   wanted(p) | EPOLLET, i);

			all &= err != -ENOSPC;
			po->watched += !err;
		} else {
			removed += !pset_remove(po->t, ix, p->fd);
		}
	}
	return on ? all : removed == po->watched;
}

/* Sleeps until something may have happened. 0, -EINTR, -ETIMEDOUT or an error.
 */
static long sleep_on(struct poller *po, pset_ix ix, uint64_t until,
		     const void *mask, long masksize)
{
	struct socket_thread *t = po->t;
	struct pset *p = pset_at(&t->process->fabric, ix);
	struct timespec ts;
	long n;

	if (!po->kernels && !mask && !po->nested) {
		uint32_t word = pset_sleep_begin(p, PSET_FUTEX_ONE);

		n = pset_pending(p) ? 0
				    : wait_futex(t, &p->sleeping, word, until);
		pset_sleep_end(p, PSET_FUTEX_ONE, p->generation);
		return n;
	}
	n = pset_wake_fd(t, ix, -1, 0);
	if (n < 0)
		until = min_u64(until, wait_blind(t));
	po->kernel[po->kernels] =
		(struct pollfd){ n < 0 ? -1 : (int)n, POLLIN, 0 };
	pset_sleep_begin(p, PSET_SOCKET_ONE);
	if (pset_pending(p)) {
		pset_sleep_end(p, PSET_SOCKET_ONE, p->generation);
		return 0;
	}
	long args[6] = { (long)po->kernel,
			 (long)po->kernels + (n >= 0),
			 (long)wait_timespec(t, until, &ts),
			 (long)mask,
			 masksize,
			 0 };

	n = sys_sleep(&t->signal_due, SYS_ppoll, args);
	pset_sleep_end(p, PSET_SOCKET_ONE, p->generation);
	if (args[1] > (long)po->kernels && po->kernel[po->kernels].revents)
		wake_drain(po->kernel[po->kernels].fd);
	return n == 0 ? -ETIMEDOUT : n < 0 ? n : 0;
}

/* The kernel's @err of a sleep: has it really lasted until @until? */
static bool is_over(const struct poller *po, long err, uint64_t until)
{
	return err && (err != -ETIMEDOUT ||
		       fabric_now(&po->t->process->fabric) >= until);
}

static long wait_for(struct poller *po, uint64_t until, const void *mask,
		     long masksize)
{
	struct epoll_event none;
	pset_ix ix;
	long n;

	if (wait_spin(po->t, spin_ready, po, until)) {
		n = look_at_ours(po) + look_in_kernel(po);
		if (n)
			return n;
	}
	ix = take_spare(po->t);
	if (!ix)
		ix = pset_new(po->t, true);
	if (!ix)
		return -ENOMEM;
	if (!watch_all(po, ix, true)) {
		n = -ENOMEM;
		goto out;
	}
	for (;;) {
		long err = sleep_on(po, ix, until, mask, masksize);

		while (pset_harvest(po->t, ix, -1, &none, 1) > 0)
			;
		n = look_at_ours(po) + look_in_kernel(po);
		if (n || is_over(po, err, until)) {
			n = n ? n : err == -ETIMEDOUT ? 0 : err;
			break;
		}
	}
out:
	/* A descriptor that was closed meanwhile may have left its watch
	 * behind. */
	if (watch_all(po, ix, false)) {
		while (pset_harvest(po->t, ix, -1, &none, 1) > 0)
			;
		give_spare(po->t, ix);
	} else {
		pset_put(po->t, ix);
	}
	return n;
}

/* Finds out what is whose; false: none is ours. */
static bool sort_out(struct poller *po, bool *ours)
{
	*ours = false;
	po->kernels = 0;
	po->nested = false;
	for (unsigned long i = 0; i < po->count; i++) {
		uint32_t e = descriptor_get(po->t, po->fds[i].fd);

		if (!e) {
			po->kernels++;
			continue;
		}
		*ours = true;
		if (e != FD_HIDDEN && (e & FABRIC_FD_PSET)) {
			po->nested = true;
			po->kernels++;
		}
	}
	return *ours;
}

/* The kernel's own, then instances of ours (their wake sockets make them
 * readable). */
static void fill_kernel(struct poller *po)
{
	unsigned long k = 0;

	for (unsigned long i = 0; i < po->count && k < po->room; i++)
		if (!descriptor_get(po->t, po->fds[i].fd))
			po->kernel[k++] = po->fds[i];
	po->plain = k;
	for (unsigned long i = 0; i < po->count && k < po->room; i++) {
		uint32_t e = descriptor_get(po->t, po->fds[i].fd);

		if (e && e != FD_HIDDEN && (e & FABRIC_FD_PSET))
			po->kernel[k++] = po->fds[i];
	}
	po->kernels = k;
}

long poll_until(struct socket_thread *t, struct pollfd *fds,
		unsigned long count, uint64_t until, const void *mask,
		long masksize)
{
	struct poller po = { .t = t, .fds = fds, .count = count };
	struct pollfd on_stack[ON_STACK];
	unsigned long bytes = 0;
	bool ours;
	long n;

	if (count > FABRIC_FD_MAX ||
	    user_span(fds, count * sizeof(*fds), false) <
		    count * sizeof(*fds) ||
	    !sort_out(&po, &ours))
		return SOCKET_PASS; /* also for their errors */
	po.kernel = on_stack;
	po.room = ON_STACK - 1;
	if (po.kernels > po.room) {
		po.room = po.kernels;
		bytes = (po.kernels + 1) * sizeof(struct pollfd);
		n = sys_call(SYS_mmap, 0, bytes, PROT_READ | PROT_WRITE,
			     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		if (n < 0)
			return n;
		po.kernel = (struct pollfd *)n;
	}
	fill_kernel(&po);
	n = look_at_ours(&po);
	n += look_in_kernel(&po);
	if (!n && until)
		n = wait_for(&po, until, mask, masksize);
	if (bytes)
		sys_call(SYS_munmap, po.kernel, bytes);
	return n;
}

/* --- select ------------------------------------------------------------------
 */

#define WORD_BITS 64

static const short select_events[3] = {
	POLLIN | POLLRDNORM | POLLHUP | POLLERR, /* as in fs/select.c */
	POLLOUT | POLLWRNORM | POLLERR,
	POLLPRI,
};

static bool in_set(const unsigned long *set, long fd)
{
	return set && set[fd / WORD_BITS] >> (fd % WORD_BITS) & 1;
}

bool poll_select_ours(const struct socket_thread *t, long count,
		      unsigned long *sets[3])
{
	size_t bytes = (size_t)(count + WORD_BITS - 1) / WORD_BITS * 8;

	for (int i = 0; i < 3; i++)
		if (sets[i] && user_span(sets[i], bytes, false) < bytes)
			return false; /* the kernel says so */
	for (long fd = 0; fd < count; fd++)
		if ((in_set(sets[0], fd) || in_set(sets[1], fd) ||
		     in_set(sets[2], fd)) &&
		    descriptor_get(t, fd))
			return true;
	return false;
}

/* Clears what is not ready in the sets; returns the bits left. */
static long write_sets(const struct pollfd *fds, unsigned long n,
		       unsigned long *sets[3])
{
	long bits = 0;

	for (unsigned long k = 0; k < n; k++)
		for (int i = 0; i < 3; i++) {
			long fd = fds[k].fd;

			if (!in_set(sets[i], fd))
				continue;
			if (fds[k].revents & select_events[i])
				bits++;
			else
				sets[i][fd / WORD_BITS] &=
					~(1ul << (fd % WORD_BITS));
		}
	return bits;
}

long poll_select(struct socket_thread *t, long count, unsigned long *sets[3],
		 uint64_t until, const void *mask, long masksize)
{
	struct pollfd on_stack[ON_STACK], *fds = on_stack;
	unsigned long n = 0, bytes = 0;
	long ready;

	if (count > ON_STACK) {
		bytes = (unsigned long)count * sizeof(*fds);
		ready = sys_call(SYS_mmap, 0, bytes, PROT_READ | PROT_WRITE,
				 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		if (ready < 0)
			return ready;
		fds = (struct pollfd *)ready;
	}
	for (long fd = 0; fd < count; fd++) {
		int events = 0;

		for (int i = 0; i < 3; i++)
			if (in_set(sets[i], fd))
				events |= select_events[i];
		if (events)
			fds[n++] = (struct pollfd){ (int)fd, (short)events, 0 };
	}
	ready = poll_until(t, fds, n, until, mask, masksize);
	if (ready == SOCKET_PASS)
		ready = -EBADF; /* closed by another thread meanwhile */
	for (unsigned long k = 0; ready > 0 && k < n; k++)
		if (fds[k].revents & POLLNVAL)
			ready = -EBADF;
	if (ready >= 0)
		ready = write_sets(fds, n, sets);
	if (bytes)
		sys_call(SYS_munmap, fds, bytes);
	return ready;
}
