/* SPDX-License-Identifier: BSD-2-Clause */
/* See group.h. */
#include "stack/group.h"
#include "base/random.h"

#include <errno.h>

#define REPEATS	  2 /* robustness: a change is told so often */
#define REPEAT_NS NSEC_PER_SEC
/* How long an old querier is remembered: RFC 3376, section 8.12. */
#define OLD_NS (260 * NSEC_PER_SEC)

static uint64_t soon(struct stack *st, uint64_t within_ns)
{
	return st->now_ns + (random_next(st->random) >> 11) % (within_ns | 1);
}

static bool is_all_hosts(const struct ip_addr *g)
{
	if (ip_is_v4(g))
		return g->w[3] == be32(0xe0000001);
	return g->b[0] == 0xff && !g->w[1] && !g->w[2] && g->w[3] == be32(1);
}

/* RFC 4291, 2.7.1: the group that neighbours ask on for @a. */
static bool is_solicited(const struct ip_addr *g, const struct ip_addr *a)
{
	return g->w[0] == be32(0xff020000) && !g->w[1] && g->w[2] == be32(1) &&
	       g->b[12] == 0xff && g->b[13] == a->b[13] &&
	       g->b[14] == a->b[14] && g->b[15] == a->b[15];
}

static struct group *find(const struct stack_host *h, const struct ip_addr *g)
{
	for (uint32_t i = 0; i < h->group_end; i++) {
		const struct group *o = &h->group[i];

		if (o->state != GROUP_FREE && ip_equal(&o->addr, g))
			return (struct group *)(uintptr_t)o;
	}
	return NULL;
}

bool group_heard(const struct stack_host *h, const struct ip_addr *group)
{
	const struct group *g;

	if (is_all_hosts(group))
		return true;
	if (!ip_is_v4(group) && (is_solicited(group, &h->link6) ||
				 is_solicited(group, &h->config.addr6) ||
				 is_solicited(group, &h->slaac.address)))
		return true;
	g = find(h, group);
	return g && g->state == GROUP_JOINED;
}

/* The memberships of @group, of one socket if @c is not 0; starts at @i. */
static const struct member *next_member(const struct stack_host *h,
					const struct ip_addr *group, conn_ix c,
					uint32_t *i)
{
	while (*i < h->member_end) {
		const struct member *m = &h->member[(*i)++];

		if (m->conn && (!c || m->conn == c) &&
		    ip_equal(&m->group, group))
			return m;
	}
	return NULL;
}

bool group_wanted(const struct stack_host *h, const struct conn *c,
		  const struct ip_addr *group, const struct ip_addr *src)
{
	const struct member *m;
	bool joined = false;
	uint32_t i = 0;

	while ((m = next_member(h, group, c->self, &i))) {
		if (ip_is_any(&m->source) || ip_equal(&m->source, src))
			return true;
		joined = true;
	}
	/* Linux: who has not said anything hears what others have joined. */
	return !joined && !c->group_strict;
}

/* --- what routers are told ---------------------------------------------------
 */

/* The sources that @group is wanted from; *any: from all. */
static uint32_t sources_of(const struct stack_host *h,
			   const struct ip_addr *group, struct ip_addr *source,
			   bool *any)
{
	const struct member *m;
	uint32_t i = 0, n = 0;

	*any = false;
	while ((m = next_member(h, group, 0, &i))) {
		uint32_t k = 0;

		if (ip_is_any(&m->source)) {
			*any = true;
			return 0;
		}
		while (k < n && !ip_equal(&source[k], &m->source))
			k++;
		if (k == n && n < GROUP_SOURCES_MAX)
			source[n++] = m->source;
	}
	return n;
}

static void report(struct stack *st, const struct group *g, bool change)
{
	struct ip_addr source[GROUP_SOURCES_MAX];
	bool any, v4 = ip_is_v4(&g->addr);
	uint32_t n = sources_of(st->host, &g->addr, source, &any);
	enum group_record type = any ? GROUP_IS_EXCLUDE : GROUP_IS_INCLUDE;
	uint64_t old = v4 ? st->host->igmp2_until_ns : st->host->mld1_until_ns;

	if (is_all_hosts(&g->addr))
		return;
	if (change)
		type += GROUP_TO_INCLUDE - GROUP_IS_INCLUDE;
	if (v4)
		igmp_report(st, &g->addr, type, source, n, old > st->now_ns);
	else
		mld_report(st, &g->addr, type, source, n, old > st->now_ns);
}

/* The memberships of @g have changed: tells it now and once again. */
static void changed(struct stack *st, struct group *g)
{
	report(st, g, true);
	g->repeats = REPEATS - 1;
	g->at_ns = soon(st, REPEAT_NS);
	timer_aux(st, g->at_ns);
}

static struct group *make(struct stack_host *h, const struct ip_addr *addr)
{
	struct group *g = find(h, addr);

	for (uint32_t i = 0; !g && i < GROUP_MAX; i++)
		if (h->group[i].state == GROUP_FREE) {
			g = &h->group[i];
			g->addr = *addr;
			g->at_ns = UINT64_MAX;
			g->repeats = 0;
			if (i >= h->group_end)
				h->group_end = i + 1;
		}
	if (g)
		g->state = GROUP_JOINED;
	return g;
}

uint64_t group_timers(struct stack *st)
{
	struct stack_host *h = st->host;
	uint64_t next = UINT64_MAX;

	for (uint32_t i = 0; i < h->group_end; i++) {
		struct group *g = &h->group[i];

		if (g->state == GROUP_FREE)
			continue;
		if (g->at_ns <= st->now_ns) {
			report(st, g, g->repeats);
			g->at_ns = UINT64_MAX;
			if (g->repeats && --g->repeats)
				g->at_ns = soon(st, REPEAT_NS);
			else if (g->state == GROUP_LEFT)
				g->state = GROUP_FREE;
		}
		next = min_u64(next, g->at_ns);
	}
	return next;
}

void group_asked(struct stack *st, bool v4, const struct ip_addr *group,
		 uint32_t ms, bool old)
{
	struct stack_host *h = st->host;
	uint64_t within = ms * NSEC_PER_MSEC;

	if (old && v4)
		h->igmp2_until_ns = st->now_ns + OLD_NS;
	else if (old)
		h->mld1_until_ns = st->now_ns + OLD_NS;
	for (uint32_t i = 0; i < h->group_end; i++) {
		struct group *g = &h->group[i];
		uint64_t at;

		if (g->state != GROUP_JOINED || ip_is_v4(&g->addr) != v4 ||
		    (!ip_is_any(group) && !ip_equal(&g->addr, group)))
			continue;
		at = soon(st, within);
		if (at < g->at_ns) {
			g->at_ns = at;
			timer_aux(st, at);
		}
	}
}

/* --- joining and leaving -----------------------------------------------------
 */

int conn_join(struct stack *st, conn_ix c, const struct ip_addr *group,
	      const struct ip_addr *source)
{
	struct stack_host *h = st->host;
	const struct member *m;
	struct member *free = NULL;
	struct group *g;
	uint32_t i = 0;

	if (!ip_is_multicast(group))
		return -EINVAL;
	if (ip_is_v4(group) && ip_is_any(&h->config.addr4))
		return -ENODEV;
	while ((m = next_member(h, group, c, &i))) {
		/* All sources, or some: Linux wants it to be one or the other.
		 */
		if (ip_equal(&m->source, source))
			return -EADDRINUSE;
		if (ip_is_any(&m->source) || ip_is_any(source))
			return -EINVAL;
	}
	for (i = 0; !free && i < GROUP_MEMBERS; i++)
		if (!h->member[i].conn)
			free = &h->member[i];
	g = free ? make(h, group) : NULL;
	if (!g)
		return -ENOBUFS;
	free->group = *group;
	free->source = *source;
	if ((uint32_t)(free - h->member) >= h->member_end)
		h->member_end = (uint32_t)(free - h->member) + 1;
	atomic_signal_fence(memory_order_seq_cst);
	store_u32(&free->conn, c);
	changed(st, g);
	return 0;
}

/* A membership is gone: the group, too, with its last. */
static void drop(struct stack *st, struct member *m)
{
	struct ip_addr addr = m->group;
	struct group *g = find(st->host, &addr);
	uint32_t i = 0;

	store_u32(&m->conn, 0);
	if (!g)
		return;
	if (!next_member(st->host, &addr, 0, &i))
		g->state = GROUP_LEFT;
	changed(st, g);
}

int conn_leave(struct stack *st, conn_ix c, const struct ip_addr *group,
	       const struct ip_addr *source)
{
	const struct member *m;
	bool left = false;
	uint32_t i = 0;

	if (!ip_is_multicast(group))
		return -EINVAL;
	/* Without a source: whatever it has of the group. */
	while ((m = next_member(st->host, group, c, &i)))
		if (ip_is_any(source) || ip_equal(&m->source, source)) {
			drop(st, (struct member *)(uintptr_t)m);
			left = true;
		}
	return left ? 0 : -EADDRNOTAVAIL;
}

void group_leave_all(struct stack *st, const struct conn *c)
{
	for (uint32_t i = 0; i < st->host->member_end; i++)
		if (st->host->member[i].conn == c->self)
			drop(st, &st->host->member[i]);
}

void group_recover(struct stack *st)
{
	struct stack_host *h = st->host;

	memset(h->group, 0, sizeof(h->group));
	h->group_end = 0;
	if (h->member_end > GROUP_MEMBERS)
		h->member_end = GROUP_MEMBERS;
	for (uint32_t i = 0; i < h->member_end; i++) {
		struct member *m = &h->member[i];
		const struct conn *c = m->conn && m->conn < slot_end(st->conns)
					       ? conn_at(st, m->conn)
					       : NULL;
		struct group *g;

		if (!c || c->state == CONN_FREE || c->host != h->config.self ||
		    !c->sock) {
			store_u32(&m->conn, 0);
			continue;
		}
		g = make(h, &m->group);
		if (g && g->at_ns == UINT64_MAX)
			changed(st, g);
	}
}
