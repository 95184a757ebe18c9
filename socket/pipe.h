/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Private pipes: splice() from one connection to another without a byte being
 * touched.
 *
 * A pipe that this process alone has, and uses for nothing but splice(), need
 * not hold bytes: it holds the frames that the receiver's queue held, and its
 * reader's send queue refers to what they refer to. Nobody can tell, as long as
 * nobody looks. So whatever else is done with it, or may be done by somebody
 * whom we do not see, *bares* it first: its bytes are copied into the kernel's
 * pipe, which is empty and has room for them, and from then on it is the
 * kernel's for good. What keeps it private: splice() with a stream of ours, and
 * fcntl() about its flags and its size. A thread that waits for it waits in the
 * kernel, so that bares it, too.
 *
 * Entries of both ends in the table of descriptors say FD_PIPE_FIRST + 2 * ix,
 * and 1 more for the end to write to. Whoever finds another entry, with the
 * pipe's lock held, has no pipe before him any more.
 *
 * Locks: pipe_hold(), of the process's memory: all that use a pipe are its
 * threads. Taken outside of the fabric, before a host's lock; at most one.
 *
 * Death: a pipe's list changes inside the fabric only. Who dies inside takes
 * his pipes with him, whatever they look like; those of the living are whole,
 * and a scan finds what they hold. No pipe is private across fork and exec.
 */
#ifndef TOAMI_SOCKET_PIPE_H
#define TOAMI_SOCKET_PIPE_H

#include "socket/descriptor.h"
#include "socket/splice.h"

/* Frames that a pipe holds at the most, whatever they hold: the kernel's have a
 * number of places, too. */
#define PIPE_FRAMES 64

struct pipe {
	uint32_t link;		  /* slot table's */
	_Atomic proc_ix owner;	  /* 0: the slot is free */
	int32_t fd[2];		  /* to read from, to write to */
	_Atomic bool nonblock[2]; /* O_NONBLOCK of either */
	uint32_t torn; /* bytes that are in the kernel's already: to be bared */
	uint32_t room; /* of the kernel's, bytes; 0: not asked yet */
	uint32_t bytes; /* held */
	uint32_t held;	/* frames */
	struct frame_list frames;
};

static inline struct pipe *pipe_at(const struct fabric *f, pipe_ix ix)
{
	return slot_at(&f->table[FABRIC_TABLE_PIPE], ix);
}

/* pipe_end - which end of a private pipe @fd is: 0 or 1; -1: of none */
static inline int pipe_end(const struct socket_thread *t, long fd)
{
	uint32_t e = descriptor_raw(t, fd);

	return is_pipe(e) ? (int)(e - FD_PIPE_FIRST) & 1 : -1;
}

/* pipe_open - pipe() and pipe2() */
long pipe_open(struct socket_thread *t, int *fds, long flags);

/*
 * pipe_before - this process has private pipes, and is about to make call @nr
 *
 * Returns 0, or what the call returns: an error, or it has been made.
 */
long pipe_before(struct socket_thread *t, long nr, const long a[6]);

/* pipe_bare - @fd is the kernel's alone from now on; 0, also if it was before,
 * or a negative errno: it is as it was */
int pipe_bare(struct socket_thread *t, long fd);

/* pipe_bar - every pipe is bared, and none is private until pipe_unbar() as
 * often. 0 or an error. */
int pipe_bar(struct socket_thread *t);
void pipe_unbar(struct socket_process *p);

/* pipe_forked - the copy of a process that pipe_bar() was called in */
void pipe_forked(struct socket_process *p);

/* pipe_hold - the pipe that @fd is an end of, locked; NULL: none */
struct pipe *pipe_hold(struct socket_thread *t, long fd);
void pipe_release(struct socket_thread *t, const struct pipe *p);

/*
 * pipe_take, pipe_give - splice() from a stream into a private pipe, and from
 * one into a stream
 *
 * Returns as splice(); PIPE_BARE: it is private no more, nothing has been done.
 */
#define PIPE_BARE (-5001L)
long pipe_take(struct socket_thread *t, const struct splice_ends *e);
long pipe_give(struct socket_thread *t, const struct splice_ends *e);

/* pipe_reap - the pipes of @proc, which has no threads any more; 0 or an error:
 * come again */
int pipe_reap(struct socket_thread *t, proc_ix proc);

/* pipe_mend - for a repair: the pipes of those that @dead knows are no more */
void pipe_mend(struct fabric *f, bool (*dead)(void *arg, proc_ix proc),
	       void *arg);

#endif
