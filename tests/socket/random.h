/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Random sequences of calls, from a seed, whose results are told line by line.
 *
 * The same seeds run on the kernel and on a fabric (compare_random.py), and
 * what they tell must be the same. One thread makes all calls, and waits after
 * each until its effects are everywhere: so a sequence has one result. After
 * each call the readiness, the state and what is queued are told of every
 * descriptor where they have changed.
 *
 * What step k of a seed does is drawn from (seed, k), and of the descriptors
 * from those that are open by then, the nearest to the one drawn: a sequence
 * with steps left out does the same in the others, and so can be made shorter
 * while it still differs.
 */
#ifndef TOAMI_TESTS_RANDOM_H
#define TOAMI_TESTS_RANDOM_H

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define SLOTS	 16
#define TOUCHED	 0xee /* what buffers are filled with before a call */
#define BUF_SIZE 16384

enum kind {
	KIND_TCP = 1,
	KIND_UDP = 2,
	KIND_UNIX = 4,
	KIND_PIPE = 8,
	KIND_EPOLL = 16,
	KIND_FILE = 32,
	KIND_INET = KIND_TCP | KIND_UDP,
	KIND_SOCKET = KIND_INET | KIND_UNIX,
	KIND_DATA = KIND_SOCKET | KIND_PIPE,
	KIND_ANY = 63,
};

/* What is open, by the names that are told: s0 and so on. */
struct slot {
	int fd; /* -1: free */
	unsigned int kind;
	bool inet6;
	char seen[96]; /* as it was last told */
};

/* Shared by the processes of a seed. */
struct shared {
	uint64_t sent; /* bytes made so far */
	int children;
	pid_t child[8];	  /* that stay and hold descriptors */
	_Atomic int turn; /* whose calls come next: 0, or a child's pid */
	size_t told;
	char text[1 << 20];
};

struct dice {
	uint64_t state;
};

extern struct slot slots[SLOTS];
extern struct shared *shared;
extern unsigned int seed_port; /* the first of this seed's ports */
extern char buf[BUF_SIZE];

/* roll - 0 to n - 1; one - of a list of numbers; odds - true once in n */
unsigned int roll(struct dice *d, unsigned int n);
#define one(d, ...)                          \
	((const long[]){ __VA_ARGS__ }[roll( \
		d, sizeof((const long[]){ __VA_ARGS__ }) / sizeof(long))])
static inline bool odds(struct dice *d, unsigned int n)
{
	return !roll(d, n);
}

/* say - a piece of a line */
void say(const char *form, ...) __attribute__((format(printf, 1, 2)));

/* told - what a call returned ends the line's first part; gives it back */
long told(long ret);

/*
 * slot_pick - a slot of one of @kinds; now and then -1, a descriptor that is
 * none. -2: there is no such
 */
int slot_pick(struct dice *d, unsigned int kinds);

/* slot_fd - its descriptor; says its name */
int slot_fd(int slot);

/* slot_put - a new descriptor gets a name, if it is one */
void slot_put(long fd, unsigned int kind, bool inet6);

/* slot_closed - @fd is no more */
void slot_closed(int slot);

/* TIMED - a call that may wait: a signal ends that after a few ms */
void timer_start(void);
void timer_stop(void);
#define TIMED(call)                    \
	({                             \
		long timed_;           \
		timer_start();         \
		errno = 0;             \
		timed_ = (long)(call); \
		timer_stop();          \
		timed_;                \
	})

/* An address drawn for the socket in @slot; says it. */
union address {
	struct sockaddr any;
	struct sockaddr_in in;
	struct sockaddr_in6 in6;
	struct sockaddr_un un;
	struct sockaddr_storage room;
};
const struct sockaddr *address_draw(struct dice *d, int slot, bool own,
				    union address *a, socklen_t *len);
void address_say(const union address *a, socklen_t len);

/* Lengths of what calls write, and bad pointers in their places. */
void *pointer_draw(struct dice *d, void *good);
size_t length_draw(struct dice *d);

/* fill - new bytes into @to; digest - of what has come */
void fill(void *to, size_t n);
unsigned int digest(const void *from, size_t n);

/* settle - waits, tells of signals and of what has changed */
void settle(void);

/* One step, and so many that a child made in one of them has taken. */
unsigned int step_run(uint64_t seed, unsigned int k, unsigned int last);

/* The calls. */
void random_socket(struct dice *d); /* random_open.c */
void random_pairs(struct dice *d);
void random_bind(struct dice *d);
void random_listen(struct dice *d);
void random_connect(struct dice *d);
void random_accept(struct dice *d);
void random_name(struct dice *d);
void random_shutdown(struct dice *d);
void random_close(struct dice *d);
void random_dup(struct dice *d);
void random_fcntl(struct dice *d);
void random_file(struct dice *d);
void random_send(struct dice *d); /* random_io.c */
void random_sendmsg(struct dice *d);
void random_recv(struct dice *d);
void random_recvmsg(struct dice *d);
void random_several(struct dice *d);
void random_splice(struct dice *d);
void random_rights(struct dice *d);
void random_poll(struct dice *d); /* random_poll.c */
void random_select(struct dice *d);
void random_epoll_ctl(struct dice *d);
void random_epoll_wait(struct dice *d);
void random_set(struct dice *d); /* random_option.c */
void random_get(struct dice *d);
void random_ioctl(struct dice *d);

#endif
