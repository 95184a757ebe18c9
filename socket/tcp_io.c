/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Streams: bytes from the program into the send queue, from the receive queue
 * to the program.
 *
 * Little data is copied under the host's lock. Much data is not: the writer
 * fills chunks first and then hands them to the send queue; the reader detaches
 * frames, lets go of the lock, lets the window update reach the sender, and
 * copies while the sender goes on.
 */
#include "base/sys.h"
#include "base/user.h"
#include "socket/descriptor.h"
#include "socket/io.h"
#include "socket/stamp.h"
#include "socket/wait.h"
#include "stack/conn.h"

#include <fcntl.h>
#include <signal.h>

#define BULK_MIN 2048 /* from here on, chunks are filled before the lock */
#define BULK_PIECE \
	65536	      /* handed over at once, so that both ends copy at once */
#define TAKE_MIN 8192 /* from here on, frames are detached */

static bool would_block(const struct sock *s, long flags)
{
	return (flags & MSG_DONTWAIT) || atomic_load(&s->nonblock);
}

/* -EINTR restarts unless the socket has a timeout (signal(7)). */
static long interrupted(int err, uint64_t timeout_ns)
{
	return err == -EINTR && !timeout_ns ? SOCKET_RESTART : err;
}

static const struct conn *conn_of(const struct socket_thread *t,
				  const struct sock *s)
{
	return slot_at(&t->process->fabric.table[FABRIC_TABLE_CONN], s->conn);
}

/* --- receiving ---------------------------------------------------------------
 */

/* Copies in-order bytes under the lock, or throws them away; @from bytes behind
 * the first if they are only looked at. Returns how many. */
static size_t copy_some(struct work *w, struct sock *s, struct cursor *c,
			uint32_t from, bool peek, bool discard)
{
	uint8_t nowhere[512];
	size_t done = 0, n;
	void *at = nowhere;

	while ((n = discard ? min_u64(c->left, sizeof(nowhere))
			    : cursor_piece(c, UINT32_MAX, &at))) {
		uint32_t got = tcp_copy(&w->stack, s->conn,
					peek ? from + (uint32_t)done : 0, at,
					(uint32_t)n, peek);

		if (discard)
			c->left -= got;
		else
			cursor_advance(c, got);
		done += got;
		if (got < n)
			break;
	}
	return done;
}

/* Copies detached frames to the program and frees them. */
static size_t copy_frames(struct work *w, struct frame_list *list,
			  struct cursor *c)
{
	struct arena *a = &w->in.arena;
	size_t done = 0, n;
	frame_ix ix;
	void *at;

	while ((ix = frame_list_pop(a, list))) {
		const struct frame *f = frame_at(a, ix);
		uint32_t off = f->payload_off;

		while (off < f->payload &&
		       (n = cursor_piece(c, f->payload - off, &at))) {
			frame_copy_out(a, f, off, at, (uint32_t)n);
			cursor_advance(c, n);
			off += (uint32_t)n;
			done += n;
		}
		frame_free(a, ix);
	}
	return done;
}

/*
 * Moves what is there to the program, @most bytes; the host is locked, and the
 * work ended on return. Returns the bytes.
 */
static size_t receive(struct work *w, struct sock *s, struct cursor *c,
		      size_t most, bool peek, bool discard)
{
	struct frame_list list = { 0, 0 };
	bool at;
	uint32_t there = tcp_before_mark(conn_of(w->thread, s), &at);
	uint32_t taken = 0;
	size_t done = 0;
	size_t rest = c->left - min_u64(c->left, min_u64(there, most));

	c->left -= rest;
	if (!peek && !discard && there >= TAKE_MIN && c->left >= TAKE_MIN)
		taken = tcp_take(&w->stack, s->conn,
				 (uint32_t)min_u64(c->left, UINT32_MAX), &list);
	if (!taken)
		done = copy_some(w, s, c, at, peek, discard);
	if (!peek)
		tcp_consumed(&w->stack, s->conn);
	work_refresh(w, s);
	work_unlock(w);
	if (taken)
		done = copy_frames(w, &list, c);
	work_end(w);
	c->left += rest;
	return done;
}

/* MSG_OOB: the urgent byte, which stays in the stream as well. */
static long receive_urgent(struct socket_thread *t, long fd, struct cursor *c,
			   bool peek)
{
	struct work w;
	struct sock *s;
	uint8_t byte = 0;
	int err = sock_lock(&w, t, fd, &s);
	size_t n;
	void *at;

	if (err)
		return err;
	err = tcp_urgent(&w.stack, s->conn, &byte, peek);
	work_refresh(&w, s);
	work_end(&w);
	if (err)
		return err;
	n = cursor_piece(c, 1, &at);
	return n && user_copy(at, &byte, n) ? -EFAULT : (long)n;
}

/*
 * How much of what waits may be copied to the program: before the lock, since a
 * look at its pages may bring them in. Less than the kernel copies at once is
 * -EFAULT, and stays in the queue.
 */
static long receivable(const struct socket_thread *t, const struct sock *s,
		       const struct cursor *c, long flags)
{
	bool at;
	size_t want = min_u64(tcp_before_mark(conn_of(t, s), &at), c->left);
	size_t good;

	if (flags & MSG_TRUNC)
		return LONG_MAX; /* thrown away */
	good = io_receivable(c, want);
	return likely(good == want) || good >= BULK_PIECE ? (long)good
							  : -EFAULT;
}

/*
 * Is there enough to look under the lock? Less than SO_RCVLOWAT is not
 * readiness, but whoever does not wait, or wants no more, gets it.
 */
static bool worth_a_look(const struct socket_thread *t, const struct sock *s,
			 const struct cursor *c, long flags)
{
	const struct conn *conn = conn_of(t, s);
	uint32_t there;

	if (atomic_load_explicit(&s->ready, memory_order_acquire) &
	    (STACK_IN | STACK_RDHUP | STACK_HUP | STACK_ERR))
		return true;
	/* The urgent byte that is next leaves the queue, if nothing else does.
	 */
	if (unlikely(conn->flags & CONN_URG_RCVD) && !(flags & MSG_PEEK)) {
		bool at;

		tcp_before_mark(conn, &at);
		if (at)
			return true;
	}
	if (likely(tcp_low_water(conn) <= 1))
		return false;
	there = tcp_readable(conn);
	return there && (would_block(s, flags) || there >= c->left);
}

/* The urgent byte that a read begins at is not in what is read. */
static void pass_mark(struct work *w, struct sock *s, long flags)
{
	bool at;

	tcp_before_mark(conn_of(w->thread, s), &at);
	if (at && !(flags & MSG_PEEK))
		tcp_skip_mark(&w->stack, s->conn);
}

long tcp_io_recv(struct socket_thread *t, long fd, struct cursor *c, long flags)
{
	struct sock *s = sock_peek(t, fd), *const first = s;
	const bool nothing = !c->left;
	uint64_t until = 0;
	size_t done = 0;

	if (!s)
		return -EBADF;
	if (unlikely(s->listening))
		return -ENOTCONN;
	if (flags & MSG_OOB)
		return receive_urgent(t, fd, c, flags & MSG_PEEK);
	for (;;) {
		struct work w;
		long most;
		bool at;
		int err = 0;

		/* Nothing there: no need for the lock to find that out. */
		if (!worth_a_look(t, s, c, flags))
			goto wait;
		most = receivable(t, s, c, flags);
		if (unlikely(most < 0))
			return done ? (long)done : most;
		err = sock_lock(&w, t, fd, &s);
		if (err)
			return done ? (long)done : err;
		/* Closed while we waited, and the number used again: not our
		 * data. */
		if (unlikely(s != first)) {
			work_end(&w);
			return done ? (long)done : -EBADF;
		}
		if (!c->left && (!nothing || tcp_readable(conn_of(t, s)))) {
			work_end(&w);
			return (long)done;
		}
		if (unlikely(conn_of(t, s)->flags & CONN_URG_RCVD))
			pass_mark(&w, s, flags);
		if (tcp_before_mark(conn_of(t, s), &at)) {
			size_t n = receive(&w, s, c, (size_t)most,
					   flags & MSG_PEEK, flags & MSG_TRUNC);

			/* It has come since we looked at the pages. */
			if (unlikely(!n && !most))
				continue;
			done += n;
			if (!(flags & MSG_WAITALL) || !c->left ||
			    (flags & MSG_PEEK))
				return (long)done;
			continue;
		}
		err = tcp_recv_error(&w.stack, s->conn);
		/* Behind the urgent byte, which is not looked at, is the end.
		 */
		if (unlikely(at) && (conn_of(t, s)->flags & CONN_FIN_RCVD))
			err = 1;
		work_refresh(&w, s);
		work_end(&w);
		if (err)
			return done ? (long)done : err == 1 ? 0 : err;
	wait:
		if (would_block(s, flags))
			return done ? (long)done : -EAGAIN;
		if (!until)
			until = wait_date(t, s->recv_timeout_ns);
		err = wait_bytes(t, s, c->left, until);
		/* As the kernel: whoever wants nothing waits once, for whatever
		 * ends that. */
		if (unlikely(nothing))
			return 0;
		if (err)
			return done ? (long)done
				    : interrupted(err, s->recv_timeout_ns);
	}
}

/* --- sending -----------------------------------------------------------------
 */

static void free_chunks(struct arena *a, chunk_ix ix)
{
	while (ix) {
		chunk_ix next = chunk_at(a, ix)->next;

		chunk_put(a, ix);
		ix = next;
	}
}

/*
 * Asks for a chunk's lines for writing. The reader's core had them last, and a
 * copy waits for each of them in turn; asked for one chunk ahead, they are on
 * their way (iperf3: 62.7 -> 71.9 Gbit/s).
 */
static void claim(const uint8_t *at)
{
	for (uint32_t i = 0; i < CHUNK_BYTES; i += CACHE_LINE)
		__asm__ volatile("prefetchw %0" : : "m"(at[i]));
}

/*
 * Fills chunks with @bytes from the program, which has as many left; *got says
 * how many. 0: none to be had.
 */
static chunk_ix fill_chunks(struct arena *a, struct cursor *c, size_t bytes,
			    size_t *got)
{
	chunk_ix first = 0, last = 0, ahead = 0;

	for (*got = 0; *got < bytes;) {
		chunk_ix ix = ahead ? ahead : chunk_alloc(a);
		size_t n = bytes - *got;

		ahead = 0;
		if (!ix)
			break;
		if (n > CHUNK_BYTES) {
			n = CHUNK_BYTES;
			ahead = chunk_alloc(a);
			if (ahead)
				claim(chunk_bytes(a, ahead));
		}
		n = cursor_get(c, chunk_bytes(a, ix), n);
		chunk_at(a, ix)->end = (uint16_t)n;
		if (last)
			chunk_at(a, last)->next = ix;
		else
			first = ix;
		last = ix;
		*got += n;
	}
	return first;
}

/*
 * Hands over up to BULK_PIECE bytes in chunks filled before the lock is taken.
 * Returns the bytes; 0: go the other way (no chunks, lock busy for long); or an
 * error.
 */
static long send_bulk(struct socket_thread *t, long fd, struct sock *s,
		      struct cursor *c, uint32_t room, long flags)
{
	uint32_t entry = descriptor_get(t, fd);
	struct cursor begin = *c;
	struct work w;
	chunk_ix chunks;
	size_t got;
	int err = work_enter(&w, t);

	if (err)
		return err;
	chunks = fill_chunks(&w.in.arena, c,
			     min_u64(min_u64(c->left, room), BULK_PIECE), &got);
	if (!chunks || !work_lock_soon(&w, s->host))
		goto undo;
	/* The lock is held: now the descriptor proves that the sock lives. */
	if (descriptor_get(t, fd) != entry)
		goto undo;
	err = tcp_send_error(&w.stack, s->conn);
	if (err)
		work_refresh(&w, s);
	if (err)
		goto undo;
	tcp_append_chunks(&w.stack, s->conn, chunks);
	if (unlikely(flags & MSG_EOR) && !c->left)
		tcp_end_record(&w.stack, s->conn);
	if (unlikely(flags >> IO_STAMP_SHIFT) && !c->left)
		stamp_stream(&w, s, (uint32_t)(flags >> IO_STAMP_SHIFT));
	tcp_push(&w.stack, s->conn, (flags & MSG_MORE) || c->left);
	work_refresh(&w, s);
	work_end(&w);
	return (long)got;
undo:
	*c = begin;
	free_chunks(&w.in.arena, chunks);
	work_end(&w);
	return err;
}

/* Copies under the lock. Returns the bytes, or an error. */
static long send_little(struct socket_thread *t, long fd, struct cursor *c,
			long flags)
{
	struct work w;
	struct sock *s;
	size_t done = 0, n;
	void *at;
	int err = sock_lock(&w, t, fd, &s);

	if (err)
		return err;
	err = tcp_send_error(&w.stack, s->conn);
	if (!err) {
		uint32_t most = min_u32(BULK_PIECE, tcp_fill(conn_of(t, s)));

		while (done < most && (n = cursor_piece(c, most - done, &at))) {
			uint32_t got =
				tcp_append(&w.stack, s->conn, at, (uint32_t)n);

			cursor_advance(c, got);
			done += got;
			if (got < n)
				break;
		}
		if (unlikely(flags & MSG_OOB) && done && !c->left)
			tcp_send_urgent(&w.stack, s->conn);
		if (unlikely(flags & MSG_EOR) && !c->left)
			tcp_end_record(&w.stack, s->conn);
		if (unlikely(flags >> IO_STAMP_SHIFT) && done && !c->left)
			stamp_stream(&w, s,
				     (uint32_t)(flags >> IO_STAMP_SHIFT));
		/* What is held back is not let go by sending nothing. */
		if (done)
			tcp_push(&w.stack, s->conn, flags & MSG_MORE);
	}
	work_refresh(&w, s);
	work_end(&w);
	return err ? err : (long)done;
}

/* No room for the rest: what is queued is a write of its own then. */
static void end_write(struct socket_thread *t, long fd, long flags)
{
	struct work w;
	struct sock *s;

	if (sock_lock(&w, t, fd, &s))
		return;
	if (unlikely(flags >> IO_STAMP_SHIFT))
		stamp_stream(&w, s, (uint32_t)(flags >> IO_STAMP_SHIFT));
	if (!(flags & MSG_MORE))
		tcp_push(&w.stack, s->conn, false);
	work_refresh(&w, s);
	work_end(&w);
}

static long broken_pipe(long flags, long err)
{
	if (err == -EPIPE && !(flags & MSG_NOSIGNAL))
		sys_call(SYS_tgkill, sys_call(SYS_getpid), sys_call(SYS_gettid),
			 SIGPIPE);
	return err;
}

long tcp_io_fault(struct socket_thread *t, long fd, long flags, int err)
{
	struct work w;
	struct sock *s;
	int other = sock_lock(&w, t, fd, &s);

	if (other)
		return other;
	other = tcp_send_error(&w.stack, s->conn);
	if (other == -EAGAIN && !would_block(s, flags))
		other = 0;
	work_refresh(&w, s);
	work_end(&w);
	return other ? broken_pipe(flags, other) : err;
}

long tcp_io_send(struct socket_thread *t, long fd, struct cursor *c, long flags)
{
	struct sock *s = sock_peek(t, fd);
	uint64_t until = 0;
	size_t done = 0;

	if (!s)
		return -EBADF;
	for (;;) {
		uint32_t room = tcp_fill(conn_of(t, s));
		long n = 0;
		int err;

		if (c->left >= BULK_MIN && room >= BULK_MIN &&
		    !(flags & MSG_OOB))
			n = send_bulk(t, fd, s, c, room, flags);
		if (!n)
			n = send_little(t, fd, c, flags);
		if (n < 0 && n != -EAGAIN)
			return done ? (long)done : broken_pipe(flags, n);
		if (n > 0)
			done += (size_t)n;
		if (!c->left)
			return (long)done;
		if (n > 0 && tcp_fill(conn_of(t, s)) >= BULK_MIN)
			continue;
		if (would_block(s, flags)) {
			if (!done)
				return -EAGAIN;
			if (!(flags & MSG_MORE) || (flags >> IO_STAMP_SHIFT))
				end_write(t, fd, flags);
			return (long)done;
		}
		if (!until)
			until = wait_date(t, s->send_timeout_ns);
		err = wait_sock(t, s, STACK_OUT, until);
		if (err)
			return done ? (long)done
				    : interrupted(err, s->send_timeout_ns);
	}
}
