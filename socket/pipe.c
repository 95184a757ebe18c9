/* SPDX-License-Identifier: BSD-2-Clause */
/* See pipe.h: how a pipe becomes private, and ceases to be. */
#include "socket/pipe.h"
#include "base/mem.h"
#include "base/sys.h"
#include "base/user.h"
#include "fabric/wake.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/uio.h>

/* In pipes_barred: for good. */
#define BARRED UINT32_C(0x80000000)

#ifndef RWF_NOWAIT
#define RWF_NOWAIT 8
#endif

/* Whole pages: as many as held the bytes hold them in the kernel. */
#define PIECE 16384

/* --- locks -------------------------------------------------------------------
 */

/* 0: free; 1: taken; 2: taken, and somebody may wait. */
static _Atomic uint32_t *lock_of(const struct socket_thread *t, pipe_ix ix)
{
	return &t->process->pipe_locks[ix % ARRAY_SIZE(t->process->pipe_locks)];
}

static void lock(struct socket_thread *t, pipe_ix ix)
{
	_Atomic uint32_t *word = lock_of(t, ix);
	uint32_t free = 0;

	if (likely(atomic_compare_exchange_strong(word, &free, 1)))
		return;
	while (atomic_exchange(word, 2))
		sys_call(SYS_futex, word, 0 /* FUTEX_WAIT */, 2, 0);
}

static void unlock(struct socket_thread *t, pipe_ix ix)
{
	_Atomic uint32_t *word = lock_of(t, ix);

	if (unlikely(atomic_exchange(word, 0) == 2))
		wake_futex(word, 1);
}

static pipe_ix index_of(const struct socket_thread *t, const struct pipe *p)
{
	return slot_ix(&t->process->fabric.table[FABRIC_TABLE_PIPE], p);
}

struct pipe *pipe_hold(struct socket_thread *t, long fd)
{
	uint32_t e = descriptor_raw(t, fd);
	pipe_ix ix = (e - FD_PIPE_FIRST) / 2;

	if (!is_pipe(e))
		return NULL;
	lock(t, ix);
	if (descriptor_raw(t, fd) == e)
		return pipe_at(&t->process->fabric, ix);
	unlock(t, ix);
	return NULL;
}

void pipe_release(struct socket_thread *t, const struct pipe *p)
{
	unlock(t, index_of(t, p));
}

/* --- from private to bare ----------------------------------------------------
 */

static void forget_end(struct socket_thread *t, long fd, uint32_t entry)
{
	atomic_compare_exchange_strong(
		&t->process->fabric.procs[t->self].fd[fd], &entry, 0);
}

/* Locked: it is the kernel's now. What it held has been copied, or is lost. */
static int give_up(struct socket_thread *t, struct pipe *p)
{
	pipe_ix ix = index_of(t, p);
	struct work w;
	int err = work_enter(&w, t);

	if (err)
		return err;
	frame_list_free(&w.in.arena, &p->frames);
	p->bytes = 0;
	for (uint32_t end = 0; end < 2; end++)
		forget_end(t, p->fd[end], FD_PIPE_FIRST + 2 * ix + end);
	atomic_store(&p->owner, 0);
	slot_free(&w.fabric->table[FABRIC_TABLE_PIPE], ix);
	work_end(&w);
	atomic_fetch_sub(&t->process->pipes, 1);
	return 0;
}

/* The first bytes that the frames hold, which stay; @room at the most. */
static size_t copy_first(const struct socket_thread *t, const struct pipe *p,
			 uint32_t skip, uint8_t *to, size_t room)
{
	const struct arena *a = &t->process->fabric.arena;
	size_t done = 0;

	for (frame_ix ix = p->frames.first; ix && done < room;
	     ix = frame_at(a, ix)->next) {
		const struct frame *f = frame_at(a, ix);
		uint32_t n = f->payload - f->payload_off;

		if (skip >= n) {
			skip -= n;
			continue;
		}
		n = (uint32_t)min_u64(n - skip, room - done);
		frame_copy_out(a, f, f->payload_off + skip, to + done, n);
		done += n;
		skip = 0;
	}
	return done;
}

/* Locked. The kernel's pipe is empty, and nobody waits for it. */
static apart int bare(struct socket_thread *t, struct pipe *p)
{
	uint8_t piece[PIECE];

	while (p->bytes) {
		size_t n = copy_first(t, p, p->torn, piece,
				      min_u64(p->bytes, PIECE));
		struct iovec iov = { piece, n };
		long done = sys_call(SYS_pwritev2, p->fd[1], &iov, 1, -1, -1,
				     RWF_NOWAIT);

		if (done == -EOPNOTSUPP)
			done = sys_call(SYS_write, p->fd[1], piece, n);
		if (done == -EINTR)
			continue;
		/* Closed behind our back, by one who closes numbers twice; and
		 * what has the number now, if it is full, is not our pipe. */
		if (done == -EPIPE || done == -EBADF || done == -EAGAIN)
			break;
		if (done < 0)
			return (int)done;
		p->torn += (uint32_t)done;
		p->bytes -= (uint32_t)done;
	}
	return give_up(t, p);
}

int pipe_bare(struct socket_thread *t, long fd)
{
	struct pipe *p = pipe_hold(t, fd);
	pipe_ix ix;
	int err;

	if (!p)
		return 0;
	ix = index_of(t, p);
	err = bare(t, p);
	unlock(t, ix);
	return err;
}

static int bare_all(struct socket_thread *t)
{
	const struct fabric_proc *p = &t->process->fabric.procs[t->self];
	uint32_t end = atomic_load(&p->fd_end);
	int err = 0;

	for (uint32_t fd = 0; !err && fd < end; fd++)
		if (is_pipe(atomic_load(&p->fd[fd])))
			err = pipe_bare(t, fd);
	return err;
}

int pipe_bar(struct socket_thread *t)
{
	int err;

	/* Who is making one looks at this behind its entries. */
	atomic_fetch_add(&t->process->pipes_barred, 1);
	if (t->self != t->process->self || !atomic_load(&t->process->pipes))
		return 0;
	err = bare_all(t);
	if (err)
		pipe_unbar(t->process);
	return err;
}

void pipe_unbar(struct socket_process *p)
{
	atomic_fetch_sub(&p->pipes_barred, 1);
}

void pipe_forked(struct socket_process *p)
{
	atomic_store(&p->pipes, 0);
	atomic_store(&p->pipes_barred, atomic_load(&p->pipes_barred) & BARRED);
	for (size_t i = 0; i < ARRAY_SIZE(p->pipe_locks); i++)
		atomic_store(&p->pipe_locks[i], 0);
}

void socket_bare(struct socket_thread *t)
{
	if (t->self != t->process->self)
		return;
	atomic_fetch_or(&t->process->pipes_barred, BARRED);
	if (atomic_load(&t->process->pipes))
		bare_all(t);
}

/* Is the path's last part a number? Or one of /dev's three. */
void socket_opens(struct socket_thread *t, const char *path)
{
	static const char std[] = "/dev/std";
	size_t same = 0, digits = 0;
	bool number = true;
	char c = 0;

	if (likely(!atomic_load(&t->process->pipes)) ||
	    t->self != t->process->self)
		return;
	for (size_t i = 0; i < 4096; i++) {
		if (user_copy(&c, path + i, 1) || !c)
			break;
		if (same == i && i < sizeof(std) - 1 && c == std[i])
			same++;
		if (c == '/') {
			number = true;
			digits = 0;
		} else if (c >= '0' && c <= '9') {
			digits++;
		} else {
			number = false;
		}
	}
	if ((number && digits) || same == sizeof(std) - 1)
		bare_all(t);
}

/* --- from bare to private ----------------------------------------------------
 */

static void adopt(struct socket_thread *t, const int *fds, bool nonblock)
{
	struct socket_process *process = t->process;
	struct pipe *p;
	struct work w;
	pipe_ix ix;

	if (work_enter(&w, t))
		return;
	ix = slot_alloc(&w.fabric->table[FABRIC_TABLE_PIPE]);
	if (!ix) {
		work_end(&w);
		return;
	}
	p = pipe_at(w.fabric, ix);
	p->room = 0;
	p->bytes = 0;
	p->held = 0;
	p->torn = 0;
	p->frames = (struct frame_list){ 0, 0 };
	for (uint32_t end = 0; end < 2; end++) {
		p->fd[end] = fds[end];
		atomic_store(&p->nonblock[end], nonblock);
	}
	/* Owned before it is named: a scan frees what has no owner. */
	atomic_store(&p->owner, t->self);
	atomic_fetch_add(&process->pipes, 1);
	for (uint32_t end = 0; end < 2; end++)
		descriptor_set(t, fds[end], FD_PIPE_FIRST + 2 * ix + end);
	work_end(&w);
	/* Somebody forks, and may have looked before that. */
	if (unlikely(atomic_load(&process->pipes_barred)))
		pipe_bare(t, fds[0]);
}

long pipe_open(struct socket_thread *t, int *fds, long flags)
{
	int got[2];
	long err = sys_call(SYS_pipe2, got, flags);

	if (err)
		return err;
	/* Not read back from there: another thread may write, too. */
	if (user_copy(fds, got, sizeof(got))) {
		sys_call(SYS_close, got[0]);
		sys_call(SYS_close, got[1]);
		return -EFAULT;
	}
	if ((flags & ~(long)(O_CLOEXEC | O_NONBLOCK)) ||
	    t->self != t->process->self ||
	    atomic_load(&t->process->pipes_barred))
		return 0;
	if ((unsigned int)got[0] < FABRIC_FD_MAX &&
	    (unsigned int)got[1] < FABRIC_FD_MAX)
		adopt(t, got, flags & O_NONBLOCK);
	return 0;
}

/* --- calls that concern private pipes ----------------------------------------
 */

/* An end is closed: what nobody can read any more is gone. */
static int leave(struct socket_thread *t, long fd)
{
	struct pipe *p = pipe_hold(t, fd);
	pipe_ix ix;
	int err;

	if (!p)
		return 0;
	ix = index_of(t, p);
	err = p->fd[0] == fd ? give_up(t, p) : bare(t, p);
	unlock(t, ix);
	return err;
}

static int set_flags(struct socket_thread *t, long fd, long flags)
{
	struct pipe *p;
	int end;

	if (flags & (O_DIRECT | O_ASYNC))
		return pipe_bare(t, fd);
	p = pipe_hold(t, fd);
	if (!p)
		return 0;
	end = p->fd[1] == fd;
	atomic_store(&p->nonblock[end], flags & O_NONBLOCK);
	pipe_release(t, p);
	return 0;
}

/*
 * The kernel decides; it knows of no bytes. With the lock: who asked for the
 * old size meanwhile would put in more than can be written later. Returns the
 * call's result; 0: it is still to be made.
 */
static long set_size(struct socket_thread *t, const long a[6])
{
	struct pipe *p = pipe_hold(t, a[0]);
	long n = 0;

	if (!p)
		return 0;
	if (!p->bytes) {
		n = sys_call(SYS_fcntl, a[0], a[1], a[2]);
		p->room = 0;
	}
	pipe_release(t, p);
	return n ? n : pipe_bare(t, a[0]);
}

static long before_fcntl(struct socket_thread *t, const long a[6])
{
	switch ((int)a[1]) {
	case F_GETFD:
	case F_SETFD:
	case F_GETFL:
	case F_GETPIPE_SZ:
		return 0;
	case F_SETFL:
		return set_flags(t, a[0], a[2]);
	case F_SETPIPE_SZ:
		return set_size(t, a);
	default:
		return pipe_bare(t, a[0]);
	}
}

static int before_poll(struct socket_thread *t, const struct pollfd *fds,
		       unsigned long count)
{
	struct pollfd p;
	int err = 0;

	for (unsigned long i = 0; i < count && !err; i++) {
		if (user_copy(&p, fds + i, sizeof(p)))
			break; /* the call says so */
		err = pipe_bare(t, p.fd);
	}
	return err;
}

static int before_select(struct socket_thread *t, const long a[6])
{
	unsigned long count = min_u64((unsigned long)a[0], FABRIC_FD_MAX);
	unsigned long word;
	int err = 0;

	for (unsigned long fd = 0; fd < count && !err; fd++) {
		if (pipe_end(t, (long)fd) < 0)
			continue;
		for (int set = 1; set <= 3 && !err; set++)
			if (a[set] &&
			    !user_copy(&word, (unsigned long *)a[set] + fd / 64,
				       sizeof(word)) &&
			    (word >> fd % 64 & 1))
				err = pipe_bare(t, (long)fd);
	}
	return err;
}

/* Descriptors may travel over one of the kernel's sockets. */
static int before_send(struct socket_thread *t, long nr, const long a[6])
{
	struct msghdr msg;

	if (sock_peek(t, a[0]))
		return 0;
	if (nr == SYS_sendmsg &&
	    (user_copy(&msg, (void *)a[1], sizeof(msg)) || !msg.msg_controllen))
		return pipe_bare(t, a[0]);
	return bare_all(t);
}

long pipe_before(struct socket_thread *t, long nr, const long a[6])
{
	/* Its own descriptors, its parent's memory. */
	if (t->self != t->process->self)
		return 0;
	switch (nr) {
	case SYS_close:
		return leave(t, a[0]);
	case SYS_fcntl:
		return before_fcntl(t, a);
	case SYS_poll:
	case SYS_ppoll:
		return before_poll(t, (void *)a[0], (unsigned long)a[1]);
	case SYS_select:
	case SYS_pselect6:
		return before_select(t, a);
	case SYS_sendmsg:
	case SYS_sendmmsg:
		return before_send(t, nr, a);
	case SYS_close_range: /* CLOSE_RANGE_UNSHARE: socket_call() */
	case SYS_io_submit:
		return bare_all(t);
	case SYS_creat:
		socket_opens(t, (const char *)a[0]);
		return 0;
	case SYS_pidfd_getfd:
	case SYS_dup2:
	case SYS_dup3:
	case SYS_sendfile:
	case SYS_tee:
		return pipe_bare(t, a[0]) ?: pipe_bare(t, a[1]);
	case SYS_copy_file_range:
	case SYS_epoll_ctl:
		return pipe_bare(t, a[0]) ?: pipe_bare(t, a[2]);
	case SYS_splice: /* splice_call() */
	case SYS_pipe:
	case SYS_pipe2:
	case SYS_unshare: /* socket_call() */
	case SYS_socket:
	case SYS_socketpair:
	case SYS_epoll_create:
	case SYS_epoll_create1:
		return 0;
	default:
		return pipe_bare(t, a[0]);
	}
}

/* --- death -------------------------------------------------------------------
 */

int pipe_reap(struct socket_thread *t, proc_ix proc)
{
	struct fabric *f = &t->process->fabric;
	uint32_t end = slot_end(&f->table[FABRIC_TABLE_PIPE]);

	for (pipe_ix ix = 1; ix < end; ix++) {
		struct pipe *p = pipe_at(f, ix);
		struct work w;
		int err;

		if (atomic_load(&p->owner) != proc)
			continue;
		err = work_enter(&w, t);
		if (err)
			return err;
		frame_list_free(&w.in.arena, &p->frames);
		atomic_store(&p->owner, 0);
		slot_free(&f->table[FABRIC_TABLE_PIPE], ix);
		work_end(&w);
	}
	return 0;
}

void pipe_mend(struct fabric *f, bool (*dead)(void *arg, proc_ix proc),
	       void *arg)
{
	uint32_t end = slot_end(&f->table[FABRIC_TABLE_PIPE]);

	for (pipe_ix ix = 1; ix < end; ix++) {
		struct pipe *p = pipe_at(f, ix);
		proc_ix owner = atomic_load(&p->owner);

		if (owner && (owner >= FABRIC_PROC_MAX || dead(arg, owner)))
			atomic_store(&p->owner, 0);
	}
}
