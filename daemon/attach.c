/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See attach.h. A connection lives for one request and its reply. Who asks is
 * what the kernel says (SO_PEERCRED, at the time of connect); what it asks is
 * foreign bytes.
 *
 * Members wake each other through abstract socket names, which belong to a
 * network namespace: a process in another one could never be woken, so it is
 * refused. Where the kernel does not let the daemon look, the process is taken
 * at its word.
 */
#include "daemon/attach.h"
#include "daemon/tree.h"
#include "daemon/log.h"
#include "daemon/members.h"
#include "daemon/ports.h"
#include "daemon/settings.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define ATTACH_CONNECTIONS 256
#define ATTACH_PATIENCE_NS (5 * NSEC_PER_SEC)

#ifndef SO_PEERPIDFD
#define SO_PEERPIDFD 77
#endif

struct attach {
	struct listener listener;
	struct applicant *first;
};

struct applicant {
	struct loop_source source;
	struct loop_timer patience;
	struct attach *attach;
	struct peer peer;
	struct applicant *next;
};

static void drop(struct applicant *a)
{
	struct daemon *d = a->attach->listener.daemon;
	struct applicant **link = &a->attach->first;

	while (*link != a)
		link = &(*link)->next;
	*link = a->next;
	loop_disarm(&d->loop, &a->patience);
	loop_close(&d->loop, &a->source);
	listener_left(&a->attach->listener, a->peer.uid);
	free(a);
}

/* Reads the name of a namespace; false when the kernel does not let us. */
static bool read_netns(const char *of, char *text, size_t size)
{
	char path[64];
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/%s/ns/net", of);
	n = readlink(path, text, size - 1);
	if (n < 0)
		return false;
	text[n] = 0;
	return true;
}

static bool elsewhere(pid_t pid)
{
	char ours[64], theirs[64], of[16];

	snprintf(of, sizeof(of), "%d", pid);
	return read_netns("self", ours, sizeof(ours)) &&
	       read_netns(of, theirs, sizeof(theirs)) && strcmp(ours, theirs);
}

/* A pidfd of the peer itself; older kernels have only its number to go by. */
static int peer_pidfd(int fd, pid_t pid)
{
	int pidfd;
	socklen_t len = sizeof(pidfd);

	if (!getsockopt(fd, SOL_SOCKET, SO_PEERPIDFD, &pidfd, &len))
		return pidfd;
	return (int)sys_call(SYS_pidfd_open, pid, 0);
}

static int join(struct applicant *a, const struct attach_request *q,
		struct attach_reply *reply, struct refusal *why)
{
	struct daemon *d = a->attach->listener.daemon;
	struct fabric *f = daemon_fabric(d);
	int pidfd, err;
	vif_ix vif;

	members_settle(d->members);
	/* Its parent may have filled a slot for it a moment ago. */
	members_scan(d->members);
	reply->proc = members_find(d->members, a->peer.pid);
	if (reply->proc) {
		reply->again = 1;
		f->procs[reply->proc].uid = a->peer.uid;
		members_exec(d->members, reply->proc);
		snprintf(f->procs[reply->proc].name,
			 sizeof(f->procs[reply->proc].name), "%s", q->name);
		return 0;
	}
	if (elsewhere(a->peer.pid))
		return refuse(why, "namespace", EX_UNAVAILABLE,
			      "%s is in another network namespace than the "
			      "fabric's daemon: start it in the same one",
			      q->name) *
		       EXDEV;
	vif = tree_find(d, q->vif, why);
	if (!vif)
		return -ENOENT;
	if (rights_use(d, &a->peer, vif, why))
		return -EACCES;
	if (ports_admit(d, vif, why))
		return -EBUSY;
	pidfd = peer_pidfd(a->source.fd, a->peer.pid);
	if (pidfd < 0)
		return refuse(why, "internal", EX_OSERR,
			      "the daemon cannot watch process %d: %s",
			      a->peer.pid, strerror(errno)) *
		       ESRCH;
	err = members_join(d->members, a->peer.pid, pidfd, a->peer.uid, vif,
			   q->name, &reply->proc);
	if (err == -ENOSPC)
		refuse(why, "table-full", EX_OSERR,
		       "the fabric holds no more than %d programs: end some",
		       FABRIC_PROC_MAX - 2);
	else if (err)
		refuse(why, "internal", EX_OSERR,
		       "the daemon cannot watch process %d: %s", a->peer.pid,
		       strerror(-err));
	return err;
}

/* Answers @q; returns 0 or a negative errno, with the sentence in @why. */
static int decide(struct applicant *a, struct attach_request *q, size_t bytes,
		  struct attach_reply *reply, struct refusal *why)
{
	if (bytes != sizeof(*q) || q->magic != FABRIC_MAGIC ||
	    q->abi != FABRIC_ABI)
		return refuse(why, "version", EX_PROTOCOL,
			      "the fabric's daemon is of another version than "
			      "this program's Toami: end it with 'toami down'; "
			      "the next command starts the right one") *
		       EPROTO;
	q->name[sizeof(q->name) - 1] = 0;
	q->vif[sizeof(q->vif) - 1] = 0;
	for (char *c = q->name; *c; c++)
		if (*c < ' ' || *c > '~')
			*c = '?';
	if (daemon_admits(a->attach->listener.daemon, &a->peer, why))
		return -EACCES;
	/* No VIF: not to be a member, but to read what capturing members write.
	 */
	if (!*q->vif)
		return 0;
	return join(a, q, reply, why);
}

static void answer(struct applicant *a, const struct attach_reply *reply)
{
	struct daemon *d = a->attach->listener.daemon;
	const int fds[2] = { d->memfd, d->code_fd };
	union {
		struct cmsghdr header;
		char space[CMSG_SPACE(2 * sizeof(int))];
	} control = { 0 };
	struct iovec iov = { (void *)(uintptr_t)reply, sizeof(*reply) };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };

	if (!reply->error) {
		msg.msg_control = &control;
		msg.msg_controllen = sizeof(control.space);
		control.header.cmsg_level = SOL_SOCKET;
		control.header.cmsg_type = SCM_RIGHTS;
		control.header.cmsg_len = CMSG_LEN(sizeof(fds));
		memcpy(CMSG_DATA(&control.header), fds, sizeof(fds));
	}
	/* One packet into an empty socket: it fits, or nobody is there any
	 * more. */
	if (sendmsg(a->source.fd, &msg, MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
		log_line("process %d did not wait for its answer", a->peer.pid);
}

static void on_request(struct loop_source *s, uint32_t events)
{
	struct applicant *a = (struct applicant *)s;
	struct attach_request q;
	struct attach_reply reply = { 0 };
	struct refusal why = { 0 };
	ssize_t n;
	int err;

	(void)events;
	n = recv(s->fd, &q, sizeof(q), MSG_DONTWAIT | MSG_TRUNC);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n > 0) {
		err = decide(a, &q, (size_t)n, &reply, &why);
		if (err) {
			reply.error = -err;
			snprintf(reply.text, sizeof(reply.text), "%.*s",
				 (int)sizeof(reply.text) - 1, why.text);
			log_line("process %d: %s", a->peer.pid, why.text);
		}
		answer(a, &reply);
	}
	drop(a);
}

static void on_impatience(struct loop_timer *t)
{
	drop((struct applicant *)((char *)t -
				  offsetof(struct applicant, patience)));
}

static void on_accepted(struct listener *l, int fd, const struct peer *peer)
{
	struct attach *attach = (struct attach *)l;
	struct applicant *a = calloc(1, sizeof(*a));

	if (!a) {
		close(fd);
		listener_left(l, peer->uid);
		return;
	}
	a->attach = attach;
	a->peer = *peer;
	a->source = (struct loop_source){ .fd = fd, .ready = on_request };
	a->patience.run = on_impatience;
	a->next = attach->first;
	attach->first = a;
	if (loop_add(&l->daemon->loop, &a->source, EPOLLIN)) {
		drop(a);
		return;
	}
	loop_arm(&l->daemon->loop, &a->patience,
		 fabric_now(daemon_fabric(l->daemon)) + ATTACH_PATIENCE_NS);
}

static void on_refused(struct listener *l, int fd, const struct refusal *why)
{
	struct attach_reply reply = { .error = EAGAIN };

	(void)l;
	snprintf(reply.text, sizeof(reply.text), "%.*s",
		 (int)sizeof(reply.text) - 1, why->text);
	if (send(fd, &reply, sizeof(reply), MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
		log_line("a program did not wait for its answer");
}

struct listener *attach_new(struct daemon *d, struct refusal *why)
{
	struct attach *attach = calloc(1, sizeof(*attach));
	int err = -ENOMEM;

	if (attach) {
		attach->listener.limit = ATTACH_CONNECTIONS;
		attach->listener.accepted = on_accepted;
		attach->listener.refused = on_refused;
		err = listener_open(&attach->listener, d, "attach",
				    SOCK_SEQPACKET);
	}
	if (!err)
		return &attach->listener;
	refuse(why, "internal", EX_OSERR, "cannot open %s/attach: %s",
	       d->options->dir, strerror(-err));
	free(attach);
	return NULL;
}

void attach_free(struct listener *l)
{
	struct attach *attach = (struct attach *)l;

	if (!l)
		return;
	while (attach->first)
		drop(attach->first);
	listener_close(l);
	listener_fini(l);
	free(attach);
}
