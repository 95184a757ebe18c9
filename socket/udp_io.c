/* SPDX-License-Identifier: BSD-2-Clause */
/* Datagrams: one frame each, filled before the host is locked. */
#include "socket/io.h"
#include "socket/name.h"
#include "socket/open.h"
#include "socket/option.h"
#include "socket/stamp.h"
#include "socket/wait.h"
#include "stack/conn.h"
#include "stack/host.h"

#include <errno.h>

#define SEGMENTS_MAX	128   /* of UDP_SEGMENT, as Linux has it */
#define TRAIN_MAX	64    /* of UDP_GRO, likewise */
#define SEGMENT_HEADERS 28    /* IPv4's and UDP's */
#define DATAGRAM_MAX	65507 /* 65,535 less the headers of IPv4 and UDP */

/* Fills @ix with everything that is left of @c. 0 or -ENOBUFS. */
static int gather(struct arena *a, frame_ix ix, struct cursor *c)
{
	struct frame *f = frame_at(a, ix);

	if (c->left <= FRAME_INLINE_MAX) {
		f->payload = (uint32_t)cursor_get(c, f->data, c->left);
		return 0;
	}
	while (c->left) {
		chunk_ix k = chunk_alloc(a);
		size_t n;
		int err;

		if (!k)
			return -ENOBUFS;
		n = cursor_get(c, chunk_bytes(a, k), CHUNK_BYTES);
		err = frame_refer(a, ix, k, 0, (uint16_t)n);
		chunk_put(a, k);
		if (err)
			return -ENOBUFS;
		if (!n)
			break;
	}
	return 0;
}

/*
 * sock_lock(), once as little of what the socket has sent waits on its way that
 * it may send more (stack/pace.h).
 */
static int lock_with_room(struct work *w, struct socket_thread *t, long fd,
			  struct sock **s, long flags)
{
	uint64_t until = 0;

	for (;;) {
		int err = sock_lock(w, t, fd, s);

		if (err)
			return err;
		if (likely(conn_ready(&w->stack, (*s)->conn) &
			   (STACK_OUT | STACK_ERR)))
			return 0;
		work_refresh(w, *s);
		work_end(w);
		if ((flags & MSG_DONTWAIT) || atomic_load(&(*s)->nonblock))
			return -EAGAIN;
		if (!until)
			until = wait_date(t, (*s)->send_timeout_ns);
		err = wait_sock(t, *s, STACK_OUT, until);
		if (err)
			return err;
	}
}

/* One datagram of the next @bytes of @c. */
static int send_one(struct work *w, struct sock *s, struct cursor *c,
		    size_t bytes, const struct io_note *note,
		    const struct ip_addr *to, uint16_t port)
{
	frame_ix ix = frame_alloc(&w->in.arena);
	struct cursor part = *c;
	uint32_t stamps;
	int err;

	part.left = bytes;
	err = ix ? gather(&w->in.arena, ix, &part) : -ENOBUFS;
	if (err) {
		frame_free(&w->in.arena, ix);
		return err;
	}
	part.left = c->left - bytes;
	*c = part;
	stamps = stamp_wanted(s, note->stamp);
	if (unlikely(stamps))
		stamp_datagram(w, s, ix, stamps, note->stamp);
	err = udp_send_how(&w->stack, s->conn, ix, to, port, note->how);
	if (unlikely(stamps) && !err)
		stamp_sent(w, s, ix, stamps, note->stamp);
	return err;
}

/*
 * All of @c: one datagram, or as many as UDP_SEGMENT cuts it into, none larger
 * than the link: udp(7).
 */
static int send_all(struct work *w, struct sock *s, struct cursor *c,
		    const struct io_note *note, const struct ip_addr *to,
		    uint16_t port)
{
	size_t segment = note->how && note->how->segment
				 ? note->how->segment
				 : option_udp_segment(s);
	size_t mtu = w->stack.host->config.mtu;
	int err;

	if (!segment || s->proto != STACK_UDP || c->left <= segment)
		return send_one(w, s, c, c->left, note, to, port);
	if (segment + SEGMENT_HEADERS > mtu ||
	    c->left > segment * SEGMENTS_MAX) {
		err = udp_may_send(&w->stack, s->conn, to, port, true);
		return err ? err : -EINVAL;
	}
	do {
		err = send_one(w, s, c, segment < c->left ? segment : c->left,
			       note, to, port);
	} while (!err && c->left);
	return err;
}

int udp_io_uncork(struct work *w, struct sock *s)
{
	if (!s->cork_open)
		return 0;
	s->cork_open = false;
	return udp_uncork(&w->stack, s->conn,
			  s->cork_named ? &s->cork_to : NULL, s->cork_port,
			  &s->cork_how);
}

/* Where the datagram goes that begins here: the first send says. */
static int cork_begin(struct work *w, struct sock *s,
		      const struct io_note *note, const struct ip_addr *to,
		      uint16_t port)
{
	const struct conn *c =
		slot_at(&w->fabric->table[FABRIC_TABLE_CONN], s->conn);
	int err = udp_may_send(&w->stack, s->conn, to, port, true);

	if (err)
		return err;
	/* The peer of now, which may be another one at the end: IPv4's
	 * connect() changes where it goes, IPv6's does not. */
	s->cork_named = to || (c->pport && !ip_is_v4(&c->peer));
	s->cork_to = to ? *to : c->peer;
	s->cork_port = to ? port : c->pport;
	s->cork_how = note->how ? *note->how
				: (struct udp_how){ .ttl = -1, .tos = -1 };
	s->cork_how.made = true;
	s->cork_open = true;
	return 0;
}

/* As udp_sendmsg() of Linux: an error costs what was put together so far. */
static int send_corked(struct work *w, struct sock *s, struct cursor *c,
		       bool more, const struct io_note *note,
		       const struct ip_addr *to, uint16_t port)
{
	int err = s->cork_open ? 0 : cork_begin(w, s, note, to, port);
	size_t n;
	void *at;

	if (err)
		return err;
	if (udp_corked(&w->stack, s->conn) + c->left > DATAGRAM_MAX)
		err = -EMSGSIZE;
	while (!err && (n = cursor_piece(c, UINT32_MAX, &at))) {
		err = udp_cork(&w->stack, s->conn, at, (uint32_t)n);
		cursor_advance(c, n);
	}
	if (err) {
		s->cork_open = false;
		udp_cork_drop(&w->stack, s->conn);
	}
	return err || more ? err : udp_io_uncork(w, s);
}

/* A port even for who sends nothing: as inet_send_prepare() of Linux. */
static int bind_any(struct work *w, struct sock *s)
{
	struct ip_addr any = { .d = { 0, 0 } };
	uint16_t port = 0;

	if (s->inet6)
		return open_bind_inet6(w, s);
	conn_names(&w->stack, s->conn, NULL, &port, NULL, NULL);
	return port ? 0 : conn_bind(&w->stack, s->conn, &any, 0, 0);
}

static const struct ip_addr *peer_of(const struct socket_thread *t,
				     const struct sock *s)
{
	const struct conn *c =
		slot_at(&t->process->fabric.table[FABRIC_TABLE_CONN], s->conn);

	return &c->peer;
}

/* Something is wrong with what is to be sent: @err, or note->fault unless with
 * the destination. */
static long fault(struct socket_thread *t, long fd, int err,
		  const struct io_note *note, const struct ip_addr *to,
		  uint16_t port)
{
	struct work w;
	struct sock *s;
	int bound = sock_lock(&w, t, fd, &s);

	if (bound)
		return bound;
	bound = bind_any(&w, s);
	if (!err)
		err = bound;
	if (!err && s->cork_open) {
		err = note->fault;
		s->cork_open = false;
		udp_cork_drop(&w.stack, s->conn);
	}
	if (!err)
		err = udp_may_send(&w.stack, s->conn, to, port,
				   note->fault == -EFAULT);
	work_refresh(&w, s);
	work_end(&w);
	return err ? err : note->fault;
}

long udp_io_send(struct socket_thread *t, long fd, struct cursor *c, long flags,
		 struct io_note *note)
{
	struct sock *s = sock_peek(t, fd);
	size_t bytes = c->left;
	struct ip_addr to;
	uint16_t port = 0;
	bool unspec = false, named, told;
	struct work w;
	int err = 0;

	if (!s)
		return -EBADF;
	/* IPv4 does not look at the address of what is added to a datagram. */
	told = note->name && (s->inet6 || !s->cork_open);
	if (bytes > DATAGRAM_MAX)
		err = -EMSGSIZE;
	else if ((flags & MSG_OOB) && !s->inet6)
		err = -EOPNOTSUPP;
	else if (told)
		err = name_in(note->name, note->tolen, s, NAME_SEND, &to, &port,
			      &unspec);
	/* What is added to a datagram in the making goes where that goes. */
	if (s->cork_open && note->fault != -EFAULT)
		note->fault = 0;
	named = told && !unspec;
	/* A part of a datagram to an IPv6 address cannot name an IPv4 one. */
	if (!err && named && s->cork_open && s->cork_named && ip_is_v4(&to) &&
	    !ip_is_v4(&s->cork_to))
		err = -EINVAL;
	if (!err && (flags & MSG_OOB) && ip_is_v4(named ? &to : peer_of(t, s)))
		err = s->inet6 && s->v6only ? -ENETUNREACH : -EOPNOTSUPP;
	if (err || note->fault)
		return fault(t, fd, err, note, named ? &to : NULL, port);
	err = lock_with_room(&w, t, fd, &s, flags);
	if (err)
		return err == -EINTR && !s->send_timeout_ns ? SOCKET_RESTART
							    : err;
	err = bind_any(&w, s);
	if (err) {
		work_end(&w);
		return err;
	}
	if (unlikely((flags & MSG_MORE) || s->cork || s->cork_open) &&
	    s->proto == STACK_UDP)
		err = send_corked(&w, s, c, (flags & MSG_MORE) || s->cork, note,
				  named ? &to : NULL, port);
	else
		err = send_all(&w, s, c, note, named ? &to : NULL, port);
	work_refresh(&w, s);
	work_end(&w);
	return err ? err : (long)bytes;
}

static size_t scatter_from(struct arena *a, const struct frame *f, uint32_t off,
			   struct cursor *c)
{
	uint32_t from = off;
	size_t n;
	void *at;

	while (off < f->payload &&
	       (n = cursor_piece(c, f->payload - off, &at))) {
		frame_copy_out(a, f, off, at, (uint32_t)n);
		cursor_advance(c, n);
		off += (uint32_t)n;
	}
	return off - from;
}

/* -EFAULT: the datagram is lost, as it is with the kernel. */
static long scatter(struct arena *a, const struct frame *f, uint32_t off,
		    struct cursor *c)
{
	size_t want = min_u64(f->payload - off, c->left);

	return unlikely(io_receivable(c, want) < want)
		       ? -EFAULT
		       : (long)scatter_from(a, f, off, c);
}

/*
 * UDP_GRO: what came behind @first from the same sender, each as long, the last
 * perhaps shorter; one read gives it all. Returns the length of each, 0: @first
 * is alone.
 */
static uint32_t take_train(struct work *w, const struct sock *s, frame_ix first,
			   size_t room, struct frame_list *train)
{
	struct arena *a = &w->in.arena;
	uint32_t segment = frame_at(a, first)->payload, bytes = segment;
	uint32_t last = segment;

	room = min_u64(room, DATAGRAM_MAX);
	for (uint32_t n = 1;
	     n < TRAIN_MAX && last == segment && bytes && bytes < room; n++) {
		uint32_t max = min_u32(segment, (uint32_t)room - bytes);
		frame_ix ix = udp_take_alike(&w->stack, s->conn, first, max);

		if (!ix)
			break;
		last = frame_at(a, ix)->payload;
		bytes += last;
		frame_list_add(a, train, ix);
	}
	return train->first ? segment : 0;
}

/* scatter() of @first and what follows it, if anything does; frees that. */
static long scatter_train(struct arena *a, const struct frame *first,
			  struct frame_list *train, struct cursor *c)
{
	long got = scatter(a, first, 0, c);
	frame_ix ix;

	while ((ix = frame_list_pop(a, train))) {
		long n = got < 0 ? got : scatter(a, frame_at(a, ix), 0, c);

		got = n < 0 ? n : got + n;
		frame_free(a, ix);
	}
	return got;
}

/* What of the datagram is told beside it; its host is locked. */
static void about_datagram(struct control_about *a, const struct work *w,
			   const struct sock *s, const struct udp_note *n)
{
	const struct stack_config *config = &w->stack.host->config;

	a->notes = s->notes;
	a->inet6 = s->inet6;
	a->note = *n;
	a->now_ns = w->stack.now_ns;
	/* A group's or everybody's address is nobody's to answer from. */
	a->own = ip_is_loopback(&n->to) ? n->to : config->addr4;
	a->error = NULL;
	a->segment = 0;
}

/* There is one queue for both: whatever came first is told first. */
static bool has_older_error(struct work *w, const struct sock *s)
{
	struct udp_error e;

	return udp_take_error(&w->stack, s->conn, &e, true) &&
	       e.note.at_ns < stamp_date(w, s);
}

long udp_io_recv_error(struct socket_thread *t, long fd, struct cursor *c,
		       long flags, struct io_note *note)
{
	struct control_about about;
	struct udp_error e;
	const struct frame *f;
	struct work w;
	struct sock *s;
	size_t whole;
	long got;
	frame_ix ix;
	int err = sock_lock(&w, t, fd, &s);

	if (err)
		return err;
	if (stamp_ready(s) && !has_older_error(&w, s))
		return stamp_recv(&w, s, c, flags & MSG_PEEK, note);
	ix = udp_take_error(&w.stack, s->conn, &e, flags & MSG_PEEK);
	work_refresh(&w, s);
	if (!ix) {
		work_end(&w);
		return -EAGAIN;
	}
	about_datagram(&about, &w, s, &e.note);
	about.error = &e;
	f = frame_at(&w.in.arena, ix);
	whole = f->payload - f->payload_off;
	got = scatter(&w.in.arena, f, f->payload_off, c);
	if (!(flags & MSG_PEEK))
		frame_free(&w.in.arena, ix);
	work_end(&w);
	if (got < 0)
		return got;
	note->flags = MSG_ERRQUEUE | ((size_t)got < whole ? MSG_TRUNC : 0);
	err = note->name ? name_out(note->name, note->namelen, about.inet6,
				    &e.to, e.port)
			 : 0;
	if (!err)
		err = control_write(&about, &note->control);
	return err ? err : got;
}

long udp_io_recv(struct socket_thread *t, long fd, struct cursor *c, long flags,
		 struct io_note *note)
{
	struct sock *s = sock_peek(t, fd);
	uint64_t until = 0;

	if (!s)
		return -EBADF;
	for (;;) {
		struct udp_note un;
		struct work w;
		frame_ix ix;
		struct frame_list train = { 0, 0 };
		struct control_about about;
		bool shut;
		int err;

		if (!(atomic_load_explicit(&s->ready, memory_order_acquire) &
		      (STACK_IN | STACK_ERR)))
			goto wait;
		err = sock_lock(&w, t, fd, &s);
		if (err)
			return err;
		err = -conn_error(&w.stack, s->conn);
		ix = err ? 0
			 : udp_take(&w.stack, s->conn, &un, flags & MSG_PEEK);
		work_refresh(&w, s);
		if (err) {
			work_end(&w);
			return err;
		}
		if (ix) {
			const struct frame *f = frame_at(&w.in.arena, ix);
			size_t whole = f->payload;
			long got;

			about_datagram(&about, &w, s, &un);
			if (s->proto == STACK_UDP && option_udp_gro(s) &&
			    !(flags & MSG_PEEK))
				about.segment =
					take_train(&w, s, ix, c->left, &train);
			if (train.first)
				work_refresh(&w, s);

			/* A peeked frame stays in the queue: copy under the
			 * lock. */
			if (!(flags & MSG_PEEK))
				work_unlock(&w);
			got = scatter_train(&w.in.arena, f, &train, c);
			if (!(flags & MSG_PEEK))
				frame_free(&w.in.arena, ix);
			work_end(&w);
			if (got < 0)
				return got;
			if (about.segment)
				whole = (size_t)got;
			note->flags = (size_t)got < whole ? MSG_TRUNC : 0;
			err = note->name
				      ? name_out(note->name, note->namelen,
						 about.inet6, &un.from, un.port)
				      : 0;
			if (!err && (about.notes || about.segment))
				err = control_write(&about, &note->control);
			if (err)
				return err;
			return flags & MSG_TRUNC ? (long)whole : got;
		}
		/* shutdown() ends the wait, but not what is sent to us. */
		shut = conn_ready(&w.stack, s->conn) & STACK_RDHUP;
		work_end(&w);
		if (shut && !(flags & MSG_DONTWAIT) &&
		    !atomic_load(&s->nonblock))
			return note->name ? name_copy(note->name, note->namelen,
						      NULL, 0)
					  : 0;
	wait:
		if ((flags & MSG_DONTWAIT) || atomic_load(&s->nonblock))
			return -EAGAIN;
		if (!until)
			until = wait_date(t, s->recv_timeout_ns);
		err = wait_sock(t, s, STACK_IN, until);
		if (err)
			return err == -EINTR && !s->recv_timeout_ns
				       ? SOCKET_RESTART
				       : err;
	}
}
