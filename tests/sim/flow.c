/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See flow.h. The oracle of a stream is a function of salt and offset: a byte
 * that arrives is compared with what was written there. A wrong byte aborts at
 * once, so that the debugger stands where it came in.
 */
#include "tests/sim/flow_internal.h"
#include "tests/sim/stream.h"
#include "base/random.h"
#include "stack/shape.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *flow_name(enum flow_kind kind)
{
	static const char *const names[] = { "bulk",  "request", "half",
					     "push",  "abort",	 "slow",
					     "cross", "crowd",	 "datagram" };

	return names[kind];
}

/* --- acting
 * -------------------------------------------------------------------- */

/* How far this end may write, given what it has read. */
static uint32_t may_write(const struct flow *f, const struct end *e)
{
	uint32_t n;

	switch (f->kind) {
	case FLOW_REQUEST:
		n = e->client ? (e->rx_done / e->answer + 1) * e->ask
			      : e->rx_done / e->ask * e->answer;
		return n < e->tx_total ? n : e->tx_total;
	case FLOW_HALF:
		return e->client || e->eof ? e->tx_total : 0;
	default:
		return e->tx_total;
	}
}

static void gone(struct testnet *n, struct end *e, bool by_abort)
{
	if (by_abort)
		conn_abort(stack_of(n, e), e->c);
	else
		conn_close(stack_of(n, e), e->c);
	e->c = 0;
	e->closed = true;
	e->wake_ns = 0;
}

static void check(const struct end *peer, uint32_t at, const uint8_t *p,
		  uint32_t bytes)
{
	const uint8_t *right = stream_at(peer->salt, at);

	if (!memcmp(p, right, bytes))
		return;
	for (uint32_t i = 0; i < bytes; i++) {
		if (p[i] == right[i])
			continue;
		fprintf(stderr, "wrong byte at %u of %u\n", at + i,
			peer->tx_total);
		abort();
	}
}

/* Reads whole frames, or bytes, as the dice say. */
static uint32_t read_some(struct testnet *n, struct end *e,
			  const struct end *peer, uint64_t *r)
{
	static uint8_t buf[CHUNK];
	struct stack *st = stack_of(n, e);
	uint32_t max = e->read_max, got;
	struct frame_list list = { 0, 0 };
	frame_ix ix;

	if (chance(r, 500000)) {
		got = chance(r, 500000) ? tcp_take(st, e->c, max, &list)
					: tcp_take_part(st, e->c, max, &list);
		while ((ix = frame_list_pop(&n->arena, &list))) {
			const struct frame *f = frame_at(&n->arena, ix);
			uint32_t bytes = f->payload - f->payload_off;

			frame_copy_out(&n->arena, f, f->payload_off, buf,
				       bytes);
			check(peer, e->rx_done, buf, bytes);
			e->rx_done += bytes;
			frame_free(&n->arena, ix);
		}
		if (got)
			return got;
	}
	if (chance(r, 200000)) {
		uint32_t skip = between(r, 0, max - 1);

		got = tcp_copy(st, e->c, skip, buf, max, true);
		check(peer, e->rx_done + skip, buf, got);
	}
	got = tcp_copy(st, e->c, 0, buf, max, false);
	check(peer, e->rx_done, buf, got);
	e->rx_done += got;
	return got;
}

static void read_all(struct testnet *n, struct end *e, const struct end *peer,
		     uint64_t *r)
{
	struct stack *st = stack_of(n, e);

	if (e->wake_ns > n->now_ns)
		return;
	e->wake_ns = 0;
	if (chance(r, 300000)) {
		/* The urgent byte, if there is one: a copy, the stream has it.
		 */
		uint8_t byte;

		tcp_at_mark(st, e->c);
		tcp_urgent(st, e->c, &byte, chance(r, 500000));
	}
	while (read_some(n, e, peer, r)) {
		tcp_consumed(st, e->c);
		if (e->pause_ms) {
			e->wake_ns = n->now_ns + e->pause_ms * NSEC_PER_MSEC;
			return;
		}
	}
}

/*
 * As a program that passes on what it has received: frames cut anywhere, that
 * share chunks and were read in part, join the send queue by reference.
 */
static uint32_t pass_on(struct testnet *n, struct end *e, uint32_t bytes,
			uint64_t *r)
{
	uint32_t skip = min_u32(e->tx_done, between(r, 0, 2 * CHUNK_BYTES));
	struct frame_list list = { 0, 0 };
	frame_ix whole = frame_alloc(&n->arena);
	struct frame *f = frame_at(&n->arena, whole);
	uint32_t done;

	bytes = min_u32(bytes, CHUNK - skip);
	if (!whole ||
	    frame_fill(&n->arena, whole, stream_at(e->salt, e->tx_done - skip),
		       skip + bytes)) {
		frame_free(&n->arena, whole);
		return 0;
	}
	for (uint32_t at = skip; at < f->payload;) {
		uint32_t part = between(r, 1, f->payload - at);
		frame_ix ix = frame_alloc(&n->arena);

		if (!ix || frame_refer_from(&n->arena, ix, f, at, part)) {
			frame_free(&n->arena, ix);
			break;
		}
		frame_list_add(&n->arena, &list, ix);
		at += part;
	}
	frame_free(&n->arena, whole);
	done = tcp_append_frames(stack_of(n, e), e->c, &list, bytes);
	frame_list_free(&n->arena, &list);
	return done;
}

static int write_all(struct testnet *n, struct flow *f, struct end *e,
		     uint64_t *r)
{
	struct stack *st = stack_of(n, e);
	uint32_t limit = may_write(f, e);

	while (e->tx_done < limit) {
		uint32_t want = between(r, 1, e->write_max), got;
		int err = tcp_send_error(st, e->c);

		if (err)
			return err == -EAGAIN ? 0 : err;

		want = min_u32(want, limit - e->tx_done);
		if (want > 1 && chance(r, 200000)) {
			got = pass_on(n, e, want, r);
			want = got ? got : want;
		} else {
			got = tcp_append(st, e->c,
					 stream_at(e->salt, e->tx_done), want);
		}
		e->tx_done += got;
		if (got && e->urgent && chance(r, 50000))
			tcp_send_urgent(st, e->c);
		tcp_push(st, e->c, e->corks && chance(r, 100000));
		if (e->corks && chance(r, 300000))
			conn_set(st, e->c, CONN_CORK, (int)between(r, 0, 1));
		if (got < want)
			break;
	}
	return 0;
}

static bool rst_due(const struct end *e)
{
	return e->rst_wanted && e->rx_done >= e->rx_total / 2 &&
	       e->tx_done >= e->tx_total / 4;
}

/*
 * As Linux has it, a connection that is not open yet fails when three questions
 * for the peer's address go unanswered; one that is open never does.
 */
static bool is_unreachable(struct testnet *n, const struct end *e, int err)
{
	return err == -EHOSTUNREACH && n->use_arp && !e->rx_done &&
	       !e->tx_done && testnet_count(n, e->host, Arp_Failed) &&
	       testnet_conn(n, e->c)->state == CONN_CLOSED;
}

/* A stream's end does all it can. */
static void act(struct testnet *n, struct flow *f, struct end *e, uint64_t *r)
{
	const struct end *peer = e == &f->end[0] ? &f->end[1] : &f->end[0];
	struct stack *st = stack_of(n, e);
	int err;

	if (testnet_conn(n, e->c)->state == CONN_SYN_SENT ||
	    testnet_conn(n, e->c)->state == CONN_SYN_RECEIVED)
		return;
	read_all(n, e, peer, r);
	err = tcp_recv_error(st, e->c);
	if (err == 1)
		e->eof = true;
	if (err >= 0 && !rst_due(e)) {
		int send_err = write_all(n, f, e, r);

		if (send_err)
			err = send_err;
	}
	if (err < 0) {
		e->broken = true;
		if (is_unreachable(n, e, err))
			f->unreachable = true;
		else if (f->kind != FLOW_ABORT && !f->may_fail &&
			 !f->unreachable)
			fprintf(stderr, "%s %s: error %d after %u of %u\n",
				flow_name(f->kind),
				e->client ? "client" : "server", err,
				e->rx_done, e->rx_total);
		gone(n, e, false);
		return;
	}
	if (rst_due(e)) {
		gone(n, e, true);
		return;
	}
	if (!e->shut && e->tx_done == e->tx_total &&
	    (f->kind != FLOW_HALF || e->client || e->eof)) {
		if (f->kind == FLOW_PUSH && e->client) {
			gone(n, e, false);
			return;
		}
		tcp_shutdown(st, e->c, 1);
		e->shut = true;
	}
	if (e->shut && e->eof)
		gone(n, e, false);
}

/* --- datagrams
 * ------------------------------------------------------------------ */

/* A datagram's length follows from its number, and so do its bytes. */
static uint32_t datagram_bytes(const struct end *e, uint32_t i)
{
	uint32_t h = (i ^ e->salt) * 2654435761u;

	return 4 + (h & 0x100 ? h >> 16 & 0x7fff : h >> 22);
}

static void send_datagram(struct testnet *n, struct end *e)
{
	static uint8_t buf[CHUNK];
	uint32_t i = e->tx_done, bytes = datagram_bytes(e, i);
	frame_ix ix = frame_alloc(&n->arena);
	int err;

	memcpy(buf, &i, 4);
	memcpy(buf + 4, stream_at(e->salt + i * 7919, 4), bytes - 4);
	if (!ix || frame_fill(&n->arena, ix, buf, bytes)) {
		frame_free(&n->arena, ix);
		return;
	}
	err = udp_send(stack_of(n, e), e->c, ix, NULL, 0);
	/* Frames of many flows on slow links fill the arena: once more, later.
	 */
	if (err == -ENOBUFS)
		return;
	/* Told once, of what waited for an address that nobody has. */
	if (err == -EHOSTUNREACH && n->use_arp &&
	    testnet_count(n, e->host, Arp_Failed))
		return;
	must(err, "udp_send");
	e->tx_done++;
}

static void take_datagrams(struct testnet *n, struct flow *f)
{
	struct end *e = &f->end[1], *peer = &f->end[0];
	static uint8_t buf[CHUNK];
	struct udp_note note;
	frame_ix ix;

	while ((ix = udp_take(stack_of(n, e), e->c, &note, false))) {
		const struct frame *g = frame_at(&n->arena, ix);
		uint32_t i, bytes = g->payload;

		frame_copy_out(&n->arena, g, 0, buf, bytes);
		memcpy(&i, buf, 4);
		if (bytes < 4 || i >= peer->tx_done ||
		    bytes != datagram_bytes(peer, i)) {
			frame_free(&n->arena, ix);
			if (f->unsure)
				continue;
			fprintf(stderr, "a datagram nobody sent\n");
			abort();
		}
		if (memcmp(buf + 4, stream_at(peer->salt + i * 7919, 4),
			   bytes - 4) &&
		    !f->unsure)
			abort();
		if (f->seen[i]++ == 0)
			e->rx_done++;
		frame_free(&n->arena, ix);
	}
}

/* One end's turn, which it may not survive. */
struct turn {
	struct testnet *n;
	struct flow *f;
	struct end *e;
	uint64_t *random;
	bool survived;
};

static void take_turn(void *arg)
{
	struct turn *t = arg;

	act(t->n, t->f, t->e, t->random);
	t->survived = true;
}

static void turn(struct testnet *n, struct flow *f, struct end *e, uint64_t *r)
{
	struct turn t = { n, f, e, r, false };

	if (!n->call) {
		act(n, f, e, r);
		return;
	}
	n->call(n, e->host, true, take_turn, &t);
	if (t.survived)
		return;
	/* A dead program's sockets are closed by whoever notices. */
	f->may_fail = true;
	for (int i = 0; i < 2; i++)
		if (f->end[i].c)
			flow_keep(n, &f->end[i]);
	if (e->c && testnet_conn(n, e->c)->state != CONN_FREE &&
	    testnet_conn(n, e->c)->sock)
		conn_abort(stack_of(n, e), e->c);
	e->c = 0;
	e->closed = true;
	e->broken = true;
	e->wake_ns = 0;
}

static void run_datagram(struct testnet *n, struct flow *f, uint64_t *r)
{
	struct end *c = &f->end[0], *s = &f->end[1];

	if (s->c)
		take_datagrams(n, f);
	if (c->c && c->wake_ns <= n->now_ns) {
		send_datagram(n, c);
		c->wake_ns = n->now_ns + between(r, 0, 20) * NSEC_PER_MSEC;
		if (c->tx_done == c->tx_total)
			gone(n, c, false);
	}
	if (s->c && s->wake_ns <= n->now_ns)
		gone(n, s, false);
}

/* --- both
 * ----------------------------------------------------------------------- */

void flow_run(struct testnet *n, struct flow *f, uint64_t *r)
{
	struct end *s = &f->end[1];

	if (f->kind == FLOW_DATAGRAM) {
		run_datagram(n, f, r);
		return;
	}
	if (f->pending && n->now_ns >= f->accept_ns) {
		s->c = tcp_accept(stack_of(n, s), f->listener);
		if (s->c) {
			conn_own(stack_of(n, s), s->c, 1, s->host + 1);
			flow_options(n, f, s, r);
			if (f->may_fail)
				flow_keep(n, s);
			f->pending = false;
			conn_close(stack_of(n, s), f->listener);
			f->listener = 0;
			n->events[s->c] = 1;
		}
		s->wake_ns = 0;
	}
	for (int i = 0; i < 2; i++) {
		struct end *e = &f->end[i];

		if (!e->c || (!n->events[e->c] &&
			      !(e->wake_ns && e->wake_ns <= n->now_ns)))
			continue;
		n->events[e->c] = 0;
		turn(n, f, e, r);
	}
	if (f->pending && (f->may_fail || f->unreachable) && f->end[0].closed) {
		/* It has hit a client whom nobody had accepted yet. */
		conn_close(stack_of(n, s), f->listener);
		f->pending = false;
		s->closed = true;
		s->wake_ns = 0;
	}
}

void flow_tell(const struct flow *f, struct oracle *o)
{
	const struct end *c = &f->end[0], *s = &f->end[1];
	uint16_t other = f->kind == FLOW_CROSS && c->host != s->host
				 ? (uint16_t)(f->port + 1)
				 : 0;

	if (f->kind == FLOW_DATAGRAM)
		return;
	/* FLOW_CROSS: both have a port of their own. */
	if (other) {
		oracle_stream(o, f->port, other, c->salt, c->tx_total);
		oracle_stream(o, other, f->port, s->salt, s->tx_total);
	} else {
		oracle_stream(o, 0, f->port, c->salt, c->tx_total);
		oracle_stream(o, f->port, 0, s->salt, s->tx_total);
	}
}

uint64_t flow_wake(const struct flow *f)
{
	uint64_t at = UINT64_MAX;

	for (int i = 0; i < 2; i++)
		if (f->end[i].wake_ns)
			at = min_u64(at, f->end[i].wake_ns);
	return at;
}

bool flow_over(const struct flow *f)
{
	return f->end[0].closed && f->end[1].closed;
}

const char *flow_verdict(const struct flow *f, bool lossy, bool deaf)
{
	const struct end *c = &f->end[0], *s = &f->end[1];

	if (!flow_over(f))
		return "does not end";
	if (f->kind == FLOW_DATAGRAM) {
		if (!lossy && s->rx_done != c->tx_done)
			return "datagrams are missing on a perfect link";
		return NULL;
	}
	if (f->unreachable)
		return deaf ? NULL : "no neighbour on a perfect link";
	if (f->may_fail || f->kind == FLOW_ABORT)
		return NULL;
	if (c->broken || s->broken)
		return "broke";
	if (s->rx_done != c->tx_total)
		return "the server has not read all";
	if (f->kind != FLOW_PUSH && c->rx_done != s->tx_total)
		return "the client has not read all";
	return NULL;
}
