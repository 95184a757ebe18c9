/* SPDX-License-Identifier: BSD-2-Clause */
/* See sigio.h. */
#include "socket/sigio.h"
#include "base/sys.h"
#include "base/user.h"
#include "socket/parcel.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>

/* In s->owner of a thread: above every number that the kernel gives out
 * (PID_MAX_LIMIT). */
#define OWNER_THREAD (1 << 30)

void sigio_set(struct socket_thread *t, long fd, struct sock *s, bool on)
{
	struct fabric *f = &t->process->fabric;

	if (on == (atomic_load(&s->async) != 0))
		return;
	if (on) /* it has the name already if it has been sent to others */
		wake_bind(f, (int)fd, parcel_name(f, s));
	sys_call(SYS_fcntl, fd, F_SETFL, on ? O_ASYNC : 0);
	atomic_store(&s->async, on);
	if (!on)
		wake_drain((int)fd);
}

long sigio_own(struct socket_thread *t, long fd, struct sock *s, long cmd,
	       long arg)
{
	struct f_owner_ex ex = { F_OWNER_PID, (pid_t)arg };
	long err = sys_call(SYS_fcntl, fd, cmd, arg);

	(void)t;
	if (err)
		return err;
	if (cmd == F_SETOWN_EX && user_copy(&ex, (void *)arg, sizeof(ex)))
		return -EFAULT;
	atomic_store(&s->owner, ex.type == F_OWNER_PGRP	 ? -ex.pid
				: ex.type == F_OWNER_TID ? ex.pid | OWNER_THREAD
							 : ex.pid);
	return 0;
}

/* SIGURG to whom s->owner says. */
static void send_urgent(int owner)
{
	if (owner > OWNER_THREAD)
		sys_call(SYS_tkill, owner & ~OWNER_THREAD, SIGURG);
	else
		sys_call(SYS_kill, owner, SIGURG);
}

void sigio_report(struct work *w, struct sock *s, uint32_t events)
{
	int owner = atomic_load_explicit(&s->owner, memory_order_relaxed);

	if (unlikely(owner && (events & STACK_PRI)))
		send_urgent(owner);
	if (w->shut != s &&
	    atomic_load_explicit(&s->async, memory_order_relaxed))
		work_wake_name(w, parcel_name(w->fabric, s));
}
