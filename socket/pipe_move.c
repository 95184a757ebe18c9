/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See pipe.h: frames from a receive queue into a private pipe, and from there
 * behind a send queue. Each step is one visit, with the pipe locked; nobody
 * waits with the lock.
 */
#include "socket/pipe.h"
#include "base/sys.h"
#include "socket/wait.h"
#include "stack/conn.h"

#include <errno.h>
#include <fcntl.h>

/* What a step says beside bytes moved and errors. */
enum step {
	STEP_END = -6000,  /* of the stream */
	STEP_PIPE = -6001, /* the pipe is full, or empty */
};

static const struct conn *conn_of(const struct work *w, const struct sock *s)
{
	return slot_at(&w->fabric->table[FABRIC_TABLE_CONN], s->conn);
}

static uint32_t length(const struct arena *a, const struct frame_list *list)
{
	uint32_t n = 0;

	for (frame_ix ix = list->first; ix; ix = frame_at(a, ix)->next)
		n++;
	return n;
}

/* Room in @p, locked; 0 or less: none. */
static long room_in(struct pipe *p)
{
	long n;

	if (unlikely(!p->room)) {
		n = sys_call(SYS_fcntl, p->fd[1], F_GETPIPE_SZ);
		p->room = n > 0 ? (uint32_t)n : 4096;
	}
	return p->held < PIPE_FRAMES ? (long)p->room - (long)p->bytes : 0;
}

static bool is_waiting(const struct sock *s)
{
	return s && !atomic_load(&s->nonblock);
}

/* Until @fd, which is @s's, is ready; or what the call ends with. */
static int await(struct socket_thread *t, long fd, struct sock *s, bool in,
		 uint64_t *until)
{
	uint64_t timeout_ns;
	int err;

	/* Closed, and the number used again: neither our data nor our peer. */
	if (sock_peek(t, fd) != s)
		return -EBADF;
	timeout_ns = in ? s->recv_timeout_ns : s->send_timeout_ns;
	if (!*until)
		*until = wait_date(t, timeout_ns);
	err = in ? wait_bytes(t, s, 1, *until)
		 : wait_sock(t, s, STACK_OUT, *until);
	if (!err && sock_peek(t, fd) != s)
		return -EBADF;
	return err == -EINTR && !timeout_ns ? (int)SOCKET_RESTART : err;
}

/* --- into the pipe -----------------------------------------------------------
 */

/* @s and @p are locked. */
static long take_locked(struct work *w, struct sock *s, struct pipe *p,
			uint32_t most)
{
	struct frame_list list = { 0, 0 };
	uint32_t n;
	int err;

	/* The urgent byte is none of those that pass. */
	if (s->proto != STACK_TCP || (conn_of(w, s)->flags & CONN_URG_RCVD))
		return PIPE_BARE;
	n = tcp_take_part(&w->stack, s->conn, most, &list);
	if (n) {
		p->held += length(&w->in.arena, &list);
		frame_list_join(&w->in.arena, &p->frames, &list);
		p->bytes += n;
		tcp_consumed(&w->stack, s->conn);
		return n;
	}
	/* No frame for a part of one: copying needs none. */
	if (unlikely(tcp_readable(conn_of(w, s))))
		return PIPE_BARE;
	err = tcp_recv_error(&w->stack, s->conn);
	return err == 1 ? STEP_END : err ? err : -EAGAIN;
}

static long take_step(struct socket_thread *t, const struct splice_ends *e,
		      const struct sock *from, unsigned long most)
{
	struct pipe *p = pipe_hold(t, e->out);
	struct work w;
	struct sock *s;
	long n;

	if (!p)
		return PIPE_BARE;
	n = room_in(p);
	if (p->torn) {
		n = PIPE_BARE;
	} else if (n <= 0) {
		n = STEP_PIPE;
	} else {
		uint32_t want = (uint32_t)min_u64(most, (uint64_t)n);

		n = sock_lock(&w, t, e->in, &s);
		if (!n) {
			n = s == from ? take_locked(&w, s, p, want) : -EBADF;
			work_refresh(&w, s);
			work_end(&w);
		}
	}
	pipe_release(t, p);
	return n;
}

static bool is_nonblocking(const struct socket_thread *t,
			   const struct splice_ends *e, long fd)
{
	uint32_t entry = descriptor_raw(t, fd);
	const struct pipe *p;

	if (e->flags & SPLICE_F_NONBLOCK)
		return true;
	if (!is_pipe(entry))
		return false;
	p = pipe_at(&t->process->fabric, (entry - FD_PIPE_FIRST) / 2);
	return atomic_load(&p->nonblock[(entry - FD_PIPE_FIRST) & 1]);
}

/* It would have to wait for the pipe: the kernel's. */
static long wait_bare(struct socket_thread *t, const struct splice_ends *e,
		      long fd)
{
	int err;

	if (is_nonblocking(t, e, fd))
		return -EAGAIN;
	err = pipe_bare(t, fd);
	return err ? err : PIPE_BARE;
}

long pipe_take(struct socket_thread *t, const struct splice_ends *e)
{
	struct sock *s = sock_peek(t, e->in);
	unsigned long done = 0;
	uint64_t until = 0;

	while (done < e->count) {
		long n = take_step(t, e, s, e->count - done);

		if (n > 0) {
			done += (unsigned long)n;
			continue;
		}
		if (done)
			break;
		if (n == STEP_END)
			return 0;
		if (n == STEP_PIPE)
			return wait_bare(t, e, e->out);
		if (n == PIPE_BARE)
			return pipe_bare(t, e->out) ?: PIPE_BARE;
		/* As tcp_splice_read(): SPLICE_F_NONBLOCK is the pipe's. */
		if (n != -EAGAIN || !is_waiting(s))
			return n;
		n = await(t, e->in, s, true, &until);
		if (n)
			return n;
	}
	return (long)done;
}

/* --- out of the pipe ---------------------------------------------------------
 */

/* @s and @p are locked. */
static long give_locked(struct work *w, struct sock *s, struct pipe *p,
			uint32_t most, bool more)
{
	uint32_t n, there = min_u32(most, p->bytes);
	int err;

	if (s->proto != STACK_TCP)
		return PIPE_BARE;
	err = tcp_send_error(&w->stack, s->conn);
	if (err)
		return err;
	n = tcp_append_frames(&w->stack, s->conn, &p->frames, there);
	p->bytes -= n;
	p->held = length(&w->in.arena, &p->frames);
	/* The rest follows at once, or else this is a write of its own. */
	if (n)
		tcp_push(&w->stack, s->conn,
			 more || (n < there && !atomic_load(&s->nonblock)));
	return n;
}

static long give_step(struct socket_thread *t, const struct splice_ends *e,
		      const struct sock *to, unsigned long most)
{
	struct pipe *p = pipe_hold(t, e->in);
	long n = PIPE_BARE;
	struct work w;
	struct sock *s;

	if (!p)
		return n;
	if (!p->torn)
		n = p->bytes ? sock_lock(&w, t, e->out, &s) : STEP_PIPE;
	if (!n) {
		n = s == to ? give_locked(&w, s, p,
					  (uint32_t)min_u64(most, UINT32_MAX),
					  e->flags & SPLICE_F_MORE)
			    : -EBADF;
		work_refresh(&w, s);
		work_end(&w);
	}
	pipe_release(t, p);
	return n;
}

long pipe_give(struct socket_thread *t, const struct splice_ends *e)
{
	struct sock *s = sock_peek(t, e->out);
	unsigned long done = 0;
	uint64_t until = 0;

	while (done < e->count) {
		long n = give_step(t, e, s, e->count - done);

		if (n > 0) {
			done += (unsigned long)n;
			continue;
		}
		if (n == STEP_PIPE || n == PIPE_BARE) {
			if (done)
				break;
			return n == STEP_PIPE
				       ? wait_bare(t, e, e->in)
				       : pipe_bare(t, e->in) ?: PIPE_BARE;
		}
		if (!n || n == -EAGAIN)
			n = is_waiting(s) ? await(t, e->out, s, false, &until)
					  : -EAGAIN;
		if (n) {
			if (done)
				break;
			if (n == -EPIPE)
				splice_sigpipe();
			return n;
		}
	}
	return (long)done;
}
