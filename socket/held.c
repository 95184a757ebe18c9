/* SPDX-License-Identifier: BSD-2-Clause */
/* See held.h. */
#include "socket/held.h"
#include "socket/descriptor.h"

#include <fcntl.h>

/* A place: the pset, and above it the number that keeps it, 0: none does. */
#define KEPT_SHIFT 32

void held_begin(struct socket_thread *t, struct held *h)
{
	/* A vfork child's descriptors are not those of the threads beside it.
	 */
	if (h->place || t->self != t->process->self)
		return;
	for (uint32_t i = 0; i < SOCKET_HELD; i++) {
		_Atomic uint64_t *place = &t->process->held[i];
		uint64_t nobody = 0;

		if (!atomic_load_explicit(place, memory_order_relaxed) &&
		    atomic_compare_exchange_strong(place, &nobody, h->pset)) {
			h->place = place;
			return;
		}
	}
}

/* The sleepers on @ix have @kept, a number, to close. False: there are none. */
static bool hand_on(struct socket_thread *t, pset_ix ix, long kept)
{
	bool any = false;

	for (uint32_t i = 0; i < SOCKET_HELD; i++) {
		_Atomic uint64_t *place = &t->process->held[i];
		uint64_t v = atomic_load(place);

		while ((uint32_t)v == ix && !(v >> KEPT_SHIFT))
			if (atomic_compare_exchange_weak(
				    place, &v,
				    (uint64_t)kept << KEPT_SHIFT | ix))
				v |= (uint64_t)kept << KEPT_SHIFT;
		any |= (uint32_t)v == ix;
	}
	return any;
}

void held_end(struct socket_thread *t, struct held *h)
{
	long kept;

	if (!h->place)
		return;
	kept = (long)(atomic_exchange(h->place, 0) >> KEPT_SHIFT);
	/* Two that leave at once may both find that they are the last. */
	if (unlikely(kept) && !hand_on(t, h->pset, kept))
		descriptor_close_if(t, kept, h->pset | FABRIC_FD_PSET,
				    h->generation);
}

long held_number(const struct socket_thread *t, const struct held *h)
{
	const struct fabric *f = &t->process->fabric;
	const struct fabric_proc *p = &f->procs[t->self];
	uint32_t entry = h->pset | FABRIC_FD_PSET;

	/* Without a place it may be gone, and the slot be another's. */
	if (!h->place || descriptor_generation(f, entry) != h->generation)
		return -1;
	for (uint32_t n = atomic_load(&p->fd_end); n--;)
		if (atomic_load(&p->fd[n]) == entry)
			return n;
	return -1;
}

/* Does anybody of this process sleep on @ix? */
static bool is_held(const struct socket_thread *t, pset_ix ix)
{
	for (uint32_t i = 0; i < SOCKET_HELD; i++)
		if ((uint32_t)atomic_load(&t->process->held[i]) == ix)
			return true;
	return false;
}

/* Has @ix a descriptor beside @fd? */
static bool is_elsewhere(const struct socket_thread *t, long fd, pset_ix ix)
{
	const struct fabric_proc *p = &t->process->fabric.procs[t->self];

	for (uint32_t n = atomic_load(&p->fd_end); n--;)
		if (n != fd && atomic_load(&p->fd[n]) == (ix | FABRIC_FD_PSET))
			return true;
	return false;
}

void held_keep(struct socket_thread *t, long fd, pset_ix ix)
{
	uint32_t generation =
		descriptor_generation(&t->process->fabric, ix | FABRIC_FD_PSET);
	long kept;

	if (likely(t->self != t->process->self || !is_held(t, ix)) ||
	    is_elsewhere(t, fd, ix))
		return;
	kept = descriptor_fcntl(t, fd, F_DUPFD_CLOEXEC, descriptor_high());
	/* No number is to be had: the wait ends. */
	if (kept > 0 && !hand_on(t, ix, kept))
		descriptor_close_if(t, kept, ix | FABRIC_FD_PSET, generation);
}

void held_forked(struct socket_thread *t)
{
	for (uint32_t i = 0; i < SOCKET_HELD; i++) {
		uint64_t v = atomic_exchange(&t->process->held[i], 0);
		uint32_t entry = (uint32_t)v | FABRIC_FD_PSET;
		long kept = (long)(v >> KEPT_SHIFT);

		/* Our own descriptor of it, if it is there, keeps the slot. */
		if (kept && descriptor_raw(t, kept) == entry)
			descriptor_close_if(
				t, kept, entry,
				descriptor_generation(&t->process->fabric,
						      entry));
	}
}
