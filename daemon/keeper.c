/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See keeper.h and socket/keeper.h.
 *
 * For each set there is one record: its wake socket, which the daemon holds,
 * and the number of that socket's inode, by which /proc tells which epoll
 * instance it is in. The instances that have been sent are in `alive`, an
 * instance of the daemon's own that nobody waits for: the kernel takes them out
 * of it when their last descriptor is closed, wherever that was, and /proc
 * shows what is left.
 */
#include "daemon/keeper.h"
#include "daemon/log.h"
#include "daemon/members.h"
#include "fabric/wake.h"
#include "socket/keeper.h"
#include "socket/parcel.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

/* Of a host's poll sets, those that are sent are few. */
#define RECORDS_MAX 1024

struct record {
	uint64_t name;
	ino_t ino;
	int wake_fd;
};

struct keeper {
	struct daemon *daemon;
	struct loop_source source;
	int alive;
	uint32_t count;
	struct record records[RECORDS_MAX];
};

/* What came with a note. */
struct mail {
	struct keeper_note note;
	int fds[KEEPER_FDS]; /* -1: none */
	struct sockaddr_un from;
	socklen_t from_len;
	struct ucred who;
};

static struct record *find(struct keeper *k, uint64_t name)
{
	for (uint32_t i = 0; i < k->count; i++)
		if (k->records[i].name == name)
			return &k->records[i];
	return NULL;
}

/* Is there a set of that name now? */
static bool is_alive(struct keeper *k, uint64_t name)
{
	struct fabric *f = daemon_fabric(k->daemon);
	pset_ix ix = (uint32_t)name;

	return ix && ix < slot_end(&f->table[FABRIC_TABLE_PSET]) &&
	       atomic_load(&pset_at(f, ix)->state) == SOCK_USED &&
	       pset_wake_name(pset_at(f, ix), ix) == name;
}

/* --- /proc -------------------------------------------------------------------
 */

/* One descriptor in an epoll instance: proc(5), fdinfo. */
struct item {
	uint64_t data;
	uint64_t ino;
};

static FILE *open_items(int epfd)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", epfd);
	return fopen(path, "re");
}

static bool next_item(FILE *f, struct item *it)
{
	char line[256];

	while (fgets(line, sizeof(line), f))
		if (sscanf(line,
			   "tfd: %*d events: %*x data: %" SCNx64
			   " pos:%*d ino:%" SCNx64,
			   &it->data, &it->ino) == 2)
			return true;
	return false;
}

/* The record of the set whose wake socket is in the instance @epfd. */
static struct record *find_behind(struct keeper *k, int epfd)
{
	struct record *found = NULL;
	FILE *f = open_items(epfd);
	struct item it;

	while (f && !found && next_item(f, &it))
		for (uint32_t i = 0; i < k->count && !found; i++)
			if (it.data == k->daemon->process.magic &&
			    it.ino == k->records[i].ino)
				found = &k->records[i];
	if (f)
		fclose(f);
	return found;
}

/* --- notes -------------------------------------------------------------------
 */

static void close_all(struct mail *m)
{
	for (int i = 0; i < KEEPER_FDS; i++)
		if (m->fds[i] >= 0)
			close(m->fds[i]);
}

/* Abstract names are open to the whole host. */
static bool is_trusted(struct keeper *k, const struct ucred *who)
{
	return who->uid == 0 || who->uid == geteuid() ||
	       members_find(k->daemon->members, who->pid);
}

static void on_keep(struct keeper *k, struct mail *m)
{
	struct epoll_event ev = { .data.u64 = m->note.name };
	struct record *r = find(k, m->note.name);
	struct stat st;
	uint64_t name;

	if (!is_alive(k, m->note.name) || m->fds[0] < 0 ||
	    !wake_name(daemon_fabric(k->daemon), m->fds[0], &name) ||
	    name != m->note.name)
		return;
	if (!r && k->count < RECORDS_MAX && !fstat(m->fds[0], &st)) {
		r = &k->records[k->count++];
		*r = (struct record){ name, st.st_ino, m->fds[0] };
		m->fds[0] = -1;
	}
	/* Interested in nothing: it only has to be known to be there. */
	if (r && m->fds[1] >= 0 &&
	    epoll_ctl(k->alive, EPOLL_CTL_ADD, m->fds[1], &ev) &&
	    errno != EEXIST)
		log_line("cannot tell how long a poll set is on its way: %s",
			 strerror(errno));
}

static void on_ask(struct keeper *k, const struct mail *m)
{
	struct record *r = m->fds[0] >= 0 ? find_behind(k, m->fds[0])
					  : find(k, m->note.name);
	struct keeper_note note = { .what = KEEPER_ASK };
	union {
		struct cmsghdr h;
		char room[CMSG_SPACE(sizeof(int))];
	} u = { .h = { CMSG_LEN(sizeof(int)), SOL_SOCKET, SCM_RIGHTS } };
	struct iovec iov = { &note, sizeof(note) };
	struct msghdr msg = { .msg_name = (void *)&m->from,
			      .msg_namelen = m->from_len,
			      .msg_iov = &iov,
			      .msg_iovlen = 1 };

	if (r && is_alive(k, r->name)) {
		note.name = r->name;
		memcpy(CMSG_DATA(&u.h), &r->wake_fd, sizeof(r->wake_fd));
		msg.msg_control = &u;
		msg.msg_controllen = sizeof(u.room);
	}
	sendmsg(k->source.fd, &msg, MSG_DONTWAIT | MSG_NOSIGNAL);
}

/* What came beside the note. */
static void open_mail(struct mail *m, struct msghdr *msg)
{
	for (struct cmsghdr *h = CMSG_FIRSTHDR(msg); h;
	     h = CMSG_NXTHDR(msg, h)) {
		size_t bytes = h->cmsg_len - CMSG_LEN(0);

		if (h->cmsg_level != SOL_SOCKET)
			continue;
		if (h->cmsg_type == SCM_CREDENTIALS && bytes == sizeof(m->who))
			memcpy(&m->who, CMSG_DATA(h), sizeof(m->who));
		if (h->cmsg_type == SCM_RIGHTS && bytes <= sizeof(m->fds))
			memcpy(m->fds, CMSG_DATA(h), bytes);
	}
}

/* Takes one note; false: there is none. */
static bool take(struct keeper *k)
{
	union {
		struct cmsghdr h;
		char room[CMSG_SPACE(KEEPER_FDS * sizeof(int)) +
			  CMSG_SPACE(sizeof(struct ucred))];
	} u;
	struct mail m = { .fds = { -1, -1 },
			  .who = { .uid = (uid_t)-1, .pid = -1 } };
	struct iovec iov = { &m.note, sizeof(m.note) };
	struct msghdr msg = { .msg_name = &m.from,
			      .msg_namelen = sizeof(m.from),
			      .msg_iov = &iov,
			      .msg_iovlen = 1,
			      .msg_control = &u,
			      .msg_controllen = sizeof(u) };
	ssize_t n =
		recvmsg(k->source.fd, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);

	if (n < 0)
		return errno == EINTR;
	m.from_len = msg.msg_namelen;
	open_mail(&m, &msg);
	if (n == sizeof(m.note) && is_trusted(k, &m.who)) {
		if (m.note.what == KEEPER_KEEP)
			on_keep(k, &m);
		else if (m.note.what == KEEPER_ASK)
			on_ask(k, &m);
	}
	close_all(&m);
	return true;
}

/* --- what is gone ------------------------------------------------------------
 */

/* A set that was sent, as it was entered among the daemon's descriptors. */
struct entered {
	uint64_t name;
	uint32_t at;
	bool alive;
};

static uint32_t list_entered(struct keeper *k, struct entered *list)
{
	struct fabric *f = daemon_fabric(k->daemon);
	uint32_t at = 0, n = 0;
	uint64_t name;

	for (; n < RECORDS_MAX && (name = parcel_next_set(f, &at)); at++)
		list[n++] = (struct entered){ name, at, false };
	return n;
}

static void drop_dead(struct keeper *k)
{
	for (uint32_t i = k->count; i--;) {
		if (is_alive(k, k->records[i].name))
			continue;
		close(k->records[i].wake_fd);
		k->records[i] = k->records[--k->count];
	}
}

/*
 * Who sends tells us first, and enters then: what is entered before the last
 * note is taken, but is not in `alive` then, is nowhere.
 */
static void sweep(struct keeper *k)
{
	struct entered list[RECORDS_MAX];
	uint32_t n = list_entered(k, list);
	struct item it;
	FILE *f;

	while (take(k))
		;
	f = open_items(k->alive);
	if (!f)
		return; /* without /proc, they are kept until the end */
	while (next_item(f, &it))
		for (uint32_t i = 0; i < n; i++)
			list[i].alive |= list[i].name == it.data;
	fclose(f);
	for (uint32_t i = 0; i < n; i++)
		if (!list[i].alive)
			parcel_drop_set(&k->daemon->thread, list[i].at,
					list[i].name);
	drop_dead(k);
}

static void on_mail(struct loop_source *s, uint32_t events)
{
	struct keeper *k =
		(struct keeper *)((char *)s - offsetof(struct keeper, source));

	(void)events;
	while (take(k))
		;
	sweep(k);
}

struct keeper *keeper_new(struct daemon *d)
{
	struct keeper *k = calloc(1, sizeof(*k));
	int on = 1;

	if (!k)
		return NULL;
	k->daemon = d;
	k->source.ready = on_mail;
	k->source.fd = wake_open(daemon_fabric(d), WAKE_KEEPER);
	k->alive = epoll_create1(EPOLL_CLOEXEC);
	if (k->source.fd >= 0 && k->alive >= 0 &&
	    !setsockopt(k->source.fd, SOL_SOCKET, SO_PASSCRED, &on,
			sizeof(on)) &&
	    !loop_add(&d->loop, &k->source, EPOLLIN))
		return k;
	if (k->source.fd >= 0)
		close(k->source.fd);
	if (k->alive >= 0)
		close(k->alive);
	free(k);
	return NULL;
}

void keeper_free(struct keeper *k)
{
	if (!k)
		return;
	for (uint32_t i = 0; i < k->count; i++)
		close(k->records[i].wake_fd);
	loop_close(&k->daemon->loop, &k->source);
	close(k->alive);
	free(k);
}
