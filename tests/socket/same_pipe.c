/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A pipe between two sockets, and whatever else a program may do with it while
 * bytes are inside: nobody must see that they are not the kernel's.
 */
#include "same.h"

#include <pthread.h>
#include <sched.h>
#include <spawn.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/select.h>
#include <sys/sendfile.h>
#include <sys/uio.h>
#include <sys/wait.h>

extern char **environ;

enum { BYTES = 5000 };

static unsigned char sent[BYTES], got[2 * BYTES];

/* What is written into x can be read from y, z's from v. */
static struct {
	int x, y, z, v, p[2];
} w;

static void begin(const char *what, int flags)
{
	printf(" %s\n", what);
	same_streams(&w.x, &w.y);
	same_streams(&w.z, &w.v);
	if (pipe2(w.p, flags))
		exit(1);
	for (int i = 0; i < BYTES; i++)
		sent[i] = (unsigned char)(i * 13 + i / 256);
	memset(got, 0, sizeof(got));
}

static void end(void)
{
	close(w.x);
	close(w.y);
	close(w.z);
	close(w.v);
	close(w.p[0]);
	close(w.p[1]);
}

/* All of [from, from + bytes) of what is sent is in the pipe, or in @left. */
static void into_pipe(int from, int bytes)
{
	int done = 0;

	if (write(w.x, sent + from, (size_t)bytes) != bytes)
		exit(1);
	while (done < bytes) {
		long n = splice(w.y, NULL, w.p[1], NULL, (size_t)(bytes - done),
				0);

		if (n <= 0) {
			printf("  %d of %d in the pipe: %m\n", done, bytes);
			return;
		}
		done += (int)n;
	}
	printf("  in the pipe: %d\n", done);
}

static void is_right(int from, long bytes)
{
	printf("  %ld bytes, %s\n", bytes,
	       bytes >= 0 && !memcmp(got, sent + from, (size_t)bytes)
		       ? "the right ones"
		       : "wrong");
}

/* Out of the pipe, and out at the other end. */
static void out_of_pipe(int from, int bytes)
{
	int done = 0;
	long n = 0;

	while (done < bytes && (n = splice(w.p[0], NULL, w.z, NULL,
					   (size_t)(bytes - done), 0)) > 0)
		done += (int)n;
	if (n <= 0)
		printf("  out after %d: %ld %m\n", done, n);
	is_right(from, recv(w.v, got, (size_t)done, MSG_WAITALL));
}

/* --- ordinary ---------------------------------------------------------------
 */

static void passes(void)
{
	begin("passes", 0);
	into_pipe(0, 5000);
	out_of_pipe(0, 5000);
	/* In other pieces than it came in. */
	into_pipe(0, 1);
	into_pipe(1, 4000);
	into_pipe(4001, 999);
	out_of_pipe(0, 10);
	out_of_pipe(10, 3000);
	into_pipe(0, 100);
	out_of_pipe(3010, 1990);
	out_of_pipe(0, 100);
	/* And what is written besides stays in order. */
	into_pipe(0, 3000);
	STEP(splice(w.p[0], NULL, w.z, NULL, 1500, SPLICE_F_MORE));
	STEP(send(w.z, "between", 7, 0));
	STEP(splice(w.p[0], NULL, w.z, NULL, 9999, 0));
	is_right(0, recv(w.v, got, 1500, MSG_WAITALL));
	STEP(recv(w.v, got, 7, MSG_WAITALL));
	printf("  %.7s\n", got);
	is_right(1500, recv(w.v, got, 1500, MSG_WAITALL));
	/* What is looked at before stays. */
	STEP(write(w.x, sent, 1000));
	STEP(recv(w.y, got, 1000, MSG_PEEK | MSG_WAITALL));
	STEP(recv(w.y, got, 400, MSG_WAITALL));
	STEP(splice(w.y, NULL, w.p[1], NULL, 600, 0));
	out_of_pipe(400, 600);
	end();
}

static void nothing_there(void)
{
	begin("nothing there", 0);
	STEP(splice(w.p[0], NULL, w.z, NULL, 4, SPLICE_F_NONBLOCK));
	fcntl(w.y, F_SETFL, O_NONBLOCK);
	STEP(splice(w.y, NULL, w.p[1], NULL, 4, 0));
	STEP(splice(w.y, NULL, w.p[1], NULL, 4, SPLICE_F_NONBLOCK));
	fcntl(w.y, F_SETFL, 0);
	STEP(fcntl(w.p[0], F_SETFL, O_NONBLOCK));
	STEP(fcntl(w.p[0], F_GETFL));
	STEP(splice(w.p[0], NULL, w.z, NULL, 4, 0));
	into_pipe(0, 100);
	out_of_pipe(0, 100);
	STEP(fcntl(w.p[0], F_SETFL, 0));
	STEP(splice(w.p[1], NULL, w.z, NULL, 4, 0));
	STEP(splice(w.y, NULL, w.p[0], NULL, 4, 0));
	end();
	begin("nothing there, from the beginning", O_NONBLOCK);
	STEP(splice(w.p[0], NULL, w.z, NULL, 4, 0));
	into_pipe(0, 100);
	out_of_pipe(0, 100);
	STEP(fcntl(w.p[1], F_GETFL));
	end();
}

static void ends(void)
{
	begin("the stream ends", 0);
	into_pipe(0, 500);
	shutdown(w.x, SHUT_WR);
	same_readable(w.y);
	STEP(splice(w.y, NULL, w.p[1], NULL, 4, 0));
	out_of_pipe(0, 500);
	end();
	begin("the stream is reset", 0);
	STEP(write(w.y, "unread", 6));
	into_pipe(0, 500);
	same_readable(w.x);
	close(w.x);
	w.x = -1;
	same_readable(w.y);
	STEP(splice(w.y, NULL, w.p[1], NULL, 4, 0));
	out_of_pipe(0, 500);
	end();
	signal(SIGPIPE, SIG_IGN);
	begin("nobody to send to", 0);
	into_pipe(0, 500);
	STEP(shutdown(w.z, SHUT_WR));
	STEP(splice(w.p[0], NULL, w.z, NULL, 500, 0));
	/* It is still there. */
	STEP(read(w.p[0], got, sizeof(got)));
	end();
	begin("the reader of the pipe goes", 0);
	into_pipe(0, 500);
	STEP(write(w.x, sent, 100));
	same_readable(w.y);
	STEP(close(w.p[0]));
	STEP(splice(w.y, NULL, w.p[1], NULL, 100, 0));
	w.p[0] = -1;
	end();
	begin("the writer of the pipe goes", 0);
	into_pipe(0, 500);
	STEP(close(w.p[1]));
	w.p[1] = -1;
	out_of_pipe(0, 500);
	STEP(splice(w.p[0], NULL, w.z, NULL, 100, 0));
	end();
	signal(SIGPIPE, SIG_DFL);
}

/* --- other uses, with bytes inside -------------------------------------------
 */

static void is_read(void)
{
	begin("read", 0);
	into_pipe(0, 1000);
	STEP(read(w.p[0], got, 300));
	is_right(0, 300);
	into_pipe(1000, 500);
	out_of_pipe(300, 1200);
	end();
	begin("read as a vector", 0);
	into_pipe(0, 1000);
	{
		struct iovec v = { got, 300 };

		STEP(readv(w.p[0], &v, 1));
	}
	out_of_pipe(300, 700);
	end();
}

static void is_written(void)
{
	struct iovec v = { sent + 1200, 300 };

	begin("written", 0);
	into_pipe(0, 1000);
	STEP(write(w.p[1], sent + 1000, 200));
	STEP(vmsplice(w.p[1], &v, 1, 0));
	into_pipe(1500, 500);
	out_of_pipe(0, 2000);
	end();
	begin("given memory", 0);
	into_pipe(0, 1200);
	STEP(vmsplice(w.p[1], &v, 1, 0));
	out_of_pipe(0, 1500);
	end();
}

static void is_looked_at(void)
{
	struct pollfd f[2];
	struct epoll_event ev = { .events = EPOLLIN }, seen;
	struct timeval none = { 0, 0 };
	fd_set set;
	int n = 0, e;

	begin("how much", 0);
	into_pipe(0, 1000);
	STEP(ioctl(w.p[0], FIONREAD, &n));
	printf("  %d\n", n);
	out_of_pipe(0, 1000);
	end();
	begin("poll", 0);
	f[0] = (struct pollfd){ w.p[0], POLLIN, 0 };
	f[1] = (struct pollfd){ w.p[1], POLLOUT, 0 };
	into_pipe(0, 1000);
	STEP(poll(f, 2, 0));
	printf("  %x %x\n", f[0].revents, f[1].revents);
	out_of_pipe(0, 1000);
	STEP(poll(f, 1, 0));
	end();
	begin("poll beside a socket", 0);
	f[0] = (struct pollfd){ w.p[0], POLLIN, 0 };
	f[1] = (struct pollfd){ w.y, POLLIN, 0 };
	into_pipe(0, 1000);
	STEP(poll(f, 2, 0));
	printf("  %x %x\n", f[0].revents, f[1].revents);
	out_of_pipe(0, 1000);
	end();
	begin("select", 0);
	into_pipe(0, 1000);
	FD_ZERO(&set);
	FD_SET(w.p[0], &set);
	STEP(select(w.p[0] + 1, &set, NULL, NULL, &none));
	out_of_pipe(0, 1000);
	end();
	begin("epoll", 0);
	e = epoll_create1(0);
	into_pipe(0, 1000);
	STEP(epoll_ctl(e, EPOLL_CTL_ADD, w.p[0], &ev));
	STEP(epoll_wait(e, &seen, 1, 0));
	out_of_pipe(0, 1000);
	STEP(epoll_wait(e, &seen, 1, 0));
	into_pipe(0, 10);
	STEP(epoll_wait(e, &seen, 1, 0));
	close(e);
	end();
}

static void is_copied(void)
{
	int q[2], d;

	if (pipe(q))
		return;
	begin("tee", 0);
	into_pipe(0, 1000);
	STEP(tee(w.p[0], q[1], 1000, 0));
	is_right(0, read(q[0], got, sizeof(got)));
	out_of_pipe(0, 1000);
	end();
	begin("into another pipe", 0);
	into_pipe(0, 1000);
	STEP(splice(w.p[0], NULL, q[1], NULL, 600, 0));
	is_right(0, read(q[0], got, sizeof(got)));
	out_of_pipe(600, 400);
	end();
	begin("dup", 0);
	into_pipe(0, 1000);
	d = dup(w.p[0]);
	is_right(0, read(d, got, 100));
	close(w.p[0]);
	w.p[0] = d;
	into_pipe(1000, 10);
	out_of_pipe(100, 910);
	end();
	begin("F_DUPFD", 0);
	into_pipe(0, 1000);
	d = fcntl(w.p[1], F_DUPFD, 50);
	STEP(write(d, sent + 1000, 100));
	close(d);
	out_of_pipe(0, 1100);
	end();
	begin("dup2", 0);
	into_pipe(0, 1000);
	d = dup2(w.p[0], 60);
	is_right(0, read(d, got, 100));
	close(d);
	out_of_pipe(100, 900);
	end();
	begin("dup2 over it", 0);
	into_pipe(0, 1000);
	d = dup(w.p[0]);
	STEP(dup2(q[1], w.p[1]) == w.p[1]);
	is_right(0, read(d, got, sizeof(got)));
	STEP(read(d, got, sizeof(got)));
	close(d);
	end();
	begin("F_SETPIPE_SZ", 0);
	STEP(fcntl(w.p[0], F_GETPIPE_SZ));
	STEP(fcntl(w.p[1], F_SETPIPE_SZ, 16384));
	into_pipe(0, 1000);
	STEP(fcntl(w.p[1], F_SETPIPE_SZ, 8192));
	STEP(fcntl(w.p[0], F_GETPIPE_SZ));
	out_of_pipe(0, 1000);
	into_pipe(0, 1000);
	out_of_pipe(0, 1000);
	end();
	close(q[0]);
	close(q[1]);
}

static void is_opened(void)
{
	char name[64], file[] = "/tmp/same.XXXXXX";
	int d = mkstemp(file);
	loff_t off = 0;

	unlink(file);
	begin("into a file", 0);
	into_pipe(0, 1000);
	STEP(splice(w.p[0], NULL, d, &off, 600, 0));
	is_right(0, pread(d, got, sizeof(got), 0));
	out_of_pipe(600, 400);
	end();
	close(d);
	begin("by its name", 0);
	into_pipe(0, 1000);
	snprintf(name, sizeof(name), "/proc/self/fd/%d", w.p[0]);
	d = open(name, O_RDONLY);
	is_right(0, read(d, got, 100));
	out_of_pipe(100, 900);
	close(d);
	end();
	begin("by another name", 0);
	into_pipe(0, 1000);
	snprintf(name, sizeof(name), "/dev/fd/%d", w.p[1]);
	d = open(name, O_WRONLY);
	STEP(write(d, sent + 1000, 100));
	out_of_pipe(0, 1100);
	close(d);
	end();
}

/* --- other processes ---------------------------------------------------------
 */

static void status_of(pid_t pid)
{
	int status = -1;

	waitpid(pid, &status, 0);
	printf("  the other one ends with %d\n", status);
}

static void is_shared(void)
{
	pid_t pid;

	fflush(stdout);
	begin("fork", 0);
	into_pipe(0, 1000);
	fflush(stdout);
	pid = fork();
	if (!pid)
		_exit(read(w.p[0], got, 300) == 300 && !memcmp(got, sent, 300)
			      ? 0
			      : 1);
	status_of(pid);
	into_pipe(1000, 10);
	out_of_pipe(300, 710);
	end();
	begin("fork, and the child goes on", 0);
	into_pipe(0, 1000);
	fflush(stdout);
	pid = fork();
	if (!pid) {
		out_of_pipe(0, 1000);
		end();
		begin("its own", 0);
		into_pipe(0, 1000);
		out_of_pipe(0, 1000);
		end();
		fflush(stdout);
		_exit(0);
	}
	status_of(pid);
	into_pipe(1000, 10);
	out_of_pipe(1000, 10);
	end();
	begin("vfork", 0);
	into_pipe(0, 1000);
	fflush(stdout);
	pid = vfork();
	if (!pid)
		_exit(read(w.p[0], got, 300) == 300 ? 0 : 1);
	status_of(pid);
	out_of_pipe(300, 700);
	end();
}

static void is_inherited(void)
{
	char name[] = "cat", *cat[] = { name, NULL };
	posix_spawn_file_actions_t a;
	pid_t pid = 0;

	begin("a program's input", 0);
	into_pipe(0, 1000);
	posix_spawn_file_actions_init(&a);
	posix_spawn_file_actions_adddup2(&a, w.p[0], 0);
	posix_spawn_file_actions_adddup2(&a, w.z, 1);
	posix_spawn_file_actions_addclose(&a, w.p[1]);
	STEP(posix_spawnp(&pid, "cat", &a, NULL, cat, environ));
	posix_spawn_file_actions_destroy(&a);
	STEP(close(w.p[1]));
	w.p[1] = -1;
	is_right(0, recv(w.v, got, 1000, MSG_WAITALL));
	status_of(pid);
	end();
	begin("exec", 0);
	into_pipe(0, 1000);
	fflush(stdout);
	pid = fork();
	if (!pid) {
		if (pipe(w.p))
			_exit(1);
		into_pipe(1000, 500);
		dup2(w.z, 1);
		close(w.p[1]);
		dup2(w.p[0], 0);
		execvp("cat", cat);
		_exit(1);
	}
	status_of(pid);
	is_right(1000, recv(w.v, got, 500, MSG_WAITALL));
	out_of_pipe(0, 1000);
	end();
}

static void is_sent(void)
{
	union {
		struct cmsghdr h;
		char room[CMSG_SPACE(sizeof(int))];
	} c = { .h = { CMSG_LEN(sizeof(int)), SOL_SOCKET, SCM_RIGHTS } };
	char byte = 0;
	struct iovec v = { &byte, 1 };
	struct msghdr m = { .msg_iov = &v,
			    .msg_iovlen = 1,
			    .msg_control = &c,
			    .msg_controllen = sizeof(c) };
	int s[2], d = -1;

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, s))
		return;
	begin("SCM_RIGHTS", 0);
	into_pipe(0, 1000);
	memcpy(CMSG_DATA(&c.h), &w.p[0], sizeof(int));
	STEP(sendmsg(s[0], &m, 0));
	v.iov_base = got;
	STEP(recvmsg(s[1], &m, 0));
	memcpy(&d, CMSG_DATA(&c.h), sizeof(int));
	is_right(0, read(d, got, 100));
	close(d);
	into_pipe(1000, 10);
	out_of_pipe(100, 910);
	end();
	close(s[0]);
	close(s[1]);
}

/* --- threads -----------------------------------------------------------------
 */

static void *drain(void *arg)
{
	long n, done = 0, want = *(long *)arg;

	while (done < want &&
	       (n = splice(w.p[0], NULL, w.z, NULL, 1 << 16, 0)) > 0)
		done += n;
	return NULL;
}

static void *read_it(void *arg)
{
	*(long *)arg = read(w.p[0], got, 1000);
	return NULL;
}

static void *interrupt(void *arg)
{
	usleep(50000);
	pthread_kill(*(pthread_t *)arg, SIGUSR1);
	return NULL;
}

static void on_signal(int sig)
{
	(void)sig;
}

static void threads(void)
{
	struct sigaction sa = { .sa_handler = on_signal };
	pthread_t t, self = pthread_self();
	long n = 4000;

	begin("a thread waits for the pipe", 0);
	pthread_create(&t, NULL, drain, &n);
	usleep(30000);
	for (int i = 0; i < 4; i++)
		into_pipe(i * 1000, 1000);
	pthread_join(t, NULL);
	is_right(0, recv(w.v, got, 4000, MSG_WAITALL));
	end();
	begin("a thread reads", 0);
	pthread_create(&t, NULL, read_it, &n);
	usleep(30000);
	into_pipe(0, 1000);
	pthread_join(t, NULL);
	is_right(0, n);
	end();
	sigaction(SIGUSR1, &sa, NULL);
	begin("interrupted", 0);
	pthread_create(&t, NULL, interrupt, &self);
	STEP(splice(w.y, NULL, w.p[1], NULL, 100, 0));
	pthread_join(t, NULL);
	pthread_create(&t, NULL, interrupt, &self);
	STEP(splice(w.p[0], NULL, w.z, NULL, 100, 0));
	pthread_join(t, NULL);
	into_pipe(0, 1000);
	out_of_pipe(0, 1000);
	end();
}

/* --- much --------------------------------------------------------------------
 */

/* One fills, one drains, neither waits for the pipe, and a third gets in the
 * way. */
static struct {
	_Atomic int wrong, over;
	long bytes;
} crowd;

static void *fill(void *arg)
{
	long left = crowd.bytes, n;

	(void)arg;
	while (left > 0) {
		n = splice(w.y, NULL, w.p[1], NULL, (size_t)left,
			   SPLICE_F_NONBLOCK);
		if (n > 0)
			left -= n;
		else if (n < 0 && errno == EAGAIN)
			sched_yield();
		else
			break;
	}
	crowd.wrong |= left != 0;
	return NULL;
}

static void *drain_busily(void *arg)
{
	long left = crowd.bytes, n;

	(void)arg;
	while (left > 0) {
		n = splice(w.p[0], NULL, w.z, NULL, 30000, SPLICE_F_NONBLOCK);
		if (n > 0)
			left -= n;
		else if (n < 0 && errno == EAGAIN)
			sched_yield();
		else
			break;
	}
	crowd.wrong |= left != 0;
	return NULL;
}

static void *write_all(void *arg)
{
	(void)arg;
	for (long left = crowd.bytes; left > 0; left -= BYTES)
		if (write(w.x, sent, BYTES) != BYTES)
			crowd.wrong = 1;
	return NULL;
}

static void *read_all(void *arg)
{
	unsigned char buf[BYTES];

	(void)arg;
	for (long left = crowd.bytes; left > 0; left -= BYTES)
		if (recv(w.v, buf, BYTES, MSG_WAITALL) != BYTES ||
		    memcmp(buf, sent, BYTES))
			crowd.wrong = 1;
	crowd.over = 1;
	return NULL;
}

static void get_in_the_way(int how)
{
	int n, d;

	switch (how % 4) {
	case 0:
		ioctl(w.p[0], FIONREAD, &n);
		break;
	case 1:
		n = fork();
		if (!n)
			_exit(0);
		waitpid(n, NULL, 0);
		break;
	case 2:
		d = dup(w.p[1]);
		close(d);
		break;
	default:
		fcntl(w.p[1], F_SETPIPE_SZ, 1 << 17);
	}
}

static void crowds(void)
{
	void *(*const run[])(void *) = { write_all, fill, drain_busily,
					 read_all };
	pthread_t t[4];

	crowd.bytes = 200L * BYTES;
	for (int i = 0; i < 12; i++) {
		begin("a crowd", 0);
		crowd.over = 0;
		for (int k = 0; k < 4; k++)
			pthread_create(&t[k], NULL, run[k], NULL);
		usleep((useconds_t)(i * 50));
		get_in_the_way(i);
		for (int k = 0; k < 4; k++)
			pthread_join(t[k], NULL);
		printf("  %s\n", crowd.wrong ? "wrong" : "every byte");
		end();
	}
}

/* Every so often something else is done with the pipe, or it is a new one. */
static void relay(void)
{
	unsigned char buf[100];
	unsigned int turn = 0;
	long n;

	while ((n = splice(w.y, NULL, w.p[1], NULL, 1 + turn * 7919 % 90000,
			   SPLICE_F_MOVE)) > 0) {
		if (++turn % 31 == 0) {
			long k = read(w.p[0], buf, sizeof(buf));

			if (write(w.z, buf, (size_t)k) != k)
				_exit(1);
			n -= k;
		}
		while (n > 0) {
			long m =
				splice(w.p[0], NULL, w.z, NULL,
				       turn % 3 ? (size_t)n : 1 + (size_t)n / 2,
				       turn % 5 ? SPLICE_F_MORE : 0);

			if (m <= 0)
				_exit(1);
			n -= m;
		}
		if (turn % 40 == 0) {
			close(w.p[0]);
			close(w.p[1]);
			if (pipe(w.p))
				_exit(1);
		}
	}
	_exit(n ? 1 : 0);
}

static void much(void)
{
	static unsigned char buf[65536];
	unsigned long sum = 0, want = 0;
	long left = 8 << 20;
	pid_t writer, mover;

	begin("much", 0);
	fflush(stdout);
	writer = fork();
	if (!writer) {
		for (long i = 0; i < left; i += (long)sizeof(buf)) {
			for (size_t k = 0; k < sizeof(buf); k++)
				buf[k] = (unsigned char)(i / 7 + (long)k);
			if (write(w.x, buf, sizeof(buf)) != sizeof(buf))
				_exit(1);
		}
		_exit(0);
	}
	mover = fork();
	if (!mover) {
		close(w.x);
		close(w.p[0]);
		close(w.p[1]);
		if (pipe(w.p))
			_exit(1);
		relay();
	}
	close(w.x);
	for (long i = 0; i < left; i += (long)sizeof(buf))
		for (size_t k = 0; k < sizeof(buf); k++)
			want = want * 31 + (unsigned char)(i / 7 + (long)k);
	while (left > 0) {
		long n = read(w.v, buf, sizeof(buf));

		if (n <= 0)
			break;
		for (long k = 0; k < n; k++)
			sum = sum * 31 + buf[k];
		left -= n;
	}
	printf("  %ld left, %s\n", left, sum == want ? "the same" : "garbled");
	status_of(writer);
	status_of(mover);
	end();
}

void same_pipes(void)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	passes();
	nothing_there();
	ends();
	is_read();
	is_written();
	is_looked_at();
	is_copied();
	is_opened();
	is_shared();
	is_inherited();
	is_sent();
	threads();
	crowds();
	much();
}
