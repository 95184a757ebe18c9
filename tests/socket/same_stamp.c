/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * SO_TIMESTAMPING: when a datagram, or the last byte of a stream, came; when
 * it was sent, and acknowledged.
 */
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

/* --- what is sent ------------------------------------------------------------
 */

#define SENT (SOF_TIMESTAMPING_TX_SOFTWARE | SOF_TIMESTAMPING_SOFTWARE)
#define BARE (SOF_TIMESTAMPING_OPT_ID | SOF_TIMESTAMPING_OPT_TSONLY)

static void show_sent(const struct cmsghdr *c)
{
	struct {
		struct sock_extended_err ee;
		struct sockaddr_in6 offender;
	} e = { 0 };
	struct timespec ts[3];

	if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_TIMESTAMPING) {
		memcpy(ts, CMSG_DATA(c), sizeof(ts));
		printf("  sent now: %d\n", is_now(&ts[0]));
		return;
	}
	printf("  message %d/%d of %zu", c->cmsg_level, c->cmsg_type,
	       c->cmsg_len);
	if ((c->cmsg_level == SOL_IP && c->cmsg_type == IP_RECVERR) ||
	    (c->cmsg_level == SOL_IPV6 && c->cmsg_type == IPV6_RECVERR)) {
		memcpy(&e, CMSG_DATA(c),
		       c->cmsg_len - CMSG_LEN(0) < sizeof(e)
			       ? c->cmsg_len - CMSG_LEN(0)
			       : sizeof(e));
		if (e.offender.sin6_family == AF_INET6)
			printf(" (%d) ",
			       IN6_IS_ADDR_LOOPBACK(&e.offender.sin6_addr));
		if (e.offender.sin6_family == AF_INET)
			printf(" (%x) ",
			       ntohl(((struct sockaddr_in *)&e.offender)
					     ->sin_addr.s_addr));
		printf(": %s from %d, stamp %u of number %u, code %d/%d, "
		       "family %d",
		       strerrorname_np((int)e.ee.ee_errno), e.ee.ee_origin,
		       e.ee.ee_info, e.ee.ee_data, e.ee.ee_type, e.ee.ee_code,
		       e.offender.sin6_family);
	}
	printf("\n");
}

/* One note of the error queue; what the packet looked like if it is there. */
static int note(int fd, size_t room)
{
	struct sockaddr_in6 from;
	unsigned char data[2048];
	char control[512];
	struct iovec iov = { data, room };
	struct msghdr m = { .msg_name = &from,
			    .msg_namelen = sizeof(from),
			    .msg_iov = &iov,
			    .msg_iovlen = 1,
			    .msg_control = control,
			    .msg_controllen = sizeof(control) };
	struct pollfd p = { fd, 0, 0 };
	long n;

	poll(&p, 1, 300);
	n = recvmsg(fd, &m, MSG_ERRQUEUE);
	if (n < 0) {
		printf("  no note: %s\n", strerrorname_np(errno));
		return 0;
	}
	printf("  note of %ld bytes, flags %x, name %u, poll %x\n", n,
	       (unsigned)m.msg_flags, m.msg_namelen, (unsigned)p.revents);
	if (n > 3 && room > 1000)
		printf("  ends with %.3s\n", data + n - 3);
	for (struct cmsghdr *c = CMSG_FIRSTHDR(&m); c; c = CMSG_NXTHDR(&m, c))
		show_sent(c);
	return 1;
}

static void notes(int fd)
{
	while (note(fd, 2048))
		;
}

/* Asks for stamps of this send alone, or gives it a number. */
static long send_with(int fd, const char *data, unsigned int what, int type)
{
	union {
		struct cmsghdr h;
		char room[CMSG_SPACE(sizeof(what))];
	} u = { .h = { CMSG_LEN(sizeof(what)), SOL_SOCKET, type } };
	struct iovec iov = { (void *)data, strlen(data) };
	struct msghdr m = { .msg_iov = &iov,
			    .msg_iovlen = 1,
			    .msg_control = &u,
			    .msg_controllen = sizeof(u) };

	memcpy(CMSG_DATA(&u.h), &what, sizeof(what));
	return sendmsg(fd, &m, 0);
}

static void sent_datagrams(void)
{
	int x, y, v = 1;

	same_datagrams(&x, &y);
	STEP(set(x, SENT | BARE));
	STEP(send(x, "abc", 3, 0));
	STEP(send(x, "", 0, 0));
	notes(x);
	STEP(set(x,
		 SENT | SOF_TIMESTAMPING_TX_SCHED | SOF_TIMESTAMPING_OPT_ID));
	STEP(send(x, "the packet too", 14, 0));
	notes(x);
	STEP(send(x, "cut short", 9, 0));
	note(x, 20);
	note(x, 0);
	notes(x);
	/* Told, but not when: SOFTWARE is not asked for. */
	STEP(set(x,
		 SOF_TIMESTAMPING_TX_SOFTWARE | SOF_TIMESTAMPING_OPT_TSONLY));
	STEP(send(x, "abc", 3, 0));
	notes(x);
	/* By the send. */
	STEP(set(x, SOF_TIMESTAMPING_SOFTWARE | BARE));
	STEP(send(x, "abc", 3, 0));
	notes(x);
	STEP(send_with(x, "abc", SOF_TIMESTAMPING_TX_SOFTWARE,
		       SO_TIMESTAMPING));
	notes(x);
	STEP(send_with(x, "abc", SOF_TIMESTAMPING_OPT_ID, SO_TIMESTAMPING));
	STEP(setsockopt(x, SOL_SOCKET, SO_TIMESTAMP, &v, sizeof(v)));
	STEP(set(x, SENT | BARE));
	STEP(send(x, "abc", 3, 0));
	STEP(recv(x, &v, 1, MSG_DONTWAIT));
	notes(x);
	STEP(setsockopt(x, SOL_IP, IP_PKTINFO, &v, sizeof(v)));
	STEP(set(x, SENT | SOF_TIMESTAMPING_OPT_CMSG));
	STEP(send(x, "abc", 3, 0));
	notes(x);
	v = -1;
	STEP(getsockopt(x, SOL_SOCKET, SO_ERROR, &v, &(socklen_t){ 4 }));
	printf("  error %d\n", v);
	close(x);
	close(y);
}

static void sent_flags(void)
{
	int x, y;

	same_datagrams(&x, &y);
	STEP(set(x, SENT | SOF_TIMESTAMPING_OPT_STATS));
	STEP(set(x, SENT | (1 << 16)));
	STEP(set(x, SENT | BARE | SOF_TIMESTAMPING_TX_HARDWARE));
	STEP(set(x, 1 << 25));
	close(x);
	x = socket(AF_INET, SOCK_STREAM, 0);
	STEP(set(x, SENT | BARE));
	STEP(set(x, SENT));
	close(x);
	close(y);
}

/* A stream tells of the last byte of each write. */
static void sent_streams(void)
{
	char data[5000] = { 0 };
	int x, y, v = 1;

	same_streams(&x, &y);
	setsockopt(x, IPPROTO_TCP, 1 /* TCP_NODELAY */, &v, sizeof(v));
	STEP(send(x, "before", 6, 0));
	same_readable(y);
	STEP(recv(y, data, 100, 0));
	usleep(60000);
	STEP(set(x, SENT | BARE | SOF_TIMESTAMPING_TX_SCHED));
	STEP(send(x, "abcd", 4, 0));
	notes(x);
	STEP(send(x, data, sizeof(data), 0));
	notes(x);
	for (int left = 5004; left > 0;) {
		same_readable(y);
		left -= (int)recv(y, data, sizeof(data), 0);
	}
	STEP(set(x,
		 SOF_TIMESTAMPING_TX_ACK | SOF_TIMESTAMPING_SOFTWARE | BARE));
	STEP(send(x, "efg", 3, 0));
	STEP(recv(y, data, 100, 0));
	notes(x);
	STEP(send_with(x, "hi", SOF_TIMESTAMPING_TX_SOFTWARE, SO_TIMESTAMPING));
	notes(x);
	STEP(set(x, 0));
	STEP(send(x, "j", 1, 0));
	notes(x);
	close(x);
	close(y);
}

/* Refused and sent, told in the order in which they came. */
static void sent_and_refused(void)
{
	struct sockaddr_in a = same_loopback(0);
	socklen_t len = sizeof(a);
	int x, y, v = 1;

	same_datagrams(&x, &y);
	STEP(setsockopt(x, SOL_IP, IP_RECVERR, &v, sizeof(v)));
	STEP(set(x, SENT | BARE));
	getsockname(x, (void *)&a, &len);
	close(y);
	STEP(send(x, "abc", 3, 0));
	usleep(10000);
	v = -1;
	STEP(getsockopt(x, SOL_SOCKET, SO_ERROR, &v, &(socklen_t){ 4 }));
	printf("  error %s\n", strerrorname_np(v));
	notes(x);
	close(x);
}

static void sent_by_six(void)
{
	struct sockaddr_in6 a = { .sin6_family = AF_INET6,
				  .sin6_addr = IN6ADDR_LOOPBACK_INIT };
	socklen_t len = sizeof(a);
	int y = socket(AF_INET6, SOCK_DGRAM, 0),
	    x = socket(AF_INET6, SOCK_DGRAM, 0);

	STEP(bind(y, (void *)&a, len));
	getsockname(y, (void *)&a, &len);
	STEP(connect(x, (void *)&a, len));
	STEP(set(x, SENT | SOF_TIMESTAMPING_OPT_ID));
	STEP(send(x, "six", 3, 0));
	STEP(send(x, "seven", 5, 0));
	notes(x);
	close(x);
	close(y);
}

void same_stamps(void)
{
	datagrams();
	streams();
	sent_datagrams();
	sent_flags();
	sent_streams();
	sent_and_refused();
	sent_by_six();
}
