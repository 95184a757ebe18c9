/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A few hosts in one arena, for tests: a perfect link, virtual time, one seed.
 *
 * Host i has 10.0.0.(i+1)/24, fd00::(i+1)/64 and MAC 02:00:00:00:00:(i+1).
 * Frames leave st[i].out when the test says so: testnet_run() until nothing
 * moves, or the test takes them out itself and does with them what it likes.
 */
#ifndef TOAMI_STACK_TESTNET_H
#define TOAMI_STACK_TESTNET_H

#include "stack/conn.h"
#include "stack/host.h"
#include "stack/stack.h"

#define TESTNET_HOSTS 8
#define TESTNET_CONNS 4096
#ifndef TESTNET_FRAMES /* a bench may want more */
#define TESTNET_FRAMES 16384
#define TESTNET_CHUNKS 8192
#endif

struct testnet {
	struct arena arena;
	struct slot_pool pool;
	struct slot_table conns;
	struct stack_host *host[TESTNET_HOSTS];
	struct stack st[TESTNET_HOSTS];
	uint32_t hosts;
	uint64_t now_ns;
	uint64_t random;
	bool use_arp;	    /* ops->neighbour does not know: ask the link */
	uint32_t delivered; /* frames carried by testnet_run() */
	uint32_t lost;	    /* to nobody's address */
	uint32_t *events;   /* per connection, all since testnet_events() */
	/*
	 * If set, runs @op(@arg), a call into host @host: it may die half way.
	 * @own: a program works on its own connection; else somebody delivers
	 * or runs timers.
	 */
	void (*call)(struct testnet *n, uint32_t host, bool own,
		     void (*op)(void *arg), void *arg);
	/* May look at a frame under way, and swallow it (returns false). */
	bool (*pass)(struct testnet *n, uint32_t from, frame_ix ix);
	void *pass_arg;
};

struct testnet *testnet_new(uint32_t hosts, uint64_t seed);

/* testnet_free - false when frames, chunks or connections are still held
 * somewhere */
bool testnet_free(struct testnet *n);

/* testnet_idle - false when something is still held; prints what */
bool testnet_idle(struct testnet *n);

/* testnet_run - delivers until nothing moves; returns the frames carried */
uint32_t testnet_run(struct testnet *n);

/* testnet_wait - runs for @ms of virtual time, timers and all */
void testnet_wait(struct testnet *n, uint64_t ms);

/* testnet_input - gives @ix to the host whose MAC it bears */
void testnet_input(struct testnet *n, uint32_t from, frame_ix ix);

/* testnet_timers - what is due at host @h */
void testnet_timers(struct testnet *n, uint32_t h);

/* testnet_events - what happened to @c since asked last */
uint32_t testnet_events(struct testnet *n, conn_ix c);

struct ip_addr testnet_ip4(uint32_t host);
struct ip_addr testnet_ip6(uint32_t host);

/* testnet_pair - an established connection from host @a to host @b */
void testnet_pair(struct testnet *n, uint32_t a, uint32_t b, uint16_t port,
		  conn_ix *client, conn_ix *server, conn_ix *listener);

/* The counter @name of host @h. */
#define testnet_count(n, h, name) ((n)->host[h]->count[COUNT_##name])

static inline struct conn *testnet_conn(struct testnet *n, conn_ix c)
{
	return slot_at(&n->conns, c);
}

#endif
