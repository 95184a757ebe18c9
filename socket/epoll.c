/* SPDX-License-Identifier: BSD-2-Clause */
/* See epoll.h. */
#include "socket/epoll.h"
#include "base/sys.h"
#include "base/user.h"
#include "fabric/wake.h"
#include "socket/descriptor.h"
#include "socket/held.h"
#include "socket/pset.h"
#include "socket/wait.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <time.h>

/*
 * While our own sockets keep a program busy, the kernel's part is looked at
 * this often: a system call beside the fraction of a microsecond that ours
 * take.
 */
#define KERNEL_CHECK_NS 50000
/* While spinning, nothing else is to be done: more often. */
#define KERNEL_SPIN_NS 10000

/* What EPOLLEXCLUSIVE goes with. */
#define EXCLUSIVE_OK                                                        \
	(EPOLLIN | EPOLLOUT | EPOLLERR | EPOLLHUP | EPOLLWAKEUP | EPOLLET | \
	 EPOLLEXCLUSIVE)

#ifndef SYS_epoll_pwait2
#define SYS_epoll_pwait2 441
#endif

long epoll_open(struct socket_thread *t, long nr, long arg)
{
	long fd = sys_call(nr, arg);
	pset_ix ix;

	if (fd < 0)
		return fd;
	if (fd >= FABRIC_FD_MAX) {
		sys_call(SYS_close, fd);
		return -EMFILE;
	}
	ix = pset_new(t, false);
	if (!ix) {
		sys_call(SYS_close, fd);
		return -ENOMEM;
	}
	descriptor_set(t, (int)fd, ix | FABRIC_FD_PSET);
	return fd;
}

/* The pset behind @epfd, or 0. */
static pset_ix pset_of(const struct socket_thread *t, long epfd)
{
	uint32_t e = descriptor_get(t, epfd);

	return e != FD_HIDDEN && (e & FABRIC_FD_PSET) ? e & ~FABRIC_FD_PSET : 0;
}

/* A descriptor of the kernel's comes or goes. */
static long control_kernel(struct socket_thread *t, pset_ix ix, long epfd,
			   long op, long fd, const struct epoll_event *ev)
{
	struct pset *p = pset_at(&t->process->fabric, ix);
	long err = sys_call(SYS_epoll_ctl, epfd, op, fd, ev);

	if (err)
		return err;
	if (op == EPOLL_CTL_ADD) {
		/* A thread may sleep on the futex alone. Nobody else is told:
		 * nothing has happened. */
		if (atomic_fetch_add(&p->kernel_fds, 1) == 0 &&
		    (atomic_load(&p->sleeping) & PSET_FUTEX_ALL))
			pset_kick(t, ix);
	} else if (op == EPOLL_CTL_DEL) {
		atomic_fetch_sub(&p->kernel_fds, 1);
	}
	return 0;
}

long epoll_control(struct socket_thread *t, long epfd, long op, long fd,
		   const struct epoll_event *ev)
{
	pset_ix ix = pset_of(t, epfd);
	uint32_t e = descriptor_get(t, fd);

	struct epoll_event want;

	if (!ix && !sock_peek(t, fd))
		return SOCKET_PASS;
	if (!ix && (op == EPOLL_CTL_DEL || !user_copy(&want, ev, sizeof(want))))
		return sys_call(SYS_fcntl, epfd, F_GETFD) < 0 ? -EBADF
							      : -EINVAL;
	if (!ix)
		return -EFAULT;
	if (op != EPOLL_CTL_DEL && user_copy(&want, ev, sizeof(want)))
		return -EFAULT;
	if (e == FD_HIDDEN)
		return -EBADF;
	if (!e)
		return control_kernel(t, ix, epfd, op, fd, ev);
	if (e & FABRIC_FD_PSET) {
		/* Nested: its own events reach it through the kernel's
		 * instance. */
		if (op == EPOLL_CTL_ADD)
			epoll_sleep_in_kernel(t, fd, e);
		return control_kernel(t, ix, epfd, op, fd, ev);
	}
	/* fs/eventpoll.c: once, when it is added, and with no other mode. */
	if (op != EPOLL_CTL_DEL && (want.events & EPOLLEXCLUSIVE) &&
	    (op != EPOLL_CTL_ADD || (want.events & ~(uint32_t)EXCLUSIVE_OK)))
		return -EINVAL;
	switch (op) {
	case EPOLL_CTL_ADD:
		return pset_add(t, ix, epfd, (int)fd, want.events,
				want.data.u64);
	case EPOLL_CTL_MOD:
		return pset_modify(t, ix, (int)fd, want.events, want.data.u64);
	case EPOLL_CTL_DEL:
		return pset_remove(t, ix, (int)fd);
	default:
		return -EINVAL;
	}
}

/* Of @n events of the kernel's, those that the program asked for: our wake
 * socket is taken out. */
static int sort_kernel(struct socket_thread *t, struct pset *p, long epfd,
		       struct epoll_event *ev, long n)
{
	pset_ix ix = slot_ix(&t->process->fabric.table[FABRIC_TABLE_PSET], p);
	uint64_t magic = t->process->magic;
	int kept = 0, fd;

	for (long i = 0; i < n; i++) {
		if (ev[i].data.u64 == magic) {
			fd = pset_wake_fd(t, ix, (int)epfd, magic);
			if (fd >= 0)
				wake_drain(fd);
			pset_drained(p);
			continue;
		}
		ev[kept++] = ev[i];
	}
	return kept;
}

/* What the kernel has, without waiting; or -EFAULT. */
static int look_in_kernel(struct socket_thread *t, struct pset *p, long epfd,
			  struct epoll_event *ev, int max)
{
	long n = sys_call(SYS_epoll_wait, epfd, ev, max, 0);

	p->kernel_checked_ns = fabric_now(&t->process->fabric);
	return n < 0 ? (n == -EFAULT ? -EFAULT : 0)
		     : sort_kernel(t, p, epfd, ev, n);
}

/* Everything that is ready now. */
static int look(struct socket_thread *t, pset_ix ix, long epfd,
		struct epoll_event *ev, int max, uint64_t every_ns)
{
	struct fabric *f = &t->process->fabric;
	struct pset *p = pset_at(f, ix);
	bool nested = atomic_load(&p->sleeping) & PSET_NESTED;
	int n = pset_harvest(t, ix, epfd, ev, max);

	if (n >= 0 && n < max && (atomic_load(&p->kernel_fds) || nested) &&
	    (!n || fabric_now(f) - p->kernel_checked_ns >= every_ns)) {
		int more = look_in_kernel(t, p, epfd, ev + n, max - n);

		n = more < 0 && !n ? more : n + (more > 0 ? more : 0);
	}
	/* What is left must show in the kernel's instance: others poll that. */
	if (nested && pset_pending(p))
		pset_kick(t, ix);
	return n;
}

struct epoll_spin {
	struct socket_thread *t;
	struct pset *p;
	long epfd;
};

static bool kernel_pending(const struct epoll_spin *es)
{
	/* poll takes no event out of the instance: no edge is lost by looking.
	 */
	struct {
		int fd;
		short events, revents;
	} pfd = { (int)es->epfd, 1 /* POLLIN */, 0 };
	struct timespec none = { 0, 0 };

	return sys_call(SYS_ppoll, &pfd, 1, &none, 0, 0) == 1;
}

static bool spin_ready(void *arg)
{
	struct epoll_spin *es = arg;
	uint64_t now;

	if (pset_pending(es->p))
		return true;
	if (!atomic_load_explicit(&es->p->kernel_fds, memory_order_relaxed))
		return false;
	now = fabric_now(&es->t->process->fabric);
	if (now - es->p->kernel_checked_ns < KERNEL_SPIN_NS)
		return false;
	es->p->kernel_checked_ns = now;
	return kernel_pending(es);
}

/*
 * Sleeps once, by whatever wakes it. How many events of the kernel's have come,
 * 0, -EINTR or -ETIMEDOUT.
 */
static int sleep_once(struct socket_thread *t, pset_ix ix, long epfd,
		      struct epoll_event *ev, int max, uint64_t until,
		      const void *mask, long masksize)
{
	struct pset *p = pset_at(&t->process->fabric, ix);
	uint32_t generation = p->generation;
	struct timespec ts;
	long args[6], n;

	if (!atomic_load(&p->kernel_fds) && !mask) {
		uint32_t word = pset_sleep_begin(p, PSET_FUTEX_ONE);

		n = 0;
		if (!pset_pending(p) && !atomic_load(&p->kernel_fds) &&
		    descriptor_get(t, epfd) == (ix | FABRIC_FD_PSET))
			n = wait_futex(t, &p->sleeping, word, until);
		pset_sleep_end(p, PSET_FUTEX_ONE, generation);
		return (int)n;
	}
	if (pset_wake_fd(t, ix, (int)epfd, t->process->magic) < 0)
		until = min_u64(until, wait_blind(t));
	pset_sleep_begin(p, PSET_SOCKET_ONE);
	if (pset_pending(p) ||
	    descriptor_get(t, epfd) != (ix | FABRIC_FD_PSET)) {
		pset_sleep_end(p, PSET_SOCKET_ONE, generation);
		return 0;
	}
	/* In epoll_wait itself: a poll of the instance would not count as
	 * somebody who waits, and EPOLLEXCLUSIVE go on to wake the next. */
	args[0] = epfd;
	args[1] = (long)ev;
	args[2] = max;
	args[3] = (long)wait_timespec(t, until, &ts);
	args[4] = (long)mask;
	args[5] = masksize;
	n = sys_sleep(&t->signal_due, SYS_epoll_pwait2, args);
	pset_sleep_end(p, PSET_SOCKET_ONE, generation);
	p->kernel_checked_ns = 0;
	return n == 0	     ? -ETIMEDOUT
	       : n == -EINTR ? -EINTR
	       : n < 0	     ? 0
			     : sort_kernel(t, p, epfd, ev, n);
}

/* look(), if need be by another number: *epfd may be closed and the pset be
 * kept. */
static int look_held(struct socket_thread *t, const struct held *h, long *epfd,
		     struct epoll_event *ev, int max, uint64_t every_ns)
{
	int n = look(t, h->pset, *epfd, ev, max, every_ns);

	if (likely(n != -EBADF))
		return n;
	*epfd = held_number(t, h);
	return *epfd < 0 ? -EBADF : look(t, h->pset, *epfd, ev, max, every_ns);
}

/* Until there are events; from the first sleep on @h has a place. */
static long wait_held(struct socket_thread *t, struct held *h, long epfd,
		      struct epoll_event *ev, int max, uint64_t until,
		      const void *mask, long masksize)
{
	struct pset *p = pset_at(&t->process->fabric, h->pset);
	struct epoll_spin es = { t, p, epfd };
	int n, err;

	for (;;) {
		n = look_held(t, h, &epfd, ev, max, KERNEL_CHECK_NS);
		if (n || !until)
			return n;
		es.epfd = epfd;
		if (wait_spin(t, spin_ready, &es, until)) {
			p->kernel_checked_ns = 0;
			continue;
		}
		held_begin(t, h);
		err = sleep_once(t, h->pset, epfd, ev, max, until, mask,
				 masksize);
		if (err > 0)
			return err;
		if (!err)
			continue;
		/* What came with the signal or at the last moment counts. */
		n = look_held(t, h, &epfd, ev, max, 0);
		if (n)
			return n;
		if (err != -ETIMEDOUT)
			return err;
		if (fabric_now(&t->process->fabric) >= until)
			return 0;
	}
}

long epoll_wait_until(struct socket_thread *t, long epfd,
		      struct epoll_event *ev, long max, uint64_t until,
		      const void *mask, long masksize)
{
	struct held h = { .pset = pset_of(t, epfd) };
	long n;

	if (!h.pset)
		return SOCKET_PASS;
	if (max <= 0 || max > INT32_MAX / (long)sizeof(*ev))
		return -EINVAL;
	if (mask && masksize != sizeof(uint64_t))
		return -EINVAL;
	if (mask && user_span(mask, sizeof(uint64_t), false) < sizeof(uint64_t))
		return -EFAULT;
	h.generation = pset_at(&t->process->fabric, h.pset)->generation;
	n = wait_held(t, &h, epfd, ev, (int)max, until, mask, masksize);
	held_end(t, &h);
	return n;
}

bool epoll_pending(struct socket_thread *t, long epfd, uint32_t entry)
{
	struct pset *p = pset_at(&t->process->fabric, entry & ~FABRIC_FD_PSET);
	struct epoll_spin es = { t, p, epfd };

	return (pset_pending(p) &&
		pset_shows(t, entry & ~FABRIC_FD_PSET, epfd)) ||
	       (atomic_load(&p->kernel_fds) && kernel_pending(&es));
}

void epoll_sleep_in_kernel(struct socket_thread *t, long epfd, uint32_t entry)
{
	pset_ix ix = entry & ~FABRIC_FD_PSET;

	struct pset *p = pset_at(&t->process->fabric, ix);

	if (atomic_load(&p->sleeping) & PSET_NESTED)
		return;
	pset_wake_fd(t, ix, (int)epfd, t->process->magic);
	atomic_fetch_or(&p->sleeping, PSET_NESTED | PSET_SOCKET_ARMED);
	/* What waits already must show, too. */
	if (pset_pending(p))
		pset_kick(t, ix);
}
