/* SPDX-License-Identifier: BSD-2-Clause */
/* See control.h. The order and the sizes are Linux's. */
#include "socket/control.h"
#include "base/mem.h"
#include "base/sys.h"
#include "base/user.h"
#include "socket/name.h"
#include "socket/stamp.h"

#include <errno.h>
#include <linux/errqueue.h>
#include <linux/net_tstamp.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <time.h>

/* What an interface is called by number: socket/netlink.h. */
#define LOOPBACK_INDEX 1
#define VIF_INDEX      2

#define UNKNOWN 1

/* asm-generic/socket.h and linux/net_tstamp.h of newer systems. */
#define TS_OPT_ID     81
#define TX_COMPLETION (1u << 18)
#define TX_RECORDS                                                     \
	(SOF_TIMESTAMPING_TX_HARDWARE | SOF_TIMESTAMPING_TX_SOFTWARE | \
	 SOF_TIMESTAMPING_TX_SCHED | SOF_TIMESTAMPING_TX_ACK | TX_COMPLETION)

int control_next(const char **at, size_t *left, struct cmsghdr *h,
		 const char **data)
{
	size_t step;

	if (!*at || *left < sizeof(*h))
		return 0;
	if (user_copy(h, *at, sizeof(*h)))
		return -EFAULT;
	if (h->cmsg_len < sizeof(*h) || h->cmsg_len > *left)
		return -EINVAL;
	*data = *at + CMSG_LEN(0);
	step = CMSG_ALIGN(h->cmsg_len);
	*at += step;
	*left -= min_u64(step, *left);
	return 1;
}

static int read_int(const struct cmsghdr *h, const char *data, int low,
		    int16_t *v)
{
	int got, err;

	if (h->cmsg_len != CMSG_LEN(sizeof(got)))
		return -EINVAL;
	err = user_copy(&got, data, sizeof(got));
	if (err)
		return err;
	if (got < low || got > 255)
		return -EINVAL;
	*v = (int16_t)got;
	return 0;
}

static int read_ip(const struct cmsghdr *h, const char *data,
		   struct udp_how *how)
{
	struct in_pktinfo info;
	uint8_t byte;
	int err;

	switch (h->cmsg_type) {
	case IP_PKTINFO:
		if (h->cmsg_len != CMSG_LEN(sizeof(info)))
			return -EINVAL;
		err = user_copy(&info, data, sizeof(info));
		if (!err && info.ipi_spec_dst.s_addr)
			how->from = ip_from_v4(info.ipi_spec_dst.s_addr);
		return err;
	case IP_TTL:
		return read_int(h, data, 1, &how->ttl);
	case IP_TOS:
		if (h->cmsg_len != CMSG_LEN(1))
			return read_int(h, data, 0, &how->tos);
		err = user_copy(&byte, data, 1);
		if (!err)
			how->tos = byte;
		return err;
	default:
		return -EINVAL;
	}
}

static int read_ipv6(const struct cmsghdr *h, const char *data,
		     struct udp_how *how)
{
	struct in6_pktinfo info;
	int err;

	switch (h->cmsg_type) {
	case IPV6_PKTINFO:
		if (h->cmsg_len < CMSG_LEN(sizeof(info)))
			return -EINVAL;
		err = user_copy(&info, data, sizeof(info));
		if (!err)
			mem_copy(how->from.b, &info.ipi6_addr, 16);
		return err;
	case IPV6_HOPLIMIT:
		return read_int(h, data, -1, &how->ttl);
	case IPV6_TCLASS:
		return read_int(h, data, -1, &how->tos);
	case IPV6_DONTFRAG:
		return h->cmsg_len == CMSG_LEN(sizeof(int)) ? 0 : -EINVAL;
	default:
		return -EINVAL;
	}
}

static int read_socket(const struct sock *s, const struct cmsghdr *h,
		       const char *data, struct stamp_how *stamp)
{
	uint32_t v;

	/* The first two are for Unix sockets, and nobody minds. */
	if (h->cmsg_type == SCM_RIGHTS || h->cmsg_type == SCM_CREDENTIALS ||
	    h->cmsg_type == SO_MARK || h->cmsg_type == SO_PRIORITY)
		return 0;
	if (h->cmsg_type != SO_TIMESTAMPING && h->cmsg_type != TS_OPT_ID)
		return -EINVAL;
	if (h->cmsg_len != CMSG_LEN(sizeof(v)))
		return -EINVAL;
	if (user_copy(&v, data, sizeof(v)))
		return -EFAULT;
	if (h->cmsg_type == SO_TIMESTAMPING) {
		if (v & ~TX_RECORDS)
			return -EINVAL;
		stamp->what = (int32_t)v;
		return 0;
	}
	if (s->proto == STACK_TCP || !(s->stamping & SOF_TIMESTAMPING_OPT_ID))
		return -EINVAL;
	stamp->named = true;
	stamp->id = v;
	return 0;
}

static int read_one(const struct sock *s, const struct cmsghdr *h,
		    const char *data, struct udp_how *how,
		    struct stamp_how *stamp)
{
	if (h->cmsg_level == SOL_SOCKET)
		return read_socket(s, h, data, stamp);
	if (s->proto == STACK_TCP)
		return 0;
	if (h->cmsg_level == IPPROTO_UDP && h->cmsg_type == UDP_SEGMENT) {
		if (h->cmsg_len != CMSG_LEN(sizeof(how->segment)))
			return -EINVAL;
		return user_copy(&how->segment, data, sizeof(how->segment));
	}
	if (h->cmsg_level == IPPROTO_IP && !s->inet6)
		return read_ip(h, data, how);
	if (h->cmsg_level == IPPROTO_IPV6 && s->inet6)
		return read_ipv6(h, data, how);
	return 0;
}

int control_read(const struct sock *s, const struct msghdr *msg,
		 struct udp_how *how, struct stamp_how *stamp)
{
	const char *at = msg->msg_control, *data;
	size_t left = msg->msg_controllen;
	struct cmsghdr h;
	int err;

	*how = (struct udp_how){ .ttl = -1, .tos = -1 };
	*stamp = (struct stamp_how){ .what = -1 };
	while ((err = control_next(&at, &left, &h, &data)) > 0) {
		err = read_one(s, &h, data, how, stamp);
		if (err)
			return err;
	}
	return err;
}

/* As put_cmsg() of net/core/scm.c: what does not fit is cut, and said so. */
int control_put(struct control *c, int level, int type, const void *data,
		size_t bytes)
{
	struct cmsghdr h = { CMSG_LEN(bytes), level, type };
	size_t step = CMSG_SPACE(bytes);

	if (!c->at || c->room < sizeof(h)) {
		c->flags |= MSG_CTRUNC;
		return 0;
	}
	if (c->room < h.cmsg_len) {
		c->flags |= MSG_CTRUNC;
		h.cmsg_len = c->room;
		bytes = c->room - CMSG_LEN(0);
	}
	if (user_copy(c->at, &h, sizeof(h)) ||
	    user_copy(c->at + CMSG_LEN(0), data, bytes))
		return -EFAULT;
	if (step > c->room)
		step = c->room;
	c->at += step;
	c->room -= step;
	c->used += step;
	return 0;
}

static int put_int(struct control *c, int level, int type, int v)
{
	return control_put(c, level, type, &v, sizeof(v));
}

/* @at_ns of our clock, which shows @now_ns now, by the wall clock. */
static int wall_clock(uint64_t at_ns, uint64_t now_ns, struct timespec *ts)
{
	int64_t ns;

	if (sys_call(SYS_clock_gettime, CLOCK_REALTIME, ts))
		return -EINVAL;
	ns = (int64_t)ts->tv_sec * (int64_t)NSEC_PER_SEC + ts->tv_nsec -
	     (int64_t)(now_ns - at_ns);
	ts->tv_sec = ns / (int64_t)NSEC_PER_SEC;
	ts->tv_nsec = ns % (int64_t)NSEC_PER_SEC;
	return 0;
}

int control_stamps(struct control *c, uint64_t at_ns, uint64_t now_ns)
{
	struct timespec ts[3] = { { 0, 0 } }; /* software, -, hardware */

	if (wall_clock(at_ns, now_ns, &ts[0]))
		return 0;
	return control_put(c, SOL_SOCKET, SO_TIMESTAMPING, ts, sizeof(ts));
}

/* When it came. */
static int put_time(const struct control_about *a, struct control *c)
{
	struct timespec ts;
	struct timeval tv;
	int err = 0;

	if ((a->notes & (NOTE_TIMESTAMP | NOTE_TIMESTAMPNS)) &&
	    !wall_clock(a->note.at_ns, a->now_ns, &ts)) {
		tv.tv_sec = ts.tv_sec;
		tv.tv_usec = ts.tv_nsec / 1000;
		err = a->notes & NOTE_TIMESTAMPNS
			      ? control_put(c, SOL_SOCKET, SO_TIMESTAMPNS, &ts,
					    sizeof(ts))
			      : control_put(c, SOL_SOCKET, SO_TIMESTAMP, &tv,
					    sizeof(tv));
	}
	if (!err && (a->notes & NOTE_STAMPS))
		err = control_stamps(c, a->note.at_ns, a->now_ns);
	return err;
}

static uint32_t interface_of(const struct control_about *a)
{
	return ip_is_loopback(&a->note.to) ? LOOPBACK_INDEX : VIF_INDEX;
}

static int put_ip(const struct control_about *a, struct control *c)
{
	const struct udp_note *n = &a->note;
	int err = 0;

	if (!ip_is_v4(&n->to))
		return 0;
	if (a->notes & NOTE_PKTINFO) {
		struct in_pktinfo info = {
			.ipi_ifindex = (int)interface_of(a),
			.ipi_spec_dst = { a->own.w[3] },
			.ipi_addr = { n->to.w[3] },
		};

		err = control_put(c, IPPROTO_IP, IP_PKTINFO, &info,
				  sizeof(info));
	}
	if (!err && (a->notes & NOTE_TTL))
		err = put_int(c, IPPROTO_IP, IP_TTL, n->ttl);
	if (!err && (a->notes & NOTE_TOS))
		err = control_put(c, IPPROTO_IP, IP_TOS, &n->tos, 1);
	return err;
}

static int put_ipv6(const struct control_about *a, struct control *c)
{
	const struct udp_note *n = &a->note;
	int err = 0;

	if (!a->inet6)
		return 0;
	if (a->notes & NOTE_PKTINFO6) {
		struct in6_pktinfo info = { .ipi6_ifindex = interface_of(a) };

		mem_copy(&info.ipi6_addr, n->to.b, 16);
		err = control_put(c, IPPROTO_IPV6, IPV6_PKTINFO, &info,
				  sizeof(info));
	}
	if (ip_is_v4(&n->to))
		return err;
	if (!err && (a->notes & NOTE_HOPLIMIT))
		err = put_int(c, IPPROTO_IPV6, IPV6_HOPLIMIT, n->ttl);
	if (!err && (a->notes & NOTE_TCLASS))
		err = put_int(c, IPPROTO_IPV6, IPV6_TCLASS, n->tos);
	return err;
}

int control_put_error(struct control *c, bool inet6,
		      const struct sock_extended_err *ee,
		      const struct ip_addr *offender)
{
	struct {
		struct sock_extended_err ee;
		union {
			struct sockaddr_in in;
			struct sockaddr_in6 in6;
		} offender;
	} x = { .ee = *ee };
	socklen_t len = sizeof(x.offender);

	if (offender)
		name_out(&x.offender, &len, inet6, offender, 0);
	len = inet6 ? sizeof(x.offender.in6) : sizeof(x.offender.in);
	return control_put(c, inet6 ? IPPROTO_IPV6 : IPPROTO_IP,
			   inet6 ? IPV6_RECVERR : IP_RECVERR, &x,
			   sizeof(x.ee) + len);
}

static int put_error(const struct control_about *a, struct control *c)
{
	const struct udp_error *e = a->error;
	struct sock_extended_err ee = {
		.ee_errno = (uint32_t)e->err,
		.ee_origin = e->v4 ? SO_EE_ORIGIN_ICMP : SO_EE_ORIGIN_ICMP6,
		.ee_type = e->type,
		.ee_code = e->code,
		.ee_info = e->info,
	};

	return control_put_error(c, a->inet6, &ee, &e->offender);
}

int control_write(const struct control_about *about, struct control *c)
{
	int err = put_time(about, c);

	if (!err)
		err = put_ip(about, c);
	if (!err)
		err = put_ipv6(about, c);
	if (!err && about->segment)
		err = put_int(c, SOL_UDP, UDP_GRO, (int)about->segment);
	if (!err && about->error)
		err = put_error(about, c);
	return err;
}
