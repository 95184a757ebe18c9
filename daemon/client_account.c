/* SPDX-License-Identifier: BSD-2-Clause */
/* Counters and maps through the control library; include/toami/vif.h is its
 * page. */
#include "daemon/client.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint64_t count_of(const json_t *json, const char *what)
{
	return (uint64_t)json_integer_value(json_object_get(json, what));
}

static void read_queue(const json_t *queue, struct toami_vif_way *w)
{
	const json_t *drops = json_object_get(queue, "drops");

	w->backlog_packets = count_of(queue, "backlog_packets");
	w->backlog_bytes = count_of(queue, "backlog_bytes");
	w->delay_p50_ns = count_of(queue, "delay_p50_ns");
	w->delay_p99_ns = count_of(queue, "delay_p99_ns");
	w->throttled_ns = count_of(queue, "throttled_ns");
	w->borrowed_bytes = count_of(queue, "borrowed_bytes");
	w->drops_limit = count_of(drops, "limit");
	w->drops_late = count_of(drops, "late");
	w->drops_codel = count_of(drops, "codel");
	w->drops_loss = count_of(drops, "loss");
	w->drops_memory = count_of(drops, "memory");
}

static void read_hooks(const json_t *hooks, struct toami_vif_way *w)
{
	w->program_runs = count_of(hooks, "runs");
	w->program_instructions = count_of(hooks, "instructions");
	w->program_filtered = count_of(hooks, "filtered");
	w->program_dropped = count_of(hooks, "dropped");
	w->program_over_run = count_of(hooks, "over_run");
	w->program_over_time = count_of(hooks, "over_time");
	w->program_redirected = count_of(hooks, "redirected");
	w->program_sampled = count_of(hooks, "sampled");
}

static void read_way(const json_t *vif, const char *way,
		     struct toami_vif_way *w)
{
	const json_t *passed = json_object_get(vif, way);

	memset(w, 0, sizeof(*w));
	w->packets = count_of(passed, "packets");
	w->bytes = count_of(passed, "bytes");
	w->drops = count_of(passed, "drops");
	w->retransmits = count_of(passed, "retransmits");
	read_queue(json_object_get(json_object_get(vif, "queue"), way), w);
	read_hooks(json_object_get(json_object_get(vif, "hooks"), way), w);
}

int toami_vif_account(struct toami_control *control, const char *path,
		      struct toami_vif_account *account)
{
	json_t *vif;
	int err = client_request(control,
				 json_pack("{s:s, s:s}", "verb", "vif.show",
					   "path", path),
				 &vif);

	if (err)
		return err;
	read_way(vif, "tx", &account->tx);
	read_way(vif, "rx", &account->rx);
	json_decref(vif);
	return 0;
}

int client_text(struct toami_control *control, const json_t *result,
		char **text)
{
	const char *from = json_string_value(json_object_get(result, "text"));
	struct refusal why;

	if (!from)
		return client_misread(control);
	*text = strdup(from);
	if (*text)
		return 0;
	refuse(&why, "internal", EX_OSERR, "out of memory");
	return client_fail(control, &why);
}

int toami_metrics(struct toami_control *control, char **text)
{
	json_t *result;
	int err = client_request(control, json_pack("{s:s}", "verb", "metrics"),
				 &result);

	*text = NULL;
	if (!err)
		err = client_text(control, result, text);
	json_decref(result);
	return err;
}

/* A request about an entry of a map; @value may be NULL. */
static json_t *about(const char *verb, const char *map, const char *key,
		     const char *value)
{
	return json_pack("{s:s, s:s, s:s, s:s*}", "verb", verb, "map", map,
			 "key", key, "value", value);
}

static int tell(struct toami_control *control, json_t *request)
{
	json_t *result;
	int err = client_request(control, request, &result);

	json_decref(result);
	return err;
}

int toami_map_get(struct toami_control *control, const char *map,
		  const char *key, char *value, size_t size)
{
	json_t *result;
	int err = client_request(control, about("map.get", map, key, NULL),
				 &result);
	const char *word = json_string_value(json_object_get(result, "value"));

	if (!err && !word)
		err = client_misread(control);
	else if (!err)
		snprintf(value, size, "%s", word);
	json_decref(result);
	return err;
}

int toami_map_set(struct toami_control *control, const char *map,
		  const char *key, const char *value)
{
	return tell(control, about("map.set", map, key, value));
}

int toami_map_remove(struct toami_control *control, const char *map,
		     const char *key)
{
	return tell(control, about("map.rm", map, key, NULL));
}
