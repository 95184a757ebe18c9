/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See move.h. The field `vif` of a socket and of its connection are two words,
 * changed under the host's lock; whoever dies in between has moved half a
 * socket, which costs a wrong count until it is moved again.
 */
#include "socket/move.h"
#include "base/mem.h"
#include "stack/conn.h"
#include "vif/vif.h"

#include <errno.h>

static void set_vif(const struct fabric *f, struct sock *s, vif_ix vif)
{
	struct conn *c = slot_at(&f->table[FABRIC_TABLE_CONN], s->conn);

	s->vif = vif;
	if (s->conn)
		c->vif = vif;
}

void socket_place(struct socket_process *p)
{
	vif_ix vif = __atomic_load_n(&p->slot->vif, __ATOMIC_RELAXED);
	host_ix host;

	if (likely(vif == __atomic_load_n(&p->vif, __ATOMIC_ACQUIRE)))
		return;
	host = vif_host(&p->fabric, vif);
	if (!host)
		return;
	/* Whoever sees the new VIF sees its host. */
	__atomic_store_n(&p->host, host, __ATOMIC_RELAXED);
	__atomic_store_n(&p->vif, vif, __ATOMIC_RELEASE);
}

int socket_move_process(struct socket_thread *t, proc_ix proc, vif_ix vif,
			struct socket_moved *n)
{
	struct fabric *f = &t->process->fabric;
	struct fabric_proc *p = &f->procs[proc];
	host_ix host = vif_host(f, vif);
	uint32_t end = atomic_load(&p->fd_end);
	struct work w;
	int err = work_begin(&w, t, host);

	*n = (struct socket_moved){ 0 };
	if (err)
		return err;
	__atomic_store_n(&p->vif, vif, __ATOMIC_RELAXED);
	/* Under the lock of its host, a socket that is named lives. */
	for (uint32_t fd = 0; fd < end; fd++) {
		uint32_t e = atomic_load(&p->fd[fd]);

		if (!e || e & FABRIC_FD_PSET)
			continue;
		if (sock_at(f, e)->host == host) {
			set_vif(f, sock_at(f, e), vif);
			n->moved++;
		} else {
			n->kept++;
		}
	}
	work_end(&w);
	return 0;
}

int socket_move_below(struct socket_thread *t, vif_ix top)
{
	struct fabric *f = &t->process->fabric;
	const struct slot_table *conns = &f->table[FABRIC_TABLE_CONN];
	const struct slot_table *socks = &f->table[FABRIC_TABLE_SOCK];
	vif_ix parent = vif_parent(vif_at(f, top));
	host_ix host = vif_host(f, parent);
	struct work w;
	int err;

	if (!parent || !host || atomic_load(&vif_at(f, top)->host))
		return 0;
	err = work_begin(&w, t, host);
	if (err)
		return err;
	for (sock_ix ix = 1, end = slot_end(socks); ix < end; ix++) {
		struct sock *s = slot_at(socks, ix);

		if (atomic_load(&s->state) == SOCK_USED && s->host == host &&
		    vif_below(f, s->vif, top))
			s->vif = parent;
	}
	for (conn_ix ix = 1, end = slot_end(conns); ix < end; ix++) {
		struct conn *c = slot_at(conns, ix);

		if (c->state && c->host == host && vif_below(f, c->vif, top))
			c->vif = parent;
	}
	work_end(&w);
	return 0;
}

int socket_move_one(struct work *w, struct sock *s, const char *path,
		    uint32_t bytes)
{
	const struct fabric *f = w->fabric;
	vif_ix home = f->procs[w->thread->self].vif, vif = home;
	char text[VIF_PATH_MAX];
	uint32_t n = 0;

	while (n < bytes && path[n])
		n++;
	if (n >= sizeof(text))
		return -EINVAL;
	if (n) {
		mem_copy(text, path, n);
		text[n] = 0;
		vif = vif_find(f, text);
	}
	if (!vif)
		return -ENODEV;
	if (!vif_below(f, vif, home))
		return -EPERM;
	if (vif_host(f, vif) != s->host)
		return -EXDEV;
	set_vif(f, s, vif);
	return 0;
}
