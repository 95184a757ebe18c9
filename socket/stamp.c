/* SPDX-License-Identifier: BSD-2-Clause */
/* See stamp.h. */
#include "socket/stamp.h"
#include "base/mem.h"
#include "base/user.h"
#include "socket/control.h"
#include "socket/cursor.h"
#include "socket/deliver.h"
#include "socket/io.h"
#include "socket/name.h"
#include "socket/pset.h"
#include "socket/sigio.h"
#include "stack/conn.h"
#include "stack/shape.h"

#include <errno.h>
#include <linux/errqueue.h>
#include <linux/net_tstamp.h>
#include <netinet/in.h>

/* In the notes of a frame that is one: SCM_TSTAMP_*, and when. */
enum { DATE, TYPE };

#define STAMPS_MAX  256 /* not read yet; what comes then is lost */
#define AWAITED_MAX 64	/* writes that are on their way at once */

#define TX_STREAM                                                   \
	(SOF_TIMESTAMPING_TX_SOFTWARE | SOF_TIMESTAMPING_TX_SCHED | \
	 SOF_TIMESTAMPING_TX_ACK)
#define TX_DATAGRAM (SOF_TIMESTAMPING_TX_SOFTWARE | SOF_TIMESTAMPING_TX_SCHED)

/* linux/net_tstamp.h of this system may be older than what programs ask for. */
#define OPT_ID_TCP    (1u << 16)
#define TX_COMPLETION (1u << 18)
#define ALL_FLAGS     ((TX_COMPLETION << 1) - 1)

/* --- options -----------------------------------------------------------------
 */

static uint32_t stream_base(struct work *w, const struct sock *s,
			    uint32_t flags)
{
	uint32_t una, nxt, end;

	conn_stream(&w->stack, s->conn, &una, &nxt, &end);
	return flags & OPT_ID_TCP ? end : una;
}

int stamp_set(struct work *w, struct sock *s, uint32_t flags)
{
	const uint32_t software =
		SOF_TIMESTAMPING_RX_SOFTWARE | SOF_TIMESTAMPING_SOFTWARE;
	const struct conn *c =
		slot_at(&w->fabric->table[FABRIC_TABLE_CONN], s->conn);

	if (flags & ~ALL_FLAGS)
		return -EINVAL;
	if ((flags & OPT_ID_TCP) && !(flags & SOF_TIMESTAMPING_OPT_ID))
		return -EINVAL;
	if ((flags & SOF_TIMESTAMPING_OPT_ID) &&
	    !(s->stamping & SOF_TIMESTAMPING_OPT_ID)) {
		if (s->proto != STACK_TCP)
			s->stamp_base = 0;
		else if (c->state == CONN_CLOSED || c->state == CONN_LISTEN)
			return -EINVAL;
		else
			s->stamp_base = stream_base(w, s, flags);
	}
	if ((flags & SOF_TIMESTAMPING_OPT_STATS) &&
	    !(flags & SOF_TIMESTAMPING_OPT_TSONLY))
		return -EINVAL;
	s->stamping = flags;
	if ((flags & software) == software)
		s->notes |= NOTE_STAMPS;
	else
		s->notes &= ~(uint32_t)NOTE_STAMPS;
	return 0;
}

uint32_t stamp_asked(const struct sock *s, const struct stamp_how *how)
{
	uint32_t what =
		how && how->what >= 0 ? (uint32_t)how->what : s->stamping;

	return what & (s->proto == STACK_TCP ? TX_STREAM : TX_DATAGRAM);
}

/* --- the queue of notes ------------------------------------------------------
 */

static void append(struct arena *a, struct frame_list *list, frame_ix ix)
{
	frame_at(a, ix)->next = 0;
	if (list->first)
		frame_at(a, list->last)->next = ix;
	else
		list->first = ix;
	list->last = ix;
}

/* Queues @ix, a note that is complete, for the program; consumes it. */
static void tell(struct work *w, struct sock *s, frame_ix ix)
{
	if (s->stamp_count >= STAMPS_MAX) {
		frame_free(&w->in.arena, ix);
		return;
	}
	append(&w->in.arena, &s->stamps, ix);
	s->stamp_count++;
	work_refresh(w, s);
	work_wake_sock(w, s);
	if (s->watches)
		pset_report(w, s, STACK_ERR);
	sigio_report(w, s, STACK_ERR);
}

/*
 * A note about @ix: the packet itself by reference, or without it an empty
 * frame. 0: no memory.
 */
static frame_ix note_of(struct arena *a, const struct sock *s, frame_ix ix,
			uint32_t type, uint64_t at_ns)
{
	bool bare = !ix || (s->stamping & SOF_TIMESTAMPING_OPT_TSONLY);
	frame_ix note = bare ? frame_alloc(a) : frame_clone(a, ix);
	struct frame *n;

	if (!note)
		return 0;
	n = frame_at(a, note);
	if (ix)
		*frame_stamp(n) = *frame_stamp(frame_at(a, ix));
	n->flags |= FRAME_STAMP;
	n->held = 0;
	n->note[TYPE] = type;
	n->note[DATE] = at_ns;
	return note;
}

static void name(struct work *w, const struct sock *s, struct frame *f,
		 uint32_t key)
{
	frame_stamp(f)->sock = slot_ix(&w->fabric->table[FABRIC_TABLE_SOCK], s);
	frame_stamp(f)->generation = s->generation;
	frame_stamp(f)->key = key;
}

/* --- datagrams ---------------------------------------------------------------
 */

void stamp_datagram(struct work *w, const struct sock *s, frame_ix ix,
		    uint32_t what, const struct stamp_how *how)
{
	struct frame *f = frame_at(&w->in.arena, ix);

	name(w, s, f, how && how->named ? how->id : s->stamp_base);
	if (what & SOF_TIMESTAMPING_TX_SOFTWARE)
		f->flags |= FRAME_STAMP;
}

void stamp_sent(struct work *w, struct sock *s, frame_ix ix, uint32_t what,
		const struct stamp_how *how)
{
	struct arena *a = &w->in.arena;
	uint32_t key = how && how->named ? how->id : s->stamp_base;
	frame_ix note;

	if ((s->stamping & SOF_TIMESTAMPING_OPT_ID) && !(how && how->named))
		s->stamp_base++;
	if (!(what & SOF_TIMESTAMPING_TX_SCHED))
		return;
	/* In fragments, or waiting for a neighbour, it is not at hand. */
	note = note_of(a, s, w->stack.out.last == ix ? ix : 0, SCM_TSTAMP_SCHED,
		       w->stack.now_ns);
	if (!note)
		return;
	name(w, s, frame_at(a, note), key);
	tell(w, s, note);
}

/* --- streams -----------------------------------------------------------------
 */

/* A note about the write that ends before @end. */
static void tell_stream(struct work *w, struct sock *s, uint32_t end,
			frame_ix about, uint32_t type, uint64_t at_ns)
{
	frame_ix note = note_of(&w->in.arena, s, about, type, at_ns);

	if (!note)
		return;
	name(w, s, frame_at(&w->in.arena, note), end - 1 - s->stamp_base);
	tell(w, s, note);
}

/* In an awaited write's frame: the key is its end, note[TYPE] what is still to
 * be told of it. */
void stamp_stream(struct work *w, struct sock *s, uint32_t what)
{
	struct arena *a = &w->in.arena;
	uint32_t una, nxt, end, n = 0;
	frame_ix ix;

	conn_stream(&w->stack, s->conn, &una, &nxt, &end);
	for (ix = s->awaited.first; ix; ix = frame_at(a, ix)->next)
		n++;
	ix = n < AWAITED_MAX ? frame_alloc(a) : 0;
	if (!ix)
		return;
	frame_stamp(frame_at(a, ix))->key = end;
	frame_at(a, ix)->note[TYPE] = what;
	append(a, &s->awaited, ix);
	conn_stamp(&w->stack, s->conn, true);
	/* Sent before anybody waited for it. */
	if (nxt == end)
		stamp_sending(&w->stack, s->conn, 0, end);
	if (una == end)
		stamp_acked(&w->stack, s->conn, end);
}

/* Forgets writes of which nothing more is to be told. */
static void forget(struct work *w, struct sock *s)
{
	struct frame_list keep = { 0, 0 };
	struct arena *a = &w->in.arena;
	frame_ix ix;

	while ((ix = frame_list_pop(a, &s->awaited))) {
		if (frame_at(a, ix)->note[TYPE])
			append(a, &keep, ix);
		else
			frame_free(a, ix);
	}
	s->awaited = keep;
	if (!keep.first)
		conn_stamp(&w->stack, s->conn, false);
}

static struct sock *sock_of(const struct work *w, conn_ix c)
{
	const struct conn *conn = slot_at(w->stack.conns, c);
	struct sock *s = sock_at(w->fabric, conn->sock);

	return conn->sock && s->conn == c ? s : NULL;
}

/*
 * The first awaited write, from @k on, that ends at @end or before and of which
 * @what is still to be told; 0: none.
 */
static frame_ix ended_by(struct arena *a, frame_ix k, uint32_t end,
			 uint32_t what)
{
	while (k && ((int32_t)(end - frame_stamp(frame_at(a, k))->key) < 0 ||
		     !(frame_at(a, k)->note[TYPE] & what)))
		k = frame_at(a, k)->next;
	return k;
}

/* The one after @k. */
static frame_ix ended_next(struct arena *a, frame_ix k, uint32_t end,
			   uint32_t what)
{
	return ended_by(a, frame_at(a, k)->next, end, what);
}

void stamp_sending(struct stack *st, conn_ix c, frame_ix ix, uint32_t end)
{
	const uint32_t leaving =
		SOF_TIMESTAMPING_TX_SCHED | SOF_TIMESTAMPING_TX_SOFTWARE;
	struct work *w = st->user;
	struct sock *s = sock_of(w, c);
	struct arena *a = st->arena;

	if (!s)
		return;
	for (frame_ix k = ended_by(a, s->awaited.first, end, leaving); k;
	     k = ended_next(a, k, end, leaving)) {
		struct frame *await = frame_at(a, k);
		uint32_t left = (uint32_t)await->note[TYPE],
			 key = frame_stamp(await)->key;

		if (left & SOF_TIMESTAMPING_TX_SCHED)
			tell_stream(w, s, key, 0, SCM_TSTAMP_SCHED, st->now_ns);
		left &= ~(uint32_t)SOF_TIMESTAMPING_TX_SCHED;
		if ((left & SOF_TIMESTAMPING_TX_SOFTWARE) && ix) {
			name(w, s, frame_at(a, ix), end);
			frame_at(a, ix)->flags |= FRAME_STAMP;
		} else if (left & SOF_TIMESTAMPING_TX_SOFTWARE) {
			left &= ~(uint32_t)SOF_TIMESTAMPING_TX_SOFTWARE;
			tell_stream(w, s, key, 0, SCM_TSTAMP_SND, st->now_ns);
		}
		await->note[TYPE] = left;
	}
	forget(w, s);
}

void stamp_acked(struct stack *st, conn_ix c, uint32_t ack)
{
	const uint32_t acked = SOF_TIMESTAMPING_TX_ACK;
	struct work *w = st->user;
	struct sock *s = sock_of(w, c);
	struct arena *a = st->arena;

	if (!s)
		return;
	for (frame_ix k = ended_by(a, s->awaited.first, ack, acked); k;
	     k = ended_next(a, k, ack, acked)) {
		struct frame *await = frame_at(a, k);

		/* What is acknowledged has left, whoever is to say so. */
		if (await->note[TYPE] & SOF_TIMESTAMPING_TX_SOFTWARE)
			tell_stream(w, s, frame_stamp(await)->key, 0,
				    SCM_TSTAMP_SND, st->now_ns);
		await->note[TYPE] = 0;
		tell_stream(w, s, frame_stamp(await)->key, 0, SCM_TSTAMP_ACK,
			    st->now_ns);
	}
	forget(w, s);
}

/* --- leaving -----------------------------------------------------------------
 */

void stamp_left(struct work *w, frame_ix ix)
{
	struct arena *a = &w->in.arena;
	struct frame *f = frame_at(a, ix);
	const struct slot_table *socks = &w->fabric->table[FABRIC_TABLE_SOCK];
	struct fabric_host *h;
	const struct sock *s;
	frame_ix note, head;
	host_ix to;

	f->flags &= (uint8_t)~FRAME_STAMP;
	if (!frame_stamp(f)->sock || frame_stamp(f)->sock >= slot_end(socks))
		return;
	s = sock_at(w->fabric, frame_stamp(f)->sock);
	to = s->host;
	if (s->generation != frame_stamp(f)->generation || !to ||
	    to >= FABRIC_HOST_MAX)
		return;
	h = &w->fabric->hosts[to];
	if (atomic_load(&h->state) != FABRIC_HOST_UP || atomic_load(&h->port))
		return;
	note = note_of(a, s, ix, SCM_TSTAMP_SND, fabric_now(w->fabric));
	if (!note)
		return;
	head = atomic_load(&h->backlog);
	do {
		frame_at(a, note)->next = head;
	} while (!atomic_compare_exchange_weak(&h->backlog, &head, note));
	w->stamped = to;
}

/* Of a stream's frame: each write that ends in it or before. */
static void take_stream(struct work *w, struct sock *s, frame_ix note)
{
	struct arena *a = &w->in.arena;
	const uint32_t left = SOF_TIMESTAMPING_TX_SOFTWARE;
	struct frame *n = frame_at(a, note);
	uint32_t end = frame_stamp(n)->key;

	for (frame_ix k = ended_by(a, s->awaited.first, end, left); k;
	     k = ended_next(a, k, end, left)) {
		struct frame *await = frame_at(a, k);

		await->note[TYPE] &= ~(uint64_t)left;
		tell_stream(w, s, frame_stamp(await)->key, note, SCM_TSTAMP_SND,
			    n->note[DATE]);
	}
	frame_free(a, note);
	forget(w, s);
}

void stamp_take(struct work *w, frame_ix ix)
{
	struct frame *n = frame_at(&w->in.arena, ix);
	struct sock *s = sock_at(w->fabric, frame_stamp(n)->sock);

	n->next = 0;
	if (atomic_load(&s->state) != SOCK_USED || s->host != w->host ||
	    s->generation != frame_stamp(n)->generation)
		frame_free(&w->in.arena, ix);
	else if (s->proto == STACK_TCP)
		take_stream(w, s, ix);
	else
		tell(w, s, ix);
}

/* --- the end -----------------------------------------------------------------
 */

void stamp_drop(struct work *w, struct sock *s)
{
	struct frame_list stamps = s->stamps, awaited = s->awaited;

	s->stamps = (struct frame_list){ 0, 0 };
	s->awaited = (struct frame_list){ 0, 0 };
	s->stamp_count = 0;
	frame_list_free(&w->in.arena, &stamps);
	frame_list_free(&w->in.arena, &awaited);
}

static uint32_t visit(const struct fabric *f, struct frame_list *list,
		      bool (*mark)(void *arg, frame_ix ix), void *arg)
{
	frame_ix last = 0;
	uint32_t n = 0;

	for (frame_ix ix = list->first; ix && mark(arg, ix);
	     ix = frame_at(&f->arena, ix)->next) {
		last = ix;
		n++;
	}
	if (last)
		frame_at(&f->arena, last)->next = 0;
	else
		list->first = 0;
	list->last = last;
	return n;
}

void stamp_visit(const struct fabric *f, struct sock *s,
		 bool (*mark)(void *arg, frame_ix ix), void *arg)
{
	s->stamp_count = visit(f, &s->stamps, mark, arg);
	visit(f, &s->awaited, mark, arg);
}

/* --- telling -----------------------------------------------------------------
 */

uint64_t stamp_date(const struct work *w, const struct sock *s)
{
	return frame_at(&w->in.arena, s->stamps.first)->note[DATE];
}

/* The packet as it left, headers first; what there is room for. */
static size_t copy_packet(struct arena *a, const struct frame *f,
			  struct cursor *c, size_t *whole)
{
	uint32_t off = 0;
	size_t done = 0, n;
	void *at;

	*whole = f->header_bytes + f->payload;
	while (done < f->header_bytes &&
	       (n = cursor_piece(c, f->header_bytes - done, &at))) {
		mem_copy(at, f->header + done, n);
		cursor_advance(c, n);
		done += n;
	}
	while (off < f->payload &&
	       (n = cursor_piece(c, f->payload - off, &at))) {
		frame_copy_out(a, f, off, at, (uint32_t)n);
		cursor_advance(c, n);
		off += (uint32_t)n;
	}
	return done + off;
}

/*
 * Whose packet it was is told where the packet is: always by IPv6, and by IPv4
 * if that was asked for, with what goes with it.
 */
static int put_all(const struct work *w, const struct sock *s, struct frame *f,
		   struct control *control)
{
	const uint32_t times = NOTE_TIMESTAMP | NOTE_TIMESTAMPNS;
	bool packet = f->header_bytes, sender;
	struct control_about about = { .notes = s->notes & times,
				       .inet6 = s->inet6,
				       .now_ns = w->stack.now_ns };
	struct sock_extended_err ee = {
		.ee_errno = ENOMSG,
		.ee_origin = SO_EE_ORIGIN_TIMESTAMPING,
		.ee_info = (uint32_t)f->note[TYPE],
	};
	int err;

	if (packet)
		udp_note_of(f, &about.note);
	sender = packet &&
		 (s->inet6 || (s->stamping & SOF_TIMESTAMPING_OPT_CMSG));
	about.note.at_ns = f->note[DATE];
	about.own = about.note.from;
	if (sender && !s->inet6)
		about.notes |= s->notes & (NOTE_PKTINFO | NOTE_TTL | NOTE_TOS);
	if (s->stamping & SOF_TIMESTAMPING_SOFTWARE)
		about.notes |= NOTE_STAMPS;
	err = control_write(&about, control);
	if (err)
		return err;
	if (s->stamping & SOF_TIMESTAMPING_OPT_ID)
		ee.ee_data = frame_stamp(f)->key;
	return control_put_error(control, s->inet6, &ee,
				 sender ? &about.note.from : NULL);
}

long stamp_recv(struct work *w, struct sock *s, struct cursor *c, bool peek,
		struct io_note *io)
{
	struct arena *a = &w->in.arena;
	frame_ix ix = s->stamps.first;
	struct frame *f = frame_at(a, ix);
	socklen_t none = 0;
	size_t whole, got = 0;
	long err = 0;

	whole = f->header_bytes + f->payload;
	if (io_receivable(c, whole) < min_u64(whole, c->left))
		err = -EFAULT;
	else
		got = copy_packet(a, f, c, &whole);
	if (!err)
		err = put_all(w, s, f, &io->control);
	if (!err && io->namelen)
		err = user_copy(io->namelen, &none, sizeof(none));
	/* Of a stream only what left is at hand: the rest is cut off. */
	if (got < whole || (s->proto == STACK_TCP && !whole &&
			    !(s->stamping & SOF_TIMESTAMPING_OPT_TSONLY)))
		io->flags = MSG_ERRQUEUE | MSG_TRUNC;
	else
		io->flags = MSG_ERRQUEUE;
	if (!peek) {
		s->stamps.first = f->next;
		if (!f->next)
			s->stamps.last = 0;
		s->stamp_count--;
		frame_free(a, ix);
		work_refresh(w, s);
	}
	work_end(w);
	return err ? err : (long)got;
}
