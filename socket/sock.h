/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Sockets and poll sets as they lie in the segment.
 *
 * A sock is an open socket description: what dup and fork share. It is alive
 * while some process's descriptor table names it (`refs`), and owns one
 * connection of its host's stack. A pset (poll set) is an epoll instance, or a
 * thread's temporary one for poll and select. A watch ties a sock to a pset.
 *
 * Locks: a sock's fields and its list of watches belong to its host's lock,
 * except the atomics: `ready` and `sleeping` are read by anybody. A pset's
 * lists belong to its own lock, except `ready`, onto which whoever reports an
 * event pushes without a lock.
 *
 * A descriptor is proof that a sock lives only while the host's lock is held
 * and the table still names it: sock_lock() checks.
 */
#ifndef TOAMI_SOCKET_SOCK_H
#define TOAMI_SOCKET_SOCK_H

#include "fabric/segment.h"
#include "stack/stack.h"

enum sock_state { SOCK_FREE, SOCK_USED };

/* What connect() has said of a stream so far: the kernel's socket_state. It
 * stays while the connection comes and ends; only connect() and what
 * disconnects move it. */
enum sock_phase {
	SOCK_UNCONNECTED,
	SOCK_CONNECTING,
	SOCK_CONNECTED,
	SOCK_DISCONNECTING, /* shutdown() in between: good for nothing */
};

#define SOCK_KEPT 40

struct sock {
	uint32_t link;		/* slot table's */
	_Atomic uint32_t state; /* enum sock_state */
	_Atomic uint32_t refs;	/* descriptors that name it, in all processes */
	conn_ix conn;
	host_ix host;
	vif_ix vif;
	uint8_t proto; /* STACK_TCP, STACK_UDP, ... */
	bool inet6;    /* AF_INET6 */
	uint8_t phase; /* enum sock_phase */
	bool listening;
	bool v6only;
	bool reuseaddr;
	bool reuseport;
	_Atomic uint32_t nonblock;   /* O_NONBLOCK, shared by all descriptors */
	_Atomic uint32_t file_flags; /* O_APPEND and such: shown to who asks */
	_Atomic uint32_t ready; /* conn_ready(), kept by whoever has the lock */
	/* futex: odd while somebody sleeps on this sock; each waking adds 1 */
	_Atomic uint32_t sleeping;
	watch_ix watches;	  /* linked by watch.next */
	uint64_t recv_timeout_ns; /* 0: none */
	uint64_t send_timeout_ns;
	bool zerocopy;	     /* SO_ZEROCOPY */
	bool inq;	     /* TCP_INQ */
	uint32_t notes_made; /* errqueue.h: numbers of sends */
	uint32_t notes_read;
	uint32_t linger_s; /* close() waits so long at most for what was sent */
	uint32_t generation;	    /* counts uses of the slot */
	_Atomic uint32_t parcelled; /* has been sent to others: parcel.h */
	uint32_t stamping;	    /* SO_TIMESTAMPING, as it was set */
	/* What it sends is told: stamp.h. */
	uint32_t stamp_base; /* OPT_ID: the next number; a stream's first byte
			      */
	struct frame_list stamps;
	uint32_t stamp_count;
	struct frame_list awaited; /* ends of a stream's writes */
	bool cork;		   /* UDP_CORK */
	bool cork_open;	 /* a datagram is being put together: udp_io.c */
	bool cork_named; /* for cork_to, else for the peer */
	uint16_t cork_port;
	struct ip_addr cork_to;
	struct udp_how cork_how;
	_Atomic uint32_t async; /* O_ASYNC: sigio.h */
	_Atomic int32_t owner;	/* of SIGURG; negative: a group; sigio.c */
	uint32_t notes; /* NOTE_*: told beside each datagram; control.h */
	int32_t kept[SOCK_KEPT]; /* options that only their askers see; option.c
				  */
};

enum watch_state {
	WATCH_IDLE,
	WATCH_QUEUED, /* on its pset's ready stack or level list */
	WATCH_AGAIN, /* likewise, and something has happened since it was looked
			at */
	WATCH_GONE,  /* likewise, and to be freed by who takes it off */
};

struct watch {
	uint32_t link;		/* slot table's */
	_Atomic uint32_t state; /* enum watch_state */
	sock_ix sock;		/* 0: the slot is free, or the watch is gone */
	pset_ix pset;
	int32_t fd;		 /* the descriptor it was made with */
	_Atomic uint32_t events; /* EPOLL*; 0 after a one-shot */
	uint64_t data;		 /* for the program */
	watch_ix next;		 /* of its sock */
	watch_ix ready_next;	 /* on the ready stack or the level list */
};

/*
 * pset.sleeping: who sleeps on it, and who is to be woken. A waker takes the
 * two "armed" bits away and wakes for each, so that a burst of events costs one
 * waking; sleepers set them again before they sleep. The last sleeper to leave
 * takes his bit along: an armed pset has somebody asleep, which EPOLLEXCLUSIVE
 * relies on.
 */
#define PSET_FUTEX_ONE \
	UINT32_C(0x1) /* counts threads on the futex: `sleeping` */
#define PSET_FUTEX_ALL UINT32_C(0x3ff)
#define PSET_SOCKET_ONE \
	UINT32_C(0x400) /* threads in the kernel, on the wake socket */
#define PSET_SOCKET_ALL	  UINT32_C(0xffc00)
#define PSET_FUTEX_ARMED  UINT32_C(0x100000)
#define PSET_SOCKET_ARMED UINT32_C(0x200000)
#define PSET_ARMED	  (PSET_FUTEX_ARMED | PSET_SOCKET_ARMED)
#define PSET_NESTED \
	UINT32_C(0x400000) /* the kernel's instance must show our events */
#define PSET_WOKEN UINT32_C(0x800000) /* counts wakings, up to the top */

struct pset {
	uint32_t link;		/* slot table's */
	_Atomic uint32_t state; /* enum sock_state */
	_Atomic uint32_t refs;	/* descriptors; a temporary one has 1 */
	struct fabric_lock lock;
	_Atomic uint32_t sleeping; /* a futex, see above */
	_Atomic int32_t
		wake_fd; /* in the processes that share it; -1: none yet */
	proc_ix owner;	 /* of a temporary one; 0: descriptors name it */
	uint32_t
		generation; /* counts uses of the slot: part of the wake name */
	_Atomic uint32_t kernel_fds; /* descriptors of the kernel's in it */
	uint64_t kernel_checked_ns;
	/* several processes have it that did not get its wake socket by fork:
	 * keeper.h */
	_Atomic uint32_t shared;
	_Atomic uint32_t parcelled; /* has been sent to others: parcel.h */
	_Alignas(CACHE_LINE) _Atomic watch_ix ready; /* stack of WATCH_QUEUED */
	_Atomic uint32_t level; /* 0: the list is empty and nobody is at it */
	watch_ix level_first;	/* taken off `ready`, to be looked at again */
	watch_ix level_last;
};

static inline struct sock *sock_at(const struct fabric *f, sock_ix ix)
{
	return slot_at(&f->table[FABRIC_TABLE_SOCK], ix);
}

static inline struct pset *pset_at(const struct fabric *f, pset_ix ix)
{
	return slot_at(&f->table[FABRIC_TABLE_PSET], ix);
}

static inline struct watch *watch_at(const struct fabric *f, watch_ix ix)
{
	return slot_at(&f->table[FABRIC_TABLE_WATCH], ix);
}

static inline struct stack_host *stack_host_at(const struct fabric *f,
					       host_ix ix)
{
	return slot_at(&f->table[FABRIC_TABLE_STACK_HOST], ix);
}

#endif
