/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Sequences of calls whose results are printed, one line a step. The same
 * program runs on the kernel and on a fabric (same.sh), and what it prints must
 * be the same: the kernel is the specification, nobody's memory of it.
 *
 * What differs by nature (numbers of descriptors, ports, times) is not printed.
 */
#ifndef TOAMI_TESTS_SAME_H
#define TOAMI_TESTS_SAME_H

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* step - prints what a call returned, and errno if it failed */
#define STEP(call)                                                       \
	({                                                               \
		errno = 0;                                               \
		long step_ = (long)(call);                               \
		printf("  %s = %ld %s\n", #call, step_ < 0 ? -1 : step_, \
		       step_ < 0 ? strerrorname_np(errno) : "");         \
		step_;                                                   \
	})

/* Results that are numbers by chance: only whether it worked. */
#define WORKS(call)                                                   \
	({                                                            \
		errno = 0;                                            \
		long step_ = (long)(call);                            \
		printf("  %s: %s\n", #call,                           \
		       step_ < 0 ? strerrorname_np(errno) : "works"); \
		step_;                                                \
	})

/* A connected pair of streams over 127.0.0.1, and of datagram sockets. */
void same_streams(int *x, int *y);
void same_datagrams(int *x, int *y);
struct sockaddr_in same_loopback(int port);

/* What is readable within a second. */
int same_readable(int fd);

void same_splice(void);	  /* same_splice.c */
void same_pipes(void);	  /* same_pipe.c */
void same_signals(void);  /* same_signal.c */
void same_datagram(void); /* same_datagram.c */
void same_stamps(void);	  /* same_stamp.c */
void same_raw(void);	  /* same_raw.c */
void same_parcels(void);  /* same_parcel.c */
void same_pointers(void); /* same_pointer.c */
void same_epoll(void);	  /* same_epoll.c */
void same_ends(void);	  /* same_end.c */
void same_urgent(void);	  /* same_urgent.c */
void same_threads(void);  /* same_threads.c */
void same_more(void);	  /* same_more.c */
void same_options(void);  /* same_option.c */

#endif
