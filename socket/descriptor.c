/* SPDX-License-Identifier: BSD-2-Clause */
/* See descriptor.h. */
#include "socket/descriptor.h"
#include "base/sys.h"
#include "socket/pset.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <sys/resource.h>
#include <sys/socket.h>

static _Atomic uint32_t *entry_at(const struct socket_thread *t, long fd)
{
	return &t->process->fabric.procs[t->self].fd[fd];
}

void descriptor_set(struct socket_thread *t, int fd, uint32_t entry)
{
	struct fabric_proc *p = &t->process->fabric.procs[t->self];
	uint32_t end = atomic_load(&p->fd_end);

	while (entry && (uint32_t)fd >= end)
		if (atomic_compare_exchange_weak(&p->fd_end, &end,
						 (uint32_t)fd + 1))
			break;
	atomic_store(&p->fd[fd], entry);
}

int descriptor_placeholder(bool cloexec)
{
	long fd = sys_call(SYS_socket, AF_UNIX,
			   SOCK_STREAM | (cloexec ? SOCK_CLOEXEC : 0), 0);

	if (fd >= FABRIC_FD_MAX) {
		sys_call(SYS_close, fd);
		return -EMFILE;
	}
	return (int)fd;
}

/*
 * Programs close numbers that they believe unused, and count on low ones: ours move to
 * just below the soft limit, at most to 1000.
 */
int descriptor_hide(struct socket_thread *t, int fd)
{
	struct rlimit lim = { 1024, 1024 };
	long high;

	sys_call(SYS_prlimit64, 0, RLIMIT_NOFILE, 0, &lim);
	if (lim.rlim_cur > 1024)
		lim.rlim_cur = 1024;
	high = lim.rlim_cur > 64 ? (long)lim.rlim_cur - 32 : 32;
	high = sys_call(SYS_fcntl, fd, F_DUPFD_CLOEXEC, high);
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

	/* A process that got the pset by fork, and then exec, has it no more. */
	if (atomic_compare_exchange_strong(entry_at(t, fd), &hidden, 0))
		sys_call(SYS_close, fd);
}

void descriptor_ref(struct fabric *f, uint32_t entry)
{
	if (entry == FD_HIDDEN)
		return;
	if (entry & FABRIC_FD_PSET)
		atomic_fetch_add(&pset_at(f, entry & ~FABRIC_FD_PSET)->refs, 1);
	else
		atomic_fetch_add(&sock_at(f, entry)->refs, 1);
}

/* The last descriptor of a sock is gone. */
static int sock_end(struct socket_thread *t, sock_ix ix)
{
	struct fabric *f = &t->process->fabric;
	struct sock *s = sock_at(f, ix);
	host_ix host = s->host;
	struct work w;
	int err = work_begin(&w, t, host);

	if (err) {
		atomic_fetch_add(&s->refs, 1);
		return err;
	}
	/* While we waited, a repair may have ended it, and somebody have taken the slot. */
	if (atomic_load(&s->state) != SOCK_USED || s->host != host ||
	    atomic_load(&s->refs)) {
		work_end(&w);
		return 0;
	}
	pset_forget(&w, s);
	conn_close(&w.stack, s->conn);
	s->conn = 0;
	atomic_store(&s->ready, STACK_HUP);
	atomic_store(&s->state, SOCK_FREE);
	work_wake_sock(&w, s);
	slot_free(&f->table[FABRIC_TABLE_SOCK], ix);
	work_end(&w);
	return 0;
}

int descriptor_unref(struct socket_thread *t, uint32_t entry)
{
	struct fabric *f = &t->process->fabric;

	if (!entry || entry == FD_HIDDEN)
		return 0;
	if (entry & FABRIC_FD_PSET)
		return pset_put(t, entry & ~FABRIC_FD_PSET);
	if (atomic_fetch_sub(&sock_at(f, entry)->refs, 1) == 1)
		return sock_end(t, entry);
	return 0;
}

long descriptor_close(struct socket_thread *t, long fd)
{
	uint32_t entry = descriptor_get(t, fd);

	if (!entry)
		return SOCKET_PASS;
	if (entry == FD_HIDDEN)
		return -EBADF;
	/* Whoever takes the entry closes: two threads may try at once. */
	if (!atomic_compare_exchange_strong(entry_at(t, fd), &entry, 0))
		return -EBADF;
	descriptor_unref(t, entry);
	return sys_call(SYS_close, fd);
}

long descriptor_close_range(struct socket_thread *t, unsigned long first,
			    unsigned long last, unsigned long flags)
{
	struct fabric_proc *p = &t->process->fabric.procs[t->self];
	unsigned long end = atomic_load(&p->fd_end), from = first;
	long err = 0;

	if (flags & CLOSE_RANGE_CLOEXEC)
		return SOCKET_PASS;
	if (flags || first > last || first >= end)
		return SOCKET_PASS;
	/* The kernel closes the gaps between those that we keep. */
	for (unsigned long fd = first; fd < end && fd <= last; fd++) {
		if (atomic_load(&p->fd[fd]) == FD_HIDDEN) {
			if (fd > from)
				err = sys_call(SYS_close_range, from, fd - 1,
					       0);
			from = fd + 1;
		} else if (atomic_load(&p->fd[fd])) {
			descriptor_unref(t, atomic_exchange(&p->fd[fd], 0));
		}
	}
	if (from <= last)
		err = sys_call(SYS_close_range, from, last, 0);
	return err;
}

long descriptor_dup(struct socket_thread *t, long fd)
{
	uint32_t entry = descriptor_get(t, fd);
	long n;

	if (!entry)
		return SOCKET_PASS;
	n = sys_call(SYS_dup, fd);
	if (n >= FABRIC_FD_MAX) {
		sys_call(SYS_close, n);
		return -EMFILE;
	}
	if (n >= 0) {
		descriptor_ref(&t->process->fabric, entry);
		descriptor_set(t, (int)n, entry);
	}
	return n;
}

long descriptor_dup3(struct socket_thread *t, long nr, long from, long to,
		     long flags)
{
	uint32_t entry = descriptor_get(t, from);
	uint32_t old = descriptor_get(t, to);
	long n;

	if (!entry && !old)
		return SOCKET_PASS;
	if (old == FD_HIDDEN)
		return -EBUSY;
	if (entry && to >= FABRIC_FD_MAX)
		return -EBADF;
	if (from == to)
		return SOCKET_PASS;
	n = sys_call(nr, from, to, flags);
	if (n < 0)
		return n;
	if (entry)
		descriptor_ref(&t->process->fabric, entry);
	if (old)
		old = atomic_exchange(entry_at(t, to), 0);
	descriptor_set(t, (int)to, entry);
	descriptor_unref(t, old);
	return n;
}

long descriptor_fcntl(struct socket_thread *t, long fd, long cmd, long arg)
{
	uint32_t entry = descriptor_get(t, fd);
	struct sock *s;
	long n;

	if (!entry)
		return SOCKET_PASS;
	switch (cmd) {
	case F_DUPFD:
	case F_DUPFD_CLOEXEC:
		n = sys_call(SYS_fcntl, fd, cmd, arg);
		if (n >= FABRIC_FD_MAX) {
			sys_call(SYS_close, n);
			return -EMFILE;
		}
		if (n >= 0) {
			descriptor_ref(&t->process->fabric, entry);
			descriptor_set(t, (int)n, entry);
		}
		return n;
	case F_GETFL:
		s = sock_peek(t, fd);
		if (!s)
			return SOCKET_PASS;
		return O_RDWR | (atomic_load(&s->nonblock) ? O_NONBLOCK : 0);
	case F_SETFL:
		s = sock_peek(t, fd);
		if (!s)
			return SOCKET_PASS;
		atomic_store(&s->nonblock, arg & O_NONBLOCK ? 1 : 0);
		return 0;
	default:
		/* Descriptor flags, owner, locks: the placeholder's. */
		return SOCKET_PASS;
	}
}
