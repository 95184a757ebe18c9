/* SPDX-License-Identifier: BSD-2-Clause */
/* See errqueue.h. */
#include "socket/errqueue.h"
#include "base/user.h"
#include "socket/control.h"
#include "socket/io.h"
#include "socket/pset.h"
#include "socket/sigio.h"
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
		sigio_report(&w, s, STACK_ERR);
	}
	work_end(&w);
}

long errqueue_recv(struct socket_thread *t, long fd, struct cursor *c,
		   long flags, struct io_note *io)
{
	struct {
		struct sock_extended_err err;
		struct sockaddr_in6 offender;
	} note = { .err = { .ee_origin = SO_EE_ORIGIN_ZEROCOPY,
			    .ee_code = SO_EE_CODE_ZEROCOPY_COPIED } };
	size_t bytes = sizeof(note.err) + sizeof(struct sockaddr_in);
	socklen_t none = 0;
	struct work w;
	struct sock *s;
	bool inet6;
	int err = sock_lock(&w, t, fd, &s);

	if (err)
		return err;
	if (s->notes_made == s->notes_read) {
		if (stamp_ready(s))
			return stamp_recv(&w, s, c, flags & MSG_PEEK, io);
		err = -EAGAIN;
	}
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
	if (io->namelen && user_copy(io->namelen, &none, sizeof(none)))
		return -EFAULT;
	io->flags = MSG_ERRQUEUE;
	return control_put(&io->control, inet6 ? SOL_IPV6 : SOL_IP,
			   inet6 ? IPV6_RECVERR : IP_RECVERR, &note, bytes);
}

void errqueue_told(struct socket_thread *t, long fd, struct control *control)
{
	const struct conn *c;
	uint64_t at, now;
	struct work w;
	struct sock *s;
	bool inq, stamps;
	int left;

	if (sock_lock(&w, t, fd, &s))
		return;
	c = slot_at(&w.fabric->table[FABRIC_TABLE_CONN], s->conn);
	left = (int)tcp_readable(c);
	/* The end of the stream is worth another read. */
	if (!left && (c->flags & CONN_FIN_RCVD))
		left = 1;
	inq = s->inq;
	stamps = s->notes & NOTE_STAMPS;
	at = c->last_recv_ns;
	now = w.stack.now_ns;
	work_end(&w);
	if (stamps && at)
		control_stamps(control, at, now);
	if (inq)
		control_put(control, SOL_TCP, TCP_CM_INQ, &left, sizeof(left));
}
