/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The segment: one sealed memfd that holds a fabric, mapped whole by its
 * members.
 *
 * The header comes first, then the tables, each at a page boundary, each of
 * fixed slots named by index. Slot 0 of every table is "none". Capacity is
 * virtual: a slot costs memory from its first use on.
 *
 * Who writes what: the daemon makes the segment and writes the header's
 * constants, VIFs, hosts and addresses; processes write their own `struct
 * fabric_proc`; a context is written by the thread inside it; what a host
 * holds, by whoever has its lock.
 *
 * Everything in here is trusted among members (DESIGN: one trust domain per
 * fabric).
 */
#ifndef TOAMI_FABRIC_SEGMENT_H
#define TOAMI_FABRIC_SEGMENT_H

#include "base/clock.h"
#include "base/frame.h"
#include "base/slot.h"
#include "base/types.h"

#define FABRIC_MAGIC UINT32_C(0x746f616d) /* "toam" */
#define FABRIC_ABI   27			  /* moves with any layout change */

#define FABRIC_FD_MAX	 65536 /* descriptors a process, see fabric_proc */
#define FABRIC_PROC_MAX	 1024
#define FABRIC_CTX_MAX	 4096
#define FABRIC_HOST_MAX	 4096
#define FABRIC_ADDR_MAX	 16384 /* power of two, > 2 addresses a host */
#define FABRIC_FRAME_MAX (1u << 20)
#define FABRIC_CHUNK_MAX (1u << 19)
#define FABRIC_NAME_MAX	 48
#define FABRIC_SPINNERS	 16

/* Tables that the rooms above define; the fabric only knows their sizes. */
enum fabric_table {
	FABRIC_TABLE_VIF,	 /* struct vif */
	FABRIC_TABLE_CONTROL,	 /* struct vif_control */
	FABRIC_TABLE_PROGRAM,	 /* struct bpf_program */
	FABRIC_TABLE_MAP,	 /* struct bpf_map */
	FABRIC_TABLE_MAP_MEMORY, /* what maps hold, in pages */
	FABRIC_TABLE_SCHED,	 /* struct sched: slot 1 */
	FABRIC_TABLE_CLASS,	 /* struct sched_class: two a VIF */
	FABRIC_TABLE_NODE,	 /* struct sched_node */
	FABRIC_TABLE_FLOW,	 /* struct sched_flow */
	FABRIC_TABLE_PACE,	 /* struct stack_pace, by conn_ix */
	FABRIC_TABLE_STACK_HOST, /* struct stack_host, by host_ix */
	FABRIC_TABLE_CONN,	 /* struct conn */
	FABRIC_TABLE_SOCK,	 /* struct sock */
	FABRIC_TABLE_PSET,	 /* struct pset */
	FABRIC_TABLE_WATCH,	 /* struct watch */
	FABRIC_TABLE_PIPE,	 /* struct pipe */
	FABRIC_TABLE_CAPTURE,	 /* struct capture */
	FABRIC_TABLES,
};

struct fabric_table_size {
	uint32_t capacity; /* slots, with slot 0 */
	uint32_t stride;   /* bytes a slot; rounded up to 64 */
};

struct fabric_params {
	struct fabric_table_size table[FABRIC_TABLES];
	uint32_t cores; /* that members may run on */
};

/*
 * A context: what a thread holds while it is inside the fabric. Whoever finds a
 * context free may use it; its stock of frames stays with it. `user` is the
 * gate as well: it is set with a full barrier before the thread looks whether
 * the gate is closed.
 */
struct fabric_ctx {
	_Alignas(CACHE_LINE) _Atomic proc_ix user; /* 0: nobody inside */
	uint32_t reserved;
	uint64_t random; /* state, base/random.h */
	struct arena_cache cache;
};

enum fabric_proc_state {
	FABRIC_PROC_FREE,
	FABRIC_PROC_FORKING, /* reserved by `parent` for its child; pid may be 0
			      */
	FABRIC_PROC_ALIVE,
	FABRIC_PROC_DEAD, /* seen dead; being reaped by the daemon */
};

/*
 * A process, as a member. Written by the process (by the parent while FORKING),
 * reaped by the daemon. A slot goes FREE -> FORKING or ALIVE by
 * compare-and-swap, so any member may reserve one for a fork.
 */
struct fabric_proc {
	_Alignas(
		CACHE_LINE) _Atomic uint32_t state; /* enum fabric_proc_state */
	_Atomic int32_t pid;
	_Atomic proc_ix parent; /* who reserved it */
	vif_ix vif;
	uint32_t uid;
	_Atomic uint32_t watched; /* the daemon has a pidfd for it */
	_Atomic uint32_t
		fd_end;	     /* one above the highest entry of fd[] ever used */
	uint32_t generation; /* counts uses of the slot */
	char name[16];	     /* as in /proc/PID/comm */
	/*
	 * Descriptor table: 0 = not ours, else a sock_ix or a pset_ix with the
	 * bit below, or what socket/descriptor.h says. Survives exec; entries
	 * the kernel closed then are dropped.
	 */
	_Alignas(CACHE_LINE) _Atomic uint32_t fd[FABRIC_FD_MAX];
};

#define FABRIC_FD_PSET UINT32_C(0x80000000)
#define FABRIC_FD_HIDDEN \
	UINT32_MAX /* ours alone: the program cannot close it */

/*
 * A lock that outlives its holder: the word names the holder's context, the
 * context names the process, and the daemon takes over what a dead process
 * held.
 */
#define FABRIC_LOCK_WAITERS UINT32_C(0x80000000)

struct fabric_lock {
	_Atomic uint32_t
		word; /* ctx_ix of the holder, and the bit above; 0: free */
};

enum fabric_host_state { FABRIC_HOST_FREE, FABRIC_HOST_UP };

/* A host on the network: what is common to all that talk to it. */
struct fabric_host {
	_Alignas(
		CACHE_LINE) _Atomic uint32_t state; /* enum fabric_host_state */
	vif_ix vif;
	uint32_t generation;   /* counts uses of the slot */
	_Atomic uint32_t port; /* not 0: behind a port of the daemon's, not here
				*/
	_Alignas(CACHE_LINE) struct fabric_lock lock;
	/*
	 * Frames that found the lock taken: a stack linked by frame.next,
	 * newest first. Pushed by anybody, taken whole by the lock's holder;
	 * what is for a port, by the daemon, which is woken if it sleeps.
	 */
	_Alignas(CACHE_LINE) _Atomic frame_ix backlog;
	_Atomic uint32_t backlog_frames; /* of a port's: bounds them */
	_Atomic uint32_t port_asleep;	 /* the daemon waits to be woken */
	/* Connections that may send again: a stack likewise, stack/pace.h. */
	_Atomic uint32_t kicked;
};

/* An entry of the address table: open addressing, linear probing. */
struct fabric_addr {
	struct ip_addr addr;
	_Atomic host_ix host; /* 0: never used; FABRIC_ADDR_GONE: removed */
	uint32_t reserved[3];
};

#define FABRIC_ADDR_GONE UINT32_MAX

struct fabric_header {
	uint32_t magic;
	uint32_t abi;
	uint64_t size;	      /* of the segment, bytes */
	uint64_t layout_hash; /* of every size below: differs, refuse */
	uint64_t id;	      /* random; part of the wake names */
	uint32_t cores;
	uint32_t daemon_pid;
	struct clock_scale clock;
	struct ip_addr gateway4; /* the daemon's own addresses in the subnet */
	struct ip_addr gateway6;
	uint8_t prefix4;
	uint8_t prefix6;

	uint64_t offset_procs, offset_ctxs, offset_hosts, offset_addrs;
	uint64_t offset_frames, offset_chunks, offset_bytes;
	uint64_t offset_table[FABRIC_TABLES];
	struct fabric_table_size table[FABRIC_TABLES];

	/* The gate: closed while the daemon puts the fabric in order. A futex.
	 */
	_Alignas(CACHE_LINE) _Atomic uint32_t gate;
	_Atomic uint32_t captures;	/* that are on; vif/capture.h */
	_Atomic uint32_t ctx_end;	/* one above the highest context used */
	_Atomic uint32_t host_end;	/* one above the highest host used */
	_Atomic uint32_t neighbour_gen; /* moves with the address table */
	_Atomic host_ix uplink; /* the port that gets frames for strangers; 0 */

	/* When the daemon will wake to run timers, by clock_ns. */
	_Alignas(CACHE_LINE) _Atomic uint64_t daemon_plan_ns;

	/* When the scheduler (vif/sched_core.h) has to be run. */
	_Alignas(CACHE_LINE) _Atomic uint64_t sched_next_ns;

	/* Places for threads that spin for an event, the first `cores` of them:
	 * whose. */
	_Alignas(CACHE_LINE) _Atomic proc_ix spinner[FABRIC_SPINNERS];

	struct arena_shared arena;
	struct slot_pool pool[FABRIC_TABLES];
};

/* A process's view of a segment. */
struct fabric {
	struct fabric_header *header;
	struct fabric_proc *procs;
	struct fabric_ctx *ctxs;
	struct fabric_host *hosts;
	struct fabric_addr *addrs;
	struct slot_table table[FABRIC_TABLES];
	struct arena arena;	   /* without a cache */
	const unsigned char *code; /* of programs, fabric/code.h; or NULL */
};

/**
 * fabric_create - makes a sealed segment and maps it (the daemon)
 *
 * Returns the memfd, owned by the caller, or a negative errno.
 */
int fabric_create(struct fabric *f, const struct fabric_params *params);

/**
 * fabric_map - maps the segment in @memfd, which may be closed afterwards
 *
 * Returns 0; -EPROTO: not a segment, or one of another version; a negative
 * errno.
 */
int fabric_map(struct fabric *f, int memfd);

/* fabric_unmap - the view is gone; the segment lives with its other members */
void fabric_unmap(struct fabric *f);

/**
 * fabric_host_alloc - a free host slot, state UP, its stack still zero
 *
 * Daemon only. Returns 0 when the table is full.
 */
host_ix fabric_host_alloc(struct fabric *f, vif_ix vif);

/* fabric_host_free - the slot may be used again. Daemon only, gate closed. */
void fabric_host_free(struct fabric *f, host_ix ix);

/* fabric_proc_alloc - a free slot in @state, or 0: the table is full */
proc_ix fabric_proc_alloc(struct fabric *f, enum fabric_proc_state state);

static inline uint64_t fabric_now(const struct fabric *f)
{
	return clock_ns(&f->header->clock);
}

/* The MAC address of a host says which host it is: 02:74:6f + 24 bits of index.
 */
static inline void fabric_mac(host_ix ix, uint8_t mac[6])
{
	mac[0] = 0x02;
	mac[1] = 0x74;
	mac[2] = 0x6f;
	mac[3] = (uint8_t)(ix >> 16);
	mac[4] = (uint8_t)(ix >> 8);
	mac[5] = (uint8_t)ix;
}

/* fabric_mac_host - the host that @mac names, or 0: not one of ours */
static inline host_ix fabric_mac_host(const struct fabric *f,
				      const uint8_t mac[6])
{
	host_ix ix = (host_ix)mac[3] << 16 | (host_ix)mac[4] << 8 | mac[5];

	if (mac[0] != 0x02 || mac[1] != 0x74 || mac[2] != 0x6f)
		return 0;
	return ix < atomic_load_explicit(&f->header->host_end,
					 memory_order_relaxed)
		       ? ix
		       : 0;
}

#endif
