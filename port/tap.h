/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A TAP: an interface of the kernel's whose frames come out of a descriptor.
 *
 * Whoever has the right to make one in his network namespace does so
 * (tap_open(), in the command) and hands the descriptor over; the daemon takes
 * it (tap_adopt()) and carries its frames. Offloads are on where the kernel has
 * them: super-frames pass whole, checksums stay open.
 */
#ifndef TOAMI_PORT_TAP_H
#define TOAMI_PORT_TAP_H

#include "port/gro.h"
#include "port/guard.h"

#include <linux/if_tun.h>
#include <net/if.h>

/* The kind of TAP that is spoken with. */
#define TAP_FLAGS (IFF_TAP | IFF_NO_PI | IFF_VNET_HDR)

/* What has passed, and what has not. */
struct tap_counts {
	uint64_t in, in_bytes;
	uint64_t in_bad;     /* header and frame contradict each other */
	uint64_t in_refused; /* by the guard */
	uint64_t in_lost;    /* no memory */
	uint64_t out, out_bytes;
	uint64_t out_lost; /* the kernel did not take it, or it was bad */
};

struct tap {
	int fd;
	bool offload; /* checksums and TCP segmentation are left open */
	char name[IFNAMSIZ];
	vif_ix vif; /* frames that come in are from there */
	struct port_guard guard;
	struct port_gro gro;
	struct tap_counts count;
	uint8_t *buffer;
};

/**
 * tap_open - makes the TAP @name, or takes a persistent one
 * @name: may have %d; NULL or "": the kernel chooses
 * @got:  gets its name
 *
 * Returns a descriptor, owned by the caller, or a negative errno.
 */
int tap_open(const char *name, char got[IFNAMSIZ]);

/**
 * tap_adopt - @fd, owned by @t from now on unless this fails
 * @offload: leave checksums and segmentation to the other side
 *
 * The caller fills vif and guard. Returns 0; -ENOTTY: not a TAP; -EINVAL: one
 * of another kind than tap_open() makes; -ENOMEM.
 */
int tap_adopt(struct tap *t, int fd, bool offload);

/* tap_fini - closes the descriptor; accepts one that was never adopted */
void tap_fini(struct tap *t);

/**
 * tap_receive - takes in what the interface sends
 * @budget: at most so many
 * @out:    gets frames, tx_vif set
 *
 * Returns how many came, or a negative errno: the interface is gone.
 */
int tap_receive(struct tap *t, struct arena *a, uint32_t budget,
		struct frame_list *out);

/* tap_send - the interface receives @ix, cut up where it must be; consumes @ix
 */
void tap_send(struct tap *t, struct arena *a, frame_ix ix);

#endif
