/* SPDX-License-Identifier: BSD-2-Clause */
/* See top_data.h. Rows are known again by their path. */
#include "cli/top_data.h"
#include "daemon/prop.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define SECOND UINT64_C(1000000000)

static uint64_t monotonic_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * SECOND + (uint64_t)t.tv_nsec;
}

static uint64_t number(const json_t *json, const char *key)
{
	return (uint64_t)json_integer_value(json_object_get(json, key));
}

static void read_word(const json_t *set, enum prop_id id, char word[TOP_WORD])
{
	char text[PROP_TEXT_MAX];
	struct prop_value v;

	client_value(set, id, &v);
	snprintf(word, TOP_WORD, "%.*s", TOP_WORD - 1,
		 prop_is_set(&v) ? prop_print(id, &v, text) : "");
}

static void read_queue(const json_t *queue, struct top_row *r)
{
	static const char *const ways[] = { "tx", "rx" };

	for (int i = 0; i < 2; i++) {
		const json_t *way = json_object_get(queue, ways[i]);
		uint64_t bytes = number(way, "backlog_bytes");
		uint64_t delay = number(way, "delay_p99_ns");

		r->backlog_bytes += bytes;
		if (delay > r->delay_ns)
			r->delay_ns = delay;
	}
}

static void read_hooks(const json_t *hooks, struct top_row *r)
{
	r->instructions = number(json_object_get(hooks, "tx"), "instructions") +
			  number(json_object_get(hooks, "rx"), "instructions");
}

static void read_row(const json_t *json, struct top_row *r)
{
	const json_t *set = json_object_get(json, "set");
	struct toami_vif v;

	client_vif(json, &v);
	memset(r, 0, sizeof(*r));
	snprintf(r->path, sizeof(r->path), "%s", v.path);
	for (const char *c = v.path; *c && v.path[1]; c++)
		r->depth += *c == '/';
	r->programs = v.programs;
	r->tx_bytes = v.tx.bytes;
	r->rx_bytes = v.rx.bytes;
	r->drops = v.tx.drops + v.rx.drops;
	r->retransmits = number(json_object_get(json, "tx"), "retransmits");
	read_word(set, PROP_ID_RATE, r->rate);
	read_word(set, PROP_ID_RATE_IN, r->rate_in);
	read_queue(json_object_get(json, "queue"), r);
	read_hooks(json_object_get(json, "hooks"), r);
}

static int by_path(const void *a, const void *b)
{
	return strcmp(((const struct top_row *)a)->path,
		      ((const struct top_row *)b)->path);
}

/* What has passed in @ns, a second; a counter that runs backwards is another
 * VIF's. */
static uint64_t per_second(uint64_t now, uint64_t before, uint64_t ns)
{
	if (now < before || !ns)
		return 0;
	return (uint64_t)((double)(now - before) * (double)SECOND / (double)ns);
}

static void compare(struct top_row *r, const struct top_row *old, uint64_t ns)
{
	if (!old)
		return;
	r->tx_bps = per_second(r->tx_bytes * 8, old->tx_bytes * 8, ns);
	r->rx_bps = per_second(r->rx_bytes * 8, old->rx_bytes * 8, ns);
	r->drops_ps = per_second(r->drops, old->drops, ns);
	r->instructions_ps = per_second(r->instructions, old->instructions, ns);
	memcpy(r->history, old->history + 1,
	       sizeof(r->history) - sizeof(r->history[0]));
	r->history[TOP_HISTORY - 1] = r->tx_bps + r->rx_bps;
}

int top_take(struct top_data *data, struct toami_control *control,
	     const char *path)
{
	uint64_t start = monotonic_ns(), ns = start - data->taken_ns;
	struct top_row *old = data->row, *row;
	size_t olds = data->rows, rows, i;
	json_t *result, *list, *item;
	int err = client_request(control,
				 json_pack("{s:s, s:s, s:b}", "verb", "vif.ls",
					   "path", path, "queue", 1),
				 &result);

	if (err)
		return err;
	list = json_object_get(result, "vifs");
	rows = json_array_size(list);
	row = calloc(rows + 1, sizeof(*row));
	if (!row) {
		json_decref(result);
		return EX_OSERR;
	}
	if (olds)
		qsort(old, olds, sizeof(*old), by_path);
	json_array_foreach(list, i, item)
	{
		read_row(item, &row[i]);
		row[i].place = i;
		compare(&row[i],
			olds ? bsearch(&row[i], old, olds, sizeof(*old),
				       by_path)
			     : NULL,
			ns);
	}
	json_decref(result);
	free(old);
	data->row = row;
	data->rows = rows;
	data->taken_ns = start;
	data->cost_ns = monotonic_ns() - start;
	return 0;
}

static int by_place(const void *a, const void *b)
{
	const struct top_row *x = a, *y = b;

	return x->place < y->place ? -1 : x->place > y->place;
}

static int greater(uint64_t x, uint64_t y, const void *a, const void *b)
{
	return x > y ? -1 : x < y ? 1 : by_place(a, b);
}

static int by_tx(const void *a, const void *b)
{
	return greater(((const struct top_row *)a)->tx_bps,
		       ((const struct top_row *)b)->tx_bps, a, b);
}

static int by_rx(const void *a, const void *b)
{
	return greater(((const struct top_row *)a)->rx_bps,
		       ((const struct top_row *)b)->rx_bps, a, b);
}

static int by_drops(const void *a, const void *b)
{
	return greater(((const struct top_row *)a)->drops_ps,
		       ((const struct top_row *)b)->drops_ps, a, b);
}

void top_sort(struct top_data *data, enum top_order order)
{
	static int (*const compare_by[TOP_ORDERS])(const void *,
						   const void *) = {
		[TOP_TREE] = by_place,
		[TOP_TX] = by_tx,
		[TOP_RX] = by_rx,
		[TOP_DROPS] = by_drops,
	};

	if (data->rows)
		qsort(data->row, data->rows, sizeof(*data->row),
		      compare_by[order]);
}

const char *top_spark(const struct top_row *row, size_t columns, bool utf8,
		      char text[4 * TOP_HISTORY + 1])
{
	static const char *const bars[] = { " ",      "\u2581", "\u2582",
					    "\u2583", "\u2584", "\u2585",
					    "\u2586", "\u2587", "\u2588" };
	static const char *const plain[] = { " ", ".", ".", ":", "-",
					     "=", "+", "*", "#" };
	uint64_t most = 1;
	size_t at = 0;

	if (columns > TOP_HISTORY)
		columns = TOP_HISTORY;
	for (size_t i = TOP_HISTORY - columns; i < TOP_HISTORY; i++)
		if (row->history[i] > most)
			most = row->history[i];
	for (size_t i = TOP_HISTORY - columns; i < TOP_HISTORY; i++) {
		uint64_t h = row->history[i];
		/* Anything at all is seen. */
		size_t step =
			h ? 1 + (size_t)((double)h / (double)most * 7.0) : 0;

		at += (size_t)sprintf(text + at, "%s",
				      (utf8 ? bars : plain)[step]);
	}
	text[at] = 0;
	return text;
}

void top_fini(struct top_data *data)
{
	free(data->row);
	*data = (struct top_data){ 0 };
}
