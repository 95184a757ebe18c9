/* SPDX-License-Identifier: BSD-2-Clause */
/* VIFs through the control library; include/toami/vif.h is its page. */
#include "daemon/client.h"
#include "daemon/users.h"
#include "daemon/prop.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

static void read_text(const json_t *json, const char *key, char *text,
		      size_t size)
{
	const char *s = json_string_value(json_object_get(json, key));

	snprintf(text, size, "%s", s ? s : "");
}

static uint64_t read_count(const json_t *json, const char *what)
{
	return (uint64_t)json_integer_value(json_object_get(json, what));
}

static struct toami_vif_count read_counts(const json_t *json)
{
	return (struct toami_vif_count){
		.packets = read_count(json, "packets"),
		.bytes = read_count(json, "bytes"),
		.drops = read_count(json, "drops"),
	};
}

void client_vif(const json_t *json, struct toami_vif *v)
{
	read_text(json, "path", v->path, sizeof(v->path));
	read_text(json, "address", v->address, sizeof(v->address));
	read_text(json, "address6", v->address6, sizeof(v->address6));
	read_text(json, "lane_of", v->lane_of, sizeof(v->lane_of));
	v->uid = (uint32_t)read_count(json, "uid");
	v->programs =
		(uint32_t)json_array_size(json_object_get(json, "programs"));
	v->tx = read_counts(json_object_get(json, "tx"));
	v->rx = read_counts(json_object_get(json, "rx"));
}

/* --- a listing, read in place ------------------------------------------------
 */

static struct toami_vif_count scan_counts(struct json_scan *s)
{
	struct toami_vif_count n = { 0 };
	struct json_key key;
	const char *text;

	if (!json_scan_open(s, '{'))
		return n;
	while (json_scan_next(s, &key)) {
		if (json_scan_is(&key, "packets"))
			n.packets = json_scan_number(s);
		else if (json_scan_is(&key, "bytes"))
			n.bytes = json_scan_number(s);
		else if (json_scan_is(&key, "drops"))
			n.drops = json_scan_number(s);
		else
			json_scan_skip(s, &text);
	}
	return n;
}

/* The list of programs ahead: how many, and where it lies. */
static uint32_t scan_programs(struct json_scan *s, struct client_vif_more *more)
{
	const char *begin = s->at, *text;
	uint32_t n = 0;

	if (!json_scan_open(s, '['))
		return 0;
	for (; json_scan_next(s, NULL); n++)
		json_scan_skip(s, &text);
	if (more && n && !s->bad) {
		more->programs = begin;
		more->programs_bytes = (size_t)(s->at - begin);
	}
	return n;
}

/* A text among the members of a VIF: where it goes, and how much of it. */
static char *place_of(const struct json_key *key, struct toami_vif *v,
		      size_t *size)
{
	const struct {
		const char *name;
		char *place;
		size_t size;
	} of[] = {
		{ "path", v->path, sizeof(v->path) },
		{ "address", v->address, sizeof(v->address) },
		{ "address6", v->address6, sizeof(v->address6) },
		{ "lane_of", v->lane_of, sizeof(v->lane_of) },
	};

	for (size_t i = 0; i < sizeof(of) / sizeof(of[0]); i++)
		if (json_scan_is(key, of[i].name)) {
			*size = of[i].size;
			return of[i].place;
		}
	return NULL;
}

void client_vif_scan(struct json_scan *s, struct toami_vif *v,
		     struct client_vif_more *more)
{
	struct client_vif_more unused;
	struct json_key key;
	const char *text;
	size_t size;
	char *place;

	more = more ? more : &unused;
	v->path[0] = v->address[0] = v->address6[0] = v->lane_of[0] = 0;
	v->uid = v->programs = 0;
	v->tx = v->rx = (struct toami_vif_count){ 0 };
	more->programs = NULL;
	more->port[0] = 0;
	if (!json_scan_open(s, '{'))
		return;
	while (json_scan_next(s, &key)) {
		if (json_scan_is(&key, "tx"))
			v->tx = scan_counts(s);
		else if (json_scan_is(&key, "rx"))
			v->rx = scan_counts(s);
		else if (json_scan_is(&key, "programs"))
			v->programs = scan_programs(s, more);
		else if (json_scan_is(&key, "uid"))
			v->uid = (uint32_t)json_scan_number(s);
		else if (json_scan_is(&key, "port"))
			json_scan_string(s, more->port, sizeof(more->port));
		else if ((place = place_of(&key, v, &size)))
			json_scan_string(s, place, size);
		else
			json_scan_skip(s, &text);
	}
}

json_t *client_set(const char *const *words, size_t count)
{
	json_t *set = json_object();

	for (size_t i = 0; words && i < count && words[i]; i++) {
		const char *equals = strchr(words[i], '=');
		size_t n = equals ? (size_t)(equals - words[i]) : 0;
		json_t *value = equals ? json_string(equals + 1) : json_true();

		/* What is no NAME=VALUE is the daemon's to refuse. */
		json_object_setn_new(set, words[i],
				     equals ? n : strlen(words[i]), value);
	}
	return set;
}

/* A request with the packet programs that @set names. */
static int ask_with(struct toami_control *control, json_t *request,
		    const char *const *set, struct toami_vif *vif)
{
	struct client_files files;
	json_t *result;
	int err;

	client_files_programs(&files, set, SIZE_MAX);
	err = client_request_with(control, request, &files, &result);
	client_files_close(&files);
	if (!err && vif)
		client_vif(result, vif);
	json_decref(result);
	return err;
}

/* A request whose result is not looked at. */
static int tell(struct toami_control *control, json_t *request)
{
	json_t *result;
	int err = client_request(control, request, &result);

	json_decref(result);
	return err;
}

/* A request that gives a VIF, or nothing. */
static int ask_vif(struct toami_control *control, json_t *request,
		   struct toami_vif *vif)
{
	json_t *result;
	int err = client_request(control, request, &result);

	if (!err && vif)
		client_vif(result, vif);
	json_decref(result);
	return err;
}

int toami_vif_add(struct toami_control *control, const char *path,
		  const char *address, const char *const *set,
		  struct toami_vif *vif)
{
	return ask_with(control,
			json_pack("{s:s, s:s, s:s?, s:o}", "verb", "vif.add",
				  "path", path, "address", address, "set",
				  client_set(set, SIZE_MAX)),
			set, vif);
}

int toami_vif_set(struct toami_control *control, const char *path,
		  const char *const *set)
{
	return ask_with(control,
			json_pack("{s:s, s:s, s:o}", "verb", "vif.set", "path",
				  path, "set", client_set(set, SIZE_MAX)),
			set, NULL);
}

void client_value(const json_t *set, enum prop_id id, struct prop_value *v)
{
	const struct prop *p = &prop_table[id];
	const json_t *json = json_object_get(set, p->name);

	*v = (struct prop_value){ 0 };
	if (json_is_string(json))
		v->text = (char *)(uintptr_t)json_string_value(json);
	for (size_t i = 0; json && !v->text && i < p->parts; i++) {
		const json_t *n = json;

		if (p->parts > 1)
			n = json_object_get(json, prop_part_name(id, i));
		v->n[i] = (uint64_t)json_integer_value(n);
		if (p->part[i].kind == PROP_USER)
			v->n[i]++;
	}
}

int toami_vif_get(struct toami_control *control, const char *path,
		  const char *name, char *word, size_t size)
{
	enum prop_id id = prop_find(name, strlen(name));
	char text[PROP_TEXT_MAX];
	struct prop_value v;
	struct refusal why;
	json_t *result;
	int err;

	if (id == PROPS) {
		prop_unknown(name, path, &why);
		return client_fail(control, &why);
	}
	err = client_request(control,
			     json_pack("{s:s, s:s}", "verb", "vif.show", "path",
				       path),
			     &result);
	if (!err) {
		client_value(json_object_get(result, "set"), id, &v);
		snprintf(word, size, "%s", users_print(id, &v, text));
	}
	json_decref(result);
	return err;
}

int toami_vif_show(struct toami_control *control, const char *path,
		   struct toami_vif *vif)
{
	return ask_vif(
		control,
		json_pack("{s:s, s:s}", "verb", "vif.show", "path", path), vif);
}

int toami_vif_remove(struct toami_control *control, const char *path,
		     int recursive)
{
	return tell(control, json_pack("{s:s, s:s, s:b}", "verb", "vif.rm",
				       "path", path, "recursive", recursive));
}

int toami_vif_move(struct toami_control *control, const char *path,
		   const char *to)
{
	return tell(control, json_pack("{s:s, s:s, s:s}", "verb", "vif.mv",
				       "path", path, "to", to));
}

static int ask_attached(struct toami_control *control, json_t *request,
			struct toami_vif_attached *attached)
{
	json_t *result;
	int err = client_request(control, request, &result);

	if (!err && attached)
		*attached = (struct toami_vif_attached){
			.moved = read_count(result, "moved"),
			.kept = read_count(result, "kept"),
		};
	json_decref(result);
	return err;
}

int toami_vif_attach(struct toami_control *control, const char *path, pid_t pid,
		     struct toami_vif_attached *attached)
{
	return ask_attached(control,
			    json_pack("{s:s, s:s, s:i}", "verb", "vif.attach",
				      "path", path, "pid", (int)pid),
			    attached);
}

int toami_vif_detach(struct toami_control *control, pid_t pid,
		     struct toami_vif_attached *attached)
{
	return ask_attached(control,
			    json_pack("{s:s, s:i}", "verb", "vif.detach", "pid",
				      (int)pid),
			    attached);
}

static int out_of_memory(struct toami_control *control)
{
	struct refusal why;

	refuse(&why, "internal", EX_OSERR, "out of memory");
	return client_fail(control, &why);
}

int client_list_find(struct toami_control *control, const char *path,
		     enum client_list_form form, struct json_scan *list)
{
	struct json_key key;
	const char *text;
	int err = client_scan(control,
			      json_pack("{s:s, s:s?, s:b, s:b}", "verb",
					"vif.ls", "path", path, "short",
					form == CLIENT_LIST_SHORT, "brief",
					form == CLIENT_LIST_PATHS),
			      list);

	if (err)
		return err;
	if (json_scan_open(list, '{'))
		while (json_scan_next(list, &key)) {
			if (json_scan_is(&key, "vifs") ||
			    json_scan_is(&key, "paths"))
				return 0;
			json_scan_skip(list, &text);
		}
	return client_misread(control);
}

int client_list(struct toami_control *control, const char *path,
		enum client_list_form form, struct json_scan *list)
{
	int err = client_list_find(control, path, form, list);

	return err			   ? err
	       : json_scan_open(list, '[') ? 0
					   : client_misread(control);
}

/* Room for one more. False: there is none. */
static bool list_grow(struct toami_vif **vifs, size_t count)
{
	struct toami_vif *more;

	if (count & (count - 1))
		return true;
	more = realloc(*vifs, (count ? count * 2 : 1) * sizeof(**vifs));
	if (!more)
		return false;
	*vifs = more;
	return true;
}

int toami_vif_list(struct toami_control *control, const char *path,
		   struct toami_vif **vifs, size_t *count)
{
	struct json_scan list;
	int err;

	*vifs = NULL;
	*count = 0;
	err = client_list(control, path, CLIENT_LIST_WHOLE, &list);
	while (!err && json_scan_next(&list, NULL)) {
		if (!list_grow(vifs, *count))
			err = EX_OSERR;
		else
			client_vif_scan(&list, &(*vifs)[(*count)++], NULL);
	}
	if (!err && list.bad)
		err = client_misread(control);
	else if (err == EX_OSERR)
		err = out_of_memory(control);
	if (err) {
		free(*vifs);
		*vifs = NULL;
		*count = 0;
	}
	return err;
}

/* --- events ------------------------------------------------------------------
 */

int toami_watch(struct toami_control *control)
{
	return tell(control, json_pack("{s:s}", "verb", "watch"));
}

int toami_watch_next(struct toami_control *control, struct toami_event *event)
{
	static const char *const names[] = {
		"",	      "vif-add", "vif-set", "vif-move",
		"vif-remove", "join",	 "leave",   "lost",
	};
	json_t *json;
	int err = client_event(control, &json);

	memset(event, 0, sizeof(*event));
	if (err)
		return err;
	read_text(json, "event", event->name, sizeof(event->name));
	read_text(json, "path", event->path, sizeof(event->path));
	read_text(json, "program", event->program, sizeof(event->program));
	event->time_ns = read_count(json, "time_ns");
	event->lost = read_count(json, "count");
	event->pid = (pid_t)read_count(json, "pid");
	for (size_t i = 1; i < sizeof(names) / sizeof(names[0]); i++)
		if (!strcmp(event->name, names[i]))
			event->kind = (enum toami_event_kind)i;
	json_decref(json);
	return 0;
}
