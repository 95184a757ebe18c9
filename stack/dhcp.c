/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * DHCP as a client, RFC 2131; options of RFC 2132.
 *
 *	SELECTING   DISCOVER is out, and again 4, 8 .. 64 s later
 *	REQUESTING  an offer was taken up; four requests, then anew
 *	PROBING     the address is ours if nobody else has it (RFC 5227)
 *	BOUND       until T1; RENEWING until T2, REBINDING until the end
 *
 * Answers are asked for by broadcast, since there is no address yet that they
 * could go to. A conflict is declined, and after a pause all begins anew.
 */
#include "stack/auto.h"
#include "base/random.h"
#include "stack/shape.h"

enum {
	DHCP_DISCOVER = 1,
	DHCP_OFFER,
	DHCP_REQUEST,
	DHCP_DECLINE,
	DHCP_ACK,
	DHCP_NAK,
};

#define OPTION_MASK	 1
#define OPTION_ROUTER	 3
#define OPTION_REQUESTED 50
#define OPTION_LEASE	 51
#define OPTION_TYPE	 53
#define OPTION_SERVER	 54
#define OPTION_WANTED	 55
#define OPTION_T1	 58
#define OPTION_T2	 59
#define OPTION_CLIENT	 61
#define OPTION_END	 255

#define MAGIC	      0x63825363
#define FIXED_BYTES   240 /* up to the options, magic among them */
#define MESSAGE_MIN   300
#define FIRST_WAIT_NS (4 * NSEC_PER_SEC)
#define REQUESTS_MAX  4
#define PROBES	      3
#define PROBE_NS      NSEC_PER_SEC
#define CLAIM_NS      (2 * NSEC_PER_SEC) /* after the last probe */
#define DECLINED_NS   (10 * NSEC_PER_SEC)
#define RENEW_MIN_NS  (60 * NSEC_PER_SEC)
#define LEASE_FOREVER UINT32_MAX

static struct dhcp *own(struct stack *st)
{
	return &st->host->dhcp;
}

static void wait_until(struct stack *st, uint64_t at)
{
	own(st)->at_ns = at;
	timer_aux(st, at);
}

/* --- sending -----------------------------------------------------------------
 */

static uint8_t *put_option(uint8_t *p, uint8_t code, const void *value,
			   uint8_t bytes)
{
	*p++ = code;
	*p++ = bytes;
	memcpy(p, value, bytes);
	return p + bytes;
}

/* The message of @type; what it names depends on the state: table 5. */
static uint32_t compose(struct stack *st, uint8_t type, uint8_t *m)
{
	static const uint8_t wanted[] = { OPTION_MASK, OPTION_ROUTER,
					  OPTION_LEASE, OPTION_T1, OPTION_T2 };
	const struct dhcp *d = own(st);
	const uint8_t *mac = st->host->config.mac;
	bool renews = d->state == DHCP_RENEWING || d->state == DHCP_REBINDING;
	uint8_t *p = m + FIXED_BYTES, id[7] = { 1 };

	memset(m, 0, MESSAGE_MIN);
	m[0] = 1; /* BOOTREQUEST */
	m[1] = 1; /* Ethernet */
	m[2] = 6;
	put32(m + 4, d->xid);
	put16(m + 8,
	      (uint16_t)min_u64((st->now_ns - d->began_ns) / NSEC_PER_SEC,
				UINT16_MAX));
	if (renews)
		((struct wire32 *)(m + 12))->v = d->address;
	else
		put16(m + 10, 0x8000); /* answer by broadcast */
	mac_copy(m + 28, mac);
	put32(m + 236, MAGIC);
	p = put_option(p, OPTION_TYPE, &type, 1);
	mac_copy(id + 1, mac);
	p = put_option(p, OPTION_CLIENT, id, 7);
	if (type == DHCP_DECLINE || (type == DHCP_REQUEST && !renews)) {
		p = put_option(p, OPTION_REQUESTED, &d->address, 4);
		p = put_option(p, OPTION_SERVER, &d->server, 4);
	}
	if (type != DHCP_DECLINE)
		p = put_option(p, OPTION_WANTED, wanted, sizeof(wanted));
	*p++ = OPTION_END;
	return MESSAGE_MIN;
}

static void send(struct stack *st, uint8_t type)
{
	const struct dhcp *d = own(st);
	bool renews = d->state == DHCP_RENEWING;
	struct ip_addr src = ip_from_v4(
		renews || d->state == DHCP_REBINDING ? d->address : 0);
	struct ip_addr dst = ip_from_v4(renews ? d->server : UINT32_MAX);
	struct ip_out o = {
		.src = &src, .dst = &dst, .proto = IP_UDP, .ttl = 64
	};
	struct path to = { .kind = PATH_BROADCAST };
	frame_ix ix = l4_frame(st, true, UDP_BYTES);
	uint8_t m[MESSAGE_MIN];
	uint32_t bytes = compose(st, type, m);
	struct udp_header *u;
	struct frame *f;

	if (!ix)
		return;
	f = frame_at(st->arena, ix);
	if (frame_fill(st->arena, ix, m, bytes)) {
		frame_free(st->arena, ix);
		return;
	}
	u = (struct udp_header *)(f->header + f->l4_off);
	u->sport = be16(DHCP_CLIENT);
	u->dport = be16(DHCP_SERVER);
	u->length = be16((uint16_t)(UDP_BYTES + bytes));
	l4_csum_open(f, &o, 6, UDP_BYTES + bytes);
	if (renews)
		ip_output(st, ix, &o);
	else
		ipv4_output(st, ix, &o, &to);
}

/* --- states ------------------------------------------------------------------
 */

/* The wait doubles up to 64 s, a second more or less: section 4.1. */
static void wait_again(struct stack *st)
{
	struct dhcp *d = own(st);
	uint64_t ns = FIRST_WAIT_NS << (d->tries < 4 ? d->tries : 4);

	d->tries++;
	wait_until(st, st->now_ns + ns - NSEC_PER_SEC +
			       (random_next(st->random) >> 11) %
				       (2 * NSEC_PER_SEC));
}

static void discover(struct stack *st)
{
	struct dhcp *d = own(st);

	if (d->state != DHCP_SELECTING) {
		d->state = DHCP_SELECTING;
		d->xid = (uint32_t)random_next(st->random);
		d->began_ns = st->now_ns;
		d->tries = 0;
	}
	send(st, DHCP_DISCOVER);
	wait_again(st);
}

void dhcp_start(struct stack *st)
{
	own(st)->state = DHCP_INIT;
	wait_until(st, st->now_ns);
}

/* The address is not ours any more. */
static void lose(struct stack *st)
{
	struct stack_config *g = &st->host->config;

	memset(&g->addr4, 0, sizeof(g->addr4));
	memset(&g->gateway4, 0, sizeof(g->gateway4));
	auto_changed(st);
	dhcp_start(st);
}

static void decline(struct stack *st)
{
	struct dhcp *d = own(st);

	d->state = DHCP_REQUESTING; /* the words of a declined request */
	send(st, DHCP_DECLINE);
	d->state = DHCP_INIT;
	wait_until(st, st->now_ns + DECLINED_NS);
}

static void bind(struct stack *st)
{
	struct stack_config *g = &st->host->config;
	struct dhcp *d = own(st);

	d->state = DHCP_BOUND;
	g->prefix4 = d->prefix;
	g->gateway4 = d->router ? ip_from_v4(d->router)
				: (struct ip_addr){ .d = { 0, 0 } };
	g->addr4 = ip_from_v4(d->address);
	arp_announce(st, d->address);
	auto_changed(st);
	wait_until(st, d->t1_ns);
}

static void probe(struct stack *st)
{
	struct dhcp *d = own(st);

	if (d->tries == PROBES) {
		bind(st);
		return;
	}
	arp_probe(st, d->address);
	d->tries++;
	wait_until(st, st->now_ns + (d->tries == PROBES ? CLAIM_NS : PROBE_NS));
}

/* Half of what is left until @end, but no more often than once a minute. */
static void wait_half(struct stack *st, uint64_t end)
{
	uint64_t left = end > st->now_ns ? end - st->now_ns : 0;

	wait_until(st, left / 2 > RENEW_MIN_NS ? st->now_ns + left / 2 : end);
}

static void renew(struct stack *st)
{
	struct dhcp *d = own(st);

	if (st->now_ns >= d->end_ns) {
		lose(st);
		return;
	}
	if (d->state == DHCP_BOUND) {
		d->xid = (uint32_t)random_next(st->random);
		d->began_ns = st->now_ns;
	}
	d->state = st->now_ns >= d->t2_ns ? DHCP_REBINDING : DHCP_RENEWING;
	send(st, DHCP_REQUEST);
	wait_half(st, d->state == DHCP_RENEWING ? d->t2_ns : d->end_ns);
}

static void request(struct stack *st)
{
	struct dhcp *d = own(st);

	if (d->tries == REQUESTS_MAX) {
		dhcp_start(st);
		return;
	}
	send(st, DHCP_REQUEST);
	wait_again(st);
}

uint64_t dhcp_timers(struct stack *st)
{
	struct dhcp *d = own(st);

	if (d->state == DHCP_OFF)
		return UINT64_MAX;
	if (d->at_ns > st->now_ns)
		return d->at_ns;
	switch (d->state) {
	case DHCP_REQUESTING:
		request(st);
		break;
	case DHCP_PROBING:
		probe(st);
		break;
	case DHCP_BOUND:
	case DHCP_RENEWING:
	case DHCP_REBINDING:
		renew(st);
		break;
	default:
		discover(st);
		break;
	}
	return d->at_ns;
}

/* --- answers -----------------------------------------------------------------
 */

struct answer {
	uint8_t type;
	uint32_t address, server, mask, router;
	uint32_t lease_s, t1_s, t2_s; /* 0: not said */
};

static bool parse(const struct dhcp *d, const uint8_t *mac, const uint8_t *m,
		  uint32_t bytes, struct answer *a)
{
	uint32_t i = FIXED_BYTES;

	memset(a, 0, sizeof(*a));
	if (bytes < FIXED_BYTES || m[0] != 2 || m[1] != 1 || m[2] != 6 ||
	    get32(m + 4) != d->xid || !mac_equal(m + 28, mac) ||
	    get32(m + 236) != MAGIC)
		return false;
	a->address = ((const struct wire32 *)(m + 16))->v;
	while (i < bytes && m[i] != OPTION_END) {
		const uint8_t *v = m + i + 2;
		uint32_t n;

		if (!m[i]) {
			i++;
			continue;
		}
		if (i + 2 > bytes || i + 2 + m[i + 1] > bytes)
			return false;
		n = m[i + 1];
		if (m[i] == OPTION_TYPE && n == 1)
			a->type = *v;
		if (n >= 4 && m[i] == OPTION_MASK)
			a->mask = get32(v);
		if (n >= 4 && m[i] == OPTION_ROUTER)
			a->router = ((const struct wire32 *)v)->v;
		if (n >= 4 && m[i] == OPTION_SERVER)
			a->server = ((const struct wire32 *)v)->v;
		if (n >= 4 && m[i] == OPTION_LEASE)
			a->lease_s = get32(v);
		if (n >= 4 && m[i] == OPTION_T1)
			a->t1_s = get32(v);
		if (n >= 4 && m[i] == OPTION_T2)
			a->t2_s = get32(v);
		i += 2 + n;
	}
	return true;
}

/* An address that a host can have. */
static bool usable(uint32_t addr)
{
	uint32_t a = be32(addr);

	return a >> 24 && a >> 24 != 127 && a < 0xe0000000;
}

static uint8_t prefix_of(uint32_t mask)
{
	uint8_t bits = 0;

	while (mask & 0x80000000) {
		bits++;
		mask <<= 1;
	}
	return bits ? bits : 24;
}

static void take_lease(struct stack *st, const struct answer *a)
{
	struct dhcp *d = own(st);
	uint64_t lease = a->lease_s * NSEC_PER_SEC;

	if (a->lease_s == LEASE_FOREVER)
		lease = UINT64_C(1) << 60;
	d->end_ns = st->now_ns + lease;
	d->t1_ns = st->now_ns + (a->t1_s && a->t1_s < a->lease_s
					 ? a->t1_s * NSEC_PER_SEC
					 : lease / 2);
	d->t2_ns = st->now_ns + (a->t2_s && a->t2_s < a->lease_s
					 ? a->t2_s * NSEC_PER_SEC
					 : lease / 8 * 7);
	d->prefix = prefix_of(a->mask);
	d->router = a->router;
	if (a->server)
		d->server = a->server;
}

static void on_ack(struct stack *st, const struct answer *a)
{
	struct dhcp *d = own(st);

	if (!a->lease_s || !usable(a->address))
		return;
	switch (d->state) {
	case DHCP_REQUESTING:
		if (a->address != d->address)
			return;
		take_lease(st, a);
		d->state = DHCP_PROBING;
		d->tries = 0;
		probe(st);
		return;
	case DHCP_RENEWING:
	case DHCP_REBINDING:
		if (a->address != d->address) {
			lose(st);
			return;
		}
		take_lease(st, a);
		d->state = DHCP_BOUND;
		st->host->config.prefix4 = d->prefix;
		wait_until(st, d->t1_ns);
		return;
	default:
		return;
	}
}

void dhcp_input(struct stack *st, struct packet *p)
{
	uint8_t m[576];
	uint32_t bytes = min_u32(p->f->payload, sizeof(m));
	struct dhcp *d = own(st);
	struct answer a;

	frame_copy_out(st->arena, p->f, 0, m, bytes);
	frame_free(st->arena, p->ix);
	if (!parse(d, st->host->config.mac, m, bytes, &a))
		return;
	if (a.type == DHCP_OFFER && d->state == DHCP_SELECTING && a.server &&
	    usable(a.address)) {
		d->address = a.address;
		d->server = a.server;
		d->state = DHCP_REQUESTING;
		d->tries = 0;
		request(st);
	} else if (a.type == DHCP_ACK) {
		on_ack(st, &a);
	} else if (a.type == DHCP_NAK && d->state >= DHCP_REQUESTING &&
		   d->state != DHCP_PROBING && d->state != DHCP_BOUND) {
		if (d->state == DHCP_REQUESTING)
			dhcp_start(st);
		else
			lose(st);
	}
}

void dhcp_arp(struct stack *st, const struct arp_header *a)
{
	struct dhcp *d = own(st);

	if (d->state < DHCP_PROBING ||
	    mac_equal(a->sender_mac, st->host->config.mac))
		return;
	if (d->state == DHCP_PROBING) {
		/* He has it, or is probing for it as we do. */
		if (a->sender == d->address ||
		    (!a->sender && a->target == d->address &&
		     a->op == be16(ARP_REQUEST)))
			decline(st);
		return;
	}
	if (a->sender != d->address)
		return;
	/* RFC 5227, section 2.4 (b): once it is defended, twice given up. */
	if (!d->defended_ns || st->now_ns - d->defended_ns >= DEFEND_NS) {
		d->defended_ns = st->now_ns;
		arp_announce(st, d->address);
		return;
	}
	memset(&st->host->config.addr4, 0, 16);
	auto_changed(st);
	decline(st);
}
