/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Many times what a program does seldom, for scale.sh: nothing may be lost,
 * hang or be left behind.
 *
 *   scale signals N   N queued signals while bytes go to a child and come back
 *   scale forks N     N times fork, exec of this program, exit, among sockets
 *   scale threads N   N threads, each with a socket of its own
 *
 * Each prints one line, and exits with 1 after the first thing that is wrong.
 */
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define BATCH 8

#define CHECK(condition)                                                  \
	do {                                                              \
		if (!(condition)) {                                       \
			fprintf(stderr, "%s:%d: not so: %s (errno %d)\n", \
				__FILE__, __LINE__, #condition, errno);   \
			exit(1);                                          \
		}                                                         \
	} while (0)

extern char **environ;

static int count_descriptors(void)
{
	DIR *d = opendir("/proc/self/fd");
	int n = 0;

	CHECK(d);
	while (readdir(d))
		n++;
	closedir(d);
	return n;
}

static long resident_kib(void)
{
	FILE *f = fopen("/proc/self/statm", "re");
	long size, pages = 0;

	CHECK(f && fscanf(f, "%ld %ld", &size, &pages) == 2);
	fclose(f);
	return pages * 4;
}

/* Two ends of a TCP connection on our own host. */
static void connect_pair(int fd[2])
{
	struct sockaddr_in a = { .sin_family = AF_INET,
				 .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t n = sizeof(a);
	int l = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	CHECK(l >= 0 && !bind(l, (struct sockaddr *)&a, n) && !listen(l, 1) &&
	      !getsockname(l, (struct sockaddr *)&a, &n));
	fd[0] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	CHECK(fd[0] >= 0 && !connect(fd[0], (struct sockaddr *)&a, n));
	fd[1] = accept4(l, NULL, NULL, SOCK_CLOEXEC);
	CHECK(fd[1] >= 0);
	close(l);
}

/* --- signals ----------------------------------------------------------------
 */

static volatile sig_atomic_t got_restart, got_interrupt, disorder;
static _Atomic long *handled; /* shared with the sender */

/* So many are under way at a time: more would leave no time for the calls. */
#define PENDING 4

static void on_restart(int sig, siginfo_t *info, void *context)
{
	(void)sig;
	(void)context;
	disorder |= info->si_value.sival_int != got_restart;
	got_restart++;
	++*handled;
}

static void on_interrupt(int sig, siginfo_t *info, void *context)
{
	(void)sig;
	(void)context;
	disorder |= info->si_value.sival_int != got_interrupt;
	got_interrupt++;
	++*handled;
}

static void echo(int fd)
{
	char buf[4096];
	ssize_t n;

	while ((n = read(fd, buf, sizeof(buf))) > 0)
		for (ssize_t at = 0; at < n;) {
			ssize_t m = write(fd, buf + at, (size_t)(n - at));

			if (m < 0)
				_exit(1);
			at += m;
		}
	_exit(n < 0);
}

static void send_signals(pid_t to, long n)
{
	for (long i = 0; i < n; i++) {
		union sigval v = { .sival_int = (int)(i / 2) };
		int sig = i % 2 ? SIGRTMIN + 1 : SIGRTMIN;

		while (i - *handled >= PENDING)
			sched_yield();
		if (sigqueue(to, sig, v))
			_exit(1);
	}
	_exit(0);
}

/* All of @n bytes, however often it is interrupted. */
static void transfer(ssize_t (*call)(int, void *, size_t), int fd, void *buf,
		     size_t n)
{
	for (size_t at = 0; at < n;) {
		ssize_t m = call(fd, (char *)buf + at, n - at);

		CHECK(m > 0 || (m < 0 && errno == EINTR));
		at += m > 0 ? (size_t)m : 0;
	}
}

static ssize_t write_out(int fd, void *buf, size_t n)
{
	return write(fd, buf, n);
}

static int run_signals(long n)
{
	struct sigaction restart = { .sa_sigaction = on_restart,
				     .sa_flags = SA_SIGINFO | SA_RESTART };
	struct sigaction interrupt = { .sa_sigaction = on_interrupt,
				       .sa_flags = SA_SIGINFO };
	uint32_t out[64], in[64], next = 0;
	pid_t echoer, sender;
	long turns = 0;
	int fd[2], status;

	connect_pair(fd);
	handled = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
		       MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	CHECK(handled != MAP_FAILED);
	echoer = fork();
	if (!echoer) {
		close(fd[0]);
		echo(fd[1]);
	}
	close(fd[1]);
	sigaction(SIGRTMIN, &restart, NULL);
	sigaction(SIGRTMIN + 1, &interrupt, NULL);
	sender = fork();
	if (!sender)
		send_signals(getppid(), n);
	while (got_restart + got_interrupt < n) {
		for (int i = 0; i < 64; i++)
			out[i] = next++;
		transfer(write_out, fd[0], out, sizeof(out));
		transfer(read, fd[0], in, sizeof(in));
		CHECK(!memcmp(in, out, sizeof(in)));
		CHECK(!disorder);
		turns++;
	}
	while (waitpid(sender, &status, 0) < 0)
		CHECK(errno == EINTR);
	CHECK(!status);
	close(fd[0]);
	CHECK(waitpid(echoer, &status, 0) == echoer && !status);
	CHECK(got_restart + got_interrupt == n);
	printf("%ld signals during %ld round trips\n", n, turns);
	return 0;
}

/* --- forks ------------------------------------------------------------------
 */

/* The program that is executed: a socket of its own, and its parent's. */
static int child(const char *number)
{
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	CHECK(fd >= 0);
	return atoi(number);
}

static pid_t start_child(int how, char **argv)
{
	pid_t pid;

	if (how == 2) {
		CHECK(!posix_spawn(&pid, "/proc/self/exe", NULL, NULL, argv,
				   environ));
		return pid;
	}
	pid = how ? vfork() : fork();
	if (!pid) {
		execv("/proc/self/exe", argv);
		_exit(126);
	}
	return pid;
}

static int run_forks(char *self, long n)
{
	char word[] = "child", number[16];
	char *argv[] = { self, word, number, NULL };
	long before = 0;
	int fds = 0, status;
	int fd[2];

	connect_pair(fd);
	for (long i = 0; i < n; i++) {
		pid_t pid;

		snprintf(number, sizeof(number), "%ld", i % 100);
		pid = start_child((int)(i % 3), argv);
		CHECK(pid > 0 && waitpid(pid, &status, 0) == pid);
		CHECK(WIFEXITED(status) && WEXITSTATUS(status) == i % 100);
		CHECK(write(fd[0], "x", 1) == 1 && read(fd[1], number, 1) == 1);
		if (i == n / 10) {
			before = resident_kib();
			fds = count_descriptors();
		}
	}
	CHECK(count_descriptors() == fds);
	CHECK(resident_kib() < before + 256);
	printf("%ld children\n", n);
	return 0;
}

/* --- threads ----------------------------------------------------------------
 */

static void *thread(void *arg)
{
	struct sockaddr_in a = { .sin_family = AF_INET,
				 .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	socklen_t n = sizeof(a);
	char c = 'x';

	CHECK(fd >= 0 && !bind(fd, (struct sockaddr *)&a, n) &&
	      !getsockname(fd, (struct sockaddr *)&a, &n));
	CHECK(sendto(fd, &c, 1, 0, (struct sockaddr *)&a, n) == 1);
	CHECK(recv(fd, &c, 1, 0) == 1);
	CHECK(!close(fd));
	return arg;
}

static int run_threads(long n)
{
	pthread_t t[BATCH];
	long before = 0;
	int fds = 0;

	for (long i = 0; i < n; i += BATCH) {
		for (long k = 0; k < BATCH; k++)
			CHECK(!pthread_create(&t[k], NULL, thread,
					      (void *)(i + k)));
		for (long k = 0; k < BATCH; k++) {
			void *ret;

			CHECK(!pthread_join(t[k], &ret));
			CHECK((long)ret == i + k);
		}
		if (i / BATCH == n / BATCH / 10) {
			before = resident_kib();
			fds = count_descriptors();
		}
	}
	CHECK(count_descriptors() == fds);
	CHECK(resident_kib() < before + 1024);
	printf("%ld threads\n", n);
	return 0;
}

int main(int argc, char **argv)
{
	long n = argc == 3 ? atol(argv[2]) : 0;

	if (argc == 3 && !strcmp(argv[1], "child"))
		return child(argv[2]);
	if (n > 0 && !strcmp(argv[1], "signals"))
		return run_signals(n);
	if (n > 0 && !strcmp(argv[1], "forks"))
		return run_forks(argv[0], n);
	if (n > 0 && !strcmp(argv[1], "threads"))
		return run_threads(n);
	fprintf(stderr, "usage: scale signals|forks|threads N\n");
	return 64;
}
