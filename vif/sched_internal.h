/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The scheduler's structures, and what its files tell each other.
 *
 *	sched.c        a frame's way: in, through its tree, on
 *	sched_node.c   nodes: made, woken, stopped
 *	sched_band.c   whose turn it is among children
 *	sched_leaf.c   the queue of a VIF's own traffic: flows, CoDel
 *	sched_wheel.c  dates
 *	sched_class.c  controls read, VIFs that come, change and go
 *	sched_mend.c   what a death has left
 *
 * A class is one direction of one VIF. How far a frame climbs depends on where
 * it goes: from /p/a it passes /p on its way to /q, and not on its way to
 * /p/b. So a class has a *node* in each tree that it takes part in, and the
 * tree is named by the highest class that the frames in it pass, its top:
 * those of /p/a have (a, top p) and (a, top a). The nodes of a class share its
 * ceiling and its statistics; each has its own turn.
 *
 * Everything here is derived from the tree and from what is queued; the lock's
 * holder alone touches it, but for the words marked atomic. After a death
 * under the lock the queues are lost and everything is made anew.
 */
#ifndef TOAMI_VIF_SCHED_INTERNAL_H
#define TOAMI_VIF_SCHED_INTERNAL_H

#include "fabric/gate.h"
#include "vif/sched_core.h"

/*
 * A ceiling is a date: when what has passed would have left a line of that
 * rate. A frame passes once the date is past. A date that lies in the past is
 * credit, and credit is bounded: SCHED_IDLE_NS for time in which nothing was
 * to be sent, SCHED_LATE_NS where frames waited and nobody came to carry them,
 * and in pauses so short that a program may have waited for its core.
 * What was missed beyond that is made up for slowly, one part in
 * 2^SCHED_REPAY_SHIFT faster, as long as there is something to send. So in t
 * seconds there pass at most (t * 33/32 + 4 ms) * rate, and in the long run
 * rate * t, on a machine that lets its programs wait, too.
 */
#define SCHED_IDLE_NS	     (1 * NSEC_PER_MSEC)
#define SCHED_LATE_NS	     (4 * NSEC_PER_MSEC)
#define SCHED_REPAY_SHIFT    5
#define SCHED_ARREARS_MAX_NS NSEC_PER_SEC

/* A frame that would keep a ceiling busy for longer is cut, if it can be. */
#define SCHED_LONG_NS (5 * NSEC_PER_MSEC)

/* --- the wheel */

#define SCHED_TICK_SHIFT 11 /* 2 us */
#define SCHED_LEVELS	 6
#define SCHED_BITS	 6
#define SCHED_SLOTS	 (1 << SCHED_BITS)

/* An entry: a node's index, or a frame's with this bit. */
#define SCHED_FRAME UINT32_C(0x80000000)

struct sched_timer {
	uint32_t next, prev; /* entries of the same slot, in a ring */
	uint64_t date_ns;    /* 0: not in the wheel */
};

struct sched_wheel {
	uint64_t now; /* ticks */
	uint64_t busy[SCHED_LEVELS];
	uint32_t slot[SCHED_LEVELS][SCHED_SLOTS]; /* first of the ring */
};

/* --- classes and nodes */

struct sched_class {
	uint64_t ceil_mult;  /* ns a byte, 32 bits of fraction; 0: none */
	uint64_t gate_ns;    /* the ceiling's date */
	uint64_t arrears_ns; /* missed, to be made up for */
	uint64_t packets;    /* of vif_class_stats, which is filled in */
	uint64_t bytes;
	uint32_t gate_frac;
	node_ix nodes; /* linked by class_next */
	uint32_t loaded;
	class_ix dirty_next;
	_Atomic uint32_t dirty; /* on the stack of those to be read again */
	uint32_t impaired;	/* one of the six below */
	uint64_t min_mult;
	uint64_t rate_bps;
	uint32_t weight;
	uint32_t prio;
	uint64_t limit_bytes; /* 0: not set */
	uint64_t quota_bytes; /* of all that waits below */
	uint64_t limit_ns;
	uint64_t delay_ns, jitter_ns;
	uint32_t loss_ppm, reorder_ppm, duplicate_ppm;
	uint32_t loss_random; /* keeps the three before it a whole */
	struct vif_class_stats stats;
};

enum sched_kind { NODE_FREE, NODE_INNER, NODE_LEAF, NODE_BAND };

enum sched_state {
	NODE_IDLE,   /* has nothing to send */
	NODE_TURN,   /* among its siblings, by weight; a root: in the ring */
	NODE_DUE,    /* among its siblings that are behind their guarantee */
	NODE_WAITING /* for its ceiling's date, in the wheel */
};

#define SCHED_GROUPS 14 /* weights by powers of two, up to VIF_WEIGHT_MAX */
#define LEAF_BUCKETS 32

/* Of a band: the children with weights between two powers of two. */
struct sched_group {
	node_ix first;	 /* a ring */
	uint32_t weight; /* of all in it */
	uint64_t served; /* bytes / weight, 16 bits of fraction */
};

struct sched_node {
	uint32_t link; /* the slot table's while free */
	uint8_t kind;  /* enum sched_kind */
	uint8_t state; /* enum sched_state */
	uint8_t prio;  /* of its class when it joined its band */
	uint8_t reserved;
	node_ix parent; /* 0: a root */
	class_ix class;
	class_ix top;
	node_ix class_next;
	node_ix next, prev; /* ring of siblings */
	struct sched_timer timer;
	int64_t deficit; /* bytes it may still send in this turn */
	uint16_t weight;
	uint16_t slot; /* of the wheel, where `timer` is */
	uint32_t min_frac;
	uint64_t min_ns;   /* the guarantee's date */
	uint64_t since_ns; /* idle or waiting since */
	union {
		struct {
			node_ix band[VIF_PRIO_MAX + 1];
			uint32_t ready;	  /* prios with children that want */
			uint32_t wanting; /* children in the bands */
			node_ix leaf;
			uint32_t children; /* inner nodes below */
		};
		struct {
			flow_ix flow[LEAF_BUCKETS];
			flow_ix fresh_first, fresh_last; /* sparse flows */
			flow_ix old_first, old_last;
			uint32_t packets, bytes;
		};
	};
};

/* A band: the children of one prio. Lies in a node's slot. */
struct sched_band {
	uint32_t link;
	uint8_t kind;
	uint8_t reserved[3];
	node_ix due;	 /* a ring */
	uint32_t groups; /* bits: those that are not empty */
	uint64_t served; /* of the group whose turn it was last */
	struct sched_group group[SCHED_GROUPS];
};

/* A flow of a leaf. */
struct sched_flow {
	uint32_t link;
	uint32_t key;
	uint8_t live;
	uint8_t listed; /* in one of the leaf's two lists */
	uint8_t dropping;
	uint8_t reserved;
	flow_ix next;
	frame_ix first, last;
	int32_t deficit;
	uint32_t bytes;
	/* RFC 8289 */
	uint32_t drops, drops_before;
	uint64_t above_ns, next_drop_ns;
};

/* Between which two VIFs frames went lately, and past which nodes. */
#define SCHED_WAYS 128 /* a power of two */

struct sched_way {
	vif_ix tx, rx;
	uint32_t generation; /* another one: not valid */
	node_ix tx_node, rx_node;
};

struct sched {
	struct sched_door door;
	uint64_t random;
	node_ix roots;	     /* ring of roots that may send */
	uint32_t generation; /* counts changes of controls and of the tree */
	struct sched_wheel wheel;
	struct sched_way way[SCHED_WAYS];
};

static_assert(sizeof(struct sched_node) <= SCHED_NODE_BYTES, "a node's slot");
static_assert(sizeof(struct sched_band) <= SCHED_NODE_BYTES, "a band's slot");
static_assert(sizeof(struct sched_flow) <= SCHED_FLOW_BYTES, "a flow's slot");
static_assert(sizeof(struct sched) <= SCHED_BYTES, "the scheduler's slot");
static_assert(sizeof(struct sched_class) <= SCHED_CLASS_BYTES, "a class");

/* What a frame carries while it is here. */
struct sched_note {
	struct sched_timer timer; /* date: when it came, or when it may go on */
	class_ix class, top;	  /* what it has yet to enter; 0: nothing */
};

static_assert(sizeof(struct sched_note) <= sizeof(((struct frame *)0)->note),
	      "the note fits");

static inline struct sched_note *sched_note(struct frame *f)
{
	return (struct sched_note *)f->note;
}

static inline struct sched *sched_at(const struct fabric *f)
{
	return (struct sched *)sched_door(f);
}

static inline struct sched_class *class_at(const struct sched_view *v,
					   class_ix c)
{
	return (struct sched_class *)(v->classes +
				      (size_t)c * SCHED_CLASS_BYTES);
}

static inline struct sched_node *node_at(const struct sched_view *v, node_ix n)
{
	return (struct sched_node *)(v->nodes + (size_t)n * SCHED_NODE_BYTES);
}

static inline struct sched_band *band_at(const struct sched_view *v, node_ix n)
{
	return (struct sched_band *)(v->nodes + (size_t)n * SCHED_NODE_BYTES);
}

static inline struct sched_flow *flow_at(const struct sched_view *v, flow_ix n)
{
	return slot_at(&v->fabric->table[FABRIC_TABLE_FLOW], n);
}

static inline uint32_t frame_wire_bytes(const struct frame *f)
{
	return f->header_bytes + f->payload;
}

/* date_add - moves a date by @bytes at @mult, exactly in the long run */
static inline void date_add(uint64_t *ns, uint32_t *frac, uint32_t bytes,
			    uint64_t mult)
{
	unsigned __int128 t = (unsigned __int128)bytes * mult + *frac;

	*frac = (uint32_t)t;
	*ns += (uint64_t)(t >> 32);
}

/*
 * ceiling_credit - bounds @c's credit by what its node has been doing, @state
 * since @since_ns
 *
 * Only who waited for this date, and for nobody else, has missed something.
 */
static inline void ceiling_credit(const struct sched_view *v,
				  struct sched_class *c, uint8_t state,
				  uint64_t since_ns)
{
	uint64_t most = SCHED_LATE_NS, missed;

	if (state == NODE_IDLE && v->now_ns - since_ns >= SCHED_LATE_NS) {
		most = SCHED_IDLE_NS;
		c->arrears_ns = 0;
	}
	if (likely(c->gate_ns + most >= v->now_ns))
		return;
	missed = v->now_ns - most - c->gate_ns;
	c->gate_ns += missed;
	if (state == NODE_WAITING)
		c->arrears_ns =
			min_u64(c->arrears_ns + missed, SCHED_ARREARS_MAX_NS);
}

/* ceiling_charge - @bytes have passed */
static inline void ceiling_charge(struct sched_class *c, uint32_t bytes)
{
	uint64_t before = c->gate_ns, back;

	date_add(&c->gate_ns, &c->gate_frac, bytes, c->ceil_mult);
	if (likely(!c->arrears_ns))
		return;
	back = min_u64((c->gate_ns - before) >> SCHED_REPAY_SHIFT,
		       c->arrears_ns);
	c->gate_ns -= back;
	c->arrears_ns -= back;
}

/* sched_wheel.c */
void wheel_start(struct sched_wheel *w, uint64_t now_ns);
void wheel_put(struct sched_view *v, uint32_t entry, uint64_t date_ns);
void wheel_take(struct sched_view *v, node_ix n);
/* wheel_due - takes out an entry whose date has come, or 0 */
uint32_t wheel_due(struct sched_view *v);
/* wheel_next_ns - nothing is due before; UINT64_MAX: empty */
uint64_t wheel_next_ns(const struct sched_wheel *w);

/* sched_band.c */
void ring_add(struct sched_view *v, node_ix *first, node_ix n);
void ring_remove(struct sched_view *v, node_ix *first, node_ix n);
/* band_make - children of @parent may have that prio; false: no memory */
bool band_make(struct sched_view *v, node_ix parent, uint32_t prio);
/* band_join - @n, whose state is TURN or DUE, is among its parent's children */
void band_join(struct sched_view *v, node_ix n);
void band_leave(struct sched_view *v, node_ix n);
/* band_choose - the child of @n whose turn it is, or 0 */
node_ix band_choose(struct sched_view *v, struct sched_node *n);
/* band_charge - @n has sent @bytes in its turn */
void band_charge(struct sched_view *v, node_ix n, uint32_t bytes);

/* sched_leaf.c */
/* leaf_push - false: no room, with the reason; the frame stays the caller's */
bool leaf_push(struct sched_view *v, struct sched_node *leaf, frame_ix ix,
	       enum vif_drop *why);
/* leaf_pop - the frame whose turn it is, or 0; drops what is stale */
frame_ix leaf_pop(struct sched_view *v, struct sched_node *leaf);
/* leaf_put_back - the frames of @list, of one flow, are its next ones again */
void leaf_put_back(struct sched_view *v, struct sched_node *leaf,
		   struct frame_list *list);
/* leaf_take - the next frame, whatever CoDel says */
frame_ix leaf_take(struct sched_view *v, struct sched_node *leaf);
void leaf_free(struct sched_view *v, struct sched_node *leaf);

/* sched_node.c */
/* node_get - the inner node of @class in the tree of @top; 0: no memory, or
 * there is no such way */
node_ix node_get(struct sched_view *v, class_ix class, class_ix top);
/* node_wake - @n has something to send, or its ceiling's date has come */
void node_wake(struct sched_view *v, node_ix n);
/* node_stop - @n does not take part until it is woken; its parent may follow */
void node_stop(struct sched_view *v, node_ix n, enum sched_state state);
/* node_leave - node_stop() that leaves the parent to the caller */
void node_leave(struct sched_view *v, node_ix n, enum sched_state state);
void node_due(struct sched_view *v, node_ix n);
/* node_free - @n and its leaf, empty and without children */
void node_free(struct sched_view *v, node_ix n);

/* sched.c */
void sched_drop(struct sched_view *v, class_ix class, frame_ix ix,
		enum vif_drop why);
/* sched_enter - into the queue of @class, or through where nothing waits */
void sched_enter(struct sched_view *v, frame_ix ix, class_ix class,
		 class_ix top);

/* sched_class.c */
void class_load(struct sched_view *v, class_ix ix);
/* class_read_dirty - reads again what has changed */
void class_read_dirty(struct sched_view *v);
/* sched_seize - for the daemon, @self: the lock is taken, changes are read. 0,
 * or -EBUSY: somebody stays at it */
int sched_seize(struct fabric *f, proc_ix self, struct fabric_inside *in,
		struct sched_view *v);
void sched_release(struct fabric_inside *in, struct sched_view *v);

#endif
