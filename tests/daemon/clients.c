/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Clients as they should not be, beside one that is as it should: the daemon
 *answers that one all the time, and holds nothing of the others in the end.
 *
 *	clients DIR	(a daemon runs in DIR)
 */
#include "daemon/client.h"
#include "fabric/attach.h"
#include "fabric/gate.h"
#include "socket/socket.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define FLOOD 700 /* more than the daemon takes */

static const char *dir;
static struct toami_control *good;

static void fail(const char *what)
{
	printf("FAIL: %s: %s\n", what, toami_control_text(good));
	exit(1);
}

static int dial(const char *name, int type)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);

	snprintf(un.sun_path, sizeof(un.sun_path), "%s/%s", dir, name);
	if (fd < 0 || connect(fd, (struct sockaddr *)&un, sizeof(un)))
		fail(strerror(errno));
	return fd;
}

/* A number of the daemon's status, asked for by the good client. */
static long long status(const char *key)
{
	json_t *result;
	long long n;

	if (client_request(good, json_pack("{s:s}", "verb", "status"), &result))
		fail("status");
	n = json_integer_value(json_object_get(result, key));
	json_decref(result);
	return n;
}

static void until(const char *key, long long value, const char *what)
{
	for (int i = 0; status(key) != value; i++) {
		if (i > 1000)
			fail(what);
		poll(NULL, 0, 10);
	}
	printf("ok: %s\n", what);
}

static void vanish_half_way(void)
{
	static const char part[] = "{\"verb\": \"vif.a";

	for (size_t n = 0; n < sizeof(part); n++) {
		int fd = dial("control", SOCK_STREAM);

		if (send(fd, part, n, MSG_NOSIGNAL) < 0)
			fail("send");
		close(fd);
	}
	until("programs", 0, "clients that vanish half way");
}

/* Two descriptors with each request: nobody asked for them. */
static void give_descriptors(void)
{
	union {
		struct cmsghdr header;
		char space[CMSG_SPACE(2 * sizeof(int))];
	} control = { 0 };
	static char request[] = "{\"verb\": \"version\"}\n";
	struct iovec iov = { request, sizeof(request) - 1 };
	struct msghdr msg = { .msg_iov = &iov,
			      .msg_iovlen = 1,
			      .msg_control = &control,
			      .msg_controllen = CMSG_SPACE(2 * sizeof(int)) };
	int fd = dial("control", SOCK_STREAM), given[2] = { fd, fd };
	char reply[4096];

	control.header.cmsg_level = SOL_SOCKET;
	control.header.cmsg_type = SCM_RIGHTS;
	control.header.cmsg_len = CMSG_LEN(sizeof(given));
	memcpy(CMSG_DATA(&control.header), given, sizeof(given));
	for (int i = 0; i < 500; i++)
		if (sendmsg(fd, &msg, MSG_NOSIGNAL) < 0 ||
		    recv(fd, reply, sizeof(reply), 0) <= 0)
			fail("a request with two descriptors");
	close(fd);
	until("programs", 0, "descriptors that nobody asked for");
}

/* Asks for more than its socket holds, and never reads. */
static void read_nothing(void)
{
	static const char request[] = "{\"verb\": \"vif.ls\"}\n";
	int fd[8];

	for (int i = 0; i < 8; i++) {
		fd[i] = dial("control", SOCK_STREAM);
		for (int n = 0; n < 20000; n++)
			if (send(fd[i], request, sizeof(request) - 1,
				 MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
				break;
	}
	until("programs", 0, "clients that read nothing");
	for (int i = 0; i < 8; i++)
		close(fd[i]);
}

static void send_no_end(void)
{
	char block[4096], reply[512];
	int fd = dial("control", SOCK_STREAM);
	ssize_t n;

	memset(block, ' ', sizeof(block));
	for (int i = 0; i < 17000; i++) /* 66 MiB */
		if (send(fd, block, sizeof(block), MSG_NOSIGNAL) < 0)
			break;
	n = recv(fd, reply, sizeof(reply) - 1, 0);
	reply[n > 0 ? n : 0] = 0;
	if (!strstr(reply, "no more than 67108864 bytes"))
		fail("a line without an end is refused");
	close(fd);
	printf("ok: a line without an end\n");
}

static void flood(const char *name, int type, const char *what)
{
	static struct pollfd fd[FLOOD];

	for (int i = 0; i < FLOOD; i++)
		fd[i] = (struct pollfd){ dial(name, type), POLLIN, 0 };
	/* The last one hears that there is no room for it. */
	if (poll(&fd[FLOOD - 1], 1, 20000) != 1)
		fail("the flood has not been seen");
	until("programs", 0, what);
	for (int i = 0; i < FLOOD; i++)
		close(fd[i].fd);
}

/* Sends @bytes of @q; returns the reply's error. */
static int attach(const struct attach_request *q, size_t bytes,
		  const char *sentence)
{
	struct attach_reply reply = { 0 };
	int fd = dial("attach", SOCK_SEQPACKET);

	if (send(fd, q, bytes, MSG_NOSIGNAL) < 0 ||
	    recv(fd, &reply, sizeof(reply), 0) != sizeof(reply))
		fail("attach");
	close(fd);
	if (!strstr(reply.text, sentence)) {
		printf("FAIL: '%s' is not in '%s'\n", sentence, reply.text);
		exit(1);
	}
	return reply.error;
}

/* Another user takes all the room that he can: some is left for us. */
static void crowd(const char *name, int type)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	struct attach_request q = { FABRIC_MAGIC, FABRIC_ABI, "test", "/no" };
	int ready[2];
	char byte = 0;
	pid_t pid;

	if (geteuid()) {
		printf("skipped: only root can be another user\n");
		return;
	}
	if (pipe(ready) || chmod(dir, 0711))
		fail("pipe");
	pid = fork();
	if (!pid) {
		snprintf(un.sun_path, sizeof(un.sun_path), "%s", name);
		if (chdir(dir) || setuid(54321))
			_exit(1);
		for (int i = 0; i < FLOOD; i++) {
			int fd = socket(AF_UNIX, type, 0);

			connect(fd, (struct sockaddr *)&un, sizeof(un));
		}
		if (write(ready[1], &byte, 1) != 1)
			_exit(1);
		pause();
	}
	if (read(ready[0], &byte, 1) != 1)
		fail("another user");
	if (attach(&q, sizeof(q), "there is no VIF /no") != ENOENT)
		fail("attach");
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	close(ready[0]);
	close(ready[1]);
	until("programs", 0, "another user's flood leaves room");
}

static void own(const char *path, uid_t uid)
{
	json_t *result;

	if (client_request(good,
			   json_pack("{s:s, s:s, s:{s:i}}", "verb", "vif.add",
				     "path", path, "set", "owner", (int)uid),
			   &result))
		fail("vif.add");
	json_decref(result);
}

/* As @uid, which owns a VIF: opens @count connections, then asks over the last.
 * Returns the reply; in @pid who holds the others, until it is killed. */
static const char *ask_as(uid_t uid, int count, pid_t *pid)
{
	static const char request[] = "{\"verb\": \"version\"}\n";
	struct sockaddr_un un = { AF_UNIX, "control" };
	static char reply[1024];
	int way[2], fd = -1;
	ssize_t n;

	if (pipe(way))
		fail("pipe");
	*pid = fork();
	if (!*pid) {
		if (chdir(dir) || setuid(uid))
			_exit(1);
		for (int i = 0; i < count; i++) {
			fd = socket(AF_UNIX, SOCK_STREAM, 0);
			if (connect(fd, (struct sockaddr *)&un, sizeof(un)))
				_exit(1);
		}
		send(fd, request, sizeof(request) - 1, MSG_NOSIGNAL);
		n = recv(fd, reply, sizeof(reply), 0);
		if (n < 0 || write(way[1], reply, (size_t)n) != n)
			_exit(1);
		close(way[1]);
		pause();
	}
	close(way[1]);
	n = read(way[0], reply, sizeof(reply) - 1);
	close(way[0]);
	reply[n > 0 ? n : 0] = 0;
	return reply;
}

/* Two owners: what one of them takes, is not all that there is. */
static void share(void)
{
	static const uid_t uid[] = { 54321, 54322, 54323 };
	pid_t pid[ARRAY_SIZE(uid)], last;

	if (geteuid()) {
		printf("skipped: only root can be another user\n");
		return;
	}
	own("/o1", uid[0]);
	own("/o2", uid[1]);
	own("/o3", uid[2]);
	for (size_t i = 0; i < ARRAY_SIZE(uid); i++) {
		const char *text = ask_as(uid[i], FLOOD, &pid[i]);

		if (!strstr(text, "\"busy\"") ||
		    !strstr(text, "connections to the daemon, which is his "
				  "share: close some"))
			fail(text);
		/* Nobody else hears of it. */
		if (status("programs") != 0)
			fail("root");
	}
	for (size_t i = 0; i < ARRAY_SIZE(uid); i++) {
		kill(pid[i], SIGKILL);
		waitpid(pid[i], NULL, 0);
		if (i == 0 && !strstr(ask_as(uid[0], 1, &last), "result"))
			fail("room that was given back");
	}
	kill(last, SIGKILL);
	waitpid(last, NULL, 0);
	printf("ok: each owner has a share of the connections\n");
}

static void attach_wrongly(void)
{
	struct attach_request q = { FABRIC_MAGIC, FABRIC_ABI, "test", "/no" };

	if (attach(&q, sizeof(q), "there is no VIF /no") != ENOENT ||
	    attach(&q, sizeof(q) - 1, "another version") != EPROTO)
		fail("attach");
	memset(q.vif, 'x', sizeof(q.vif));
	if (attach(&q, sizeof(q), "is not a VIF's path") != ENOENT)
		fail("a path without an end");
	q.abi++;
	if (attach(&q, sizeof(q), "another version") != EPROTO)
		fail("another version");
	printf("ok: attaching wrongly\n");
}

/* A member; in it, @then, and its death. */
static void be_member(void (*then)(struct socket_process *p))
{
	static struct socket_process p;
	pid_t pid = fork();
	int state;

	if (!pid) {
		char text[ATTACH_TEXT_MAX] = "";

		if (socket_attach(&p, dir, "/", "member", text)) {
			printf("FAIL: %s\n", text);
			_exit(1);
		}
		then(&p);
		_exit(0);
	}
	if (waitpid(pid, &state, 0) != pid || state)
		fail("member");
}

static void only_die(struct socket_process *p)
{
	(void)p;
}

/* Reserves a child's slot, as fork does, and dies before the fork. */
static void leave_orphan(struct socket_process *p)
{
	struct socket_thread t = { 0 };

	socket_thread_init(&t, p);
	if (!socket_fork_prepare(&t))
		_exit(1);
}

static void members_die(void)
{
	for (int i = 0; i < 50; i++)
		be_member(only_die);
	until("programs", 0, "50 members that die at once");
	be_member(leave_orphan);
	until("programs", 0, "a child that was never born");
}

int main(int argc, char **argv)
{
	if (argc != 2)
		return 2;
	dir = argv[1];
	if (toami_control_open(dir, 0, &good))
		fail("open");
	vanish_half_way();
	give_descriptors();
	read_nothing();
	send_no_end();
	flood("control", SOCK_STREAM, "a flood of clients");
	flood("attach", SOCK_SEQPACKET, "a flood of members to be");
	attach_wrongly();
	crowd("attach", SOCK_SEQPACKET);
	share();
	members_die();
	toami_control_close(good);
	return 0;
}
