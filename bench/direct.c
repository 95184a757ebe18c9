/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Round trips without a hook: two members call socket_call() themselves. What
 *remains beside bench/pingpong.c under `toami run` is the price of hooking.
 *
 *	direct COUNT BYTES
 */
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/socket/small_fabric.h"

#define PORT  7
#define BYTES 65536

static struct small_fabric sf;
static size_t count, bytes;

static void pin(unsigned int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	sched_setaffinity(0, sizeof(set), &set);
}

static int serve(struct socket_thread *t, void *arg)
{
	static char buf[BYTES];
	int l = sf_listen(t, PORT), fd;
	long n;

	(void)arg;
	pin(0);
	fd = (int)SF(t, SYS_accept4, l, 0, 0, 0, 0, 0);
	while ((n = sf_read(t, fd, buf, sizeof(buf))) > 0)
		sf_write(t, fd, buf, (size_t)n);
	return 0;
}

static int compare(const void *a, const void *b)
{
	const uint32_t *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

static int ask(struct socket_thread *t, void *arg)
{
	uint32_t *ns = calloc(count, sizeof(*ns));
	static char buf[BYTES];
	int fd;

	(void)arg;
	pin(1);
	do {
		fd = sf_tcp(t);
		if (!sf_connect(t, fd, 2, PORT))
			break;
		sf_close(t, fd);
	} while (1);
	for (size_t i = 0; i < count; i++) {
		uint64_t t0 = fabric_now(&t->process->fabric);

		sf_write(t, fd, buf, bytes);
		for (size_t n = 0; n < bytes;)
			n += (size_t)sf_read(t, fd, buf, bytes - n);
		ns[i] = (uint32_t)(fabric_now(&t->process->fabric) - t0);
	}
	qsort(ns, count, sizeof(*ns), compare);
	printf("p50_ns %u p99_ns %u\n", ns[count / 2], ns[count * 99 / 100]);
	fflush(stdout);
	return 0;
}

int main(int argc, char **argv)
{
	proc_ix a, b;
	vif_ix va, vb;
	pid_t server, client;
	int status;

	if (argc != 3) {
		fprintf(stderr, "usage: direct COUNT BYTES\n");
		return 64;
	}
	count = strtoul(argv[1], NULL, 10);
	bytes = strtoul(argv[2], NULL, 10);
	if (!count || !bytes || bytes > BYTES)
		return 64;
	small_fabric_make(&sf);
	va = small_fabric_host(&sf, "server", 2);
	vb = small_fabric_host(&sf, "client", 3);
	server = small_fabric_fork(&sf, va, serve, NULL, &a);
	client = small_fabric_fork(&sf, vb, ask, NULL, &b);
	waitpid(client, &status, 0);
	kill(server, SIGKILL);
	waitpid(server, NULL, 0);
	return !WIFEXITED(status) || WEXITSTATUS(status);
}
