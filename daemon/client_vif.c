/* SPDX-License-Identifier: BSD-2-Clause */
/* VIFs through the control library; include/toami/control.h is its page. */
#include "daemon/client.h"

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

static uint64_t read_count(const json_t *json, const char *way,
			   const char *what)
{
	return (uint64_t)json_integer_value(
		json_object_get(json_object_get(json, way), what));
}

void client_vif(const json_t *json, struct toami_vif *v)
{
	read_text(json, "path", v->path, sizeof(v->path));
	read_text(json, "address", v->address, sizeof(v->address));
	read_text(json, "address6", v->address6, sizeof(v->address6));
	read_text(json, "lane_of", v->lane_of, sizeof(v->lane_of));
	v->programs =
		(uint32_t)json_array_size(json_object_get(json, "programs"));
	v->tx_packets = read_count(json, "tx", "packets");
	v->tx_bytes = read_count(json, "tx", "bytes");
	v->tx_drops = read_count(json, "tx", "drops");
	v->rx_packets = read_count(json, "rx", "packets");
	v->rx_bytes = read_count(json, "rx", "bytes");
	v->rx_drops = read_count(json, "rx", "drops");
}

int toami_vif_add(struct toami_control *control, const char *path,
		  const char *address, struct toami_vif *vif)
{
	json_t *result;
	int err =
		client_request(control,
			       json_pack("{s:s, s:s, s:s?}", "verb", "vif.add",
					 "path", path, "address", address),
			       &result);

	if (!err && vif)
		client_vif(result, vif);
	json_decref(result);
	return err;
}

int toami_vif_remove(struct toami_control *control, const char *path,
		     int recursive)
{
	json_t *result;
	int err =
		client_request(control,
			       json_pack("{s:s, s:s, s:b}", "verb", "vif.rm",
					 "path", path, "recursive", recursive),
			       &result);

	json_decref(result);
	return err;
}

int toami_vif_list(struct toami_control *control, const char *path,
		   struct toami_vif **vifs, size_t *count)
{
	json_t *result, *list, *item;
	int err = client_request(control,
				 json_pack("{s:s, s:s?}", "verb", "vif.ls",
					   "path", path),
				 &result);
	size_t i;

	*vifs = NULL;
	*count = 0;
	if (err)
		return err;
	list = json_object_get(result, "vifs");
	*vifs = calloc(json_array_size(list) + 1, sizeof(**vifs));
	if (*vifs) {
		*count = json_array_size(list);
		json_array_foreach(list, i, item) client_vif(item, &(*vifs)[i]);
	} else {
		err = EX_OSERR;
	}
	json_decref(result);
	return err;
}
