/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The maps of packet programs: memory of the fabric, and whose it is.
 *
 * A map belongs to the VIF whose program asked for it, or to the fabric, where
 * it is TOAMI_SHARED. It stays as long as some program refers to it: a program
 * exchanged for one that describes a map of that name in the same way finds
 * what is in it.
 *
 * Quota. What the owner of a VIF has below it counts in whole pages: maps of
 * the VIFs there, and each shared one that a program there refers to. A map
 * that is about to be replaced counts until it has gone. Where no quota is
 * set, VIF_MAP_OWNER_BYTES is what an owner may have.
 */
#ifndef TOAMI_DAEMON_MAPS_H
#define TOAMI_DAEMON_MAPS_H

#include "bpf/verify.h"
#include "daemon/daemon.h"

/* maps_new - books of the maps' memory; NULL: no memory */
struct maps *maps_new(void);
void maps_free(struct maps *m);

static inline struct bpf_map *maps_at(struct daemon *d, uint32_t slot)
{
	return slot_at(&daemon_fabric(d)->table[FABRIC_TABLE_MAP], slot);
}

/**
 * maps_get - a map for @def: one that is there, or a new one
 * @vif:     whose program it is
 * @initial: what its first value is, or NULL
 *
 * Returns its slot, with a reference for the caller, or 0 and why not.
 */
uint32_t maps_get(struct daemon *d, vif_ix vif, const struct bpf_map_def *def,
		  const uint8_t *initial, struct refusal *why);

/* maps_put - lets go of a reference */
void maps_put(struct daemon *d, uint32_t slot);

/**
 * maps_copy - @d has maps of the sizes that @from has, empty, for ever
 * @vif: where those of a VIF of @from are in @d
 *
 * Shared ones are left out. Returns 0, or -1 and why not.
 */
int maps_copy(struct daemon *d, struct daemon *from, const vif_ix *vif,
	      struct refusal *why);

/* maps_bytes - what all VIFs below @ix have, and with @self @ix, too */
uint64_t maps_bytes(struct daemon *d, vif_ix ix, bool self);

/**
 * maps_permit - may whoever asks have these for a program of @vif?
 * @map: slots, acquired already
 *
 * Returns 0, or -1 and why not. Nobody asks: the daemon itself may.
 */
int maps_permit(struct daemon *d, vif_ix vif, const uint32_t *map,
		uint32_t count, struct refusal *why);

/**
 * maps_permit_move - may @peer bring all at and below @moved below @parent?
 *
 * Returns 0, or -1 and why not.
 */
int maps_permit_move(struct daemon *d, const struct peer *peer, vif_ix parent,
		     vif_ix moved, struct refusal *why);

#endif
