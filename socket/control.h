/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Ancillary data of sendmsg and recvmsg: cmsg(3), ip(7), ipv6(7), socket(7).
 *
 * The buffers are the program's and may be bad: -EFAULT.
 */
#ifndef TOAMI_SOCKET_CONTROL_H
#define TOAMI_SOCKET_CONTROL_H

#include <sys/socket.h>

#include "socket/work.h"

/* What a socket tells with each datagram: sock.notes. */
enum {
	NOTE_PKTINFO = 1 << 0,
	NOTE_TTL = 1 << 1,
	NOTE_TOS = 1 << 2,
	NOTE_PKTINFO6 = 1 << 3,
	NOTE_HOPLIMIT = 1 << 4,
	NOTE_TCLASS = 1 << 5,
	NOTE_TIMESTAMP = 1 << 6,
	NOTE_TIMESTAMPNS = 1 << 7,
	NOTE_RECVERR = 1 << 8,
	NOTE_RECVERR6 = 1 << 9,
	NOTE_STAMPS = 1 << 10, /* SO_TIMESTAMPING, software, of what comes */
};

struct sock_extended_err;
struct stamp_how; /* socket/stamp.h */

/* A program's buffer being filled. */
struct control {
	char *at;    /* NULL: none */
	size_t room; /* bytes left */
	size_t used;
	int flags; /* MSG_CTRUNC */
};

/**
 * control_next - the next message of a program's buffer
 * @at, @left: the rest of it, moved on
 *
 * Returns 1, *h and where its data begins; 0: there is none; -EINVAL: one that
 * is longer than the buffer or shorter than its header; or -EFAULT.
 */
int control_next(const char **at, size_t *left, struct cmsghdr *h,
		 const char **data);

/**
 * control_read - what @msg wants its datagram to be sent with
 *
 * Returns 0, -EINVAL or -EFAULT.
 */
int control_read(const struct sock *s, const struct msghdr *msg,
		 struct udp_how *how, struct stamp_how *stamp);

/* What is known of a datagram or an error received, for control_write(). */
struct control_about {
	uint32_t notes; /* the socket's */
	bool inet6;
	struct udp_note note;
	struct ip_addr own; /* an address of ours to answer from */
	uint64_t now_ns;    /* of the clock of note.at_ns */
	uint32_t segment;   /* UDP_GRO: of several; 0: one datagram */
	const struct udp_error *error; /* NULL: a datagram */
};

/* control_write - fills @c with what the socket tells of @about. 0 or -EFAULT
 */
int control_write(const struct control_about *about, struct control *c);

/* control_put_error - IP_RECVERR or IPV6_RECVERR: @ee, and behind it who says
 * so; NULL: nobody. As control_put(). */
int control_put_error(struct control *c, bool inet6,
		      const struct sock_extended_err *ee,
		      const struct ip_addr *offender);

/* control_stamps - SCM_TIMESTAMPING: @at_ns of the clock that shows @now_ns */
int control_stamps(struct control *c, uint64_t at_ns, uint64_t now_ns);

/* control_put - one message; cut off, and said so, if there is no room. 0 or
 * -EFAULT */
int control_put(struct control *c, int level, int type, const void *data,
		size_t bytes);

#endif
