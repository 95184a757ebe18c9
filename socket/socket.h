/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The kernel's socket calls, over the fabric.
 *
 * One entry serves the hook, libtoami and the daemon: socket_call() takes a
 * system call's number and arguments and either carries it out or says that it
 * belongs to the kernel. Behind each socket of ours stands a real descriptor,
 * the placeholder (an AF_UNIX socket, or the epoll instance itself), so
 * numbers, dup, close-on-exec and limits are the kernel's; which descriptor is
 * what is noted in the process's slot, which survives exec.
 *
 * Calls handled: pipe, socket, bind, listen, accept(4), connect, read(v),
 * write(v), send*, recv*, sendfile, splice, shutdown, close, dup*, fcntl,
 * ioctl, getsockopt, setsockopt, getsockname, getpeername, poll, ppoll, select,
 * pselect6, epoll_*, fstat untouched, close_range, and the io_uring calls
 * (refused with ENOSYS: programs fall back). AF_INET and AF_INET6 streams,
 * datagrams and raw sockets are ours; packet sockets are refused; every other
 * family is the kernel's.
 *
 * Everything here uses no C library, no errno, no thread-local storage and no
 * vector registers, and calls the kernel only through base/sys.h.
 */
#ifndef TOAMI_SOCKET_SOCKET_H
#define TOAMI_SOCKET_SOCKET_H

#include "fabric/gate.h"

/* What socket_call() returns beside the kernel's -4095..: */
#define SOCKET_PASS (-5000L) /* not ours: the caller makes the real call */
#define SOCKET_RESTART                                     \
	(-512L) /* interrupted: restart if the handler has \
		 * SA_RESTART, else -EINTR */

/* Threads of a process whose epoll instance may be closed while they sleep. */
#define SOCKET_HELD 16

/* A process: one in each address space. Zeroed before socket_attach(). */
struct socket_process {
	struct fabric fabric;
	proc_ix self; /* 0: not attached */
	struct fabric_proc *slot;
	vif_ix vif;
	host_ix host;	/* of the nearest addressed ancestor of vif */
	uint64_t magic; /* marks our own entries in kernel epoll instances */
	_Atomic pset_ix
		spare; /* a poll set for poll(), kept for its wake socket */
	_Atomic uint32_t pipes; /* private ones, pipe.h */
	_Atomic uint32_t pipes_barred;
	_Atomic uint32_t pipe_locks[16];
	_Atomic uint64_t held[SOCKET_HELD]; /* by sleepers in epoll_wait: held.h
					     */
};

/*
 * A thread. Lives wherever the caller keeps a thread's state; zeroed, then
 * socket_thread_init(). A vfork child borrows its parent's with `self` changed.
 */
struct socket_thread {
	struct socket_process *process;
	proc_ix self; /* whose descriptors count: process->self but in vfork
			 children */
	ctx_ix hint;
	/*
	 * Set by the caller's signal handler when a signal waits to be
	 * delivered on the way out: waiting calls then return. See sys_sleep()
	 * in base/sys.h.
	 */
	volatile uint8_t signal_due;
	/*
	 * The daemon's: no waiting for locks beyond a few milliseconds, for it
	 * may be a dead process that holds them, and nobody else mends that.
	 * Calls then give -EAGAIN.
	 */
	bool impatient;
	/* socket/wait.c's memory of how spinning went */
	uint8_t spin_failed;
	long preemptions;
	uint64_t crowded_until_ns;
};

/**
 * socket_observe - maps the fabric of the daemon in @dir without joining it
 *
 * The other arguments and what is returned are as socket_attach() has them;
 * fabric_unmap() ends it.
 */
int socket_observe(struct fabric *f, const char *dir, const char *name,
		   char *text);

/**
 * socket_attach - this process becomes a member
 * @dir:  the daemon's directory
 * @vif:  path of the VIF to be on; must exist
 * @name: of the program, for people
 * @text: gets the daemon's sentence on refusal, ATTACH_TEXT_MAX bytes
 *
 * After exec this finds the descriptors that the kernel kept. Returns 0,
 * -ENOENT or -ECONNREFUSED: no daemon there; -EPROTO: of another version; or
 * what the daemon said.
 */
int socket_attach(struct socket_process *p, const char *dir, const char *vif,
		  const char *name, char *text);

/* socket_adopt - the same over a segment mapped already, with a slot (daemon,
 * tests) */
void socket_adopt(struct socket_process *p, proc_ix self);

void socket_thread_init(struct socket_thread *t, struct socket_process *p);

/**
 * socket_call - carries out system call @nr, or returns SOCKET_PASS
 *
 * A bad user pointer faults here as it would in any function.
 */
long socket_call(struct socket_thread *t, long nr, const long args[6]);

/* socket_owns - cheap: is @fd one of ours? Epoll instances are, too. */
static inline bool socket_owns(const struct socket_thread *t, long fd)
{
	return (unsigned long)fd < FABRIC_FD_MAX &&
	       atomic_load_explicit(&t->process->fabric.procs[t->self].fd[fd],
				    memory_order_relaxed);
}

/*
 * socket_bare - before exec, or when somebody else will have this process's
 * descriptors: what its pipes hold is in the kernel from now on
 */
void socket_bare(struct socket_thread *t);

/* socket_opens - before @path is opened: it may name a descriptor */
void socket_opens(struct socket_thread *t, const char *path);

/**
 * socket_fork_prepare - before fork, vfork or clone without
 * CLONE_VM|CLONE_THREAD: a slot for the child that shares every socket
 *
 * Returns the child's slot, or 0: the process table is full (fail with EAGAIN).
 * Exactly one of the parent's calls below must follow, and in the child the
 * child's.
 */
proc_ix socket_fork_prepare(struct socket_thread *t);

/* socket_fork_parent - @pid > 0: it lives; otherwise the fork failed and the
 * slot goes */
void socket_fork_parent(struct socket_thread *t, proc_ix child, long pid);

/*
 * socket_fork_child - first thing in the child. With its own memory
 * (@own_memory) the process is the child from now on; a vfork child only
 * changes t->self, and the parent sets it back when it runs again.
 */
void socket_fork_child(struct socket_thread *t, proc_ix child, bool own_memory);

/* --- for the daemon ----------------------------------------------------------
 */

/* socket_params - the sizes of all tables, for fabric_create() */
void socket_params(struct fabric_params *params);

/**
 * socket_host_up - a host for @vif with @config's addresses (self, mac, mtu and
 * secret are filled in here)
 *
 * Returns the host; -EADDRINUSE, or -ENOSPC: a table is full.
 */
struct stack_config;
int socket_host_up(struct socket_thread *t, vif_ix vif,
		   const struct stack_config *config);

/* socket_host_down - resets its connections, frees the slot. -EBUSY: try again
 * soon. */
int socket_host_down(struct socket_thread *t, host_ix host);

/**
 * socket_host_port - @host lies behind a port from now on (@on), or here again
 *
 * Its connections are reset, what waits for it is dropped. While it is behind a
 * port, its frames wait in fabric_host.backlog for the daemon, which is woken
 * by WAKE_PORTS if it has set port_asleep. Returns 0; -EBUSY: try again soon.
 */
int socket_host_port(struct socket_thread *t, host_ix host, bool on);

/* socket_host_auto - @host finds its addresses by itself, stack_auto_start();
 * WAKE_PORTS tells when it has. -EBUSY */
int socket_host_auto(struct socket_thread *t, host_ix host, bool dhcp,
		     bool slaac);

/* socket_host_gateway - where strangers' packets go from @host; -EBUSY */
int socket_host_gateway(struct socket_thread *t, host_ix host,
			const struct ip_addr *gateway4,
			const struct ip_addr *gateway6);

/*
 * socket_down - the fabric ends with members still on it: nobody keeps time or
 * names any more. Their connections fail with ENETDOWN, and no address is
 * found.
 */
void socket_down(struct socket_thread *t);

/**
 * socket_timers - runs every host's timers that are due
 *
 * Returns the date of the next one (fabric_now()), UINT64_MAX: none. The daemon
 * sleeps until then or until its wake socket (WAKE_DAEMON) is readable, and
 * publishes the date in header->daemon_plan_ns before it sleeps:  plan =
 * socket_timers() does that.
 */
uint64_t socket_timers(struct socket_thread *t);

/* What a reaping found. */
struct socket_reaped {
	uint32_t sockets; /* that only the dead process held */
	uint32_t cut;	  /* changes of a connection found half done */
	uint32_t frames;  /* found in nobody's hands */
	uint32_t chunks;
};

/**
 * socket_reap - process @dead is gone: give back everything that was its
 *
 * Stops the world where that is needed. Returns 0; -EBUSY: somebody is stopped
 * inside the fabric, or another of the dead holds a lock: reap the others, try
 * again later.
 */
int socket_reap(struct socket_thread *t, proc_ix dead, struct socket_reaped *r);

/*
 * socket_ghost - process @proc runs another program since its exec: what its
 * other threads left inside the fabric, killed by that, is a dead one's
 *
 * Before the new program comes in. Returns a slot that is DEAD, to be reaped as
 * any; 0: nothing was left; -ENOSPC: the process table is full.
 */
int socket_ghost(struct socket_thread *t, proc_ix proc);

/* What the fabric holds now; counted by a scan. */
/* socket_quiet - everybody was outside the fabric once; 0 or -EBUSY */
int socket_quiet(struct socket_thread *t);

struct socket_census {
	uint32_t procs, hosts, conns, socks, psets, watches, pipes;
	uint32_t frames_end, chunks_end;   /* ever used */
	uint32_t frames_held, chunks_held; /* by queues and pipes */
};

/* socket_census - stops the world for the scan; -EBUSY as socket_reap() */
int socket_census(struct socket_thread *t, struct socket_census *c);

#endif
