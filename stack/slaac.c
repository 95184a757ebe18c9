/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * IPv6 addresses from router advertisements: RFC 4862, and of RFC 4861 what
 * finds a router.
 *
 * One router and one prefix at a time: the first that advertises an autonomous
 * /64. The address is the prefix and the interface identifier of the
 * link-local address; it is used a second after nobody has claimed it.
 */
#include "stack/auto.h"
#include "stack/shape.h"

#define SOLICITS      3
#define SOLICIT_NS    (4 * NSEC_PER_SEC)
#define PROBE_NS      NSEC_PER_SEC
#define RA_BYTES      16
#define OPTION_PREFIX 3
#define OPTION_MTU    5
#define FOREVER	      UINT32_MAX
#define TWO_HOURS_NS  (7200 * NSEC_PER_SEC)

static struct slaac *own(struct stack *st)
{
	return &st->host->slaac;
}

static void wait_until(struct stack *st, uint64_t at)
{
	own(st)->at_ns = at;
	timer_aux(st, at);
}

void slaac_start(struct stack *st)
{
	struct slaac *s = own(st);

	s->state = SLAAC_SOLICITING;
	s->tries = 0;
	wait_until(st, st->now_ns);
}

static uint64_t date_of(const struct stack *st, uint32_t seconds)
{
	return seconds == FOREVER ? UINT64_MAX
				  : st->now_ns + seconds * NSEC_PER_SEC;
}

/* When something of what is known ends; UINT64_MAX: never. */
static void wait_end(struct stack *st)
{
	struct slaac *s = own(st);
	uint64_t at = s->router_until_ns ? s->router_until_ns : UINT64_MAX;

	if (s->state == SLAAC_BOUND)
		at = min_u64(at, s->until_ns);
	wait_until(st, at);
}

static void expire(struct stack *st)
{
	struct stack_config *g = &st->host->config;
	struct slaac *s = own(st);
	bool changed = false;

	if (s->router_until_ns && s->router_until_ns <= st->now_ns) {
		s->router_until_ns = 0;
		memset(&g->gateway6, 0, sizeof(g->gateway6));
		changed = true;
	}
	if (s->state == SLAAC_BOUND && s->until_ns <= st->now_ns) {
		memset(&g->addr6, 0, sizeof(g->addr6));
		slaac_start(st);
		changed = true;
	} else {
		wait_end(st);
	}
	if (changed)
		auto_changed(st);
}

uint64_t slaac_timers(struct stack *st)
{
	struct slaac *s = own(st);

	if (s->state == SLAAC_OFF)
		return UINT64_MAX;
	if (s->at_ns > st->now_ns)
		return s->at_ns;
	switch (s->state) {
	case SLAAC_SOLICITING:
		icmp6_router_solicit(st);
		s->tries++;
		/* A router that comes later advertises itself. */
		wait_until(st, s->tries < SOLICITS ? st->now_ns + SOLICIT_NS
						   : UINT64_MAX);
		break;
	case SLAAC_PROBING:
		st->host->config.prefix6 = 64;
		st->host->config.addr6 = s->address;
		s->state = SLAAC_BOUND;
		auto_changed(st);
		wait_end(st);
		break;
	default:
		expire(st);
		break;
	}
	return s->at_ns;
}

void slaac_claimed(struct stack *st, const struct ip_addr *target)
{
	struct slaac *s = own(st);

	if (s->state != SLAAC_PROBING || !ip_equal(target, &s->address))
		return;
	/* RFC 4862, section 5.4.5: made of the MAC, so there is no other. */
	s->state = SLAAC_TAKEN;
	wait_end(st);
}

/* A prefix to make an address of: section 5.5.3. */
static void take_prefix(struct stack *st, const uint8_t *o)
{
	uint32_t valid = get32(o + 4), preferred = get32(o + 8);
	struct slaac *s = own(st);
	struct ip_addr a;

	memcpy(&a, o + 16, 16);
	if (!(o[3] & 0x40) || o[2] != 64 || preferred > valid ||
	    (a.b[0] == 0xfe && (a.b[1] & 0xc0) == 0x80) || a.b[0] == 0xff)
		return;
	a.d[1] = st->host->link6.d[1];
	if (s->state == SLAAC_SOLICITING) {
		if (!valid)
			return;
		s->address = a;
		s->until_ns = date_of(st, valid);
		s->state = SLAAC_PROBING;
		icmp6_probe(st, &a);
		wait_until(st, st->now_ns + PROBE_NS);
	} else if (s->state == SLAAC_BOUND && ip_equal(&a, &s->address)) {
		uint64_t until = date_of(st, valid);

		/* Nobody shortens a life to less than two hours at once. */
		if (valid > 7200 || until > s->until_ns)
			s->until_ns = until;
		else if (s->until_ns > st->now_ns + TWO_HOURS_NS)
			s->until_ns = st->now_ns + TWO_HOURS_NS;
	}
}

static void take_mtu(struct stack *st, const uint8_t *o)
{
	uint32_t mtu = get32(o + 4);

	if (mtu >= IPV6_MIN_MTU && mtu < st->host->config.mtu)
		st->host->config.mtu = (uint16_t)mtu;
}

static void take_router(struct stack *st, const struct ip_addr *router,
			uint16_t lifetime_s)
{
	struct stack_config *g = &st->host->config;
	struct slaac *s = own(st);

	if (s->router_until_ns && !ip_equal(router, &g->gateway6))
		return;
	s->router_until_ns = lifetime_s ? date_of(st, lifetime_s) : 0;
	if (lifetime_s && ip_equal(router, &g->gateway6))
		return;
	memset(&g->gateway6, 0, sizeof(g->gateway6));
	if (lifetime_s)
		g->gateway6 = *router;
	auto_changed(st);
}

void slaac_advertised(struct stack *st, const struct packet *p)
{
	struct slaac *s = own(st);
	uint8_t m[1500];
	uint32_t bytes, i = RA_BYTES;
	bool link = p->src.b[0] == 0xfe && (p->src.b[1] & 0xc0) == 0x80;

	if (s->state == SLAAC_OFF || p->ttl != 255 || !link ||
	    p->l4_bytes < RA_BYTES || p->l4_bytes > sizeof(m))
		return;
	/* The caller has put the first eight bytes into the header. */
	memcpy(m, p->f->header + p->f->l4_off, ICMP_BYTES);
	bytes = ICMP_BYTES + min_u32(p->f->payload, sizeof(m) - ICMP_BYTES);
	frame_copy_out(st->arena, p->f, 0, m + ICMP_BYTES, bytes - ICMP_BYTES);
	for (uint32_t k = i; k < bytes; k += m[k + 1] * 8u)
		if (k + 8 > bytes || !m[k + 1] || k + m[k + 1] * 8u > bytes)
			return;
	take_router(st, &p->src, get16(m + 6));
	for (; i < bytes; i += m[i + 1] * 8u) {
		if (m[i] == OPTION_PREFIX && m[i + 1] == 4)
			take_prefix(st, m + i);
		else if (m[i] == OPTION_MTU && m[i + 1] == 1)
			take_mtu(st, m + i);
	}
	if (s->state != SLAAC_PROBING && s->state != SLAAC_SOLICITING)
		wait_end(st);
}
