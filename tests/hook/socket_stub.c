/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A socket layer for the hook's tests: no fabric, nothing is ours but a few
 * numbers that no kernel has given out, so a test can tell a call that came
 * through the hook.
 *
 *   500 (a)     returns a + 1
 *   501 ()      sleeps until a signal is due, then SOCKET_RESTART
 *   502 ()      sleeps until a signal is due, then -EINTR
 *   503 (p)     reads *p
 *   504 (n)     spins for n turns inside the hook; returns whether a signal was
 * put off 505 (fd)    from now on fd is ours; 0 or more calls on it give what
 * 500 gives
 */
#include <errno.h>

#include "base/sys.h"
#include "socket/descriptor.h"
#include "socket/procnet.h"
#include "socket/socket.h"

static struct fabric_proc procs[2];
static struct fabric_header header;

int socket_attach(struct socket_process *p, const char *dir, const char *vif,
		  const char *name, char *text)
{
	const char *refusal = "no such VIF";

	(void)dir;
	(void)name;
	if (vif[0] != '/')
		return -ENOENT;
	if (vif[1] == '!') {
		for (int i = 0; (text[i] = refusal[i]); i++)
			;
		return -EINVAL;
	}
	header.gateway4 = ip_from_v4(be32(0x0a4d0001));
	p->fabric.header = &header;
	p->fabric.procs = procs;
	p->self = 1;
	return 0;
}

void socket_thread_init(struct socket_thread *t, struct socket_process *p)
{
	t->process = p;
	t->self = p->self;
}

static long wait_for_signal(struct socket_thread *t)
{
	static const long args[6]; /* ppoll of nothing */

	while (!t->signal_due)
		sys_sleep(&t->signal_due, SYS_ppoll, args);
	return SOCKET_RESTART;
}

/* Apart, so that a call that only returns costs nothing else (bench/hook). */
static __attribute__((noinline)) long other(struct socket_thread *t, long nr,
					    const long args[6])
{
	switch (nr) {
	case 500:
		return args[0] + 1;
	case 501:
		return wait_for_signal(t);
	case 502:
		wait_for_signal(t);
		return -EINTR;
	case 503:
		return *(volatile int *)args[0];
	case 504:
		for (volatile long i = 0; i < args[0]; i++)
			;
		return t->signal_due;
	case 505:
		atomic_store(&procs[1].fd[args[0]], 1);
		return 0;
	default:
		break;
	}
	if (nr == SYS_close && socket_owns(t, args[0]))
		atomic_store(&procs[1].fd[args[0]], 0);
	return SOCKET_PASS;
}

long socket_call(struct socket_thread *t, long nr, const long args[6])
{
	if (likely((nr == SYS_read || nr == SYS_write) &&
		   socket_owns(t, args[0])))
		return args[2] + 1;
	return other(t, nr, args);
}

proc_ix socket_fork_prepare(struct socket_thread *t)
{
	(void)t;
	return 1;
}

void socket_bare(struct socket_thread *t)
{
	(void)t;
}

void socket_opens(struct socket_thread *t, const char *path)
{
	(void)t;
	(void)path;
}

void socket_fork_parent(struct socket_thread *t, proc_ix child, long pid)
{
	(void)t;
	(void)child;
	(void)pid;
}

void socket_fork_child(struct socket_thread *t, proc_ix child, bool own_memory)
{
	(void)own_memory;
	t->self = child;
}

/* No trace is written here. */
int descriptor_hide(struct socket_thread *t, int fd)
{
	(void)t;
	return fd;
}

long procnet_open(struct socket_thread *t, const char *name, bool cloexec)
{
	(void)t;
	(void)name;
	(void)cloexec;
	return SOCKET_PASS;
}
