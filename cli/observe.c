/* SPDX-License-Identifier: BSD-2-Clause */
/* See observe.h: the attach socket, asked for no VIF, gives the segment only.
 */
#include "cli/observe.h"
#include "cli/cli.h"
#include "fabric/attach.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static int dial(const char *dir)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	snprintf(un.sun_path, sizeof(un.sun_path), "%s/attach", dir);
	if (fd < 0 || !connect(fd, (struct sockaddr *)&un, sizeof(un)))
		return fd;
	close(fd);
	return -1;
}

/* The reply, and the segment's descriptor or -1. False: there is none. */
static bool receive(int fd, struct attach_reply *reply, int *memfd)
{
	union {
		struct cmsghdr header;
		char space[CMSG_SPACE(sizeof(int))];
	} control;
	struct iovec iov = { reply, sizeof(*reply) };
	struct msghdr msg = { .msg_iov = &iov,
			      .msg_iovlen = 1,
			      .msg_control = &control,
			      .msg_controllen = sizeof(control) };
	const struct cmsghdr *c;

	*memfd = -1;
	if (recvmsg(fd, &msg, MSG_CMSG_CLOEXEC) != sizeof(*reply))
		return false;
	c = CMSG_FIRSTHDR(&msg);
	if (c && c->cmsg_type == SCM_RIGHTS)
		memcpy(memfd, CMSG_DATA(c), sizeof(int));
	return true;
}

int observe_map(const char *dir, struct fabric *f)
{
	struct attach_request q = { .magic = FABRIC_MAGIC,
				    .abi = FABRIC_ABI,
				    .name = "toami" };
	struct attach_reply reply;
	int fd = dial(dir), memfd, err;

	if (fd < 0 || send(fd, &q, sizeof(q), MSG_NOSIGNAL) != sizeof(q) ||
	    !receive(fd, &reply, &memfd)) {
		if (fd >= 0)
			close(fd);
		return cli_complain(EX_UNAVAILABLE,
				    "the daemon in %s does not answer: see "
				    "%s/log",
				    dir, dir);
	}
	close(fd);
	if (reply.error)
		return cli_complain(
			reply.error == EACCES ? EX_NOPERM : EX_PROTOCOL, "%.*s",
			(int)sizeof(reply.text), reply.text);
	err = memfd < 0 ? -EPROTO : fabric_map(f, memfd);
	if (memfd >= 0)
		close(memfd);
	if (err)
		return cli_complain(EX_OSERR, "cannot map the fabric: %s",
				    strerror(-err));
	return 0;
}
