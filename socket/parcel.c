/* SPDX-License-Identifier: BSD-2-Clause */
/* See parcel.h. */
#include "socket/parcel.h"
#include "base/mem.h"
#include "base/sys.h"
#include "base/user.h"
#include "fabric/wake.h"
#include "socket/control.h"
#include "socket/descriptor.h"

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

static uint64_t name_of(const struct sock *s, sock_ix ix)
{
	return PARCEL_NAME | (uint64_t)(s->generation & INT32_MAX) << 32 | ix;
}

uint64_t parcel_name(const struct fabric *f, const struct sock *s)
{
	return name_of(s, slot_ix(&f->table[FABRIC_TABLE_SOCK], s));
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

static void send_one(struct socket_thread *t, int fd)
{
	struct fabric *f = &t->process->fabric;
	uint32_t entry = descriptor_raw(t, fd);
	struct sock *s;

	if (!is_counted(entry) || (entry & FABRIC_FD_PSET))
		return;
	s = sock_at(f, entry);
	/* It has a name already if it has been sent before. */
	wake_bind(f, fd, name_of(s, entry));
	atomic_store(&s->parcelled, 1);
	keep(t, fd, entry);
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

	if ((unsigned int)fd >= FABRIC_FD_MAX || descriptor_raw(t, fd) ||
	    !wake_name(f, fd, &name) || !(name & PARCEL_NAME))
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
	if (refs && name_of(s, ix) == name) {
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

	if (!any(f))
		return;
	for (uint32_t i = PARCEL_FIRST; i < FABRIC_FD_MAX; i++) {
		uint32_t e = atomic_load(&table[i]);

		if (e && !wake_alive(f, name_of(sock_at(f, e), e)))
			descriptor_drop_unborn(t, KEEPER, i);
	}
}
