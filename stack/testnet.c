/* SPDX-License-Identifier: BSD-2-Clause */
/* See testnet.h. */
#include "stack/testnet.h"
#include "stack/wire.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

struct ip_addr testnet_ip4(uint32_t host)
{
	return ip_from_v4(be32(0x0a000001u + host));
}

struct ip_addr testnet_ip6(uint32_t host)
{
	struct ip_addr a = { .b = { 0xfd, [15] = (uint8_t)(host + 1) } };

	return a;
}

static void on_event(struct stack *st, conn_ix c, uint32_t events)
{
	struct testnet *n = st->user;

	n->events[c] |= events;
}

static int on_neighbour(struct stack *st, const struct ip_addr *to,
			uint8_t mac[6])
{
	struct testnet *n = st->user;

	if (n->use_arp)
		return -ENOENT;
	for (uint32_t i = 0; i < n->hosts; i++) {
		struct ip_addr a4 = testnet_ip4(i), a6 = testnet_ip6(i);

		if (ip_equal(to, &a4) || ip_equal(to, &a6) ||
		    ip_equal(to, &n->host[i]->link6)) {
			memcpy(mac, n->host[i]->config.mac, 6);
			return 0;
		}
	}
	return -EHOSTUNREACH;
}

static const struct stack_ops ops = {
	.event = on_event,
	.neighbour = on_neighbour,
};

/* Zeroed by the kernel, when touched: a large arena costs only what is used. */
static void *zeroed(size_t bytes)
{
	void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		abort();
	return p;
}

/* A net that is gone: the next takes its memory, which need not be mapped
 * again. */
static struct testnet *spare;

/* As fresh as zeroed() would give it, where somebody looks. */
static struct testnet *renew(struct testnet *n)
{
	struct testnet kept = *n;
	uint32_t used = slot_end(&n->conns);

	memset(n->conns.base, 0, used * n->conns.stride);
	memset(n->events, 0, used * sizeof(*n->events));
	memset(n->arena.chunks, 0,
	       arena_chunks_end(&n->arena) * sizeof(struct chunk));
	memset(n->arena.cache, 0, sizeof(*n->arena.cache));
	memset(n, 0, sizeof(*n));
	n->arena = kept.arena;
	n->conns = kept.conns;
	n->events = kept.events;
	for (uint32_t i = 0; i < TESTNET_HOSTS; i++) {
		n->host[i] = kept.host[i];
		if (i < kept.hosts)
			memset(n->host[i], 0, sizeof(struct stack_host));
	}
	return n;
}

static struct testnet *begin(void)
{
	struct testnet *n = spare;

	spare = NULL;
	if (n)
		return renew(n);
	n = zeroed(sizeof(*n));
	n->arena.shared = zeroed(sizeof(*n->arena.shared));
	n->arena.frames = zeroed((size_t)TESTNET_FRAMES * FRAME_BYTES);
	n->arena.chunks = zeroed(TESTNET_CHUNKS * sizeof(struct chunk));
	n->arena.bytes = zeroed((size_t)TESTNET_CHUNKS * CHUNK_BYTES);
	n->arena.cache = zeroed(sizeof(*n->arena.cache));
	n->conns.stride = CONN_BYTES;
	n->conns.base = zeroed(TESTNET_CONNS * n->conns.stride);
	n->events = zeroed(TESTNET_CONNS * sizeof(*n->events));
	for (uint32_t i = 0; i < TESTNET_HOSTS; i++)
		n->host[i] = zeroed(sizeof(struct stack_host));
	return n;
}

struct testnet *testnet_new(uint32_t hosts, uint64_t seed)
{
	struct testnet *n = begin();

	n->hosts = hosts;
	n->random = seed;
	n->now_ns = 1000 * NSEC_PER_SEC;
	arena_shared_init(n->arena.shared, TESTNET_FRAMES, TESTNET_CHUNKS);
	slot_pool_init(&n->pool, TESTNET_CONNS);
	n->conns.pool = &n->pool;
	for (uint32_t i = 0; i < hosts; i++) {
		struct stack_config g = {
			.addr4 = testnet_ip4(i),
			.addr6 = testnet_ip6(i),
			.prefix4 = 24,
			.prefix6 = 64,
			.mac = { 2, 0, 0, 0, 0, (uint8_t)(i + 1) },
			.mtu = STACK_MTU,
			.vif = i + 1,
			.self = i + 1,
			.secret = { seed * 3 + i, seed * 7 + i },
		};

		stack_host_init(n->host[i], &g);
		n->st[i] = (struct stack){ .arena = &n->arena,
					   .host = n->host[i],
					   .conns = &n->conns,
					   .ops = &ops,
					   .user = n,
					   .now_ns = n->now_ns,
					   .random = &n->random,
					   .neighbour_gen = 1 };
	}
	return n;
}

/* Takes all that is free: @n is of no use afterwards. */
bool testnet_idle(struct testnet *n)
{
	static uint8_t held[TESTNET_FRAMES];
	static uint8_t refs[TESTNET_CHUNKS];
	uint32_t frames, chunks, conns = 0;

	for (conn_ix c = 1; c < slot_end(&n->conns); c++)
		conns += testnet_conn(n, c)->state != CONN_FREE;
	/*
	 * Everything handed out must be in the depot or the cache: take it all,
	 * and see whether what was taken is what was ever handed out.
	 */
	frames = arena_frames_end(&n->arena) - 1;
	chunks = arena_chunks_end(&n->arena) - 1;
	memset(held, 0, frames + 1);
	memset(refs, 0, chunks + 1);
	atomic_store(&n->arena.shared->frame.fresh, TESTNET_FRAMES);
	atomic_store(&n->arena.shared->chunk.fresh, TESTNET_CHUNKS);
	for (frame_ix ix; (ix = frame_alloc(&n->arena));)
		frames -= !held[ix], held[ix] = 1;
	for (chunk_ix ix; (ix = chunk_alloc(&n->arena));)
		chunks -= !refs[ix], refs[ix] = 1;
	if (!frames && !chunks && !conns)
		return true;
	fprintf(stderr, "still held: %u frames, %u chunks, %u connections\n",
		frames, chunks, conns);
	return false;
}

bool testnet_free(struct testnet *n)
{
	uint32_t chunks = arena_chunks_end(&n->arena);
	bool ok;

	for (uint32_t i = 0; i < n->hosts; i++)
		frame_list_free(&n->arena, &n->st[i].out);
	ok = testnet_idle(n);
	atomic_store(&n->arena.shared->chunk.fresh, chunks);
	if (!spare) {
		spare = n;
		return ok;
	}
	for (uint32_t i = 0; i < TESTNET_HOSTS; i++)
		munmap(n->host[i], sizeof(struct stack_host));
	munmap(n->arena.shared, sizeof(*n->arena.shared));
	munmap(n->arena.frames, (size_t)TESTNET_FRAMES * FRAME_BYTES);
	munmap(n->arena.chunks, TESTNET_CHUNKS * sizeof(struct chunk));
	munmap(n->arena.bytes, (size_t)TESTNET_CHUNKS * CHUNK_BYTES);
	munmap(n->arena.cache, sizeof(*n->arena.cache));
	munmap(n->conns.base, TESTNET_CONNS * n->conns.stride);
	munmap(n->events, TESTNET_CONNS * sizeof(*n->events));
	munmap(n, sizeof(*n));
	return ok;
}

struct call {
	struct stack *st;
	frame_ix ix;
};

static void do_input(void *arg)
{
	struct call *k = arg;

	stack_input(k->st, k->ix);
}

static void do_timers(void *arg)
{
	struct call *k = arg;

	stack_timers(k->st);
}

static void enter(struct testnet *n, uint32_t host, void (*op)(void *arg),
		  frame_ix ix, bool may_die)
{
	struct call k = { &n->st[host], ix };

	n->st[host].now_ns = n->now_ns;
	if (n->call && may_die)
		n->call(n, host, false, op, &k);
	else
		op(&k);
}

void testnet_timers(struct testnet *n, uint32_t h)
{
	enter(n, h, do_timers, 0, true);
}

void testnet_input(struct testnet *n, uint32_t from, frame_ix ix)
{
	const struct frame *f = frame_at(&n->arena, ix);
	uint32_t taken = 0;

	for (uint32_t i = 0; i < n->hosts; i++) {
		bool mine = mac_equal(f->header, n->host[i]->config.mac);
		frame_ix copy = ix;

		if (!mine && (!(f->header[0] & 1) || i == from))
			continue;
		if (!mine) {
			copy = frame_alloc(&n->arena);
			memcpy(frame_at(&n->arena, copy), f, sizeof(*f));
			for (uint8_t r = 0;
			     (f->flags & FRAME_REFS) && r < f->refs; r++)
				chunk_get(&n->arena, f->ref[r].chunk);
		}
		/* While we hold the original of a copy nobody may die. */
		enter(n, i, do_input, copy, mine);
		taken++;
		if (mine)
			return;
	}
	if (!taken)
		n->lost++;
	frame_free(&n->arena, ix);
}

uint32_t testnet_run(struct testnet *n)
{
	uint32_t carried = 0, moved;

	do {
		moved = 0;
		for (uint32_t i = 0; i < n->hosts; i++) {
			struct frame_list out = n->st[i].out;
			frame_ix ix;

			n->st[i].out = (struct frame_list){ 0, 0 };
			while ((ix = frame_list_pop(&n->arena, &out))) {
				moved++;
				if (n->pass && !n->pass(n, i, ix)) {
					frame_free(&n->arena, ix);
					continue;
				}
				testnet_input(n, i, ix);
			}
		}
		carried += moved;
	} while (moved);
	n->delivered += carried;
	return carried;
}

void testnet_wait(struct testnet *n, uint64_t ms)
{
	uint64_t end = n->now_ns + ms * NSEC_PER_MSEC;

	for (;;) {
		uint64_t next = end;

		testnet_run(n);
		for (uint32_t i = 0; i < n->hosts; i++)
			next = min_u64(next, stack_next_timer_ns(n->host[i]));
		if (next > n->now_ns)
			n->now_ns = next;
		for (uint32_t i = 0; i < n->hosts; i++)
			testnet_timers(n, i);
		testnet_run(n);
		if (n->now_ns >= end)
			return;
	}
}

uint32_t testnet_events(struct testnet *n, conn_ix c)
{
	uint32_t e = n->events[c];

	n->events[c] = 0;
	return e;
}

void testnet_pair(struct testnet *n, uint32_t a, uint32_t b, uint16_t port,
		  conn_ix *client, conn_ix *server, conn_ix *listener)
{
	struct ip_addr any = { .d = { 0, 0 } }, to = testnet_ip4(b);

	*client = *server = *listener = 0;
	if (conn_open(&n->st[b], STACK_TCP, 1, b + 1, listener) ||
	    conn_bind(&n->st[b], *listener, &any, port, STACK_REUSEADDR) ||
	    tcp_listen(&n->st[b], *listener, 16) ||
	    conn_open(&n->st[a], STACK_TCP, 2, a + 1, client) ||
	    conn_connect(&n->st[a], *client, &to, port))
		abort();
	testnet_run(n);
	*server = tcp_accept(&n->st[b], *listener);
	if (!*server)
		abort();
	conn_own(&n->st[b], *server, 3, b + 1);
}
