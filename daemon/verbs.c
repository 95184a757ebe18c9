/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See verbs.h. A verb takes the request and returns its result, an object, or
 * NULL and why not; the frame around it (id, result, error) is the same for
 * all.
 */
#include "daemon/verbs.h"
#include "daemon/dns_service.h"
#include "daemon/hosts.h"
#include "daemon/log.h"
#include "daemon/members.h"
#include "daemon/ports.h"
#include "daemon/vif_json.h"
#include "toami/control.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct call {
	struct daemon *daemon;
	const struct peer *peer;
	const json_t *request;
	struct refusal *why;
};

/* A string of the request: NULL when it is not there, and *bad when it is
 * something else. */
static const char *text_of(struct call *c, const char *key, bool *bad)
{
	json_t *v = json_object_get(c->request, key);

	if (!v || json_is_null(v))
		return NULL;
	/* A zero inside would hide what follows it from us, not from the log.
	 */
	if (!json_is_string(v) ||
	    strlen(json_string_value(v)) != json_string_length(v)) {
		refuse(c->why, "bad-request", EX_USAGE,
		       "'%s' of the request must be a string", key);
		*bad = true;
		return NULL;
	}
	return json_string_value(v);
}

/* The path of the request, which must be there. */
static const char *path_of(struct call *c)
{
	bool bad = false;
	const char *path = text_of(c, "path", &bad);

	if (!path && !bad)
		refuse(c->why, "bad-request", EX_USAGE,
		       "the request lacks the path of a VIF");
	return path;
}

static json_t *do_version(struct call *c)
{
	(void)c;
	return json_pack("{s:s, s:i, s:i}", "version", TOAMI_VERSION,
			 "protocol", TOAMI_CONTROL_PROTOCOL, "fabric",
			 FABRIC_ABI);
}

/*
 * What the programs hold of the fabric: the daemon's own sockets are not
 * counted. Null while a stopped program keeps the fabric from being counted.
 */
static void add_census(struct daemon *d, json_t *status)
{
	uint32_t own = dns_service_sockets(d->dns);
	struct socket_census n = { 0 };
	bool counted = !socket_census(&d->thread, &n);
	const struct {
		const char *key;
		uint32_t value;
	} of[] = {
		{ "hosts", n.hosts },
		{ "connections", n.conns < own ? 0 : n.conns - own },
		{ "sockets", n.socks < own ? 0 : n.socks - own },
		{ "frames", n.frames_held },
		{ "chunks", n.chunks_held },
		{ "frames_touched", n.frames_end },
		{ "chunks_touched", n.chunks_end },
	};

	for (size_t i = 0; i < ARRAY_SIZE(of); i++)
		json_object_set_new(status, of[i].key,
				    counted ? json_integer(of[i].value)
					    : json_null());
}

static json_t *do_status(struct call *c)
{
	struct daemon *d = c->daemon;
	struct fabric *f = daemon_fabric(d);
	char net4[POOL_TEXT], net6[POOL_TEXT], gw4[POOL_TEXT], gw6[POOL_TEXT];
	json_int_t vifs = 0;
	json_t *status;
	struct stat st;

	for (vif_ix ix = 0; (ix = vif_next(f, VIF_ROOT, ix));)
		vifs++;
	status = json_pack(
		"{s:s, s:i, s:i, s:s, s:I, s:s, s:s, s:s, s:s, s:b, s:I, s:I, "
		"s:I}",
		"version", TOAMI_VERSION, "protocol", TOAMI_CONTROL_PROTOCOL,
		"pid", (int)getpid(), "dir", d->options->dir, "uptime_ms",
		(json_int_t)((fabric_now(f) - d->started_ns) / NSEC_PER_MSEC),
		"subnet", pool_print_subnet4(&d->pool, net4), "subnet6",
		pool_print_subnet6(&d->pool, net6), "gateway",
		pool_print(&f->header->gateway4, gw4), "gateway6",
		d->pool.has6 ? pool_print(&f->header->gateway6, gw6) : "none",
		"names", d->dns != NULL, "programs",
		(json_int_t)members_count(d->members), "vifs", vifs, "max_vifs",
		(json_int_t)(d->options->max_vifs - 1));
	add_census(d, status);
	/* What the segment's slots in use, and once used, cost in pages. */
	if (!fstat(d->memfd, &st))
		json_object_set_new(
			status, "memory_bytes",
			json_integer((json_int_t)st.st_blocks * 512));
	return status;
}

static json_t *do_vif_add(struct call *c)
{
	const char *path = path_of(c), *address;
	bool bad = false, fresh;
	vif_ix ix;

	address = text_of(c, "address", &bad);
	if (!path || bad)
		return NULL;
	ix = hosts_make(c->daemon, path, address, c->peer->uid, &fresh, c->why);
	if (ix && !fresh &&
	    !json_is_true(json_object_get(c->request, "keep"))) {
		refuse(c->why, "vif-exists", EX_CANTCREAT,
		       "VIF %s exists already: 'toami vif show %s' shows it",
		       path, path);
		return NULL;
	}
	return ix ? vif_json(c->daemon, ix) : NULL;
}

static json_t *do_vif_rm(struct call *c)
{
	const char *path = path_of(c);
	bool below = json_is_true(json_object_get(c->request, "recursive"));
	vif_ix ix = path ? hosts_find(c->daemon, path, c->why) : 0;

	if (!ix || hosts_remove(c->daemon, ix, below, c->why))
		return NULL;
	return json_object();
}

static json_t *do_vif_ls(struct call *c)
{
	bool bad = false;
	const char *path = text_of(c, "path", &bad);
	vif_ix top;

	if (bad)
		return NULL;
	top = hosts_find(c->daemon, path ? path : "/", c->why);
	return top ? json_pack("{s:o}", "vifs", vif_json_tree(c->daemon, top))
		   : NULL;
}

static json_t *do_vif_show(struct call *c)
{
	const char *path = path_of(c);
	vif_ix ix = path ? hosts_find(c->daemon, path, c->why) : 0;

	return ix ? vif_json(c->daemon, ix) : NULL;
}

/* A program's name as a VIF's: what does not belong there becomes '-'. */
static void name_for(const char *program, char name[VIF_NAME_MAX])
{
	size_t n = 0;

	for (; *program && n < VIF_NAME_MAX - 8; program++, n++)
		name[n] = vif_name_ok(program, 1) && (*program != '-' || !n)
				  ? (n ? '-' : '_')
				  : *program;
	name[n] = 0;
	if (!n)
		snprintf(name, VIF_NAME_MAX, "program");
}

/*
 * The path for a program that was given none: /NAME, or the first of /NAME-2,
 * /NAME-3 and so on that no other program is on.
 */
static void choose_path(struct call *c, const char *program,
			char path[VIF_PATH_MAX])
{
	char name[VIF_NAME_MAX];
	vif_ix ix;

	name_for(program, name);
	snprintf(path, VIF_PATH_MAX, "/%s", name);
	for (int n = 2; n <= FABRIC_PROC_MAX; n++) {
		ix = vif_find(daemon_fabric(c->daemon), path);
		if (!ix || !members_busy(c->daemon->members, ix, c->peer->pid))
			return;
		snprintf(path, VIF_PATH_MAX, "/%s-%d", name, n);
	}
}

static json_t *do_run_prepare(struct call *c)
{
	char chosen[VIF_PATH_MAX];
	bool bad = false;
	const char *path = text_of(c, "path", &bad);
	const char *address = text_of(c, "address", &bad);
	const char *program = text_of(c, "program", &bad);
	proc_ix member;
	vif_ix ix;

	if (bad)
		return NULL;
	ports_settle(c->daemon);
	if (!path) {
		choose_path(c, program ? program : "", chosen);
		path = chosen;
	}
	ix = hosts_make(c->daemon, path, address, c->peer->uid, NULL, c->why);
	if (!ix || (!json_is_true(json_object_get(c->request, "kernel")) &&
		    ports_admit(c->daemon, ix, c->why)))
		return NULL;
	/*
	 * A command that is on the fabric itself (`toami run` in a shell of
	 * `toami run`) keeps its slot when it becomes the program: the slot
	 * moves.
	 */
	member = members_find(c->daemon->members, c->peer->pid);
	if (member && !json_is_true(json_object_get(c->request, "kernel")))
		daemon_fabric(c->daemon)->procs[member].vif = ix;
	else
		members_claim(c->daemon->members, c->peer->pid, ix);
	return vif_json(c->daemon, ix);
}

static json_t *do_port_add(struct call *c)
{
	return ports_add(c->daemon, c->peer, c->request, c->why);
}

static json_t *do_port_rm(struct call *c)
{
	return ports_remove(c->daemon, c->request, c->why);
}

static json_t *do_port_ls(struct call *c)
{
	return ports_list(c->daemon);
}

static json_t *do_down(struct call *c)
{
	uint32_t programs = members_count(c->daemon->members);

	log_line("process %d ends the fabric, %u programs on it", c->peer->pid,
		 programs);
	daemon_end(c->daemon);
	return json_pack("{s:I, s:i}", "programs", (json_int_t)programs, "pid",
			 (int)getpid());
}

static const struct verb {
	const char *name;
	json_t *(*run)(struct call *c);
	bool any_protocol; /* what a client of any version may ask */
} verbs[] = {
	{ "version", do_version, true },
	{ "status", do_status, true },
	{ "down", do_down, true },
	{ "vif.add", do_vif_add, false },
	{ "vif.rm", do_vif_rm, false },
	{ "vif.ls", do_vif_ls, false },
	{ "vif.show", do_vif_show, false },
	{ "run.prepare", do_run_prepare, false },
	{ "port.add", do_port_add, false },
	{ "port.rm", do_port_rm, false },
	{ "port.ls", do_port_ls, false },
};

static json_t *run(struct call *c)
{
	json_t *protocol = json_object_get(c->request, "protocol");
	bool bad = false;
	const char *name = text_of(c, "verb", &bad);
	const struct verb *v = NULL;

	for (size_t i = 0; name && i < ARRAY_SIZE(verbs); i++)
		if (!strcmp(name, verbs[i].name))
			v = &verbs[i];
	if (protocol &&
	    json_integer_value(protocol) != TOAMI_CONTROL_PROTOCOL &&
	    !(v && v->any_protocol)) {
		refuse(c->why, "version", EX_PROTOCOL,
		       "the daemon in %s is of version %s, which this command "
		       "does not fit: end it with 'toami down'; the next "
		       "command starts the right one",
		       c->daemon->options->dir, TOAMI_VERSION);
		return NULL;
	}
	if (v)
		return v->run(c);
	if (!bad)
		refuse(c->why, "bad-request", EX_USAGE,
		       "the daemon knows no verb '%.64s': docs/protocol.md "
		       "lists them",
		       name ? name : "");
	return NULL;
}

static json_t *error_json(const struct refusal *why)
{
	return json_pack("{s:s, s:i, s:s}", "code", why->code, "exit",
			 why->exit_code, "text", why->text);
}

char *verbs_refuse(const struct refusal *why)
{
	json_t *reply = json_pack("{s:o}", "error", error_json(why));
	char *text = json_dumps(reply, JSON_COMPACT);

	json_decref(reply);
	return text;
}

char *verbs_refuse_line(size_t bytes)
{
	struct refusal why;

	refuse(&why, "bad-request", EX_USAGE,
	       "a request may have no more than %zu bytes", bytes);
	return verbs_refuse(&why);
}

char *verbs_answer(struct daemon *d, const struct peer *peer, const char *line,
		   size_t bytes)
{
	struct refusal why = { .code = "internal",
			       .exit_code = EX_SOFTWARE,
			       .text = "the daemon is out of memory" };
	json_t *request, *result, *reply, *id;
	json_error_t at;
	char *text;

	request = json_loadb(line, bytes, JSON_REJECT_DUPLICATES, &at);
	if (!json_is_object(request)) {
		refuse(&why, "bad-request", EX_USAGE,
		       "the request is not a JSON object: %s",
		       request ? "it is something else" : at.text);
		json_decref(request);
		return verbs_refuse(&why);
	}
	result = run(&(struct call){ d, peer, request, &why });
	reply = json_object();
	id = json_object_get(request, "id");
	if (id)
		json_object_set(reply, "id", id);
	if (result)
		json_object_set_new(reply, "result", result);
	else
		json_object_set_new(reply, "error", error_json(&why));
	text = json_dumps(reply, JSON_COMPACT);
	json_decref(reply);
	json_decref(request);
	return text;
}
