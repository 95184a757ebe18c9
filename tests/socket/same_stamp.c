/* SPDX-License-Identifier: BSD-2-Clause */
/* SO_TIMESTAMPING: when a datagram came, when it went, when it was
 * acknowledged. */
#include "same.h"

#include <linux/errqueue.h>
#include <linux/net_tstamp.h>
#include <time.h>

static int is_now(const struct timespec *ts)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return now.tv_sec - ts->tv_sec >= 0 && now.tv_sec - ts->tv_sec < 5;
}

static void show(int fd, int flags)
{
	char data[2048], control[512];
	struct iovec iov = { data, sizeof(data) };
	struct msghdr m = { .msg_iov = &iov,
			    .msg_iovlen = 1,
			    .msg_control = control,
			    .msg_controllen = sizeof(control) };
	struct pollfd p = { fd, flags & MSG_ERRQUEUE ? 0 : POLLIN, 0 };
	long n;

	poll(&p, 1, 1000);
	n = recvmsg(fd, &m, flags | MSG_DONTWAIT);
	if (n < 0) {
		printf("  nothing: %s\n", strerrorname_np(errno));
		return;
	}
	printf("  %s bytes, flags %x\n",
	       flags & MSG_ERRQUEUE ? n ? "some" : "no" : "data",
	       (unsigned)m.msg_flags);
	for (struct cmsghdr *c = CMSG_FIRSTHDR(&m); c; c = CMSG_NXTHDR(&m, c)) {
		if (c->cmsg_level == SOL_SOCKET &&
		    c->cmsg_type == SCM_TIMESTAMPING) {
			struct timespec ts[3];

			memcpy(ts, CMSG_DATA(c), sizeof(ts));
			printf("  stamps: now %d, none %d, none %d\n",
			       is_now(&ts[0]), !ts[1].tv_sec && !ts[1].tv_nsec,
			       !ts[2].tv_sec && !ts[2].tv_nsec);
		} else if (c->cmsg_type == IP_RECVERR) {
			struct sock_extended_err e;

			memcpy(&e, CMSG_DATA(c), sizeof(e));
			printf("  error %s origin %d type %d code %d info %u "
			       "data %u\n",
			       strerrorname_np((int)e.ee_errno), e.ee_origin,
			       e.ee_type, e.ee_code, e.ee_info, e.ee_data);
		} else {
			printf("  message %d/%d of %zu\n", c->cmsg_level,
			       c->cmsg_type, c->cmsg_len);
		}
	}
}

static int set(int fd, int v)
{
	return setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPING, &v, sizeof(v));
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
	show(y, 0);
	STEP(set(y, 0));
	STEP(send(x, "abc", 3, 0));
	show(y, 0);
	STEP(set(x, 1 << 30));
	STEP(set(x, SOF_TIMESTAMPING_TX_SOFTWARE | SOF_TIMESTAMPING_SOFTWARE |
			    SOF_TIMESTAMPING_OPT_ID |
			    SOF_TIMESTAMPING_OPT_TSONLY));
	STEP(send(x, "abc", 3, 0));
	show(x, MSG_ERRQUEUE);
	STEP(send(x, "abc", 3, 0));
	show(x, MSG_ERRQUEUE);
	show(x, MSG_ERRQUEUE);
	STEP(set(x, SOF_TIMESTAMPING_TX_SOFTWARE | SOF_TIMESTAMPING_SOFTWARE));
	STEP(send(x, "abc", 3, 0));
	show(x, MSG_ERRQUEUE);
	STEP(set(x, SOF_TIMESTAMPING_TX_SCHED | SOF_TIMESTAMPING_SOFTWARE |
			    SOF_TIMESTAMPING_OPT_TSONLY));
	STEP(send(x, "abc", 3, 0));
	show(x, MSG_ERRQUEUE);
	close(x);
	close(y);
}

static void streams(void)
{
	char buf[8];
	int x, y;

	same_streams(&x, &y);
	STEP(set(x, SOF_TIMESTAMPING_TX_ACK | SOF_TIMESTAMPING_SOFTWARE |
			    SOF_TIMESTAMPING_OPT_ID |
			    SOF_TIMESTAMPING_OPT_TSONLY));
	STEP(send(x, "abc", 3, 0));
	STEP(recv(y, buf, 3, 0));
	show(x, MSG_ERRQUEUE);
	STEP(set(y, SOF_TIMESTAMPING_RX_SOFTWARE | SOF_TIMESTAMPING_SOFTWARE));
	STEP(send(x, "abcd", 4, 0));
	show(y, 0);
	show(x, MSG_ERRQUEUE);
	STEP(set(x, SOF_TIMESTAMPING_TX_SOFTWARE | SOF_TIMESTAMPING_SOFTWARE |
			    SOF_TIMESTAMPING_OPT_TSONLY));
	STEP(send(x, "ab", 2, 0));
	show(x, MSG_ERRQUEUE);
	close(x);
	close(y);
}

void same_stamps(void)
{
	datagrams();
	streams();
}
