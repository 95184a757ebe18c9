/* SPDX-License-Identifier: BSD-2-Clause */
/* See errqueue.h. */
#include "socket/errqueue.h"
#include "base/mem.h"
#include "socket/pset.h"
#include "stack/conn.h"

#include <errno.h>
#include <linux/errqueue.h>
#include <netinet/in.h>
#include <netinet/tcp.h>

void errqueue_sent(struct socket_thread *t, long fd)
{
	struct work w;
	struct sock *s;

	if (sock_lock(&w, t, fd, &s))
		return;
	if (s->zerocopy) {
		s->notes_made++;
		work_refresh(&w, s);
		work_wake_sock(&w, s);
		if (s->watches)
			pset_report(&w, s, STACK_ERR);
	}
	work_end(&w);
}

/* One control message into @msg, whose room it is all for; cut off if short. */
static void put_control(struct msghdr *msg, int level, int type,
			const void *data, size_t bytes)
{
	struct cmsghdr h = { .cmsg_len = CMSG_LEN(bytes),
			     .cmsg_level = level,
			     .cmsg_type = type };
	size_t room = msg->msg_control ? msg->msg_controllen : 0;

	if (room < sizeof(h)) {
		msg->msg_flags |= MSG_CTRUNC;
		msg->msg_controllen = 0;
		return;
	}
	if (h.cmsg_len > room) {
		msg->msg_flags |= MSG_CTRUNC;
		h.cmsg_len = room;
	}
	mem_copy(msg->msg_control, &h, sizeof(h));
	mem_copy((uint8_t *)msg->msg_control + CMSG_LEN(0), data,
		 h.cmsg_len - CMSG_LEN(0));
	msg->msg_controllen = min_u64(room, CMSG_SPACE(bytes));
}

long errqueue_recv(struct socket_thread *t, long fd, struct msghdr *msg)
{
	struct {
		struct sock_extended_err err;
		struct sockaddr_in6 offender;
	} note = { .err = { .ee_origin = SO_EE_ORIGIN_ZEROCOPY,
			    .ee_code = SO_EE_CODE_ZEROCOPY_COPIED } };
	size_t bytes = sizeof(note.err) + sizeof(struct sockaddr_in);
	struct work w;
	struct sock *s;
	bool inet6;
	int err = sock_lock(&w, t, fd, &s);

	if (err)
		return err;
	if (!errqueue_ready(s))
		err = -EAGAIN;
	note.err.ee_info = s->notes_read;
	note.err.ee_data = s->notes_made - 1;
	s->notes_read = s->notes_made;
	inet6 = s->inet6;
	work_refresh(&w, s);
	work_end(&w);
	if (err)
		return err;
	if (inet6)
		bytes = sizeof(note);
	msg->msg_flags = MSG_ERRQUEUE;
	msg->msg_namelen = 0;
	put_control(msg, inet6 ? SOL_IPV6 : SOL_IP,
		    inet6 ? IPV6_RECVERR : IP_RECVERR, &note, bytes);
	return 0;
}

void errqueue_inq(struct socket_thread *t, long fd, struct msghdr *msg)
{
	const struct conn *c;
	struct work w;
	struct sock *s;
	int left;

	if (sock_lock(&w, t, fd, &s))
		return;
	c = slot_at(&w.fabric->table[FABRIC_TABLE_CONN], s->conn);
	left = (int)tcp_readable(c);
	/* The end of the stream is worth another read. */
	if (!left && (c->flags & CONN_FIN_RCVD))
		left = 1;
	work_end(&w);
	put_control(msg, SOL_TCP, TCP_CM_INQ, &left, sizeof(left));
}
