/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Round trip and retransmission timeout: RFC 6298, with Linux's floor of 200 ms
 * under the variance's share, so that a delayed ack is never taken for a loss.
 */
#include "stack/tcp.h"

void tcp_rtt_sample(struct conn *c, uint32_t us)
{
	uint32_t srtt, var;

	us = min_u32(us, TCP_RTO_MAX_US);
	if (!us)
		us = 1;
	if (!c->min_rtt_us || us < c->min_rtt_us)
		c->min_rtt_us = us;
	if (!c->srtt8_us) {
		c->srtt8_us = us * 8;
		c->rttvar4_us = us * 2;
	} else {
		srtt = c->srtt8_us / 8;
		var = us > srtt ? us - srtt : srtt - us;
		c->rttvar4_us = c->rttvar4_us - c->rttvar4_us / 4 + var;
		c->srtt8_us = c->srtt8_us - srtt + us;
	}
	c->rto_us = min_u32(c->srtt8_us / 8 +
				    max_u32(c->rttvar4_us, TCP_RTO_MIN_US),
			    TCP_RTO_MAX_US);
}

uint64_t tcp_rto_ns(const struct conn *c)
{
	uint64_t us = (uint64_t)c->rto_us << min_u32(c->backoff, 20);

	return min_u64(us, TCP_RTO_MAX_US) * NSEC_PER_USEC;
}
