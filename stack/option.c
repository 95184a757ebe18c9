/* SPDX-License-Identifier: BSD-2-Clause */
/* Socket options that the stack obeys: their limits are Linux's. */
#include "stack/stack_internal.h"
#include "stack/tcp.h"

#include <errno.h>

static void flag_set(struct conn *c, uint32_t flag, int on)
{
	if (on)
		c->flags |= flag;
	else
		c->flags &= ~flag;
}

static int in_range(int v, int low, int high)
{
	return v >= low && v <= high ? 0 : -EINVAL;
}

static uint32_t buffer_bytes(int value)
{
	uint32_t v = value < 0 ? STACK_BUFFER_MAX : (uint32_t)value;

	return max_u32(min_u32(v, STACK_BUFFER_MAX), 2304);
}

static int set_fastopen(const struct stack *st, struct conn *c,
			enum conn_option opt, int v)
{
	uint16_t bit = opt == CONN_FASTOPEN_CONNECT ? FO_CONNECT : FO_NO_COOKIE;

	if (in_range(v, 0, 1))
		return -EINVAL;
	if (bit == FO_CONNECT && !(st->host->tuning.fastopen & FASTOPEN_CLIENT))
		return -EOPNOTSUPP;
	if (c->state != CONN_CLOSED && c->state != CONN_LISTEN)
		return -EINVAL;
	c->fastopen = (uint16_t)(v ? c->fastopen | bit : c->fastopen & ~bit);
	return 0;
}

static int set(struct stack *st, struct conn *c, enum conn_option opt, int v)
{
	switch (opt) {
	case CONN_NODELAY:
		flag_set(c, CONN_F_NODELAY, v);
		if (v)
			tcp_push_held(st, c);
		return 0;
	case CONN_CORK:
		flag_set(c, CONN_F_CORK, v);
		if (!v)
			tcp_push_held(st, c);
		return 0;
	case CONN_KEEPALIVE:
		flag_set(c, CONN_F_KEEP, v);
		if (c->proto == STACK_TCP)
			tcp_keep_arm(st, c);
		return 0;
	case CONN_KEEPIDLE_S:
		if (in_range(v, 1, 32767))
			return -EINVAL;
		c->keep_idle_s = (uint32_t)v;
		tcp_keep_arm(st, c);
		return 0;
	case CONN_KEEPINTVL_S:
		if (in_range(v, 1, 32767))
			return -EINVAL;
		c->keep_intvl_s = (uint32_t)v;
		return 0;
	case CONN_KEEPCNT:
		if (in_range(v, 1, 127))
			return -EINVAL;
		c->keep_cnt = (uint8_t)v;
		return 0;
	case CONN_USER_TIMEOUT_MS:
		if (v < 0)
			return -EINVAL;
		c->user_timeout_ms = (uint32_t)v;
		return 0;
	case CONN_MAXSEG:
		if (v && in_range(v, 88, 32767))
			return -EINVAL;
		c->maxseg = (uint16_t)v;
		return 0;
	case CONN_SNDBUF:
		store_u32(&c->sndbuf, buffer_bytes(v));
		c->locked |= BUFFER_SEND;
		return 0;
	case CONN_RCVBUF:
		c->rcvbuf = buffer_bytes(v);
		/* Asked for: no need to learn what the peer sends. */
		if (c->proto == STACK_TCP && c->rcv_most)
			c->rcv_most = c->rcvbuf;
		c->locked |= BUFFER_RECV;
		return 0;
	case CONN_RCVLOWAT:
		c->rcvlowat = v < 1 ? 1 : min_u32((uint32_t)v, c->rcvbuf / 2);
		return 0;
	case CONN_TTL:
		if (v != -1 && in_range(v, 0, 255))
			return -EINVAL;
		c->ttl = v == -1 ? 64 : (uint8_t)v;
		return 0;
	case CONN_TOS:
		/* TCP marks as it sees fit. */
		c->tos = (uint8_t)(c->proto == STACK_TCP ? v & ~ECN_MASK : v);
		return 0;
	case CONN_LINGER_S:
		c->linger_s = v;
		return 0;
	case CONN_QUICKACK:
		if (v) {
			c->flags &= ~CONN_PINGPONG;
			tcp_quick_ack(st, c);
		} else {
			c->flags |= CONN_PINGPONG;
		}
		return 0;
	case CONN_DEFER_ACCEPT_S:
		c->defer_accept_s = (uint8_t)(v < 0 ? 0 : v > 255 ? 255 : v);
		return 0;
	case CONN_NOTSENT_LOWAT:
		c->notsent_lowat =
			v ? (uint32_t)v : st->host->tuning.notsent_lowat;
		c->locked = (uint8_t)(v ? c->locked | LOWAT_SEND
					: c->locked & ~LOWAT_SEND);
		if (c->proto == STACK_TCP)
			conn_event(st, c, tcp_ready(c) & STACK_OUT);
		return 0;
	case CONN_SYNCNT:
		if (in_range(v, 1, 127))
			return -EINVAL;
		c->syn_retries = (uint8_t)v;
		return 0;
	case CONN_BROADCAST:
		flag_set(c, CONN_F_BCAST, v);
		return 0;
	case CONN_MULTICAST_TTL:
		if (v != -1 && in_range(v, 0, 255))
			return -EINVAL;
		c->mcast_ttl = v == -1 ? 1 : (uint8_t)v;
		return 0;
	case CONN_MULTICAST_LOOP:
		flag_set(c, CONN_F_MLOOP, v);
		return 0;
	case CONN_MULTICAST_ALL:
		c->group_strict = !v;
		return 0;
	case CONN_FASTOPEN:
		if (c->proto != STACK_TCP ||
		    (c->state != CONN_CLOSED && c->state != CONN_LISTEN))
			return -EINVAL;
		c->fastopen_max = v < 0 ? 0 : (uint32_t)v;
		return 0;
	case CONN_FASTOPEN_CONNECT:
	case CONN_FASTOPEN_NO_COOKIE:
		return set_fastopen(st, c, opt, v);
	case CONN_OOBINLINE:
		c->urgent_inline = v != 0;
		return 0;
	case CONN_CONGESTION:
		if (in_range(v, 0, 1))
			return -EINVAL;
		c->reno = (uint8_t)v;
		return 0;
	case CONN_RECVERR:
		/* A stream's errors end it: they are told by it. */
		if (c->proto != STACK_TCP)
			flag_set(c, CONN_F_RECVERR, v);
		if (c->proto != STACK_TCP && !v)
			errors_drop(st, c);
		return 0;
	case CONN_SEND_COVERAGE:
	case CONN_RECV_COVERAGE:
		if (c->proto != STACK_UDPLITE)
			return -ENOPROTOOPT;
		v = v && v < 8 ? 8 : v > 65535 ? 65535 : v;
		if (opt == CONN_SEND_COVERAGE)
			c->mss = (uint16_t)v;
		else
			c->mss_peer = (uint16_t)v;
		return 0;
	}
	return -EINVAL;
}

int conn_set(struct stack *st, conn_ix ix, enum conn_option opt, int value)
{
	conn_ix outer = writing_begin(st, ix);
	int err = set(st, conn_at(st, ix), opt, value);

	writing_end(st, outer);
	return err;
}

int conn_get(const struct stack *st, conn_ix ix, enum conn_option opt,
	     int *value)
{
	const struct conn *c = conn_at(st, ix);
	uint32_t v;

	switch (opt) {
	case CONN_NODELAY:
		v = !!(c->flags & CONN_F_NODELAY);
		break;
	case CONN_CORK:
		v = !!(c->flags & CONN_F_CORK);
		break;
	case CONN_KEEPALIVE:
		v = !!(c->flags & CONN_F_KEEP);
		break;
	case CONN_KEEPIDLE_S:
		v = c->keep_idle_s;
		break;
	case CONN_KEEPINTVL_S:
		v = c->keep_intvl_s;
		break;
	case CONN_KEEPCNT:
		v = c->keep_cnt;
		break;
	case CONN_USER_TIMEOUT_MS:
		v = c->user_timeout_ms;
		break;
	case CONN_MAXSEG:
		/* Before the handshake Linux shows what it would be at least.
		 */
		v = c->state == CONN_CLOSED || c->state == CONN_LISTEN
			    ? (c->maxseg ? c->maxseg : TCP_MSS_DEFAULT)
			    : c->mss;
		break;
	case CONN_SNDBUF:
		v = c->sndbuf;
		break;
	case CONN_RCVBUF:
		v = c->rcvbuf;
		break;
	case CONN_RCVLOWAT:
		v = c->rcvlowat;
		break;
	case CONN_TTL:
		v = c->ttl;
		break;
	case CONN_TOS:
		v = c->tos;
		break;
	case CONN_LINGER_S:
		*value = c->linger_s;
		return 0;
	case CONN_QUICKACK:
		v = !(c->flags & CONN_PINGPONG);
		break;
	case CONN_DEFER_ACCEPT_S:
		v = c->defer_accept_s;
		break;
	case CONN_NOTSENT_LOWAT:
		v = c->locked & LOWAT_SEND ? c->notsent_lowat : 0;
		break;
	case CONN_SYNCNT:
		v = c->syn_retries;
		break;
	case CONN_BROADCAST:
		v = !!(c->flags & CONN_F_BCAST);
		break;
	case CONN_MULTICAST_TTL:
		v = c->mcast_ttl;
		break;
	case CONN_MULTICAST_LOOP:
		v = !!(c->flags & CONN_F_MLOOP);
		break;
	case CONN_MULTICAST_ALL:
		v = !c->group_strict;
		break;
	case CONN_FASTOPEN:
		v = c->fastopen_max;
		break;
	case CONN_FASTOPEN_CONNECT:
		v = !!(c->fastopen & FO_CONNECT);
		break;
	case CONN_FASTOPEN_NO_COOKIE:
		v = !!(c->fastopen & FO_NO_COOKIE);
		break;
	case CONN_OOBINLINE:
		v = c->urgent_inline;
		break;
	case CONN_CONGESTION:
		v = c->reno;
		break;
	case CONN_RECVERR:
		v = c->proto != STACK_TCP && (c->flags & CONN_F_RECVERR);
		break;
	case CONN_SEND_COVERAGE:
		v = c->mss;
		break;
	case CONN_RECV_COVERAGE:
		v = c->mss_peer;
		break;
	default:
		return -EINVAL;
	}
	*value = (int)v;
	return 0;
}
