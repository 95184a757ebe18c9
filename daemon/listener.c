/* SPDX-License-Identifier: BSD-2-Clause */
/* See listener.h. */
#include "daemon/listener.h"
#include "daemon/log.h"
#include "daemon/settings.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
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

static void on_ready(struct loop_source *s, uint32_t events)
{
	struct listener *l = (struct listener *)s;
	struct ucred cred;
	socklen_t len = sizeof(cred);
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
	/* Strangers cannot take all room: half is for who may do everything. */
	if (l->connections >=
	    l->limit / (rights_all(l->daemon, &peer) ? 1 : 2)) {
		close(fd);
		return;
	}
	l->connections++;
	l->accepted(l, fd, &peer);
}

void listener_left(struct listener *l)
{
	l->connections--;
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
