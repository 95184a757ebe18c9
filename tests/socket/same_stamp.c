/* SPDX-License-Identifier: BSD-2-Clause */
/* SO_TIMESTAMPING: when a datagram, or the last byte of a stream, came. */
#include "same.h"

#include <linux/net_tstamp.h>
#include <time.h>

static int is_now(const struct timespec *ts)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return now.tv_sec - ts->tv_sec >= 0 && now.tv_sec - ts->tv_sec < 5;
}

static void show(int fd)
{
	char data[2048], control[512];
	struct iovec iov = { data, sizeof(data) };
	struct msghdr m = { .msg_iov = &iov,
			    .msg_iovlen = 1,
			    .msg_control = control,
			    .msg_controllen = sizeof(control) };
	struct pollfd p = { fd, POLLIN, 0 };
	long n;

	poll(&p, 1, 1000);
	n = recvmsg(fd, &m, MSG_DONTWAIT);
	if (n < 0) {
		printf("  nothing: %s\n", strerrorname_np(errno));
		return;
	}
	printf("  %ld bytes, flags %x\n", n, (unsigned)m.msg_flags);
	for (struct cmsghdr *c = CMSG_FIRSTHDR(&m); c; c = CMSG_NXTHDR(&m, c)) {
		if (c->cmsg_level == SOL_SOCKET &&
		    c->cmsg_type == SCM_TIMESTAMPING) {
			struct timespec ts[3];

			memcpy(ts, CMSG_DATA(c), sizeof(ts));
			printf("  stamps: now %d, none %d, none %d\n",
			       is_now(&ts[0]), !ts[1].tv_sec && !ts[1].tv_nsec,
			       !ts[2].tv_sec && !ts[2].tv_nsec);
		} else {
			printf("  message %d/%d of %zu\n", c->cmsg_level,
			       c->cmsg_type, c->cmsg_len);
		}
	}
}

static int set(int fd, int v)
{
	int err = setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPING, &v, sizeof(v));

	usleep(100000); /* the kernel begins to stamp in the background */
	return err;
}

static void datagrams(void)
{
	int x, y, v = -1;
	socklen_t len = sizeof(v);

	same_datagrams(&x, &y);
	STEP(set(y, SOF_TIMESTAMPING_RX_SOFTWARE | SOF_TIMESTAMPING_SOFTWARE));
	STEP(getsockopt(y, SOL_SOCKET, SO_TIMESTAMPING, &v, &len));
	printf("  %x\n", (unsigned)v);
	STEP(send(x, "abc", 3, 0));
	show(y);
	STEP(set(y, 0));
	STEP(send(x, "abc", 3, 0));
	show(y);
	STEP(set(x, 1 << 30));
	close(x);
	close(y);
}

static void streams(void)
{
	int x, y;

	same_streams(&x, &y);
	STEP(set(y, SOF_TIMESTAMPING_RX_SOFTWARE | SOF_TIMESTAMPING_SOFTWARE));
	STEP(send(x, "abcd", 4, 0));
	show(y);
	close(x);
	close(y);
}

void same_stamps(void)
{
	datagrams();
	streams();
}
