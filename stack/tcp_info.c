/* SPDX-License-Identifier: BSD-2-Clause */
/* TCP_INFO: the layout of struct tcp_info in Linux's linux/tcp.h, which is ABI.
 */
#include "stack/tcp.h"

struct info {
	uint8_t state, ca_state, retransmits, probes, backoff, options;
	uint8_t wscale; /* snd : 4, rcv : 4 */
	uint8_t rate_flags;
	uint32_t rto, ato, snd_mss, rcv_mss;
	uint32_t unacked, sacked, lost, retrans, fackets;
	uint32_t last_data_sent, last_ack_sent, last_data_recv, last_ack_recv;
	uint32_t pmtu, rcv_ssthresh, rtt, rttvar, snd_ssthresh, snd_cwnd,
		advmss, reordering;
	uint32_t rcv_rtt, rcv_space;
	uint32_t total_retrans;
	uint64_t pacing_rate, max_pacing_rate, bytes_acked, bytes_received;
	uint32_t segs_out, segs_in;
	uint32_t notsent_bytes, min_rtt, data_segs_in, data_segs_out;
	uint64_t delivery_rate;
	uint64_t busy_time, rwnd_limited, sndbuf_limited;
	uint32_t delivered, delivered_ce;
	uint64_t bytes_sent, bytes_retrans;
	uint32_t dsack_dups, reord_seen, rcv_ooopack, snd_wnd;
	uint32_t rcv_wnd, rehash;
	uint16_t total_rto, total_rto_recoveries;
	uint32_t total_rto_time;
	uint32_t received_ce, accurate_ecn[6];
	uint32_t ecn_mode;
};

static_assert(offsetof(struct info, pacing_rate) == 104, "Linux's ABI");
static_assert(offsetof(struct info, snd_wnd) == 228, "Linux's ABI");

#define OPT_TIMESTAMPS 1
#define OPT_SACK       2
#define OPT_WSCALE     4
#define OPT_ECN	       8
#define OPT_ECN_SEEN   16
#define OPT_SYN_DATA   32

/* Linux's ca_state. */
enum { CA_OPEN, CA_DISORDER, CA_CWR, CA_RECOVERY, CA_LOSS };

static uint32_t since_ms(const struct stack *st, uint64_t ns)
{
	return ns ? (uint32_t)((st->now_ns - ns) / NSEC_PER_MSEC) : 0;
}

static uint8_t ca_state(const struct conn *c)
{
	if (c->recovery == TCP_LOSS)
		return CA_LOSS;
	if (c->recovery == TCP_RECOVERY)
		return CA_RECOVERY;
	if (c->watch & ECN_CUT)
		return CA_CWR;
	return c->sacked_bytes || c->dupacks ? CA_DISORDER : CA_OPEN;
}

uint64_t tcp_pacing_Bps(const struct conn *c)
{
	uint32_t percent = c->cwnd < c->ssthresh / 2 ? 200 : 120;
	uint64_t window = max_u32(c->cwnd, c->snd_nxt - c->snd_una);

	if (!c->srtt8_us || c->state == CONN_LISTEN)
		return 0;
	/* The factors first: a window is below 2^30. */
	return window * percent * 80000 / c->srtt8_us;
}

uint32_t tcp_info(const struct stack *st, conn_ix ix, void *info,
		  uint32_t bytes)
{
	const struct conn *c = conn_at(st, ix);
	uint32_t mss = c->mss ? c->mss : TCP_MSS_DEFAULT;
	bool listen = c->state == CONN_LISTEN;
	struct info i;

	memset(&i, 0, sizeof(i));
	bytes = min_u32(bytes, sizeof(i));
	/* Linux keeps TIME-WAIT apart from what a program has. */
	i.state =
		c->state == CONN_TIME_WAIT && c->sock ? CONN_CLOSED : c->state;
	i.retransmits = c->retries;
	i.probes = c->probes;
	i.backoff = c->backoff;
	i.options = (uint8_t)((c->flags & CONN_TS ? OPT_TIMESTAMPS : 0) |
			      (c->flags & CONN_SACK ? OPT_SACK : 0) |
			      (c->flags & CONN_WSCALE ? OPT_WSCALE : 0) |
			      (c->watch & ECN_OK ? OPT_ECN : 0) |
			      (c->watch & ECN_SEEN ? OPT_ECN_SEEN : 0) |
			      (c->fastopen & FO_DATA ? OPT_SYN_DATA : 0));
	if (c->flags & CONN_WSCALE)
		i.wscale = (uint8_t)(c->snd_wscale | c->rcv_wscale << 4);
	i.rto = c->rto_us;
	i.ato = (uint32_t)(TCP_DELACK_NS / NSEC_PER_USEC);
	i.snd_mss = mss;
	i.rcv_mss = c->rcv_mss;
	i.last_data_sent = since_ms(st, c->last_send_ns);
	i.last_data_recv = since_ms(st, c->last_recv_ns);
	i.last_ack_recv = since_ms(st, c->last_ack_ns);
	i.pmtu = c->mtu;
	i.rcv_ssthresh = c->rcvbuf;
	i.rtt = c->srtt8_us / 8;
	i.rttvar = c->rttvar4_us / 4;
	i.advmss = tcp_advertised_mss(c);
	i.reordering = 3;
	i.rcv_space = c->rcvbuf;
	i.total_retrans = c->total_retrans;
	i.bytes_acked = c->bytes_acked;
	i.bytes_received = c->bytes_received;
	i.segs_out = c->segs_out;
	i.segs_in = c->segs_in;
	i.min_rtt = c->min_rtt_us;
	i.snd_wnd = c->snd_wnd;
	i.delivered = c->delivered;
	i.rcv_wnd = c->rcv_adv - c->rcv_nxt;
	/* No measured round trip: no limit but the asked one. */
	i.max_pacing_rate = conn_max_rate(st, ix);
	i.pacing_rate = tcp_pacing_Bps(c);
	if (!c->srtt8_us || listen || i.pacing_rate > i.max_pacing_rate)
		i.pacing_rate = i.max_pacing_rate;
	if (listen) {
		/* Linux shows the accept queue's length and limit here. */
		i.unacked = c->accepts;
		i.sacked = c->backlog;
	} else {
		i.ca_state = ca_state(c);
		i.unacked = (c->snd_nxt - c->snd_una + mss - 1) / mss;
		i.sacked = (c->sacked_bytes + mss - 1) / mss;
		i.lost = (c->lost_bytes + mss - 1) / mss;
		i.snd_cwnd = c->cwnd / mss;
		i.snd_ssthresh = c->ssthresh >= 1u << 30 ? 0x7fffffff
							 : c->ssthresh / mss;
		i.notsent_bytes = tcp_unsent(c);
	}
	memcpy(info, &i, bytes);
	return bytes;
}
