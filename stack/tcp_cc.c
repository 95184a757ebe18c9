/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Congestion window: slow start with HyStart++ (RFC 9406), then CUBIC (RFC
 * 9438) with its Reno-friendly region, or NewReno; in bytes and integers.
 *
 *	W(t) = C (t - K)^3 + W_max,  C = 0.4 segments/s^3,  K = cbrt((W_max - W)
 * / C)
 *
 * t and K are in units of 1/1024 s, so (t - K)^3 C is offs^3 * 0.4 >> 30
 * segments. The window grows by bytes acknowledged (RFC 3465 with L without
 * bound: a super-segment is acknowledged whole), and only while it was the
 * window that held the sender back (RFC 7661's concern: an application that
 * sends little must not earn a window that was never tried).
 *
 * HyStart++ rather than Linux's HyStart: its spacing of acks says nothing where
 * they come in bursts, as they do behind super-segments; and what it takes for
 * a queue by mistake costs a few round trips of slower growth instead of the
 * whole slow start.
 */
#include "stack/tcp.h"

#define BETA_NUM  717u /* 0.7 * 1024 */
#define C_NUM	  410u /* 0.4 * 1024 */
#define ALPHA_NUM 542u /* 3 (1 - beta) / (1 + beta) * 1024 */
#define OFFS_MAX  (UINT64_C(1) << 17)
#define CWND_MAX  (1u << 30)

/* RFC 9406, section 4.3. */
#define HY_RTT_LOW_US  4000u
#define HY_RTT_HIGH_US 16000u
#define HY_SAMPLES     8
#define HY_CSS_GROWTH  4
#define HY_CSS_ROUNDS  5

void tcp_cc_init(struct conn *c)
{
	/* RFC 6928. */
	c->cwnd = 10u * c->mss;
	c->ssthresh = CWND_MAX;
	c->cc_phase = CC_NONE;
	c->w_max = 0;
	c->rate_at_ns = 0;
}

/* Integer cube root, a bit at a time; runs once per congestion epoch. */
static uint32_t cube_root(uint64_t v)
{
	uint64_t y = 0;

	for (int s = 63; s >= 0; s -= 3) {
		uint64_t b;

		y *= 2;
		b = 3 * y * (y + 1) + 1;
		if ((v >> s) >= b) {
			v -= b << s;
			y++;
		}
	}
	return (uint32_t)y;
}

static void epoch_start(struct stack *st, struct conn *c)
{
	c->cc_phase = CC_AVOID;
	c->epoch_ns = st->now_ns;
	c->w_est = c->cwnd;
	if (c->cwnd < c->w_max) {
		uint64_t gap = (c->w_max - c->cwnd) / c->mss;

		/* gap / 0.4, times 1024^3 */
		c->k = cube_root(gap * (((uint64_t)5 << 30) / 2));
		c->w_origin = c->w_max;
	} else {
		c->k = 0;
		c->w_origin = c->cwnd;
	}
}

static uint32_t cubic_target(struct stack *st, const struct conn *c)
{
	uint64_t t = (st->now_ns - c->epoch_ns) / (NSEC_PER_SEC / 1024);
	uint64_t offs, delta;

	/* One round trip ahead. */
	t += c->srtt8_us / 8 / 977;
	offs = t > c->k ? t - c->k : c->k - t;
	offs = min_u64(offs, OFFS_MAX);
	delta = ((offs * offs * offs) >> 20) * C_NUM >>
		10; /* segments * 1024 */
	delta = delta * c->mss >> 10;
	delta = min_u64(delta, CWND_MAX);
	if (t > c->k)
		return min_u32(c->w_origin + (uint32_t)delta, CWND_MAX);
	return delta < c->w_origin ? c->w_origin - (uint32_t)delta : 0;
}

static void avoid(struct stack *st, struct conn *c, uint32_t acked)
{
	uint32_t target, add;

	if (c->reno) {
		add = (uint32_t)((uint64_t)acked * c->mss / c->cwnd);
		c->cwnd = min_u32(c->cwnd + max_u32(add, 1), CWND_MAX);
		return;
	}
	if (c->cc_phase != CC_AVOID)
		epoch_start(st, c);
	target = cubic_target(st, c);
	target = min_u32(target, c->cwnd + c->cwnd / 2);
	c->w_est += (uint32_t)((uint64_t)ALPHA_NUM * acked / 1024 * c->mss /
			       c->cwnd);
	target = max_u32(target, c->w_est);
	if (target <= c->cwnd)
		return;
	add = (uint32_t)((uint64_t)(target - c->cwnd) * acked / c->cwnd);
	c->cwnd = min_u32(c->cwnd + min_u32(add, acked), CWND_MAX);
}

/* A round of slow start begins. */
static void round_start(struct conn *c)
{
	c->hy_end = c->snd_nxt;
	c->hy_last_us = c->hy_rtt_us;
	c->hy_rtt_us = UINT32_MAX;
	c->hy_samples = 0;
}

/* RFC 9406: does a queue build up? */
static void hystart(struct conn *c, uint32_t rtt_us)
{
	uint32_t allow;

	if (c->cc_phase != CC_START) {
		c->cc_phase = CC_START;
		c->hy_css = 0;
		c->hy_base_us = UINT32_MAX;
		c->hy_rtt_us = UINT32_MAX;
		round_start(c);
	}
	if (rtt_us) {
		c->hy_rtt_us = min_u32(c->hy_rtt_us, rtt_us);
		if (c->hy_samples < UINT8_MAX)
			c->hy_samples++;
	}
	if (c->hy_samples >= HY_SAMPLES && c->hy_rtt_us != UINT32_MAX) {
		allow = min_u32(max_u32(c->hy_last_us / 8, HY_RTT_LOW_US),
				HY_RTT_HIGH_US);
		if (!c->hy_css && c->hy_last_us != UINT32_MAX &&
		    c->hy_rtt_us >= c->hy_last_us + allow) {
			c->hy_css = 1;
			c->hy_base_us = c->hy_rtt_us;
		} else if (c->hy_css && c->hy_rtt_us < c->hy_base_us) {
			c->hy_css = 0;
		}
	}
	if (seq_lt(c->snd_una, c->hy_end))
		return;
	round_start(c);
	if (c->hy_css && ++c->hy_css > HY_CSS_ROUNDS) {
		c->ssthresh = c->cwnd;
		c->cc_phase = CC_NONE;
	}
}

void tcp_cc_acked(struct stack *st, struct conn *c, uint32_t acked,
		  uint32_t rtt_us)
{
	uint32_t flight = max_u32(c->snd_nxt - c->snd_una + acked, c->max_out);
	bool start = c->cwnd < c->ssthresh;

	if (start && c->recovery == TCP_OPEN)
		hystart(c, rtt_us);
	/* In slow start a window half used is used (as Linux has it). */
	if (!(c->flags & CONN_CWND_FULL) && !(start && c->cwnd / 2 < flight))
		return;
	if (start) {
		uint32_t room = c->ssthresh - c->cwnd, add = acked;

		if (c->cc_phase == CC_START && c->hy_css)
			add /= HY_CSS_GROWTH;
		add = min_u32(add, room);
		c->cwnd = min_u32(c->cwnd + add, CWND_MAX);
		acked = add < room ? 0 : acked - add;
	}
	if (acked)
		avoid(st, c, acked);
}

/* Loss: the new slow start threshold. */
uint32_t tcp_cc_loss(struct stack *st, struct conn *c)
{
	(void)st;
	c->cc_phase = CC_NONE;
	if (c->reno)
		return max_u32(c->cwnd / 2, 2u * c->mss);
	/* Fast convergence: RFC 9438, section 4.7. */
	if (c->cwnd < c->w_max)
		c->w_max = (uint32_t)((uint64_t)c->cwnd * (1024 + BETA_NUM) /
				      2048);
	else
		c->w_max = c->cwnd;
	return max_u32((uint32_t)((uint64_t)c->cwnd * BETA_NUM / 1024),
		       2u * c->mss);
}

/* RFC 2861 as Linux has it: half the window for each timeout spent idle. */
void tcp_cc_idle(struct stack *st, struct conn *c)
{
	uint64_t idle = st->now_ns - c->last_send_ns;
	uint64_t rto = (uint64_t)c->rto_us * NSEC_PER_USEC;
	uint32_t restart = min_u32(10u * c->mss, c->cwnd);

	if (idle <= rto)
		return;
	c->ssthresh = max_u32(c->ssthresh, c->cwnd / 2 + c->cwnd / 4);
	while (idle > rto && c->cwnd > restart) {
		c->cwnd >>= 1;
		idle -= rto;
	}
	c->cwnd = max_u32(c->cwnd, restart);
	c->cc_phase = CC_NONE;
}
