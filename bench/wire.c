// SPDX-License-Identifier: BSD-2-Clause
/*
 * bench-wire: the kernel's TCP against itself over an emulated link.
 *
 *	bench-wire --rate MBIT --rtt MS [--loss PPM] [--seed S] [--seconds S]
 *		   [--congestion cubic|reno] [--ours]
 *
 * Two network namespaces of its own, each with one TAP; this process carries
 * frames between them through two `struct emulated`. One side sends for as long
 * as it is told to, the other counts what it has read by the end. Prints one
 * line: that in Mbit/s, and what the link did. Everything ends with the
 *process.
 * --ours: both ends are our stack instead (live.c), over the same TAPs.
 *
 * Timing: the carrier sleeps while the next frame's date is far, and polls when
 * it is near. All three processes run with real-time priority where they may,
 * and the line says how late frames were at worst and on average, so that a run
 * spoilt by others can be told.
 *
 * Needs root: namespaces and TAPs. Exits with 77 without.
 */
#include "bench/emulated.h"
#include "bench/live.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define FRAME_MAX  1600
#define FLIGHTS	   65536 /* a power of two: at 1 Gbit/s 780 ms */
#define BATCH	   64
#define NEAR_NS	   60000 /* closer dates are polled for */
#define PORT	   5001
#define BUFFER_MAX "67108864"
#define QUEUE_LONG 20000

struct options {
	uint64_t rate_bps, rtt_ns, seed;
	uint32_t loss;
	double seconds;
	const char *congestion;
	bool ours;
};

struct flight {
	uint64_t at_ns;
	uint32_t bytes;
	unsigned char frame[FRAME_MAX];
};

/* One direction: FIFO of what is under way. */
struct way {
	struct emulated link;
	struct flight *flight;
	uint32_t head, tail;
	int from, to;
	uint64_t late_ns, late_max_ns;
};

static void fail(const char *what)
{
	fprintf(stderr, "bench-wire: %s: %s\n", what, strerror(errno));
	exit(errno == EPERM || errno == EACCES ? 77 : 1);
}

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static void sysctl(const char *path, const char *value)
{
	char name[128];
	int fd;

	snprintf(name, sizeof(name), "/proc/sys/net/%s", path);
	fd = open(name, O_WRONLY | O_CLOEXEC);
	if (fd < 0 || write(fd, value, strlen(value)) < 0)
		fail(name);
	close(fd);
}

static void address_set(struct ifreq *r, uint32_t host_order)
{
	struct sockaddr_in a = { .sin_family = AF_INET,
				 .sin_addr.s_addr = htonl(host_order) };

	memcpy(&r->ifr_addr, &a, sizeof(a));
}

/*
 * In a namespace of its own: a TAP with 10.9.0.@me/24, whose peer's MAC is
 * known beforehand (a lost ARP would cost a second). Returns the TAP.
 */
static int namespace_enter(uint32_t me, bool ours)
{
	unsigned char mac[6] = { 2, 9, 0, 0, 0, (unsigned char)me };
	struct ifreq r = { 0 };
	struct arpreq arp = { .arp_flags = ATF_PERM | ATF_COM };
	struct sockaddr_in peer = { .sin_family = AF_INET };
	int tap, s;

	if (unshare(CLONE_NEWNET))
		fail("unshare");
	sysctl("ipv6/conf/default/disable_ipv6", "1");
	sysctl("ipv4/tcp_rmem", "4096 131072 " BUFFER_MAX);
	sysctl("ipv4/tcp_wmem", "4096 65536 " BUFFER_MAX);
	tap = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
	if (tap < 0)
		fail("/dev/net/tun");
	strcpy(r.ifr_name, "tap0");
	r.ifr_flags = IFF_TAP | IFF_NO_PI;
	if (ioctl(tap, TUNSETIFF, &r))
		fail("TUNSETIFF");
	s = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (s < 0)
		fail("socket");
	r.ifr_hwaddr.sa_family = ARPHRD_ETHER;
	memcpy(r.ifr_hwaddr.sa_data, mac, 6);
	if (ioctl(s, SIOCSIFHWADDR, &r))
		fail("SIOCSIFHWADDR");
	/* Without an address the kernel's stack says nothing. */
	address_set(&r, 0x0a090000 + me);
	if (!ours && ioctl(s, SIOCSIFADDR, &r))
		fail("SIOCSIFADDR");
	address_set(&r, 0xffffff00);
	if (!ours && ioctl(s, SIOCSIFNETMASK, &r))
		fail("SIOCSIFNETMASK");
	/* The only queue that drops is the emulated one. */
	r.ifr_qlen = QUEUE_LONG;
	if (ioctl(s, SIOCSIFTXQLEN, &r))
		fail("SIOCSIFTXQLEN");
	r.ifr_flags = IFF_UP | IFF_RUNNING;
	if (ioctl(s, SIOCSIFFLAGS, &r))
		fail("SIOCSIFFLAGS");
	peer.sin_addr.s_addr = htonl(0x0a090000 + 3 - me);
	memcpy(&arp.arp_pa, &peer, sizeof(peer));
	arp.arp_ha.sa_family = ARPHRD_ETHER;
	mac[5] = (unsigned char)(3 - me);
	memcpy(arp.arp_ha.sa_data, mac, 6);
	strcpy(arp.arp_dev, "tap0");
	if (!ours && ioctl(s, SIOCSARP, &arp))
		fail("SIOCSARP");
	close(s);
	return tap;
}

static void send_tap(int by, int tap)
{
	char byte = 0, space[CMSG_SPACE(sizeof(int))] = { 0 };
	struct iovec v = { &byte, 1 };
	struct msghdr m = { .msg_iov = &v,
			    .msg_iovlen = 1,
			    .msg_control = space,
			    .msg_controllen = sizeof(space) };
	struct cmsghdr *c = CMSG_FIRSTHDR(&m);

	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(c), &tap, sizeof(int));
	if (sendmsg(by, &m, 0) != 1)
		fail("sendmsg");
	close(tap);
}

static int receive_tap(int by)
{
	char byte, space[CMSG_SPACE(sizeof(int))];
	struct iovec v = { &byte, 1 };
	struct msghdr m = { .msg_iov = &v,
			    .msg_iovlen = 1,
			    .msg_control = space,
			    .msg_controllen = sizeof(space) };
	struct cmsghdr *c;
	int tap;

	if (recvmsg(by, &m, 0) != 1 || !(c = CMSG_FIRSTHDR(&m)))
		exit(77); /* the child has said why */
	memcpy(&tap, CMSG_DATA(c), sizeof(int));
	return tap;
}

/* Reads what comes until the clock says @end; returns the bytes. */
static uint64_t sink(int s, uint64_t end)
{
	static char buffer[1 << 18];
	uint64_t bytes = 0;

	for (;;) {
		struct pollfd p = { .fd = s, .events = POLLIN };
		uint64_t now = now_ns();
		ssize_t n;

		if (now >= end)
			return bytes;
		if (poll(&p, 1, (int)((end - now) / 1000000) + 1) <= 0)
			continue;
		if (now_ns() >= end)
			return bytes;
		n = recv(s, buffer, sizeof(buffer), MSG_DONTWAIT);
		if (n > 0)
			bytes += (uint64_t)n;
		else if (n == 0)
			return bytes;
	}
}

static int listener(void)
{
	struct sockaddr_in a = { .sin_family = AF_INET,
				 .sin_port = htons(PORT) };
	int s = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (s < 0 || bind(s, (struct sockaddr *)&a, sizeof(a)) || listen(s, 1))
		fail("listen");
	return s;
}

static int connected(const struct options *o)
{
	struct sockaddr_in a = { .sin_family = AF_INET,
				 .sin_port = htons(PORT),
				 .sin_addr.s_addr = htonl(0x0a090002) };
	int s = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (s < 0 || setsockopt(s, IPPROTO_TCP, TCP_CONGESTION, o->congestion,
				(socklen_t)strlen(o->congestion)))
		fail("TCP_CONGESTION");
	if (connect(s, (struct sockaddr *)&a, sizeof(a)))
		fail("connect");
	return s;
}

/*
 * An end: enters its namespace, says so, waits for the start (a date on the
 * clock), works until the end, reports its bytes.
 */
static void end_run(uint32_t me, int by, const struct options *o)
{
	static char zero[1 << 18];
	uint64_t start, end, bytes = 0;
	int s, ours = -1;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	signal(SIGPIPE, SIG_IGN);
	send_tap(by, namespace_enter(me, o->ours));
	if (o->ours)
		ours = live_open();
	if (o->ours && ours < 0)
		fail("packet socket");
	s = me == 2 && !o->ours ? listener() : -1;
	if (write(by, "r", 1) != 1 ||
	    read(by, &start, sizeof(start)) != sizeof(start))
		exit(1);
	end = start + (uint64_t)(o->seconds * 1e9);
	if (o->ours) {
		bytes = live_run(me, ours, !strcmp(o->congestion, "reno"), end);
	} else if (me == 2) {
		s = accept(s, NULL, NULL);
		bytes = sink(s, end);
	} else {
		s = connected(o);
		while (now_ns() < end) {
			struct pollfd p = { .fd = s, .events = POLLOUT };

			if (poll(&p, 1, 100) > 0 &&
			    send(s, zero, sizeof(zero), MSG_DONTWAIT) < 0 &&
			    errno != EAGAIN)
				break;
		}
	}
	if (write(by, &bytes, sizeof(bytes)) != sizeof(bytes))
		exit(1);
	/* The parent ends it: a close would send. */
	pause();
	exit(0);
}

/* What came from one TAP goes on its way. Returns whether there was any. */
static bool take_in(struct way *w)
{
	uint32_t n = 0;

	for (; n < BATCH && w->tail - w->head < FLIGHTS; n++) {
		struct flight *f = &w->flight[w->tail % FLIGHTS];
		ssize_t bytes = read(w->from, f->frame, sizeof(f->frame));

		if (bytes <= 0)
			break;
		f->bytes = (uint32_t)bytes;
		if (emulated_admit(&w->link, now_ns(), f->bytes, &f->at_ns))
			w->tail++;
	}
	return n;
}

/* What is due goes out; returns the next date. */
static uint64_t give_out(struct way *w)
{
	for (uint32_t n = 0; n < BATCH && w->head != w->tail; n++) {
		struct flight *f = &w->flight[w->head % FLIGHTS];
		uint64_t now = now_ns(), late;

		if (f->at_ns > now)
			break;
		late = now - f->at_ns;
		w->late_ns += late;
		if (late > w->late_max_ns)
			w->late_max_ns = late;
		if (write(w->to, f->frame, f->bytes) < 0 && errno == EAGAIN)
			break;
		w->head++;
	}
	return w->head == w->tail ? UINT64_MAX
				  : w->flight[w->head % FLIGHTS].at_ns;
}

static void carry(struct way *w, uint64_t end)
{
	struct pollfd p[2] = { { .fd = w[0].from, .events = POLLIN },
			       { .fd = w[1].from, .events = POLLIN } };

	while (now_ns() < end) {
		bool one = take_in(&w[0]), busy = take_in(&w[1]) || one;
		uint64_t a = give_out(&w[0]), b = give_out(&w[1]), now;
		uint64_t next = a < b ? a : b;

		now = now_ns();
		if (next > end)
			next = end;
		if (busy || next <= now + NEAR_NS)
			continue;
		next -= now + NEAR_NS;
		ppoll(p, 2,
		      &(struct timespec){ (time_t)(next / 1000000000),
					  (long)(next % 1000000000) },
		      NULL);
	}
}

static void options_read(struct options *o, int argc, char **argv)
{
	static const struct option names[] = {
		{ "rate", 1, NULL, 'r' },    { "rtt", 1, NULL, 't' },
		{ "loss", 1, NULL, 'l' },    { "seed", 1, NULL, 's' },
		{ "seconds", 1, NULL, 'S' }, { "congestion", 1, NULL, 'c' },
		{ "ours", 0, NULL, 'o' },    { NULL, 0, NULL, 0 },
	};
	int k;

	while ((k = getopt_long(argc, argv, "", names, NULL)) != -1) {
		switch (k) {
		case 'r':
			o->rate_bps = (uint64_t)(atof(optarg) * 1e6);
			break;
		case 't':
			o->rtt_ns = (uint64_t)(atof(optarg) * 1e6);
			break;
		case 'l':
			o->loss = (uint32_t)atoi(optarg);
			break;
		case 's':
			o->seed = (uint64_t)atoll(optarg);
			break;
		case 'S':
			o->seconds = atof(optarg);
			break;
		case 'c':
			o->congestion = optarg;
			break;
		case 'o':
			o->ours = true;
			break;
		default:
			exit(2);
		}
	}
}

int main(int argc, char **argv)
{
	struct options o = { .rate_bps = 100000000,
			     .rtt_ns = 10000000,
			     .seed = 1,
			     .seconds = 5,
			     .congestion = "cubic" };
	struct way w[2] = { 0 };
	uint64_t start, bytes = 0, frames;
	int by[2][2], tap[2];
	pid_t pid[2];
	char ready;

	options_read(&o, argc, argv);
	/* The ends inherit it: nobody is to wait for anybody else's program. */
	sched_setscheduler(0, SCHED_RR, &(struct sched_param){ 1 });
	for (uint32_t i = 0; i < 2; i++) {
		if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, by[i]))
			fail("socketpair");
		pid[i] = fork();
		if (pid[i] == 0)
			end_run(i + 1, by[i][1], &o);
		close(by[i][1]);
		tap[i] = receive_tap(by[i][0]);
		if (read(by[i][0], &ready, 1) != 1)
			return 1;
	}
	for (uint32_t i = 0; i < 2; i++) {
		emulated_init(&w[i].link, o.rate_bps, o.rtt_ns, o.loss, o.seed,
			      i);
		w[i].flight = mmap(NULL, FLIGHTS * sizeof(struct flight),
				   PROT_READ | PROT_WRITE,
				   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		w[i].from = tap[i];
		w[i].to = tap[1 - i];
	}
	start = now_ns();
	for (uint32_t i = 0; i < 2; i++)
		if (write(by[i][0], &start, sizeof(start)) != sizeof(start))
			return 1;
	carry(w, start + (uint64_t)(o.seconds * 1e9));
	for (uint32_t i = 2; i-- > 0;) {
		if (i == 1 &&
		    read(by[i][0], &bytes, sizeof(bytes)) != sizeof(bytes))
			return 1;
		kill(pid[i], SIGKILL);
		waitpid(pid[i], NULL, 0);
	}
	frames = w[0].link.carried + w[1].link.carried;
	printf("%.3f Mbit/s lost %llu dropped %llu late_us %.1f max %.1f\n",
	       (double)bytes * 8 / o.seconds / 1e6,
	       (unsigned long long)(w[0].link.lost + w[1].link.lost),
	       (unsigned long long)(w[0].link.dropped + w[1].link.dropped),
	       frames ? (double)(w[0].late_ns + w[1].late_ns) / 1e3 /
				(double)frames
		      : 0,
	       (double)(w[0].late_max_ns > w[1].late_max_ns
				? w[0].late_max_ns
				: w[1].late_max_ns) /
		       1e3);
	return 0;
}
