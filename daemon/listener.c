/* SPDX-License-Identifier: BSD-2-Clause */
/* See listener.h. */
#include "daemon/listener.h"
#include "daemon/log.h"
#include "daemon/settings.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static int open_spare(void)
{
	return open("/dev/null", O_RDONLY | O_CLOEXEC);
}

/* No descriptor left: use the spare one to tell a newcomer by hanging up. */
static void turn_away(struct listener *l)
{
	int fd;

	close(l->spare_fd);
	fd = accept4(l->source.fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (fd >= 0)
		close(fd);
	l->spare_fd = open_spare();
	log_line("out of descriptors: turned a connection to %s away", l->path);
}

static bool is_stranger(struct listener *l, uid_t uid)
{
	const struct peer peer = { .uid = uid };

	return !rights_all(l->daemon, &peer);
}

/* The books of @uid; NULL: there are none. */
static struct listener_user *user_find(struct listener *l, uid_t uid)
{
	for (uint32_t i = 0; i < l->users; i++)
		if (l->user[i].uid == uid)
			return &l->user[i];
	return NULL;
}

static struct listener_user *user_make(struct listener *l, uid_t uid)
{
	struct listener_user *more = user_find(l, uid);

	if (more)
		return more;
	more = realloc(l->user, (l->users + 1) * sizeof(*more));
	if (!more)
		return NULL;
	l->user = more;
	more[l->users] = (struct listener_user){ .uid = uid };
	return &more[l->users++];
}

static int refuse_all(struct refusal *why)
{
	return refuse(why, "busy", EX_TEMPFAIL,
		      "the daemon has as many connections as it can hold: end "
		      "some of the programs that keep them, and try again");
}

/* One more connection of @peer is counted; -1 and why not. */
static int enter(struct listener *l, const struct peer *peer,
		 struct refusal *why)
{
	uint32_t half = l->limit / 2;
	struct listener_user *u;

	if (l->connections >= l->limit)
		return refuse_all(why);
	if (is_stranger(l, peer->uid)) {
		if (l->strangers >= half)
			return refuse_all(why);
		u = user_make(l, peer->uid);
		if (!u)
			return refuse_all(why);
		if (!l->anonymous && u->connections >= half - l->strangers)
			return refuse(why, "busy", EX_TEMPFAIL,
				      "user %u holds %u connections to the "
				      "daemon, which is his share: close some, "
				      "and try again",
				      u->uid, u->connections);
		u->connections++;
		l->strangers++;
	}
	l->connections++;
	return 0;
}

void listener_left(struct listener *l, uid_t uid)
{
	struct listener_user *u = user_find(l, uid);

	l->connections--;
	if (!u)
		return;
	l->strangers--;
	if (!--u->connections)
		*u = l->user[--l->users];
}

static void on_ready(struct loop_source *s, uint32_t events)
{
	struct listener *l = (struct listener *)s;
	struct ucred cred;
	socklen_t len = sizeof(cred);
	struct refusal why;
	struct peer peer;
	int fd;

	(void)events;
	fd = accept4(s->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (fd < 0) {
		if (errno == EMFILE || errno == ENFILE)
			turn_away(l);
		return;
	}
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len)) {
		close(fd);
		return;
	}
	peer = (struct peer){ .pid = cred.pid, .uid = cred.uid };
	if (enter(l, &peer, &why)) {
		if (l->refused)
			l->refused(l, fd, &why);
		close(fd);
		return;
	}
	l->accepted(l, fd, &peer);
}

int listener_open(struct listener *l, struct daemon *d, const char *name,
		  int type)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	int err;

	l->daemon = d;
	l->spare_fd = -1;
	l->source = (struct loop_source){ .fd = -1, .ready = on_ready };
	dir_file(d->options->dir, name, l->path, sizeof(l->path));
	snprintf(un.sun_path, sizeof(un.sun_path), "%s", l->path);

	unlink(l->path);
	l->source.fd = socket(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	l->spare_fd = open_spare();
	if (l->source.fd < 0 || l->spare_fd < 0 ||
	    bind(l->source.fd, (struct sockaddr *)&un, sizeof(un)) ||
	    chmod(l->path, 0666) || listen(l->source.fd, 512)) {
		err = -errno;
		goto fail;
	}
	err = loop_add(&d->loop, &l->source, EPOLLIN);
	if (!err)
		return 0;
fail:
	if (l->source.fd >= 0)
		close(l->source.fd);
	if (l->spare_fd >= 0)
		close(l->spare_fd);
	l->source.fd = l->spare_fd = -1;
	return err;
}

int listener_adopt(struct listener *l, struct daemon *d, int fd)
{
	int err;

	l->daemon = d;
	l->anonymous = true;
	l->path[0] = 0;
	l->source = (struct loop_source){ .fd = fd, .ready = on_ready };
	l->spare_fd = open_spare();
	err = l->spare_fd < 0 ? -errno
			      : loop_add(&d->loop, &l->source, EPOLLIN);
	if (!err)
		return 0;
	if (l->spare_fd >= 0)
		close(l->spare_fd);
	close(fd);
	l->source.fd = l->spare_fd = -1;
	return err;
}

void listener_close(struct listener *l)
{
	if (l->source.fd < 0)
		return;
	if (*l->path)
		unlink(l->path);
	loop_close(&l->daemon->loop, &l->source);
	close(l->spare_fd);
	l->spare_fd = -1;
}

void listener_fini(struct listener *l)
{
	free(l->user);
	l->user = NULL;
	l->users = 0;
}
