/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A process and its threads as members: attaching, forking.
 *
 * A fork is announced before it happens: the parent reserves the child's slot
 * and gives it a reference to every socket, so that there is no instant at
 * which a socket of the child could vanish. Who dies in between is found by the
 * daemon: a FORKING slot belongs to its parent until it has a pid.
 */
#include "base/mem.h"
#include "base/random.h"
#include "base/sys.h"
#include "fabric/attach.h"
#include "fabric/wake.h"
#include "fabric/code.h"
#include "socket/descriptor.h"
#include "socket/held.h"
#include "socket/parcel.h"
#include "socket/pipe.h"
#include "socket/pset.h"
#include "socket/wait.h"
#include "vif/vif.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>

void socket_thread_init(struct socket_thread *t, struct socket_process *p)
{
	t->process = p;
	t->self = p->self;
	t->hint = 0;
	t->signal_due = 0;
	t->impatient = false;
	t->spin_failed = 0;
	t->preemptions = 0;
	t->crowded_until_ns = 0;
}

void socket_adopt(struct socket_process *p, proc_ix self)
{
	p->self = self;
	p->slot = &p->fabric.procs[self];
	p->vif = p->slot->vif;
	p->host = vif_host(&p->fabric, p->vif);
	p->magic = p->fabric.header->id ^ UINT64_C(0x77616b6521746f61);
	atomic_store(&p->spare, 0);
	pipe_forked(p);
	atomic_store(&p->pipes_barred, 0);
}

/* --- attaching ---------------------------------------------------------------
 */

static size_t length(const char *s, size_t max)
{
	size_t n = 0;

	while (n < max && s[n])
		n++;
	return n;
}

/* Connects to "@dir/attach". Returns the descriptor or a negative errno. */
static int dial(const char *dir)
{
	static const char file[] = "/attach";
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	size_t n = length(dir, sizeof(un.sun_path));
	long fd, err;

	if (n + sizeof(file) > sizeof(un.sun_path))
		return -ENAMETOOLONG;
	mem_copy(un.sun_path, dir, n);
	mem_copy(un.sun_path + n, file, sizeof(file));
	fd = sys_call(SYS_socket, AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return (int)fd;
	err = sys_call(SYS_connect, fd, &un, sizeof(un));
	if (err) {
		sys_call(SYS_close, fd);
		return (int)err;
	}
	return (int)fd;
}

/* Receives the reply and, on success, the segment and the programs' code.
 * Returns 0 or a negative errno. */
static int receive(int fd, struct attach_reply *reply, int memfd[2])
{
	union {
		struct cmsghdr h;
		char space[CMSG_SPACE(2 * sizeof(int))];
	} control;
	struct iovec iov = { reply, sizeof(*reply) };
	struct msghdr msg = { .msg_iov = &iov,
			      .msg_iovlen = 1,
			      .msg_control = &control,
			      .msg_controllen = sizeof(control) };
	long n;

	mem_zero(&control, sizeof(control));
	do {
		n = sys_call(SYS_recvmsg, fd, &msg, MSG_CMSG_CLOEXEC);
	} while (n == -EINTR);
	if (n < 0)
		return (int)n;
	if (n != sizeof(*reply))
		return -EPROTO;
	if (msg.msg_controllen >= CMSG_LEN(2 * sizeof(int)) &&
	    control.h.cmsg_level == SOL_SOCKET &&
	    control.h.cmsg_type == SCM_RIGHTS &&
	    control.h.cmsg_len == CMSG_LEN(2 * sizeof(int)))
		mem_copy(memfd, CMSG_DATA(&control.h), 2 * sizeof(int));
	if (!reply->error && memfd[0] < 0)
		return -EPROTO;
	return 0;
}

static int ask(const char *dir, const char *vif, const char *name,
	       struct attach_reply *reply, int memfd[2])
{
	struct attach_request rq;
	int fd, err;
	long n;

	mem_zero(&rq, sizeof(rq));
	rq.magic = FABRIC_MAGIC;
	rq.abi = FABRIC_ABI;
	mem_copy(rq.name, name, length(name, sizeof(rq.name) - 1));
	if (length(vif, sizeof(rq.vif)) == sizeof(rq.vif))
		return -ENAMETOOLONG;
	mem_copy(rq.vif, vif, length(vif, sizeof(rq.vif)));
	fd = dial(dir);
	if (fd < 0)
		return fd;
	n = sys_call(SYS_sendto, fd, &rq, sizeof(rq), MSG_NOSIGNAL, 0, 0);
	err = n < 0 ? (int)n : receive(fd, reply, memfd);
	sys_call(SYS_close, fd);
	return err;
}

/* After exec: what the kernel has closed is not ours any more. */
static void drop_closed(struct socket_thread *t)
{
	struct fabric_proc *p = &t->process->fabric.procs[t->self];
	uint32_t end = atomic_load(&p->fd_end);

	for (uint32_t fd = 0; fd < end; fd++) {
		uint32_t e = atomic_load(&p->fd[fd]);

		if (!e)
			continue;
		if (is_pipe(e)) { /* it was being made */
			atomic_store(&p->fd[fd], 0);
			continue;
		}
		if (e != FD_HIDDEN && sys_call(SYS_fcntl, fd, F_GETFD) >= 0)
			continue;
		if (e == FD_HIDDEN)
			atomic_store(&p->fd[fd], 0);
		else
			descriptor_drop(t, fd);
	}
}

/* Poll sets of waits that exec has cut short; nobody comes back to them. */
static void drop_waits(struct socket_thread *t)
{
	struct fabric *f = &t->process->fabric;
	uint32_t end = slot_end(&f->table[FABRIC_TABLE_PSET]);

	for (pset_ix ix = 1; ix < end; ix++) {
		struct pset *p = pset_at(f, ix);

		if (atomic_load(&p->state) != SOCK_USED || p->owner != t->self)
			continue;
		atomic_store(&p->refs, 1);
		pset_put(t, ix);
	}
}

/* What the daemon gives to who is on @vif, "": nowhere. */
static int map(struct fabric *f, const char *dir, const char *vif,
	       const char *name, struct attach_reply *reply, char *text)
{
	int memfd[2] = { -1, -1 }, err;

	text[0] = 0;
	err = ask(dir, vif, name, reply, memfd);
	if (err)
		return err;
	if (reply->error) {
		reply->text[ATTACH_TEXT_MAX - 1] = 0;
		mem_copy(text, reply->text, ATTACH_TEXT_MAX);
		return -reply->error;
	}
	err = fabric_map(f, memfd[0]);
	if (!err)
		fabric_code_map(f, memfd[1]);
	sys_call(SYS_close, memfd[0]);
	sys_call(SYS_close, memfd[1]);
	return err;
}

int socket_observe(struct fabric *f, const char *dir, const char *name,
		   char *text)
{
	struct attach_reply reply = { 0 };

	return map(f, dir, "", name, &reply, text);
}

int socket_attach(struct socket_process *p, const char *dir, const char *vif,
		  const char *name, char *text)
{
	struct attach_reply reply = { 0 };
	struct socket_thread t;
	int err = map(&p->fabric, dir, vif, name, &reply, text);

	if (err)
		return err;
	socket_adopt(p, reply.proc);
	socket_thread_init(&t, p);
	if (reply.again) {
		/* The other threads of the program before may have been
		 * spinning. */
		wait_leave_places(&p->fabric, p->self);
		drop_closed(&t);
		pipe_reap(&t, t.self);
		drop_waits(&t);
		parcel_sweep(&t);
	}
	return 0;
}

/* --- forking -----------------------------------------------------------------
 */

proc_ix socket_fork_prepare(struct socket_thread *t)
{
	struct fabric *f = &t->process->fabric;
	struct fabric_proc *from = &f->procs[t->self], *to;
	uint32_t end = atomic_load(&from->fd_end);
	struct work w;
	proc_ix child;

	if (pipe_bar(t))
		return 0;
	/* Inside all the while: if we die, a repair counts the references anew.
	 */
	if (work_enter(&w, t)) {
		pipe_unbar(t->process);
		return 0;
	}
	child = fabric_proc_alloc(f, FABRIC_PROC_FORKING);
	if (!child) {
		work_end(&w);
		pipe_unbar(t->process);
		return 0;
	}
	to = &f->procs[child];
	atomic_store(&to->pid, 0);
	atomic_store(&to->watched, 0);
	to->vif = from->vif;
	to->uid = from->uid;
	mem_copy(to->name, from->name, sizeof(to->name));
	atomic_store(&to->fd_end, end);
	atomic_store(&to->parent, t->self);
	for (uint32_t fd = 0; fd < end; fd++) {
		uint32_t e;

		/* Other threads open and close: what changes hands is looked at
		 * again. */
		for (;;) {
			uint32_t owed = 0;

			e = atomic_load(&from->fd[fd]);
			if (is_pipe(e)) /* being made, and not to be one */
				e = 0;
			if (descriptor_ref(&w, t->self, fd, e, &owed))
				break;
			if (!owed)
				continue;
			work_end(&w);
			descriptor_unref(t, owed);
			if (work_enter(&w, t)) {
				socket_fork_parent(t, child, -ENOBUFS);
				return 0;
			}
		}
		atomic_store(&to->fd[fd], e);
	}
	work_end(&w);
	return child;
}

/* The slot is complete: the daemon may watch over the process. */
static void announce(struct fabric *f, proc_ix ix, long pid)
{
	struct fabric_proc *p = &f->procs[ix];
	uint32_t forking = FABRIC_PROC_FORKING;

	atomic_store(&p->pid, (int32_t)pid);
	if (atomic_compare_exchange_strong(&p->state, &forking,
					   FABRIC_PROC_ALIVE))
		wake_send(f, ix, WAKE_DAEMON);
}

void socket_fork_parent(struct socket_thread *t, proc_ix child, long pid)
{
	struct fabric *f = &t->process->fabric;
	struct fabric_proc *c = &f->procs[child];

	pipe_unbar(t->process);
	if (pid > 0) {
		int32_t nobody = 0;

		/*
		 * Only while it is still the child's: it may have died and been
		 * reaped before we got here, and its slot be another's.
		 */
		if (atomic_load(&c->state) == FABRIC_PROC_FORKING &&
		    atomic_load(&c->parent) == t->self &&
		    atomic_compare_exchange_strong(&c->pid, &nobody,
						   (int32_t)pid))
			announce(f, child, pid);
		return;
	}
	for (uint32_t fd = 0, end = atomic_load(&c->fd_end); fd < end; fd++)
		descriptor_drop_unborn(t, child, fd);
	atomic_store(&c->fd_end, 0);
	atomic_store(&c->parent, 0);
	atomic_store(&c->state, FABRIC_PROC_FREE);
}

void socket_fork_child(struct socket_thread *t, proc_ix child, bool own_memory)
{
	struct socket_process *p = t->process;

	t->self = child;
	if (own_memory) {
		p->self = child;
		p->slot = &p->fabric.procs[child];
		/* The spare's wake socket is the parent's to read. */
		atomic_store(&p->spare, 0);
		pipe_forked(p);
		t->hint = 0;
	}
	announce(&p->fabric, child, sys_call(SYS_getpid));
	if (own_memory)
		held_forked(t);
}
