/* SPDX-License-Identifier: BSD-2-Clause */
/* See descriptor.h. */
#include "socket/descriptor.h"
#include "base/sys.h"
#include "socket/held.h"
#include "socket/parcel.h"
#include "socket/pset.h"
#include "socket/sigio.h"
#include "socket/stamp.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <time.h>
#include <sys/resource.h>
#include <sys/socket.h>

static _Atomic uint32_t *entry_at(const struct socket_thread *t, long fd)
{
	return &t->process->fabric.procs[t->self].fd[fd];
}

static void descriptor_note_end(struct socket_thread *t, long fd)
{
	struct fabric_proc *p = &t->process->fabric.procs[t->self];
	uint32_t end = atomic_load(&p->fd_end);

	while ((uint32_t)fd >= end)
		if (atomic_compare_exchange_weak(&p->fd_end, &end,
						 (uint32_t)fd + 1))
			break;
}

void descriptor_set(struct socket_thread *t, int fd, uint32_t entry)
{
	if (entry)
		descriptor_note_end(t, fd);
	atomic_store(entry_at(t, fd), entry);
}

int descriptor_placeholder(bool cloexec)
{
	long fd = sys_call(SYS_socket, AF_UNIX,
			   SOCK_DGRAM | (cloexec ? SOCK_CLOEXEC : 0), 0);

	if (fd >= FABRIC_FD_MAX) {
		sys_call(SYS_close, fd);
		return -EMFILE;
	}
	return (int)fd;
}

/*
 * Programs close numbers that they believe unused, and count on low ones: ours
 * move to just below the soft limit, at most to 1000.
 */
long descriptor_high(void)
{
	struct rlimit lim = { 1024, 1024 };

	sys_call(SYS_prlimit64, 0, RLIMIT_NOFILE, 0, &lim);
	if (lim.rlim_cur > 1024)
		lim.rlim_cur = 1024;
	return lim.rlim_cur > 64 ? (long)lim.rlim_cur - 32 : 32;
}

int descriptor_hide(struct socket_thread *t, int fd)
{
	long high = sys_call(SYS_fcntl, fd, F_DUPFD_CLOEXEC, descriptor_high());

	if (high >= 0 && high < FABRIC_FD_MAX) {
		sys_call(SYS_close, fd);
		fd = (int)high;
	}
	descriptor_set(t, fd, FD_HIDDEN);
	return fd;
}

void descriptor_close_hidden(struct socket_thread *t, int fd)
{
	uint32_t hidden = FD_HIDDEN;

	/* A process that got the pset by fork, and then exec, has it no more.
	 */
	if (atomic_compare_exchange_strong(entry_at(t, fd), &hidden, 0))
		sys_call(SYS_close, fd);
}

/* The count of what @entry names. */
static _Atomic uint32_t *refs_of(struct fabric *f, uint32_t entry)
{
	return entry & FABRIC_FD_PSET
		       ? &pset_at(f, entry & ~FABRIC_FD_PSET)->refs
		       : &sock_at(f, entry)->refs;
}

bool descriptor_ref(struct work *w, proc_ix proc, long fd, uint32_t entry,
		    uint32_t *owed)
{
	_Atomic uint32_t *refs;
	uint32_t n;

	if (!is_counted(entry))
		return true;
	refs = refs_of(w->fabric, entry);
	n = atomic_load(refs);
	do {
		if (!n)
			return false;
	} while (!atomic_compare_exchange_weak(refs, &n, n + 1));
	/* Closed before, and another's by now? Then it is not ours to hold. */
	if (atomic_load(&w->fabric->procs[proc].fd[fd]) == entry)
		return true;
	*owed = entry;
	return false;
}

/* One reference less of @s, whose host is locked; the last one ends it. */
static void sock_put(struct work *w, struct sock *s)
{
	const struct slot_table *table = &w->fabric->table[FABRIC_TABLE_SOCK];

	if (atomic_fetch_sub(&s->refs, 1) != 1)
		return;
	pset_forget(w, s);
	stamp_drop(w, s);
	conn_close(&w->stack, s->conn);
	s->conn = 0;
	atomic_store(&s->ready, STACK_HUP);
	atomic_store(&s->state, SOCK_FREE);
	work_wake_sock(w, s);
	slot_free(table, slot_ix(table, s));
}

int descriptor_unref(struct socket_thread *t, uint32_t entry)
{
	struct fabric *f = &t->process->fabric;
	struct work w;
	int err;

	if (!is_counted(entry))
		return 0;
	if (entry & FABRIC_FD_PSET)
		return pset_put(t, entry & ~FABRIC_FD_PSET);
	/* The reference keeps it alive until we have the lock. */
	err = work_begin(&w, t, sock_at(f, entry)->host);
	if (err)
		return err;
	sock_put(&w, sock_at(f, entry));
	work_end(&w);
	return 0;
}

/*
 * Inside, with the host locked if @old is a sock: the entry changes together
 * with the references that it stands for. 0; 1: it was not @old any more;
 * -EBADF: nor is @from.
 */
static int change(struct work *w, struct socket_thread *t, long fd,
		  uint32_t old, uint32_t new, long from, uint32_t *owed,
		  bool *last)
{
	if (new && !descriptor_ref(w, t->self, from, new, owed))
		return -EBADF;
	if (!atomic_compare_exchange_strong(entry_at(t, fd), &old, new)) {
		*owed = new;
		return 1;
	}
	if (!is_counted(old))
		return 0;
	if (old & FABRIC_FD_PSET)
		*last = pset_unref(w, old & ~FABRIC_FD_PSET);
	else
		sock_put(w, sock_at(w->fabric, old));
	return 0;
}

/*
 * @fd stands for what @from stands for, @new, from now on (0: for nothing).
 * Entry and references move in one visit: a process killed in the middle is
 * found inside, and a repair counts anew. Returns 0; -EBADF: nothing was there,
 * or @from is another's.
 */
static int replace(struct socket_thread *t, long fd, uint32_t new, long from)
{
	for (;;) {
		uint32_t old = descriptor_raw(t, fd), owed = 0;
		bool last = false;
		struct work w;
		struct sock *s;
		int err;

		if (!old && !new)
			return -EBADF;
		if (new) /* before the entry: a repair looks no further */
			descriptor_note_end(t, fd);
		if (!old || (old & FABRIC_FD_PSET))
			err = work_enter(&w, t);
		else
			err = sock_lock(&w, t, fd, &s);
		if (err == -EBADF || err == -ENOTSOCK)
			continue;
		if (err)
			return err;
		err = old && !(old & FABRIC_FD_PSET) &&
				      s != sock_at(w.fabric, old)
			      ? 1
			      : change(&w, t, fd, old, new, from, &owed, &last);
		work_end(&w);
		descriptor_unref(t, owed);
		if (last)
			pset_end(t, old & ~FABRIC_FD_PSET);
		if (err <= 0)
			return err;
	}
}

int descriptor_drop(struct socket_thread *t, long fd)
{
	return replace(t, fd, 0, -1);
}

/* Is something of what was written to @fd, the last descriptor, still not
 * acknowledged? */
static bool is_lingering(struct socket_thread *t, long fd)
{
	const struct conn *c;
	struct work w;
	struct sock *s;
	bool lingers;

	if (sock_lock(&w, t, fd, &s))
		return false;
	c = slot_at(&w.fabric->table[FABRIC_TABLE_CONN], s->conn);
	lingers = atomic_load(&s->refs) == 1 && s->proto == STACK_TCP &&
		  !tcp_readable(c) && tcp_unacked(c);
	/* The end follows the data, so that the peer learns of it meanwhile. */
	if (lingers)
		tcp_shutdown(&w.stack, s->conn, 1 /* SHUT_WR */);
	work_end(&w);
	return lingers;
}

/* SO_LINGER with a time. Rare, and the wait is for the network: looking now and
 * then will do. */
static void linger(struct socket_thread *t, long fd, uint32_t seconds)
{
	uint64_t until =
		fabric_now(&t->process->fabric) + seconds * NSEC_PER_SEC;
	struct timespec pause = { 0, NSEC_PER_MSEC };
	long args[6] = { (long)&pause };

	while (is_lingering(t, fd) && fabric_now(&t->process->fabric) < until)
		if (sys_sleep(&t->signal_due, SYS_nanosleep, args))
			break;
}

uint32_t descriptor_generation(const struct fabric *f, uint32_t entry)
{
	return entry & FABRIC_FD_PSET
		       ? pset_at(f, entry & ~FABRIC_FD_PSET)->generation
		       : sock_at(f, entry)->generation;
}

bool descriptor_drop_other(struct socket_thread *t, proc_ix proc, long fd,
			   uint32_t e, uint32_t generation)
{
	struct fabric *f = &t->process->fabric;
	_Atomic uint32_t *entry = &f->procs[proc].fd[fd];
	bool is_sock = e && !(e & FABRIC_FD_PSET), last = false;
	uint32_t now = e;
	struct work w;

	if (is_sock ? work_begin(&w, t, sock_at(f, e)->host)
		    : work_enter(&w, t))
		return false;
	/* Somebody else has, or it is the slot's next user's by now. */
	if ((is_counted(e) && descriptor_generation(f, e) != generation) ||
	    !atomic_compare_exchange_strong(entry, &now, 0)) {
		work_end(&w);
		return false;
	}
	if (is_sock)
		sock_put(&w, sock_at(f, e));
	else if (is_counted(e))
		last = pset_unref(&w, e & ~FABRIC_FD_PSET);
	work_end(&w);
	/* An impatient thread has the reference still, and comes again. */
	if (!last || !pset_end(t, e & ~FABRIC_FD_PSET))
		return true;
	atomic_store(entry, e);
	return false;
}

void descriptor_drop_unborn(struct socket_thread *t, proc_ix child, long fd)
{
	const struct fabric *f = &t->process->fabric;
	uint32_t e = atomic_load(&f->procs[child].fd[fd]);

	if (e)
		descriptor_drop_other(
			t, child, fd, e,
			is_counted(e) ? descriptor_generation(f, e) : 0);
}

/* Has it been sent to others? Then its end may be the last one's. */
static bool is_parcelled(struct socket_thread *t, uint32_t entry)
{
	const struct fabric *f = &t->process->fabric;

	if (!is_counted(entry))
		return false;
	return entry & FABRIC_FD_PSET
		       ? atomic_load(&pset_at(f, entry & ~FABRIC_FD_PSET)
					      ->parcelled)
		       : atomic_load(&sock_at(f, entry)->parcelled);
}

/* A descriptor of something that is parcelled is closed. */
static void left_parcel(struct socket_thread *t, uint32_t entry)
{
	if (entry & FABRIC_FD_PSET)
		pset_left(t, entry & ~FABRIC_FD_PSET);
	parcel_sweep(t);
}

void descriptor_close_if(struct socket_thread *t, long fd, uint32_t entry,
			 uint32_t generation)
{
	bool parcelled = is_parcelled(t, entry);

	if (!descriptor_drop_other(t, t->self, fd, entry, generation))
		return;
	sys_call(SYS_close, fd);
	if (parcelled)
		left_parcel(t, entry);
}

long descriptor_close(struct socket_thread *t, long fd)
{
	uint32_t entry = descriptor_raw(t, fd);
	bool parcelled;
	long n;
	int err;

	if (!entry)
		return SOCKET_PASS;
	if (entry == FD_HIDDEN)
		return -EBADF;
	if (!(entry & FABRIC_FD_PSET) &&
	    sock_at(&t->process->fabric, entry)->linger_s)
		linger(t, fd, sock_at(&t->process->fabric, entry)->linger_s);
	if (is_counted(entry) && (entry & FABRIC_FD_PSET))
		held_keep(t, fd, entry & ~FABRIC_FD_PSET);
	/* Whoever takes the entry closes: two threads may try at once. */
	parcelled = is_parcelled(t, entry);
	err = descriptor_drop(t, fd);
	if (err)
		return err;
	n = sys_call(SYS_close, fd);
	if (unlikely(parcelled))
		left_parcel(t, entry);
	return n;
}

long descriptor_close_range(struct socket_thread *t, unsigned long first,
			    unsigned long last, unsigned long flags)
{
	struct fabric_proc *p = &t->process->fabric.procs[t->self];
	unsigned long end = atomic_load(&p->fd_end), from = first;
	bool parcelled = false;
	long err = 0;

	if ((flags & ~(unsigned long)CLOSE_RANGE_UNSHARE) || first > last ||
	    first >= end)
		return SOCKET_PASS;
	/* The kernel closes the gaps between those that we keep. */
	for (unsigned long fd = first; fd < end && fd <= last; fd++) {
		if (atomic_load(&p->fd[fd]) == FD_HIDDEN) {
			if (fd > from)
				err = sys_call(SYS_close_range, from, fd - 1,
					       flags);
			from = fd + 1;
		} else if (atomic_load(&p->fd[fd])) {
			uint32_t entry = atomic_load(&p->fd[fd]);
			bool is = is_parcelled(t, entry);

			descriptor_drop(t, (long)fd);
			if (is && (entry & FABRIC_FD_PSET))
				pset_left(t, entry & ~FABRIC_FD_PSET);
			parcelled |= is;
		}
	}
	if (from <= last)
		err = sys_call(SYS_close_range, from, last, flags);
	if (parcelled)
		parcel_sweep(t);
	return err;
}

/* @n, fresh from the kernel, is another number for what @fd stands for. */
static long copied(struct socket_thread *t, long fd, uint32_t entry, long n)
{
	int err = -EMFILE;

	if (n < 0)
		return n;
	if (n < FABRIC_FD_MAX)
		err = replace(t, n, entry, fd);
	if (!err)
		return n;
	sys_call(SYS_close, n);
	return err;
}

long descriptor_dup(struct socket_thread *t, long fd)
{
	uint32_t entry = descriptor_raw(t, fd);

	if (!entry)
		return SOCKET_PASS;
	if (entry == FD_HIDDEN)
		return -EBADF;
	return copied(t, fd, entry, sys_call(SYS_dup, fd));
}

long descriptor_dup3(struct socket_thread *t, long nr, long from, long to,
		     long flags)
{
	uint32_t entry = descriptor_raw(t, from);
	uint32_t old = descriptor_raw(t, to);
	bool parcelled;
	long n;

	if (!entry && !old)
		return SOCKET_PASS;
	if (old == FD_HIDDEN)
		return -EBUSY;
	if (entry == FD_HIDDEN || (entry && to >= FABRIC_FD_MAX))
		return -EBADF;
	if (from == to)
		return SOCKET_PASS;
	parcelled = is_parcelled(t, old);
	if (is_counted(old) && (old & FABRIC_FD_PSET))
		held_keep(t, to, old & ~FABRIC_FD_PSET);
	n = sys_call(nr, from, to, flags);
	if (n < 0)
		return n;
	/* A descriptor of the kernel's in the place of one of ours, or the
	 * reverse. */
	if (replace(t, to, entry, from) == -EBADF && entry) {
		descriptor_drop(t, to);
		sys_call(SYS_close, to);
		return -EBADF;
	}
	if (parcelled)
		left_parcel(t, old);
	return n;
}

long descriptor_fcntl(struct socket_thread *t, long fd, long cmd, long arg)
{
	uint32_t entry = descriptor_raw(t, fd);
	struct sock *s;

	if (!entry)
		return SOCKET_PASS;
	switch (cmd) {
	case F_DUPFD:
	case F_DUPFD_CLOEXEC:
		if (entry == FD_HIDDEN)
			return -EBADF;
		return copied(t, fd, entry, sys_call(SYS_fcntl, fd, cmd, arg));
	case F_GETFL:
		s = sock_peek(t, fd);
		if (!s)
			return SOCKET_PASS;
		return O_RDWR | (atomic_load(&s->nonblock) ? O_NONBLOCK : 0) |
		       (atomic_load(&s->async) ? O_ASYNC : 0) |
		       (int)atomic_load(&s->file_flags);
	case F_SETFL:
		s = sock_peek(t, fd);
		if (!s)
			return SOCKET_PASS;
		if (arg & O_DIRECT)
			return -EINVAL;
		atomic_store(&s->file_flags,
			     (uint32_t)arg & (O_APPEND | O_NOATIME));
		atomic_store(&s->nonblock, arg & O_NONBLOCK ? 1 : 0);
		sigio_set(t, fd, s, arg & O_ASYNC);
		return 0;
	case F_SETOWN:
	case F_SETOWN_EX:
		s = sock_peek(t, fd);
		return s ? sigio_own(t, fd, s, cmd, arg) : SOCKET_PASS;
	default:
		/* Descriptor flags, signals, locks: the placeholder's. */
		return SOCKET_PASS;
	}
}
