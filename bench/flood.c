/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A SYN flood over a real fabric: one member puts spoofed SYNs onto the link to
 *a server as fast as it can, while a hundred honest clients connect, ask and
 *are answered. What a core sustains is counted in the CPU time of all of them,
 *for whoever delivers a frame, or lets go of the server's lock, runs the
 *server's stack. What finds its backlog full is lost, as on any link.
 *
 *	flood [SECONDS]
 *
 * tests/sim/flood.c is the same in virtual time.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <stdnoreturn.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "socket/work.h"
#include "stack/csum.h"
#include "stack/host.h"
#include "stack/wire.h"
#include "tests/socket/small_fabric.h"
#include "vif/vif.h"

#define PORT	80
#define CLIENTS 100
#define FDS	1024
#define ASK	64
#define ANSWER	1000
#define BATCH	32
/* Between two connections: TIME-WAIT leaves no more ports for faster ones. */
#define PAUSE_US 20000

struct shared {
	_Atomic int ready; /* the server listens */
	_Atomic int flood; /* the flooder is to flood */
	_Atomic int end;   /* clients finish what they have begun, and stop */
	_Atomic uint64_t well, failed, slowest_us; /* of the clients */
	_Atomic uint64_t syns;
};

static struct small_fabric sf;
static struct shared *shared;
static host_ix server_host, flooder_host;

static uint64_t us_of(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

/* --- the server and its clients ------------------------------------------- */

noreturn static int serve(struct socket_thread *t, void *arg)
{
	static struct pollfd p[FDS];
	static char buf[ANSWER];
	int n = 1;

	(void)arg;
	p[0].fd = sf_listen(t, PORT);
	p[0].events = POLLIN;
	atomic_store(&shared->ready, 1);
	for (;;) {
		SF(t, SYS_poll, p, n, -1, 0, 0, 0);
		for (int i = n - 1; i > 0; i--) {
			if (!p[i].revents)
				continue;
			if (sf_read(t, p[i].fd, buf, ASK) == ASK) {
				sf_write(t, p[i].fd, buf, ANSWER);
				continue;
			}
			sf_close(t, p[i].fd);
			p[i] = p[--n];
		}
		while (p[0].revents && n < FDS) {
			int fd = (int)SF(t, SYS_accept4, p[0].fd, 0, 0,
					 SOCK_NONBLOCK, 0, 0);

			p[n] = (struct pollfd){ .fd = fd, .events = POLLIN };
			n += fd >= 0;
			/* The listener itself blocks: one each time round. */
			break;
		}
	}
}

struct client {
	uint64_t begun_us, again_us;
	int got;
	bool asked;
};

static void begin(struct socket_thread *t, struct client *c, struct pollfd *p)
{
	int fd = (int)SF(t, SYS_socket, AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0,
			 0, 0, 0);

	*c = (struct client){ .begun_us = us_of(CLOCK_MONOTONIC) };
	*p = (struct pollfd){ .fd = fd, .events = POLLOUT };
	sf_connect(t, fd, 2, PORT);
}

/* 0: goes on; 1: went well; -1: failed */
static int step(struct socket_thread *t, struct client *c, struct pollfd *p)
{
	static char buf[ANSWER];
	long n;

	if (!c->asked) {
		c->asked = true;
		p->events = POLLIN;
		return sf_write(t, p->fd, buf, ASK) == ASK ? 0 : -1;
	}
	n = sf_read(t, p->fd, buf, sizeof(buf));
	if (n <= 0)
		return n == -EAGAIN ? 0 : -1;
	c->got += (int)n;
	return c->got == ANSWER;
}

static int ask(struct socket_thread *t, void *arg)
{
	static struct client c[CLIENTS];
	static struct pollfd p[CLIENTS];
	int live = CLIENTS;

	(void)arg;
	for (int i = 0; i < CLIENTS; i++)
		begin(t, &c[i], &p[i]);
	while (live) {
		SF(t, SYS_poll, p, CLIENTS, 5, 0, 0, 0);
		for (int i = 0; i < CLIENTS; i++) {
			int how = p[i].fd >= 0 && p[i].revents
					  ? step(t, &c[i], &p[i])
					  : 0;
			uint64_t took;

			if (!how)
				continue;
			took = us_of(CLOCK_MONOTONIC) - c[i].begun_us;
			atomic_fetch_add(
				how > 0 ? &shared->well : &shared->failed, 1);
			if (took > atomic_load(&shared->slowest_us))
				atomic_store(&shared->slowest_us, took);
			sf_close(t, p[i].fd);
			p[i].fd = -1;
			c[i].again_us = us_of(CLOCK_MONOTONIC) + PAUSE_US;
		}
		for (int i = 0; i < CLIENTS; i++)
			if (p[i].fd < 0 && !atomic_load(&shared->end) &&
			    c[i].again_us <= us_of(CLOCK_MONOTONIC))
				begin(t, &c[i], &p[i]);
		/* Whoever pauses when the end comes has ended. */
		if (atomic_load(&shared->end)) {
			live = 0;
			for (int i = 0; i < CLIENTS; i++)
				live += p[i].fd >= 0;
		}
	}
	return 0;
}

/* --- the flood ------------------------------------------------------------ */

/* A SYN from an address of the fabric's that nobody has. */
static frame_ix spoof(struct work *w, uint64_t r)
{
	static const uint8_t options[] = { 2, 4, 5, 0xb4, 4, 2, 8, 10, 0, 0,
					   0, 1, 0, 0,	  0, 0, 1, 3,  3, 7 };
	frame_ix ix = frame_alloc(&w->in.arena);
	struct frame *f;
	uint8_t *h, *t;

	if (!ix)
		return 0;
	f = frame_at(&w->in.arena, ix);
	h = f->header;
	t = h + 34;
	memset(h, 0, 34 + TCP_BYTES);
	fabric_mac(server_host, h);
	fabric_mac(flooder_host, h + 6);
	put16(h + 12, ETH_IPV4);
	h[14] = 0x45;
	put16(h + 16, IPV4_BYTES + TCP_BYTES + sizeof(options));
	h[22] = 64;
	h[23] = IP_TCP;
	put32(h + 26, 0x0a4d8000 | (uint32_t)(r & 0x7fff));
	put32(h + 30, 0x0a4d0002);
	((struct ipv4_header *)(h + 14))->csum =
		(uint16_t)~csum_fold(csum_add(0, h + 14, IPV4_BYTES));
	put16(t, (uint16_t)(r >> 16) | 1);
	put16(t + 2, PORT);
	put32(t + 4, (uint32_t)(r >> 32));
	t[12] = (TCP_BYTES + sizeof(options)) << 2;
	t[13] = TCP_SYN;
	put16(t + 14, 64240);
	memcpy(t + TCP_BYTES, options, sizeof(options));
	f->header_bytes = 34 + TCP_BYTES + sizeof(options);
	f->l3_off = ETH_BYTES;
	f->l4_off = ETH_BYTES + IPV4_BYTES;
	f->flags |= FRAME_CSUM_OK;
	return ix;
}

noreturn static int flood(struct socket_thread *t, void *arg)
{
	uint64_t random = 7;

	(void)arg;
	for (;;) {
		struct work w;

		if (!atomic_load(&shared->flood)) {
			usleep(1000);
			continue;
		}
		if (work_begin(&w, t, flooder_host))
			continue;
		for (int i = 0; i < BATCH; i++) {
			frame_ix ix = spoof(&w, random += 0x9e3779b97f4a7c15);

			if (ix)
				frame_list_add(&w.in.arena, &w.stack.out, ix);
		}
		work_end(&w);
		atomic_fetch_add(&shared->syns, BATCH);
	}
}

/* --- the test's own process keeps time ------------------------------------ */

static void keep_time(uint64_t us)
{
	uint64_t until = us_of(CLOCK_MONOTONIC) + us;

	while (us_of(CLOCK_MONOTONIC) < until) {
		socket_timers(&sf.thread);
		usleep(500);
	}
}

/* CPU time that process @pid has used. */
static uint64_t cpu_of(pid_t pid)
{
	clockid_t clock;

	return clock_getcpuclockid(pid, &clock) ? 0 : us_of(clock);
}

static void phase(const char *name, uint64_t us)
{
	uint64_t well = atomic_load(&shared->well);
	uint64_t failed = atomic_load(&shared->failed);

	atomic_store(&shared->slowest_us, 0);
	keep_time(us);
	printf("%-6s %8.0f honest connections/s, %lu failed, slowest %.1f ms\n",
	       name,
	       (double)(atomic_load(&shared->well) - well) * 1e6 / (double)us,
	       (unsigned long)(atomic_load(&shared->failed) - failed),
	       (double)atomic_load(&shared->slowest_us) / 1000);
}

int main(int argc, char **argv)
{
	uint64_t us = (argc > 1 ? strtoull(argv[1], NULL, 10) : 3) * 1000000;
	const struct stack_host *h;
	uint64_t answered, cpu;
	pid_t server, clients, flooder;
	vif_ix vs, vc, vf;
	proc_ix ix;
	int status;

	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (!us || shared == MAP_FAILED)
		return 64;
	small_fabric_make(&sf);
	vs = small_fabric_host(&sf, "server", 2);
	vc = small_fabric_host(&sf, "clients", 3);
	vf = small_fabric_host(&sf, "flooder", 4);
	server_host = vif_at(&sf.process.fabric, vs)->host;
	flooder_host = vif_at(&sf.process.fabric, vf)->host;
	server = small_fabric_fork(&sf, vs, serve, NULL, &ix);
	while (!atomic_load(&shared->ready))
		usleep(1000);
	flooder = small_fabric_fork(&sf, vf, flood, NULL, &ix);
	clients = small_fabric_fork(&sf, vc, ask, NULL, &ix);
	h = stack_host_at(&sf.process.fabric, server_host);
	phase("calm", us);
	cpu = cpu_of(server) + cpu_of(clients) + cpu_of(flooder);
	answered = h->count[COUNT_TcpExt_SyncookiesSent];
	atomic_store(&shared->flood, 1);
	phase("flood", us);
	atomic_store(&shared->flood, 0);
	cpu = cpu_of(server) + cpu_of(clients) + cpu_of(flooder) - cpu;
	answered = h->count[COUNT_TcpExt_SyncookiesSent] - answered;
	phase("after", us);
	atomic_store(&shared->end, 1);
	keep_time(1000000);
	waitpid(clients, &status, 0);
	kill(server, SIGKILL);
	kill(flooder, SIGKILL);
	waitpid(server, NULL, 0);
	waitpid(flooder, NULL, 0);
	printf("flood: %lu SYNs sent, %lu answered with cookies, %lu came "
	       "home; "
	       "%.0f answered a second of CPU\n",
	       (unsigned long)atomic_load(&shared->syns),
	       (unsigned long)answered,
	       (unsigned long)h->count[COUNT_TcpExt_SyncookiesRecv],
	       (double)answered * 1e6 / (double)(cpu + 1));
	return atomic_load(&shared->failed) || status ? 1 : 0;
}
