/* SPDX-License-Identifier: BSD-2-Clause */
/* Running programs from one VIF to another; docs/protocol.md. */
#include "daemon/call.h"
#include "daemon/tree.h"
#include "daemon/members.h"
#include "daemon/settings.h"
#include "daemon/transient.h"
#include "socket/move.h"

/* The process of the request, a member; 0 and why not. */
static proc_ix process_of(struct call *c)
{
	json_t *json = json_object_get(c->request, "pid");
	json_int_t pid = json_integer_value(json);
	proc_ix member = 0;

	if (!json_is_integer(json) || pid < 1 || pid > INT32_MAX) {
		refuse(c->why, "bad-request", EX_USAGE,
		       "the request lacks the number of a process");
		return 0;
	}
	members_scan(c->daemon->members);
	member = members_find(c->daemon->members, (pid_t)pid);
	if (!member || member == c->daemon->process.self) {
		refuse(c->why, "unknown-process", EX_NOINPUT,
		       "process %lld is not on the fabric: 'toami vif ls' "
		       "shows "
		       "what is, 'toami run' starts programs there",
		       (long long)pid);
		return 0;
	}
	return member;
}

/*
 * Somebody else's process may be moved by who rules both where it is and where
 * it goes; one's own also downward.
 */
static int may_move(struct call *c, proc_ix member, vif_ix to)
{
	const struct fabric_proc *p = &daemon_fabric(c->daemon)->procs[member];

	members_look(c->daemon->members, member);
	if (p->uid == c->peer->uid &&
	    vif_below(daemon_fabric(c->daemon), to, p->vif))
		return 0;
	return rights_use(c->daemon, c->peer, p->vif, c->why) ||
	       rights_use(c->daemon, c->peer, to, c->why);
}

static json_t *move(struct call *c, proc_ix member, vif_ix to)
{
	char path[VIF_PATH_MAX];
	struct socket_moved n;

	if (may_move(c, member, to))
		return NULL;
	vif_path(daemon_fabric(c->daemon), to, path);
	if (socket_move_process(&c->daemon->thread, member, to, &n)) {
		refuse(c->why, "busy", EX_TEMPFAIL,
		       "nothing can be moved to VIF %.200s now, because a "
		       "program is stopped in the middle of using the fabric: "
		       "let it run and try again",
		       path);
		return NULL;
	}
	transient_sweep(c->daemon);
	return json_pack("{s:s, s:I, s:I}", "path", path, "moved",
			 (json_int_t)n.moved, "kept", (json_int_t)n.kept);
}

json_t *do_vif_attach(struct call *c)
{
	const char *path = call_path(c);
	vif_ix ix = path ? tree_find(c->daemon, path, c->why) : 0;
	proc_ix member = ix ? process_of(c) : 0;

	return member ? move(c, member, ix) : NULL;
}

json_t *do_vif_detach(struct call *c)
{
	const struct fabric *f = daemon_fabric(c->daemon);
	proc_ix member = process_of(c);
	host_ix host;

	if (!member)
		return NULL;
	host = vif_host(f, f->procs[member].vif);
	return move(c, member, f->hosts[host].vif);
}
