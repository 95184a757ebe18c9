/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The tree of virtual interfaces (VIFs).
 *
 * A VIF is a slot of FABRIC_TABLE_VIF, named by its path: "/", "/web",
 * "/web/images". Slot 1 is the root and always there. One with an address is a
 * host on the network; one without is a lane of its nearest addressed ancestor.
 *
 * A name is 1 to 47 letters, digits, '-' and '_', the first one a letter, a
 * digit or
 * '_'; that is a DNS label, so names that differ only in case are the same
 * name. It keeps the case it was made with.
 *
 * Writers: the daemon alone changes the tree. Members read `parent`, `depth`
 * and `host` at any time without a lock and add to the counters with relaxed
 * atomics. An index that has become stale (its VIF was removed while a frame
 * was under way) costs a wrong count, nothing worse: every walk ends.
 */
#ifndef TOAMI_VIF_VIF_H
#define TOAMI_VIF_VIF_H

#include "fabric/attach.h"
#include "fabric/segment.h"

#define VIF_CAPACITY  131072	      /* of the table, slot 0 among them */
#define VIF_NAME_MAX  FABRIC_NAME_MAX /* bytes, with the final zero */
#define VIF_PATH_MAX  ATTACH_VIF_MAX
#define VIF_DEPTH_MAX 64
#define VIF_BUCKETS   65536 /* of the hash of (parent, name) */
#define VIF_ROOT      ((vif_ix)1)

enum vif_state { VIF_FREE, VIF_UP };

/* One direction's counters. Written by whoever sends, read by the daemon. */
struct vif_count {
	_Alignas(CACHE_LINE) _Atomic uint64_t packets;
	_Atomic uint64_t bytes;	      /* with the Ethernet header */
	_Atomic uint64_t drops;	      /* packets */
	_Atomic uint64_t retransmits; /* TCP segments; of tx only */
};

struct vif {
	/* Read by every member, written when the tree changes. */
	uint32_t slot_link;	/* base/slot.h, while free */
	_Atomic uint32_t state; /* enum vif_state */
	_Atomic vif_ix parent;	/* 0: the root, or free */
	_Atomic uint32_t depth; /* of the root: 0 */
	_Atomic host_ix host;	/* that has its own address; 0: a lane */

	/* The daemon's own: lists of siblings and of names with one hash. */
	vif_ix first_child;
	vif_ix last_child;
	vif_ix next;
	vif_ix prev;
	vif_ix chain;
	vif_ix bucket; /* head of the chain whose hash is this slot's index;
			* not part of the VIF: outlives it */
	uint32_t uid;  /* who made it */
	uint32_t generation; /* counts uses of the slot */

	_Atomic uint32_t control; /* slot of vif/control.h; 0: none */
	_Atomic uint32_t hooks;	  /* programs on the way up: vif/program.h */
	_Atomic uint32_t sched;	  /* what may hold frames up: sched_core.h */

	_Alignas(CACHE_LINE) char name[VIF_NAME_MAX];
	struct ip_addr addr4; /* any: none of its own */
	struct ip_addr addr6;

	struct vif_count tx; /* what left it */
	struct vif_count rx; /* what entered it */
};

static_assert(sizeof(struct vif_count) == CACHE_LINE, "a line a direction");
static_assert(offsetof(struct vif, name) == CACHE_LINE, "topology: one line");
static_assert(sizeof(struct vif) == 5 * CACHE_LINE, "struct vif");

static inline struct vif *vif_at(const struct fabric *f, vif_ix ix)
{
	return (struct vif *)slot_at(&f->table[FABRIC_TABLE_VIF], ix);
}

/* --- the tree: daemon only
 * ------------------------------------------------------ */

/* vif_init - makes the root, in a segment without VIFs */
void vif_init(struct fabric *f);

/**
 * vif_add - a VIF below @parent, without an address
 * @name: borrowed, @bytes long, need not end with zero
 * @uid:  who makes it
 * @ix:   gets the VIF; on -EEXIST the one that has the name
 *
 * Returns 0; -EEXIST; -EINVAL: not a name; -ENAMETOOLONG: the name or its path;
 * -ELOOP: deeper than VIF_DEPTH_MAX; -ENOSPC: the table is full.
 */
int vif_add(struct fabric *f, vif_ix parent, const char *name, size_t bytes,
	    uint32_t uid, vif_ix *ix);

/**
 * vif_remove - takes a leaf out of the tree; its counters go with it
 *
 * Returns 0; -EBUSY: it has children, or still a host; -EPERM: it is the root.
 */
int vif_remove(struct fabric *f, vif_ix ix);

/**
 * vif_move - @ix gets another parent, another name, or both; what is below it
 * comes along
 *
 * The caller has seen that @parent is not below it, and that neither depth nor
 * paths become too long. A member that walks the tree meanwhile counts on the
 * old or on the new path. Returns 0; -EEXIST: @parent has another child called
 * so; -EINVAL, -ENAMETOOLONG: not a name.
 */
int vif_move(struct fabric *f, vif_ix ix, vif_ix parent, const char *name,
	     size_t bytes);

/* vif_child - the child of @parent called @name (@bytes long), or 0 */
vif_ix vif_child(const struct fabric *f, vif_ix parent, const char *name,
		 size_t bytes);

/* vif_find - the VIF at @path, or 0; a path starts with '/', which may end it,
 * too */
vif_ix vif_find(const struct fabric *f, const char *path);

/* vif_name_ok - 0, -EINVAL or -ENAMETOOLONG, as vif_add() would say */
int vif_name_ok(const char *name, size_t bytes);

/**
 * vif_next - the tree in depth-first order, children in the order they were
 * made
 * @top: the walk covers this VIF and what is below it
 * @ix:  0 begins with @top
 *
 * Returns the one after @ix, or 0 at the end.
 */
vif_ix vif_next(const struct fabric *f, vif_ix top, vif_ix ix);

/* --- for everybody
 * -------------------------------------------------------------- */

/* vif_path - writes the path, with its final zero; returns its length */
size_t vif_path(const struct fabric *f, vif_ix ix, char path[VIF_PATH_MAX]);

/* vif_host - the host of @ix: its own or that of its nearest addressed
 * ancestor; 0 */
host_ix vif_host(const struct fabric *f, vif_ix ix);

/* vif_below - true: @ix is @top or below it */
bool vif_below(const struct fabric *f, vif_ix ix, vif_ix top);

static inline vif_ix vif_parent(const struct vif *v)
{
	return atomic_load_explicit(&v->parent, memory_order_relaxed);
}

/* --- counting
 * ------------------------------------------------------------------- */

static inline void vif_count_add(struct vif_count *c, uint32_t packets,
				 uint64_t bytes)
{
	atomic_fetch_add_explicit(&c->packets, packets, memory_order_relaxed);
	atomic_fetch_add_explicit(&c->bytes, bytes, memory_order_relaxed);
}

/* vif_charge_far - vif_charge() for those who are not siblings */
void vif_charge_far(const struct fabric *f, vif_ix tx, vif_ix rx,
		    uint32_t packets, uint64_t bytes);

/**
 * vif_charge - counts frames that go from @tx to @rx
 *
 * They climb to the lowest common ancestor and descend: every VIF they leave
 * counts them as sent, every VIF they enter as received, the ancestor not at
 * all. Hence nothing is counted when both are the same, and a descent alone
 * when @tx is above @rx: a frame that is known to be for a lane only once it
 * has reached the lane's host is charged in two steps, to the host and from the
 * host to the lane.
 *
 * 0 for either is allowed and counts nothing.
 */
static inline void vif_charge(const struct fabric *f, vif_ix tx, vif_ix rx,
			      uint32_t packets, uint64_t bytes)
{
	struct vif *from = vif_at(f, tx), *to = vif_at(f, rx);

	if (likely(tx != rx && vif_parent(from) == vif_parent(to) &&
		   vif_parent(from))) {
		vif_count_add(&from->tx, packets, bytes);
		vif_count_add(&to->rx, packets, bytes);
		return;
	}
	vif_charge_far(f, tx, rx, packets, bytes);
}

/*
 * vif_charge_down - a frame from @tx, charged as far as @host by vif_charge(),
 * goes on to the lane @rx of that host
 *
 * Where @tx is a lane of the same host, the frame has not been up to @host at
 * all: what is between @host and the lowest common ancestor is taken back.
 */
void vif_charge_down(const struct fabric *f, vif_ix tx, vif_ix host, vif_ix rx,
		     uint32_t packets, uint64_t bytes);

/* vif_retransmitted - a connection on @ix has sent a segment again: counted
 * there and above, but not at the root */
void vif_retransmitted(const struct fabric *f, vif_ix ix);

/* vif_drop_tx, vif_drop_rx - frames lost on their way out of or into @ix */
static inline void vif_drop_tx(const struct fabric *f, vif_ix ix,
			       uint32_t packets)
{
	atomic_fetch_add_explicit(&vif_at(f, ix)->tx.drops, packets,
				  memory_order_relaxed);
}

static inline void vif_drop_rx(const struct fabric *f, vif_ix ix,
			       uint32_t packets)
{
	atomic_fetch_add_explicit(&vif_at(f, ix)->rx.drops, packets,
				  memory_order_relaxed);
}

#endif
