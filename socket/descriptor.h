/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Descriptors: which number of a process is which sock or pset.
 *
 * A number is a real one of the kernel's; its entry in the process's table says
 * what it stands for. An entry is set after the kernel has given out the number
 * and cleared before the kernel gets it back, so no number is ever taken for
 * another's.
 */
#ifndef TOAMI_SOCKET_DESCRIPTOR_H
#define TOAMI_SOCKET_DESCRIPTOR_H

#include "socket/work.h"

/* Entries beside a sock_ix and FABRIC_FD_PSET | pset_ix. */
#define FD_HIDDEN FABRIC_FD_HIDDEN
#define FD_ROUTE  (FABRIC_FD_HIDDEN - 1) /* the kernel's, but see netlink.h */
/* Two for each private pipe: likewise, but see pipe.h. */
#define FD_PIPES      (1u << 15)
#define FD_PIPE_FIRST (FD_ROUTE - 2 * FD_PIPES)

/* is_counted - an entry that stands for a slot with references */
static inline bool is_counted(uint32_t entry)
{
	return entry && entry < FD_PIPE_FIRST;
}

/* is_pipe - an entry that stands for an end of a private pipe */
static inline bool is_pipe(uint32_t entry)
{
	return entry - FD_PIPE_FIRST < 2 * FD_PIPES;
}

/* descriptor_raw - the entry of @fd as it is */
static inline uint32_t descriptor_raw(const struct socket_thread *t, long fd)
{
	if ((unsigned long)fd >= FABRIC_FD_MAX)
		return 0;
	return atomic_load_explicit(&t->process->fabric.procs[t->self].fd[fd],
				    memory_order_relaxed);
}

/* is_route - @fd is a NETLINK_ROUTE socket's */
static inline bool is_route(const struct socket_thread *t, long fd)
{
	return descriptor_raw(t, fd) == FD_ROUTE;
}

/* descriptor_get - the entry of @fd, 0: the kernel's, also to wait on */
static inline uint32_t descriptor_get(const struct socket_thread *t, long fd)
{
	uint32_t e = descriptor_raw(t, fd);

	return unlikely(e - FD_PIPE_FIRST <= 2 * FD_PIPES) ? 0 : e;
}

/* descriptor_set - @fd stands for @entry (0: nothing) from now on */
void descriptor_set(struct socket_thread *t, int fd, uint32_t entry);

/* descriptor_placeholder - a fresh number for a socket; or -EMFILE and the like
 */
int descriptor_placeholder(bool cloexec);

/* descriptor_high - numbers of ours that the program is not to see begin here
 */
long descriptor_high(void);

/* descriptor_hide - moves our own @fd out of the program's way; returns the new
 * number */
int descriptor_hide(struct socket_thread *t, int fd);
void descriptor_close_hidden(struct socket_thread *t, int fd);

/*
 * descriptor_ref - one reference more of what descriptor @fd of @proc stands
 * for, @entry
 *
 * Inside the fabric, and the reference must be in a table before the visit
 * ends. False: it stands for that no more; then what is in *owed has been taken
 * in vain, and is to be given to descriptor_unref() after the visit.
 */
bool descriptor_ref(struct work *w, proc_ix proc, long fd, uint32_t entry,
		    uint32_t *owed);

/* descriptor_drop - @fd stands for nothing from now on; 0, -EBADF: as before;
 * -ENOBUFS */
int descriptor_drop(struct socket_thread *t, long fd);

/* descriptor_generation - of the slot that @entry stands for */
uint32_t descriptor_generation(const struct fabric *f, uint32_t entry);

/**
 * descriptor_drop_other - descriptor @fd of @proc, another process, stands for
 * nothing from now on
 * @entry, @generation: as they were when that was decided; otherwise it stays,
 * which is false
 */
bool descriptor_drop_other(struct socket_thread *t, proc_ix proc, long fd,
			   uint32_t entry, uint32_t generation);

/*
 * descriptor_drop_unborn - the same for @fd of @child, which was not forked
 * after all. It is the parent who is inside meanwhile: if he dies, nobody takes
 * the child for alive.
 */
void descriptor_drop_unborn(struct socket_thread *t, proc_ix child, long fd);

/*
 * descriptor_unref - one reference less of what @entry stands for; the last one
 * ends it
 *
 * For the daemon: who dies before he has cleared the entry would do it twice.
 * Returns 0; or -EAGAIN for an impatient thread, -ENOBUFS when every context is
 * in use: the reference is still there.
 */
int descriptor_unref(struct socket_thread *t, uint32_t entry);

/* descriptor_close_if - closes @fd if it still stands for @entry, whose slot's
 * use is @generation */
void descriptor_close_if(struct socket_thread *t, long fd, uint32_t entry,
			 uint32_t generation);

/* Calls; each SOCKET_PASS where nothing of ours is concerned. */
long descriptor_close(struct socket_thread *t, long fd);
long descriptor_close_range(struct socket_thread *t, unsigned long first,
			    unsigned long last, unsigned long flags);
long descriptor_dup(struct socket_thread *t, long fd);
long descriptor_dup3(struct socket_thread *t, long nr, long from, long to,
		     long flags);
long descriptor_fcntl(struct socket_thread *t, long fd, long cmd, long arg);

#endif
