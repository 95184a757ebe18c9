/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See verbs.h. A verb takes the request and returns its result, an object, or
 * NULL and why not; the frame around it (id, result, error) is the same for
 * all.
 */
#include "daemon/verbs.h"
#include "daemon/call.h"
#include "daemon/dns_service.h"
#include "daemon/given.h"
#include "daemon/log.h"
#include "daemon/members.h"
#include "daemon/settings.h"
#include "toami/control.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

const char *call_text(struct call *c, const char *key, bool *bad)
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

const char *call_path(struct call *c)
{
	bool bad = false;
	const char *path = call_text(c, "path", &bad);

	if (!path && !bad)
		refuse(c->why, "bad-request", EX_USAGE,
		       "the request lacks the path of a VIF");
	return path;
}

json_t *call_text_result(struct call *c, char *text)
{
	c->text = text;
	if (!text)
		refuse(c->why, "internal", EX_OSERR,
		       "the daemon is out of memory");
	return NULL;
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

static json_t *do_down(struct call *c)
{
	uint32_t programs = members_count(c->daemon->members);

	if (!rights_all(c->daemon, c->peer)) {
		refuse(c->why, "no-permission", EX_NOPERM,
		       "only user %u and root may end the fabric in %s",
		       geteuid(), c->daemon->options->dir);
		return NULL;
	}
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
	{ "vif.set", do_vif_set, false },
	{ "vif.rm", do_vif_rm, false },
	{ "vif.mv", do_vif_mv, false },
	{ "vif.ls", do_vif_ls, false },
	{ "vif.show", do_vif_show, false },
	{ "vif.attach", do_vif_attach, false },
	{ "vif.detach", do_vif_detach, false },
	{ "capture", do_capture, false },
	{ "watch", do_watch, false },
	{ "metrics", do_metrics, false },
	{ "save", do_save, false },
	{ "load", do_load, false },
	{ "ss", do_ss, false },
	{ "nstat", do_nstat, false },
	{ "run.prepare", do_run_prepare, false },
	{ "map.ls", do_map_ls, false },
	{ "map.get", do_map_get, false },
	{ "map.set", do_map_set, false },
	{ "map.rm", do_map_rm, false },
	{ "map.dump", do_map_dump, false },
	{ "port.add", do_port_add, false },
	{ "port.rm", do_port_rm, false },
	{ "port.ls", do_port_ls, false },
};

static json_t *run(struct call *c)
{
	json_t *protocol = json_object_get(c->request, "protocol");
	bool bad = false;
	const char *name = call_text(c, "verb", &bad);
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

json_t *refusal_json(const struct refusal *why)
{
	return json_pack("{s:s, s:i, s:s}", "code", why->code, "exit",
			 why->exit_code, "text", why->text);
}

char *verbs_refuse(const struct refusal *why)
{
	json_t *reply = json_pack("{s:o}", "error", refusal_json(why));
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

/* @reply with the member "result", which is @result as it is; consumed. */
static char *join_result(const json_t *reply, char *result)
{
	char *frame = json_dumps(reply, JSON_COMPACT), *text = NULL;
	size_t n = frame ? strlen(frame) : 0, bytes = strlen(result);
	int head;

	/* "{...}" without its last brace, and a comma if there is anything. */
	if (frame)
		text = malloc(n + bytes + 16);
	if (text) {
		head = sprintf(text, "%.*s%s\"result\":", (int)n - 1, frame,
			       n > 2 ? "," : "");
		memcpy(text + head, result, bytes);
		memcpy(text + head + bytes, "}", 2);
	}
	free(frame);
	free(result);
	return text;
}

char *verbs_answer(struct daemon *d, const struct peer *peer, const char *line,
		   size_t bytes)
{
	struct refusal why = { .code = "internal",
			       .exit_code = EX_SOFTWARE,
			       .text = "the daemon is out of memory" };
	struct call call = {
		.daemon = d,
		.peer = peer,
		.why = &why,
		.session = peer->session,
	};
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
	call.request = request;
	d->asking = peer;
	d->filters_ns = 0;
	if (peer->given)
		given_name(peer->given, request);
	result = run(&call);
	if (peer->given)
		given_name(peer->given, NULL);
	d->asking = NULL;
	reply = json_object();
	id = json_object_get(request, "id");
	if (id)
		json_object_set(reply, "id", id);
	if (call.text) {
		text = join_result(reply, call.text);
		json_decref(reply);
		json_decref(request);
		return text;
	}
	if (result)
		json_object_set_new(reply, "result", result);
	else
		json_object_set_new(reply, "error", refusal_json(&why));
	text = json_dumps(reply, JSON_COMPACT);
	json_decref(reply);
	json_decref(request);
	return text;
}
