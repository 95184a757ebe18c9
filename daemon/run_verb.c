/* SPDX-License-Identifier: BSD-2-Clause */
/* Finding the VIF of a program that is about to start; docs/protocol.md. */
#include "daemon/call.h"
#include "daemon/hosts.h"
#include "daemon/members.h"
#include "daemon/ports.h"
#include "daemon/transient.h"

#include <stdio.h>
#include <string.h>

/* A program's name as a VIF's: what does not belong there becomes '-'. */
static void name_for(const char *program, char name[VIF_NAME_MAX])
{
	size_t n = 0;

	for (; *program && n < VIF_NAME_MAX - 12; program++, n++)
		name[n] = vif_name_ok(program, 1) && (*program != '-' || !n)
				  ? (n ? '-' : '_')
				  : *program;
	name[n] = 0;
	if (!n)
		snprintf(name, VIF_NAME_MAX, "program");
}

/*
 * The path for a program that was given none: /NAME, or the first of /NAME-2,
 * /NAME-3 and so on that no other program is on. Who may not make that one
 * stays where he is.
 */
static void choose_path(struct call *c, proc_ix member, const char *program,
			char path[VIF_PATH_MAX])
{
	const struct fabric *f = daemon_fabric(c->daemon);
	char name[VIF_NAME_MAX];
	vif_ix ix;
	int n;

	if (call_flag(c, "anonymous")) {
		/* A child of where it is now, named after its process. */
		vif_path(f, member ? f->procs[member].vif : VIF_ROOT, path);
		name_for(program, name);
		n = (int)strlen(path);
		snprintf(path + n, VIF_PATH_MAX - (size_t)n, "%s%s-%d",
			 n > 1 ? "/" : "", name, c->peer->pid);
		return;
	}
	if (member && !rights_all(c->daemon, c->peer)) {
		vif_path(f, f->procs[member].vif, path);
		return;
	}
	name_for(program, name);
	snprintf(path, VIF_PATH_MAX, "/%s", name);
	for (n = 2; n <= FABRIC_PROC_MAX; n++) {
		ix = vif_find(f, path);
		if (!ix || !members_busy(c->daemon->members, ix, c->peer->pid))
			return;
		snprintf(path, VIF_PATH_MAX, "/%s-%d", name, n);
	}
}

/* A process moves itself only downward, but where it has rights. */
static int may_go(struct call *c, proc_ix member, vif_ix ix)
{
	const struct fabric *f = daemon_fabric(c->daemon);

	if (member && vif_below(f, ix, f->procs[member].vif))
		return 0;
	return rights_use(c->daemon, c->peer, ix, c->why);
}

static int make_transient(struct call *c, vif_ix ix)
{
	if (!transient_add(c->daemon, ix))
		return 0;
	return refuse(c->why, "internal", EX_OSERR, "out of memory");
}

json_t *do_run_prepare(struct call *c)
{
	char chosen[VIF_PATH_MAX];
	bool bad = false, kernel = call_flag(c, "kernel");
	const char *path = call_text(c, "path", &bad);
	const char *program = call_text(c, "program", &bad);
	struct making m;
	proc_ix member;
	int err;

	if (bad)
		return NULL;
	ports_settle(c->daemon);
	member = members_find(c->daemon->members, c->peer->pid);
	if (!path) {
		choose_path(c, member, program ? program : "", chosen);
		path = chosen;
	}
	err = making_begin(&m, c, path);
	if (!err)
		err = may_go(c, member, m.ix);
	if (!err && !kernel)
		err = ports_admit(c->daemon, m.ix, c->why);
	if (!err)
		err = making_set(&m, c);
	if (!err && making_is_new(&m) && call_flag(c, "anonymous"))
		err = make_transient(c, m.ix);
	/*
	 * A command that is on the fabric itself (`toami run` in a shell of
	 * `toami run`) keeps its slot when it becomes the program: the slot
	 * moves.
	 */
	if (!err && member && !kernel)
		daemon_fabric(c->daemon)->procs[member].vif = m.ix;
	else if (!err)
		members_claim(c->daemon->members, c->peer->pid, m.ix);
	return making_end(&m, c, err);
}
