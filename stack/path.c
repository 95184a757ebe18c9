/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Paths: the host's own addresses, its link, its gateway. No routing table: a
 * host on a fabric has one interface, and whatever is not itself or on its link
 * goes to the gateway.
 */
#include "stack/pace.h"
#include "stack/stack_internal.h"

#include <errno.h>

/* Do the first @bits of the addresses agree? */
static bool prefix_equal(const struct ip_addr *a, const struct ip_addr *b,
			 uint32_t bits)
{
	for (uint32_t i = 0; i < 16 && bits; i++) {
		uint32_t n = min_u32(bits, 8);

		if ((a->b[i] ^ b->b[i]) & (0xff00u >> n))
			return false;
		bits -= n;
	}
	return true;
}

static bool is_link_local(const struct ip_addr *a)
{
	return a->b[0] == 0xfe && (a->b[1] & 0xc0) == 0x80;
}

bool host_has(const struct stack_host *h, const struct ip_addr *a)
{
	if (ip_is_any(a))
		return false;
	return ip_equal(a, &h->config.addr4) || ip_equal(a, &h->config.addr6) ||
	       ip_equal(a, &h->link6) || ip_is_loopback(a);
}

bool host_is_broadcast(const struct stack_host *h, const struct ip_addr *a)
{
	uint32_t host_bits;

	if (!ip_is_v4(a))
		return false;
	if (a->w[3] == UINT32_MAX)
		return true;
	if (ip_is_any(&h->config.addr4) || h->config.prefix4 >= 31)
		return false;
	host_bits = UINT32_MAX >> h->config.prefix4;
	return (be32(a->w[3]) & host_bits) == host_bits &&
	       prefix_equal(a, &h->config.addr4, 96u + h->config.prefix4);
}

static int find4(const struct stack_config *g, const struct ip_addr *dst,
		 struct path *p)
{
	p->kind = PATH_LINK;
	if (ip_is_any(&g->addr4))
		return -ENETUNREACH;
	if (prefix_equal(dst, &g->addr4, 96u + g->prefix4))
		p->next = *dst;
	else if (!ip_is_any(&g->gateway4))
		p->next = g->gateway4;
	else
		return -ENETUNREACH;
	return 0;
}

static int find6(const struct stack_config *g, const struct ip_addr *dst,
		 struct path *p)
{
	p->kind = PATH_LINK;
	if (is_link_local(dst) ||
	    (!ip_is_any(&g->addr6) && prefix_equal(dst, &g->addr6, g->prefix6)))
		p->next = *dst;
	else if (!ip_is_any(&g->addr6) && !ip_is_any(&g->gateway6))
		p->next = g->gateway6;
	else
		return -ENETUNREACH;
	return 0;
}

int path_find(const struct stack *st, const struct ip_addr *dst, struct path *p)
{
	const struct stack_host *h = st->host;

	if (host_has(h, dst)) {
		p->kind = PATH_SELF;
		return 0;
	}
	if (host_is_broadcast(h, dst)) {
		p->kind = PATH_BROADCAST;
		return 0;
	}
	if (ip_is_multicast(dst)) {
		p->kind = PATH_MULTICAST;
		p->next = *dst;
		return 0;
	}
	if (ip_is_any(dst))
		return -ENETUNREACH;
	return ip_is_v4(dst) ? find4(&h->config, dst, p)
			     : find6(&h->config, dst, p);
}

int path_source(const struct stack *st, const struct ip_addr *dst,
		struct ip_addr *src)
{
	const struct stack_host *h = st->host;

	if (host_has(h, dst)) {
		*src = *dst;
		if (ip_is_v4(dst) && ip_is_loopback(dst))
			*src = ip_from_v4(be32(0x7f000001));
		return 0;
	}
	if (ip_is_v4(dst))
		*src = h->config.addr4;
	else if (is_link_local(dst) || ip_is_any(&h->config.addr6) ||
		 (dst->b[0] == 0xff && (dst->b[1] & 0xf) == 2))
		*src = h->link6;
	else
		*src = h->config.addr6;
	return ip_is_any(src) ? -EADDRNOTAVAIL : 0;
}

int path_resolve(struct stack *st, struct path *p)
{
	const struct neigh *n;
	int err;

	switch (p->kind) {
	case PATH_SELF:
		mac_copy(p->mac, st->host->config.mac);
		return 0;
	case PATH_BROADCAST:
		memset(p->mac, 0xff, 6);
		return 0;
	case PATH_MULTICAST:
		/* RFC 1112, section 6.4; RFC 2464, section 7. */
		if (ip_is_v4(&p->next)) {
			p->mac[0] = 0x01;
			p->mac[1] = 0x00;
			p->mac[2] = 0x5e;
			p->mac[3] = p->next.b[13] & 0x7f;
		} else {
			p->mac[0] = 0x33;
			p->mac[1] = 0x33;
			p->mac[2] = p->next.b[12];
			p->mac[3] = p->next.b[13];
		}
		p->mac[4] = p->next.b[14];
		p->mac[5] = p->next.b[15];
		return 0;
	default:
		break;
	}
	err = st->ops->neighbour(st, &p->next, p->mac);
	if (err != -ENOENT)
		return err ? -EHOSTUNREACH : 0;
	n = neigh_find(st, &p->next);
	if (!n)
		return 1;
	mac_copy(p->mac, n->mac);
	return 0;
}

/* Counts what leaves against its connection's limit. */
static void pace_hold(struct stack *st, struct frame *f)
{
	struct stack_pace *p = pace_at(st->paces, f->pace);

	f->held = f->header_bytes + f->payload;
	atomic_store_explicit(&p->sent, pace_load(&p->sent) + f->held,
			      memory_order_relaxed);
}

void eth_send(struct stack *st, const uint8_t mac[6], frame_ix ix)
{
	struct frame *f = frame_at(st->arena, ix);
	struct eth_header *e = (struct eth_header *)f->header;

	mac_copy(e->dst, mac);
	mac_copy(e->src, st->host->config.mac);
	if (f->pace && unlikely(conn_is_paced(conn_at(st, f->pace))))
		pace_hold(st, f);
	frame_list_add(st->arena, &st->out, ix);
}

void path_send(struct stack *st, struct path *p, frame_ix ix)
{
	int err = path_resolve(st, p);

	if (!err) {
		eth_send(st, p->mac, ix);
	} else if (err == 1) {
		neigh_wait(st, &p->next, ix);
	} else {
		count(st, Ip_OutNoRoutes);
		frame_free(st->arena, ix);
	}
}
