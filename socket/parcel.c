/* SPDX-License-Identifier: BSD-2-Clause */
/* See parcel.h. */
#include "socket/parcel.h"
#include "base/mem.h"
#include "base/sys.h"
#include "base/user.h"
#include "fabric/wake.h"
#include "socket/control.h"
#include "socket/descriptor.h"
#include "socket/keeper.h"
#include "socket/pset.h"

#include <errno.h>
#include <sys/socket.h>

/* The daemon is the first member of its fabric. Numbers that it does not reach.
 */
#define KEEPER	     1
#define PARCEL_FIRST (FABRIC_FD_MAX - 4096u)

/* Of one call, as the kernel has it. */
#define MESSAGES_MAX 1024

/* Names of wake sockets that are parcels': beyond what poll sets count to. */
#define PARCEL_NAME (UINT64_C(1) << 63)

static uint64_t name_of(sock_ix ix, uint32_t generation)
{
	return PARCEL_NAME | (uint64_t)(generation & INT32_MAX) << 32 | ix;
}

uint64_t parcel_name(const struct fabric *f, const struct sock *s)
{
	return name_of(slot_ix(&f->table[FABRIC_TABLE_SOCK], s), s->generation);
}

static bool any(const struct fabric *f)
{
	return atomic_load(&f->procs[KEEPER].fd_end) > PARCEL_FIRST;
}

/* The reference that belongs to nobody, if there is none yet. */
static void keep(struct socket_thread *t, long fd, uint32_t entry)
{
	struct fabric *f = &t->process->fabric;
	_Atomic uint32_t *table = f->procs[KEEPER].fd;
	uint32_t owed = 0;
	struct work w;

	for (uint32_t i = PARCEL_FIRST; i < FABRIC_FD_MAX; i++)
		if (atomic_load(&table[i]) == entry)
			return;
	if (work_enter(&w, t))
		return;
	atomic_store(&f->procs[KEEPER].fd_end, FABRIC_FD_MAX);
	if (descriptor_ref(&w, t->self, fd, entry, &owed)) {
		owed = entry;
		for (uint32_t i = PARCEL_FIRST; owed && i < FABRIC_FD_MAX;
		     i++) {
			uint32_t none = 0;

			if (atomic_compare_exchange_strong(&table[i], &none,
							   entry))
				owed = 0;
		}
	}
	work_end(&w);
	descriptor_unref(t, owed);
}

/*
 * An epoll instance: the daemon hears of it before it is entered among its
 * descriptors, so that what is entered is alive or known to be gone.
 */
static void send_set(struct socket_thread *t, int fd, uint32_t entry)
{
	struct fabric *f = &t->process->fabric;
	pset_ix ix = entry & ~FABRIC_FD_PSET;
	struct pset *p = pset_at(f, ix);
	int wake = pset_wake_fd(t, ix, fd, t->process->magic);

	if (wake < 0 || keeper_keep(f, pset_wake_name(p, ix), wake, fd))
		return;
	atomic_store(&p->shared, 1);
	atomic_store(&p->parcelled, 1);
	keep(t, fd, entry);
}

static void send_one(struct socket_thread *t, int fd)
{
	struct fabric *f = &t->process->fabric;
	uint32_t entry = descriptor_raw(t, fd);
	struct sock *s;

	if (!is_counted(entry))
		return;
	if (entry & FABRIC_FD_PSET) {
		send_set(t, fd, entry);
		return;
	}
	s = sock_at(f, entry);
	/* It has a name already if it has been sent before. */
	wake_bind(f, fd, name_of(entry, s->generation));
	atomic_store(&s->parcelled, 1);
	keep(t, fd, entry);
}

/* Is any poll set on its way, or kept for who may have it? */
static bool any_set(const struct fabric *f)
{
	const _Atomic uint32_t *table = f->procs[KEEPER].fd;

	if (any(f))
		for (uint32_t i = PARCEL_FIRST; i < FABRIC_FD_MAX; i++)
			if (atomic_load(&table[i]) & FABRIC_FD_PSET)
				return true;
	return false;
}

/* No events are taken out of it: there is no place for them. */
static bool is_instance(int fd)
{
	long n = sys_call(SYS_epoll_wait, fd, 0, 1, 0);

	return !n || n == -EFAULT;
}

/* A reference to the set of that wake name, at @fd; false: it is gone. */
static bool take_set(struct socket_thread *t, int fd, uint64_t name)
{
	struct fabric *f = &t->process->fabric;
	pset_ix ix = (uint32_t)name;
	uint32_t refs;
	struct work w;
	struct pset *p;
	bool taken;

	if (!ix || ix >= slot_end(&f->table[FABRIC_TABLE_PSET]) ||
	    work_enter(&w, t))
		return false;
	p = pset_at(f, ix);
	refs = atomic_load(&p->refs);
	while (refs && !atomic_compare_exchange_weak(&p->refs, &refs, refs + 1))
		;
	taken = refs && pset_wake_name(p, ix) == name;
	if (taken)
		descriptor_set(t, fd, ix | FABRIC_FD_PSET);
	work_end(&w);
	if (refs && !taken) /* the slot is another's by now */
		descriptor_unref(t, ix | FABRIC_FD_PSET);
	return taken;
}

static void receive_set(struct socket_thread *t, int fd)
{
	struct fabric *f = &t->process->fabric;
	uint64_t name = 0;
	int wake;

	if (!any_set(f) || !is_instance(fd))
		return;
	wake = keeper_ask(f, &name, fd);
	if (wake < 0)
		return;
	if (take_set(t, fd, name) && pset_wake_here(t, (uint32_t)name) < 0)
		descriptor_hide(t, wake);
	else
		sys_call(SYS_close, wake);
}

/* @fd came in a message: is it one of us? */
static void receive_one(struct socket_thread *t, int fd)
{
	struct fabric *f = &t->process->fabric;
	uint32_t refs;
	struct work w;
	struct sock *s;
	uint64_t name;
	sock_ix ix;

	if ((unsigned int)fd >= FABRIC_FD_MAX || descriptor_raw(t, fd))
		return;
	if (!wake_name(f, fd, &name)) {
		receive_set(t, fd);
		return;
	}
	if (!(name & PARCEL_NAME))
		return;
	ix = (uint32_t)name;
	if (!ix || ix >= slot_end(&f->table[FABRIC_TABLE_SOCK]))
		return;
	s = sock_at(f, ix);
	if (work_enter(&w, t))
		return;
	refs = atomic_load(&s->refs);
	while (refs && !atomic_compare_exchange_weak(&s->refs, &refs, refs + 1))
		;
	if (refs && name_of(ix, s->generation) == name) {
		descriptor_set(t, fd, ix);
		refs = 0;
	}
	work_end(&w);
	if (refs) /* the slot is another's by now */
		descriptor_unref(t, ix);
}

/* Calls @each on every descriptor in the control messages of @m. */
static void walk(struct socket_thread *t, const struct msghdr *m,
		 void (*each)(struct socket_thread *t, int fd))
{
	const char *at = m->msg_control, *data;
	size_t left = m->msg_controllen;
	struct cmsghdr h;
	int fd, err;

	while ((err = control_next(&at, &left, &h, &data)) > 0) {
		if (h.cmsg_level != SOL_SOCKET || h.cmsg_type != SCM_RIGHTS)
			continue;
		for (size_t o = CMSG_LEN(0); o + sizeof(fd) <= h.cmsg_len;
		     o += sizeof(fd), data += sizeof(fd)) {
			if (user_copy(&fd, data, sizeof(fd)))
				return;
			each(t, fd);
		}
	}
}

/* Of one message or of several: struct mmsghdr begins with struct msghdr. */
static void walk_all(struct socket_thread *t, const char *at, long count,
		     size_t step, void (*each)(struct socket_thread *t, int fd))
{
	struct msghdr m;

	for (long i = 0; i < count && !user_copy(&m, at, sizeof(m)); i++) {
		if (m.msg_control && m.msg_controllen)
			walk(t, &m, each);
		at += step;
	}
}

/* Does any of them ask for control messages? */
static bool has_room(const char *at, long count, size_t step)
{
	struct msghdr m;

	for (long i = 0; i < count && !user_copy(&m, at, sizeof(m)); i++) {
		if (m.msg_control && m.msg_controllen)
			return true;
		at += step;
	}
	return false;
}

long parcel_call(struct socket_thread *t, long nr, const long a[6])
{
	bool many = nr == SYS_sendmmsg || nr == SYS_recvmmsg;
	size_t step = many ? sizeof(struct mmsghdr) : sizeof(struct msghdr);
	long count = many ? (long)min_u64((uint32_t)a[2], MESSAGES_MAX) : 1, n;
	const char *first = (const char *)a[1];

	if (nr == SYS_sendmsg || nr == SYS_sendmmsg) {
		walk_all(t, first, count, step, send_one);
		return SOCKET_PASS; /* also for its error */
	}
	if ((nr != SYS_recvmsg && nr != SYS_recvmmsg) ||
	    !has_room(first, count, step))
		return SOCKET_PASS;
	n = sys_sleep(&t->signal_due, nr, a);
	if (n == -EINTR)
		return SOCKET_RESTART;
	if (n >= 0)
		walk_all(t, first, many ? n : 1, step, receive_one);
	return n;
}

void parcel_sweep(struct socket_thread *t)
{
	struct fabric *f = &t->process->fabric;
	_Atomic uint32_t *table = f->procs[KEEPER].fd;
	bool sets = false;

	if (!any(f))
		return;
	for (uint32_t i = PARCEL_FIRST; i < FABRIC_FD_MAX; i++) {
		uint32_t e = atomic_load(&table[i]);
		uint32_t generation = e ? descriptor_generation(f, e) : 0;

		if (e & FABRIC_FD_PSET)
			sets = true;
		else if (e && !wake_alive(f, name_of(e, generation)))
			descriptor_drop_other(t, KEEPER, i, e, generation);
	}
	if (sets)
		keeper_sweep(f);
}

uint64_t parcel_next_set(const struct fabric *f, uint32_t *at)
{
	const _Atomic uint32_t *table = f->procs[KEEPER].fd;

	if (!*at)
		*at = any(f) ? PARCEL_FIRST : FABRIC_FD_MAX;
	for (; *at < FABRIC_FD_MAX; (*at)++) {
		uint32_t e = atomic_load(&table[*at]);
		pset_ix ix = e & ~FABRIC_FD_PSET;

		if (e & FABRIC_FD_PSET)
			return pset_wake_name(pset_at(f, ix), ix);
	}
	return 0;
}

void parcel_drop_set(struct socket_thread *t, uint32_t at, uint64_t name)
{
	uint32_t e = (uint32_t)name | FABRIC_FD_PSET;

	descriptor_drop_other(t, KEEPER, at, e, (uint32_t)(name >> 32));
}
