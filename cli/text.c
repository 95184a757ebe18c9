/* SPDX-License-Identifier: BSD-2-Clause */
/* See text.h. */
#include "cli/text.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

const char *text_figure(uint64_t n, char text[TEXT_FIGURE])
{
	static const char units[] = "kMGTPE";
	uint64_t unit = 1000;
	int u = 0;

	if (n < 1000) {
		snprintf(text, TEXT_FIGURE, "%d", (int)n);
		return text;
	}
	while (n / unit >= 1000) {
		unit *= 1000;
		u++;
	}
	/* Cut off, not rounded: 999,999 is not yet 1.00M. */
	if (n / unit >= 100)
		snprintf(text, TEXT_FIGURE, "%d%c", (int)(n / unit), units[u]);
	else if (n / unit >= 10)
		snprintf(text, TEXT_FIGURE, "%d.%d%c", (int)(n / unit),
			 (int)(n / (unit / 10) % 10), units[u]);
	else
		snprintf(text, TEXT_FIGURE, "%d.%02d%c", (int)(n / unit),
			 (int)(n / (unit / 100) % 100), units[u]);
	return text;
}

const char *text_duration(uint64_t ms, char text[32])
{
	unsigned long long s = ms / 1000;

	if (s < 60)
		snprintf(text, 32, "%llu s", s);
	else if (s < 3600)
		snprintf(text, 32, "%llu min %llu s", s / 60, s % 60);
	else if (s < 86400)
		snprintf(text, 32, "%llu h %llu min", s / 3600, s / 60 % 60);
	else
		snprintf(text, 32, "%llu d %llu h", s / 86400, s / 3600 % 24);
	return text;
}

static const char *name_of(const json_t *list, size_t i)
{
	const char *name = json_string_value(
		json_object_get(json_array_get(list, i), "name"));

	return name ? name : "?";
}

/* How many programs of that name there are; 0 when an earlier one has it as
 * well. */
static size_t count_name(const json_t *list, size_t i)
{
	size_t count = 0;

	for (size_t k = 0; k < json_array_size(list); k++) {
		if (strcmp(name_of(list, k), name_of(list, i)))
			continue;
		if (k < i)
			return 0;
		count++;
	}
	return count;
}

const char *text_programs(const json_t *list, size_t most, char text[256])
{
	size_t at = 0, left = json_array_size(list);

	text[0] = 0;
	for (size_t i = 0; i < json_array_size(list); i++) {
		size_t count = count_name(list, i);
		char part[64];
		int n;

		if (!count)
			continue;
		n = count > 1
			    ? snprintf(part, sizeof(part), "%s%s x%zu",
				       at ? ", " : "", name_of(list, i), count)
			    : snprintf(part, sizeof(part), "%s%s",
				       at ? ", " : "", name_of(list, i));
		if (at && at + (size_t)n > most) {
			snprintf(text + at, 256 - at, ", +%zu others", left);
			break;
		}
		memcpy(text + at, part, (size_t)n + 1);
		at += (size_t)n;
		left -= count;
	}
	return text;
}

/* Packs the row that was being written. False: no memory. */
static bool pack(struct table *t)
{
	size_t most = (size_t)t->columns * TABLE_CELL;

	if (t->room - t->bytes < most) {
		size_t room = t->room ? t->room * 2 : 16 * most;
		char *text = realloc(t->text, room);

		if (!text)
			return false;
		t->text = text;
		t->room = room;
	}
	for (int c = 0; c < t->columns; c++) {
		size_t n = strlen(t->last[c]);

		if ((int)n > t->width[c])
			t->width[c] = (int)n;
		memcpy(t->text + t->bytes, t->last[c], n + 1);
		t->bytes += n + 1;
	}
	return true;
}

char (*table_add(struct table *t))[TABLE_CELL]
{
	if (t->rows && !pack(t))
		return NULL;
	t->rows++;
	for (int c = 0; c < TABLE_COLUMNS; c++)
		t->last[c][0] = 0;
	return t->last;
}

/* Writes the row at @cell to @line; returns what lies behind it. */
static const char *put_row(const struct table *t, const char *cell, char *line,
			   size_t *bytes)
{
	size_t blanks = 0, at = 0;

	for (int c = 0; c < t->columns; c++) {
		size_t n = strlen(cell), pad = (size_t)t->width[c] - n;

		if (t->right >> c & 1)
			blanks += pad;
		/* Blanks wait for the next cell: no line ends with some. */
		if (*cell) {
			memset(line + at, ' ', blanks);
			memcpy(line + at + blanks, cell, n);
			at += blanks + n;
			blanks = 0;
		}
		if (!(t->right >> c & 1))
			blanks += pad;
		blanks += 2;
		cell += n + 1;
	}
	*bytes = at;
	return cell;
}

void table_print(struct table *t, FILE *to, int bold)
{
	char line[TABLE_COLUMNS * (TABLE_CELL + 2)];
	const char *cell;
	size_t bytes;

	if (!t->rows || !pack(t))
		return;
	cell = t->text;
	for (size_t r = 0; r < t->rows; r++) {
		if (!r && bold)
			fputs("\033[1m", to);
		cell = put_row(t, cell, line, &bytes);
		fwrite(line, 1, bytes, to);
		fputs(!r && bold ? "\033[0m\n" : "\n", to);
	}
}

void table_fini(struct table *t)
{
	free(t->text);
	t->text = NULL;
}
