/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Death at any instant: members of a fabric are killed while they work, again
 *and again, and the others must not notice.
 *
 *	kill [--kills N] [--seed S] [--rate MBIT]
 *
 * Two survivors exchange bytes the whole time and check each of them. Victims
 *are servers and clients of every kind (echo in small pieces, bulk, connect and
 *close, epoll, splice) that talk to each other and to the survivors' server;
 *one after the other is killed with SIGKILL after a random time. After each
 *death the fabric is mended, the survivors must make progress, and at the end
 *nothing may be left: no socket, poll set, watch or frame. A failure prints the
 *seed and the command that repeats it.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/random.h"
#include "base/sys.h"
#include "socket/sock.h"
#include "stack/conn.h"
#include "stack/pace.h"
#include "tests/socket/small_fabric.h"
#include "vif/sched_core.h"

#define ECHO_PORT 7
#define SINK_PORT 9
#define STALL_NS  (3 * NSEC_PER_SEC)

/* Shared with the children. */
static struct board {
	_Atomic uint64_t survivor_rounds;
	_Atomic uint32_t victim_ready;
	_Atomic uint32_t stop;
	_Atomic uint32_t wrong;
} * board;

static uint64_t seed = 1;
static unsigned int kills = 1000;
static uint64_t rate_mbit; /* of the clients, both ways; 0: not shaped */
static struct small_fabric sf;
static pid_t survivor_pid;

static void show_sched(void)
{
	const struct fabric *f = &sf.process.fabric;

	fprintf(stderr, "kill: scheduler: next in %lld us, waits %d, lock %x\n",
		(long long)(sched_next_ns(f) - fabric_now(f)) / 1000,
		sched_work_waits(f), sched_door(f)->lock.word);
	for (conn_ix ix = 1; ix < slot_end(&f->table[FABRIC_TABLE_CONN]);
	     ix++) {
		const struct stack_pace *p =
			pace_at(&f->table[FABRIC_TABLE_PACE], ix);

		if (p->sent != p->passed || p->wish)
			fprintf(stderr,
				"kill: conn %u: %u bytes under way, wish %u, "
				"limit %u\n",
				ix, p->sent - p->passed, p->wish, p->limit);
	}
	for (vif_ix ix = 2; ix < 5; ix++)
		for (int way = 0; way < 2; way++) {
			struct vif_class_stats st;

			vif_sched_stats(f, ix, (enum vif_way)way, &st);
			fprintf(stderr, "kill: vif %u way %d: %lu waiting\n",
				ix, way, (unsigned long)st.backlog_packets);
		}
}

/* What a stall looks like from inside: each connection, and whether the
 * survivor lives. */
static void show_state(void)
{
	const struct slot_table *t =
		&sf.process.fabric.table[FABRIC_TABLE_CONN];
	int status;

	if (waitpid(survivor_pid, &status, WNOHANG) == survivor_pid)
		fprintf(stderr, "kill: the survivor ended, status 0x%x\n",
			status);
	for (conn_ix ix = 1; ix < slot_end(t); ix++) {
		const struct conn *c = slot_at(t, ix);

		if (c->state && c->state != CONN_TIME_WAIT && c->sock)
			fprintf(stderr,
				"kill: conn %u host %u sock %u state %u flags "
				"%x error "
				"%u: una %u nxt %u end %u queued %u wnd %u "
				"cwnd %u, "
				"rcv_nxt %u queued %u ooo %u, rtx in %lld us, "
				"ready %x sleeping %u\n",
				ix, c->host, c->sock, c->state, c->flags,
				c->error, c->snd_una, c->snd_nxt, c->snd_end,
				c->snd_queued, c->snd_wnd, c->cwnd, c->rcv_nxt,
				c->rcv_queued, c->ooo_frames,
				c->rtx_at ? ((long long)c->rtx_at -
					     (long long)fabric_now(
						     &sf.process.fabric)) /
						    1000
					  : -1,
				sock_at(&sf.process.fabric, c->sock)->ready,
				sock_at(&sf.process.fabric, c->sock)->sleeping);
	}
	show_sched();
	for (host_ix ix = 1; ix < 5; ix++) {
		const struct fabric_host *h = &sf.process.fabric.hosts[ix];

		fprintf(stderr,
			"kill: host %u lock %x backlog %u next timer in %lld "
			"us\n",
			ix, h->lock.word, h->backlog,
			((long long)stack_next_timer_ns(
				 stack_host_at(&sf.process.fabric, ix)) -
			 (long long)fabric_now(&sf.process.fabric)) /
				1000);
	}
}

static void fail(const char *what)
{
	show_state();
	fprintf(stderr,
		"kill: %s\nkill: repeat with: tests-kill --kills %u --seed "
		"%llu\n",
		what, kills, (unsigned long long)seed);
	kill(0, SIGKILL); /* our own process group: the children go, too */
	_exit(1);
}

/* --- members -----------------------------------------------------------------
 */

static int run_echo_server(struct socket_thread *t, void *arg)
{
	struct epoll_event ev = { .events = EPOLLIN }, got[16];
	static char buf[65536];
	int l = sf_listen(t, ECHO_PORT), sink = sf_listen(t, SINK_PORT);
	int ep = (int)SF(t, SYS_epoll_create1, 0, 0, 0, 0, 0, 0);

	(void)arg;
	ev.data.fd = l;
	SF(t, SYS_epoll_ctl, ep, EPOLL_CTL_ADD, l, &ev, 0, 0);
	ev.data.fd = sink;
	SF(t, SYS_epoll_ctl, ep, EPOLL_CTL_ADD, sink, &ev, 0, 0);
	atomic_store(&board->victim_ready, 1);
	while (l >= 0) {
		long n = SF(t, SYS_epoll_wait, ep, got, 16, 100, 0, 0);

		for (long i = 0; i < n; i++) {
			int fd = got[i].data.fd & 0xffff;
			bool sinks = got[i].data.fd >> 16;
			long m;

			if (fd == l || fd == sink) {
				int c = (int)SF(t, SYS_accept4, fd, 0, 0,
						SOCK_NONBLOCK, 0, 0);

				if (c < 0)
					continue;
				ev.data.fd = c | (fd == sink) << 16;
				SF(t, SYS_epoll_ctl, ep, EPOLL_CTL_ADD, c, &ev,
				   0, 0);
				continue;
			}
			m = sf_read(t, fd, buf, sizeof(buf));
			if (m == -EAGAIN)
				continue;
			if (m <= 0 ||
			    (!sinks && sf_write(t, fd, buf, (size_t)m) != m))
				sf_close(t, fd);
		}
	}
	return 1;
}

/* Sends a pattern in pieces of random size and checks what comes back. */
static int run_survivor(struct socket_thread *t, void *arg)
{
	uint64_t rng = seed ^ 0x5a5a;
	static uint8_t out[30000], in[30000];
	int fd = sf_tcp(t);

	(void)arg;
	if (sf_connect(t, fd, 2, ECHO_PORT))
		return 1;
	while (!atomic_load(&board->stop)) {
		size_t n =
			1 + random_next(&rng) %
				    (random_next(&rng) % 8 ? 200 : sizeof(out));
		size_t back = 0;

		for (size_t i = 0; i < n; i++)
			out[i] = (uint8_t)random_next(&rng);
		if (sf_write(t, fd, out, n) != (long)n)
			return 2;
		while (back < n) {
			long m = sf_read(t, fd, in + back, n - back);

			if (m <= 0)
				return 3;
			back += (size_t)m;
		}
		if (memcmp(in, out, n)) {
			atomic_store(&board->wrong, 1);
			return 4;
		}
		atomic_fetch_add(&board->survivor_rounds, 1);
	}
	sf_close(t, fd);
	return 0;
}

/* Copies, epoll instances and children: references come and go. */
static void juggle(struct socket_thread *t, int fd)
{
	struct epoll_event ev = { .events = EPOLLIN };
	int ep = (int)SF(t, SYS_epoll_create1, 0, 0, 0, 0, 0, 0);
	int copy = (int)SF(t, SYS_dup, fd, 0, 0, 0, 0, 0);
	proc_ix child;

	SF(t, SYS_epoll_ctl, ep, EPOLL_CTL_ADD, copy, &ev, 0, 0);
	child = socket_fork_prepare(t);
	if (child)
		socket_fork_parent(t, child, -EAGAIN);
	SF(t, SYS_dup2, ep, copy, 0, 0, 0, 0);
	sf_close(t, ep);
	SF(t, SYS_dup2, fd, copy, 0, 0, 0, 0);
	sf_close(t, copy);
}

/* One connection's answers by splice() into another, whose answers are checked.
 */
static void relay(struct socket_thread *t, int fd, uint8_t server,
		  uint64_t *rng)
{
	static uint8_t out[60000], in[sizeof(out)];
	int to = sf_tcp(t), p[2];
	long n;

	if (SF(t, SYS_pipe2, p, 0, 0, 0, 0, 0))
		return;
	if (to < 0 || sf_connect(t, to, server, ECHO_PORT))
		goto out;
	for (int i = 0; i < 100; i++) {
		size_t bytes = 1 + random_next(rng) % sizeof(out), back = 0;

		for (size_t k = 0; k < bytes; k++)
			out[k] = (uint8_t)((size_t)i + k * 7);
		if (sf_write(t, fd, out, bytes) != (long)bytes)
			break;
		while (back < bytes) {
			size_t want = 1 + random_next(rng) % (bytes - back);

			n = SF(t, SYS_splice, fd, 0, p[1], 0, want, 0);
			if (n <= 0)
				goto out;
			for (long m; n > 0; n -= m) {
				m = SF(t, SYS_splice, p[0], 0, to, 0, n, 0);
				if (m <= 0)
					goto out;
				back += (size_t)m;
			}
		}
		for (back = 0; back < bytes; back += (size_t)n) {
			n = sf_read(t, to, in + back, bytes - back);
			if (n <= 0)
				goto out;
		}
		if (memcmp(in, out, bytes))
			atomic_store(&board->wrong, 1);
	}
out:
	sf_close(t, to);
	sf_close(t, p[0]);
	sf_close(t, p[1]);
}

/* A client that does everything at once until it is killed. */
static int run_client(struct socket_thread *t, void *arg)
{
	uint8_t server = (uint8_t)(uintptr_t)arg;
	uint64_t rng = seed ^ (uint64_t)getpid();
	static char buf[200000];

	for (;;) {
		int kind = (int)(random_next(&rng) % 6);
		int fd = sf_tcp(t);

		if (fd < 0)
			return 1;
		if (sf_connect(t, fd, server,
			       kind == 2 ? SINK_PORT : ECHO_PORT)) {
			sf_close(t, fd); /* its server was killed */
			continue;
		}
		atomic_store(&board->victim_ready, 1);
		for (int i = 0; i < 200; i++) {
			size_t n = kind == 0   ? 64
				   : kind == 1 ? 5000
					       : sizeof(buf);
			size_t back = 0;

			if (kind == 3)
				break; /* connect and close */
			if (kind == 5) {
				relay(t, fd, server, &rng);
				break;
			}
			if (kind == 4) {
				juggle(t, fd);
				continue;
			}
			if (sf_write(t, fd, buf, n) != (long)n)
				break;
			while (kind != 2 && back < n) {
				long m = sf_read(t, fd, buf, n - back);

				if (m <= 0)
					break;
				back += (size_t)m;
			}
			if (kind != 2 && back < n)
				break;
		}
		sf_close(t, fd);
	}
}

/* --- the test ----------------------------------------------------------------
 */

static void nap_ns(uint64_t ns)
{
	struct timespec ts = { 0, (long)ns };

	nanosleep(&ts, NULL);
}

/* Runs timers for @ns, as the daemon would. */
static void keep_time(uint64_t ns)
{
	uint64_t until = fabric_now(&sf.process.fabric) + ns;

	do {
		socket_timers(&sf.thread);
		nap_ns(min_u64(ns, 200000));
	} while (fabric_now(&sf.process.fabric) < until);
}

static void await(_Atomic uint32_t *flag, const char *what)
{
	uint64_t until = fabric_now(&sf.process.fabric) + STALL_NS;

	while (!atomic_load(flag)) {
		if (fabric_now(&sf.process.fabric) > until)
			fail(what);
		keep_time(100000);
	}
}

static void expect_progress(const char *what)
{
	uint64_t before = atomic_load(&board->survivor_rounds);
	uint64_t until = fabric_now(&sf.process.fabric) + STALL_NS;

	while (atomic_load(&board->survivor_rounds) < before + 2) {
		if (fabric_now(&sf.process.fabric) > until)
			fail(what);
		keep_time(50000);
	}
	if (atomic_load(&board->wrong))
		fail("a survivor received wrong bytes");
}

struct member {
	pid_t pid;
	proc_ix ix;
};

static struct member
start(vif_ix vif, int (*run)(struct socket_thread *t, void *arg), uintptr_t arg)
{
	struct member m;

	atomic_store(&board->victim_ready, 0);
	m.pid = small_fabric_fork(&sf, vif, run, (void *)arg, &m.ix);
	await(&board->victim_ready, "a victim does not get to work");
	return m;
}

static void end(struct member *m, struct socket_reaped *sum)
{
	struct socket_reaped r;

	kill(m->pid, SIGKILL);
	waitpid(m->pid, NULL, 0);
	small_fabric_reap(&sf, m->ix, &r);
	/* The child that it was about to fork will not be born. */
	for (proc_ix ix = 1; ix < FABRIC_PROC_MAX; ix++) {
		const struct fabric_proc *p = &sf.process.fabric.procs[ix];
		struct socket_reaped none;

		if (atomic_load(&p->state) == FABRIC_PROC_FORKING &&
		    atomic_load(&p->parent) == m->ix)
			small_fabric_reap(&sf, ix, &none);
	}
	sum->sockets += r.sockets;
	sum->cut += r.cut;
}

/* Between a half of the rate and the whole of it. */
static void shape(vif_ix ix, uint64_t *rng)
{
	struct fabric *f = &sf.process.fabric;
	struct vif_control *c;

	if (!rate_mbit)
		return;
	c = vif_control_make(f, ix);
	c->rate_bps = rate_mbit * (500000 + random_next(rng) % 500000);
	c->rate_in_bps = rate_mbit * (500000 + random_next(rng) % 500000);
	vif_sched_apply(f, ix);
}

/* What no frame stands for any more must not be counted as under way. */
static void check_paces(void)
{
	const struct fabric *f = &sf.process.fabric;

	for (conn_ix ix = 1; ix < slot_end(&f->table[FABRIC_TABLE_CONN]);
	     ix++) {
		const struct stack_pace *p =
			pace_at(&f->table[FABRIC_TABLE_PACE], ix);

		if (atomic_load(&p->sent) != atomic_load(&p->passed))
			fail("bytes are under way that nobody has");
	}
}

int main(int argc, char **argv)
{
	struct socket_reaped sum = { 0 };
	struct socket_census c;
	vif_ix servers, clients, others;
	struct member server, survivor, victim_server, victim_client;
	uint64_t rng;
	int status, err;

	for (int i = 1; i + 1 < argc; i += 2) {
		if (!strcmp(argv[i], "--kills"))
			kills = (unsigned int)strtoul(argv[i + 1], NULL, 0);
		else if (!strcmp(argv[i], "--seed"))
			seed = strtoull(argv[i + 1], NULL, 0);
		else if (!strcmp(argv[i], "--rate"))
			rate_mbit = strtoull(argv[i + 1], NULL, 0);
	}
	setpgid(0, 0);
	rng = seed;
	board = mmap(NULL, sizeof(*board), PROT_READ | PROT_WRITE,
		     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	small_fabric_make(&sf);
	servers = small_fabric_host(&sf, "servers", 2);
	clients = small_fabric_host(&sf, "clients", 3);
	others = small_fabric_host(&sf, "others", 4);

	shape(clients, &rng);
	server = start(servers, run_echo_server, 0);
	survivor.pid = small_fabric_fork(&sf, clients, run_survivor, NULL,
					 &survivor.ix);
	survivor_pid = survivor.pid;
	victim_server = start(others, run_echo_server, 0);
	expect_progress("the survivors do not start");

	for (unsigned int i = 0; i < kills; i++) {
		/* To the survivors' server or to the one that will be killed.
		 */
		victim_client = start(clients, run_client,
				      random_next(&rng) & 1 ? 2 : 4);
		shape(clients, &rng);
		keep_time(random_next(&rng) % 2000000);
		if (random_next(&rng) % 4 == 0) {
			end(&victim_server, &sum);
			expect_progress("a server's death stops the survivors");
			victim_server = start(others, run_echo_server, 0);
		}
		end(&victim_client, &sum);
		expect_progress("a client's death stops the survivors");
		if ((i + 1) % 100 == 0)
			printf("%u deaths, %u sockets lost, %u changes found "
			       "half done, %llu "
			       "rounds of the survivors\n",
			       i + 1, sum.sockets, sum.cut,
			       (unsigned long long)atomic_load(
				       &board->survivor_rounds));
	}

	atomic_store(&board->stop, 1);
	waitpid(survivor.pid, &status, 0);
	if (!WIFEXITED(status) || WEXITSTATUS(status))
		fail("a survivor ended with an error");
	small_fabric_reap(&sf, survivor.ix, &sum);
	end(&server, &sum);
	end(&victim_server, &sum);

	while ((err = socket_census(&sf.thread, &c)) == -EBUSY)
		keep_time(1000000);
	printf("left: %u members, %u sockets, %u poll sets, %u watches, %u "
	       "frames, "
	       "%u chunks, %u connections of the stack's own\n",
	       c.procs, c.socks, c.psets, c.watches, c.frames_held,
	       c.chunks_held, c.conns);
	keep_time(rate_mbit ? NSEC_PER_SEC : 0);
	check_paces();
	if (err || c.procs != 1 || c.socks || c.psets || c.watches || c.pipes)
		fail("something is left behind");
	/* Connections that end by themselves (FIN-WAIT, TIME-WAIT) may hold a
	 * FIN. */
	if (c.frames_held > c.conns || c.chunks_held > c.conns)
		fail("frames or chunks are left behind");
	small_fabric_drop(&sf);
	printf("passed: %u deaths, seed %llu\n", kills,
	       (unsigned long long)seed);
	return 0;
}
