/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a controlled path costs: 64-byte datagrams from one VIF to another, both
 * ends in this process, in rounds with and without control that take turns. The
 * kernel's HTB beside it, on a veth.
 */
#include "bench/vif.h"

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define ROUND  2000
#define ROUNDS 400
#define FAST   UINT64_C(400000000000) /* never in the way */

static struct socket_process process[2];
static struct socket_thread thread[2];

/* A member on @vif in this process. */
static void join(int i, vif_ix vif)
{
	struct fabric *f = &world_fabric()->process.fabric;
	proc_ix ix = fabric_proc_alloc(f, FABRIC_PROC_ALIVE);

	f->procs[ix].vif = vif;
	atomic_store(&f->procs[ix].pid, getpid());
	process[i] = world_fabric()->process;
	socket_adopt(&process[i], ix);
	socket_thread_init(&thread[i], &process[i]);
}

static int sender, receiver;

static void connect_ends(vif_ix from, vif_ix to)
{
	struct sockaddr_in sa = { .sin_family = AF_INET, .sin_port = htons(7) };

	join(0, to);
	join(1, from);
	receiver = (int)SF(&thread[0], SYS_socket, AF_INET, SOCK_DGRAM, 0, 0, 0,
			   0);
	sender = (int)SF(&thread[1], SYS_socket, AF_INET, SOCK_DGRAM, 0, 0, 0,
			 0);
	if (SF(&thread[0], SYS_bind, receiver, &sa, sizeof(sa), 0, 0, 0) ||
	    sf_connect(&thread[1], sender, 2, 7))
		abort();
}

static void disconnect_ends(void)
{
	sf_close(&thread[0], receiver);
	sf_close(&thread[1], sender);
}

static double one_round(int n)
{
	struct fabric *f = &world_fabric()->process.fabric;
	uint64_t begin = fabric_now(f);
	char buf[64];

	for (int i = 0; i < n; i++)
		if (sf_write(&thread[1], sender, buf, sizeof(buf)) !=
			    sizeof(buf) ||
		    sf_read(&thread[0], receiver, buf, sizeof(buf)) !=
			    sizeof(buf))
			abort();
	return (double)(fabric_now(f) - begin) / n;
}

static int by_value(const void *a, const void *b)
{
	const double *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static double median(double *v, int n)
{
	qsort(v, (size_t)n, sizeof(*v), by_value);
	return v[n / 2];
}

/* Nanoseconds that control of @depth VIFs adds to a packet. */
static double added(int depth)
{
	static double diff[ROUNDS];
	vif_ix chain[8], parent = VIF_ROOT, srv;
	char name[16];

	world_new();
	srv = world_host(VIF_ROOT, "srv", 2);
	for (int i = 0; i < depth; i++) {
		snprintf(name, sizeof(name), "d%d", i);
		chain[i] = i + 1 < depth ? world_vif(parent, name)
					 : world_host(parent, name, 3);
		parent = chain[i];
	}
	connect_ends(parent, srv);
	for (int r = 0; r < ROUNDS; r++) {
		double ns[2];

		for (int on = 0; on < 2; on++) {
			for (int i = 0; i < depth; i++)
				world_rate(chain[i], on ? FAST : 0, false);
			world_keep(0);
			socket_timers(&world_fabric()->thread);
			one_round(50);
			ns[on] = one_round(ROUND);
		}
		diff[r] = ns[1] - ns[0];
	}
	disconnect_ends();
	world_drop();
	return median(diff, ROUNDS);
}

/* --- the kernel ---------------------------------------------------------- */

static double send_round(int fd, const struct sockaddr_in *to)
{
	struct timespec a, b;
	char buf[64] = "";

	clock_gettime(CLOCK_MONOTONIC, &a);
	for (int i = 0; i < ROUND; i++)
		sendto(fd, buf, sizeof(buf), 0, (const struct sockaddr *)to,
		       sizeof(*to));
	clock_gettime(CLOCK_MONOTONIC, &b);
	return ((double)(b.tv_sec - a.tv_sec) * 1e9 +
		(double)(b.tv_nsec - a.tv_nsec)) /
	       ROUND;
}

/* Two pairs of devices, one with HTB; -1: not to be had. */
static int make_devices(int depth)
{
	char line[256];

	if (unshare(CLONE_NEWNET) ||
	    system("ip link add d0 type veth peer name p0 && "
		   "ip link add d1 type veth peer name p1 && "
		   "ip link set p0 up && ip link set p1 up && "
		   "ip addr add 10.1.0.1/24 dev d0 && "
		   "ip addr add 10.2.0.1/24 dev d1 && "
		   "ip link set d0 up arp off && ip link set d1 up arp off && "
		   "tc qdisc add dev d1 root handle 1: htb >/dev/null 2>&1"))
		return -1;
	for (int i = 1; i <= depth; i++) {
		snprintf(line, sizeof(line),
			 "tc class add dev d1 parent 1:%x classid 1:%x htb "
			 "rate 30gbit ceil 30gbit burst 10m cburst 10m "
			 "quantum 60000 2>/dev/null",
			 i - 1, i);
		if (system(line))
			return -1;
	}
	return 0;
}

/* What HTB of that depth adds to a packet; < 0: not to be had here. */
static double kernel_added(int depth)
{
	static double diff[ROUNDS];
	int pipes[2];
	double ns = -1;
	pid_t pid;

	if (pipe(pipes))
		return -1;
	pid = fork();
	if (!pid) {
		struct sockaddr_in to[2] = {
			{ .sin_family = AF_INET, .sin_port = htons(9) },
			{ .sin_family = AF_INET, .sin_port = htons(9) }
		};
		int fd = socket(AF_INET, SOCK_DGRAM, 0), prio = 0x10000 | depth;

		close(fd);
		if (make_devices(depth))
			_exit(1);
		fd = socket(AF_INET, SOCK_DGRAM, 0);
		to[0].sin_addr.s_addr = htonl(0x0a010002);
		to[1].sin_addr.s_addr = htonl(0x0a020002);
		setsockopt(fd, SOL_SOCKET, SO_PRIORITY, &prio, sizeof(prio));
		for (int r = 0; r < ROUNDS; r++) {
			double plain = send_round(fd, &to[0]);

			diff[r] = send_round(fd, &to[1]) - plain;
		}
		ns = median(diff, ROUNDS);
		_exit(write(pipes[1], &ns, sizeof(ns)) != sizeof(ns));
	}
	close(pipes[1]);
	if (read(pipes[0], &ns, sizeof(ns)) != sizeof(ns))
		ns = -1;
	close(pipes[0]);
	waitpid(pid, NULL, 0);
	return ns;
}

void cost(double seconds)
{
	static const struct {
		int depth;
		double most_ns;
	} t[] = { { 1, 30 }, { 3, 60 }, { 8, 120 } };

	(void)seconds;
	for (size_t i = 0; i < ARRAY_SIZE(t); i++) {
		double ours = added(t[i].depth), htb = kernel_added(t[i].depth);
		char what[64];

		snprintf(what, sizeof(what), "cost of control at depth %d",
			 t[i].depth);
		if (htb < 0)
			check(ours <= t[i].most_ns, what,
			      "%+.1f ns a packet (%.0f); no HTB here to "
			      "compare with",
			      ours, t[i].most_ns);
		else
			check(ours <= t[i].most_ns && ours <= htb / 2, what,
			      "%+.1f ns a packet (%.0f); HTB %+.1f (twice)",
			      ours, t[i].most_ns, htb);
	}
}

/* --- many VIFs ----------------------------------------------------------- */

#define MANY 100000
#define FEW  100

/* ns a packet from one of @n controlled VIFs, each time another one. */
static double with_vifs(int n)
{
	static vif_ix lane[MANY];
	struct fabric *f = world_new();
	vif_ix srv = world_host(VIF_ROOT, "srv", 2);
	vif_ix p = world_host(VIF_ROOT, "p", 3);
	double best = 1e9;
	char name[16];

	world_rate(p, FAST, false);
	for (int i = 0; i < n; i++) {
		snprintf(name, sizeof(name), "l%d", i);
		lane[i] = world_vif(p, name);
		world_control(lane[i])->rate_bps = FAST;
		vif_sched_apply(f, lane[i]);
	}
	world_keep(0);
	socket_timers(&world_fabric()->thread);
	connect_ends(lane[0], srv);
	for (int r = 0; r < 3; r++) {
		uint64_t begin = fabric_now(f);
		char buf[64];
		int step = n > FEW ? n / FEW : 1, sends = 0;
		int fds[FEW];

		/* A hundred senders, spread over all there are. */
		for (int i = 0; i < FEW; i++) {
			process[1].vif = lane[i * step];
			fds[i] = (int)SF(&thread[1], SYS_socket, AF_INET,
					 SOCK_DGRAM, 0, 0, 0, 0);
			if (sf_connect(&thread[1], fds[i], 2, 7))
				abort();
		}
		for (int warm = 0; warm < 2; warm++) {
			begin = fabric_now(f);
			for (sends = 0; sends < 1000 * FEW; sends++)
				if (sf_write(&thread[1], fds[sends % FEW], buf,
					     sizeof(buf)) < 0 ||
				    sf_read(&thread[0], receiver, buf,
					    sizeof(buf)) < 0)
					abort();
		}
		best = (double)(fabric_now(f) - begin) / sends < best
			       ? (double)(fabric_now(f) - begin) / sends
			       : best;
		for (int i = 0; i < FEW; i++)
			sf_close(&thread[1], fds[i]);
	}
	disconnect_ends();
	world_drop();
	return best;
}

void many(void)
{
	double few = with_vifs(FEW), all = with_vifs(MANY);

	check(all <= 2 * few, "a packet among 100,000 VIFs",
	      "%.1f ns, among 100: %.1f (twice)", all, few);
}
