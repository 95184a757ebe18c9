/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See prop.h. Decimal fractions are read exactly, in integers: 0.1gbit is
 * 100000000 bits and never 99999999.
 */
#include "daemon/prop.h"
#include "base/types.h"
#include "vif/program.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#define K UINT64_C(1000)

#define RATE_MIN K /* a frame takes 12 s then */
#define RATE_MAX (10 * K * K * K * K)
#define TIME_MAX (100 * NSEC_PER_SEC)

#define RATE_PART                                   \
	{                                           \
		NULL, PROP_RATE, RATE_MIN, RATE_MAX \
	}
#define SHARE_PART                           \
	{                                    \
		NULL, PROP_SHARE, 1, VIF_PPM \
	}
#define TIME_PART                            \
	{                                    \
		NULL, PROP_TIME, 1, TIME_MAX \
	}
#define TEXT_PART                       \
	{                               \
		NULL, PROP_STRING, 0, 0 \
	}

const struct prop prop_table[PROPS] = {
	[PROP_ID_RATE] = { "rate",
			   "ceiling of what leaves",
			   "100mbit",
			   1,
			   { RATE_PART } },
	[PROP_ID_RATE_IN] = { "rate-in",
			      "ceiling of what enters",
			      "100mbit",
			      1,
			      { RATE_PART } },
	[PROP_ID_MIN] = { "min",
			  "guaranteed share of what the VIF above has, each "
			  "way",
			  "10mbit",
			  1,
			  { RATE_PART } },
	[PROP_ID_WEIGHT] = { "weight",
			     "share of the excess among siblings (1)",
			     "4",
			     1,
			     { { NULL, PROP_COUNT, 1, VIF_WEIGHT_MAX } } },
	[PROP_ID_PRIO] = { "prio",
			   "among siblings: 0 goes first (0)",
			   "1",
			   1,
			   { { NULL, PROP_COUNT, 0, VIF_PRIO_MAX } } },
	[PROP_ID_LIMIT] = { "limit",
			    "of the queue, in bytes, in time, or both",
			    "256kb,50ms",
			    2,
			    { { NULL, PROP_BYTES, 2 * K, 4 * K *K *K },
			      { NULL, PROP_TIME, NSEC_PER_USEC, TIME_MAX } } },
	[PROP_ID_DELAY] = { "delay",
			    "of what leaves: link emulation",
			    "20ms",
			    1,
			    { TIME_PART } },
	[PROP_ID_JITTER] = { "jitter",
			     "more or less delay, at random",
			     "5ms",
			     1,
			     { TIME_PART } },
	[PROP_ID_LOSS] = { "loss",
			   "of frames that leave, at random",
			   "1%",
			   1,
			   { SHARE_PART } },
	[PROP_ID_REORDER] = { "reorder",
			      "frames that overtake the delay",
			      "0.1%",
			      1,
			      { SHARE_PART } },
	[PROP_ID_DUPLICATE] = { "duplicate",
				"frames that leave twice",
				"0.1%",
				1,
				{ SHARE_PART } },
	[PROP_ID_FILTER] = { "filter",
			     "what may leave: a pcap expression",
			     "'tcp port 80'",
			     1,
			     { TEXT_PART } },
	[PROP_ID_FILTER_IN] = { "filter-in",
				"what may enter: a pcap expression",
				"'not udp'",
				1,
				{ TEXT_PART } },
	[PROP_ID_PROGRAM] = { "program",
			      "eBPF object: its section tx sees what leaves, "
			      "rx what enters",
			      "/etc/toami/count.o",
			      1,
			      { TEXT_PART } },
	[PROP_ID_PROGRAM_IN] = { "program-in",
				 "eBPF object whose rx sees what enters, "
				 "instead",
				 "/etc/toami/count.o",
				 1,
				 { TEXT_PART } },
	[PROP_ID_FLOW] = { "flow",
			   "of what the VIF above sends, what belongs here: a "
			   "pcap expression",
			   "'tcp port 443'",
			   1,
			   { TEXT_PART } },
	[PROP_ID_MARK] = { "mark",
			   "of what the VIF above sends, what its program has "
			   "marked so, belongs here",
			   "7",
			   1,
			   { { NULL, PROP_COUNT, 1, UINT32_MAX } } },
	[PROP_ID_SAMPLE] = { "sample",
			     "one frame of so many, for 'capture --sampled'",
			     "1000",
			     1,
			     { { NULL, PROP_COUNT, 1, UINT32_MAX } } },
	[PROP_ID_OWNER] = { "owner",
			    "user who rules what is below, not the VIF itself",
			    "alice",
			    1,
			    { { NULL, PROP_USER, 1, UINT32_MAX } } },
	[PROP_ID_QUOTA] = { "quota",
			    "of the owner: VIFs below, levels, queues, "
			    "programs, their maps",
			    "children:100,depth:3,queue:16mb,program:5%,maps:"
			    "16mib",
			    5,
			    { { "children", PROP_COUNT, 1, VIF_CAPACITY },
			      { "depth", PROP_COUNT, 1, VIF_DEPTH_MAX },
			      { "queue", PROP_BYTES, 2 * K, 64 * K *K *K },
			      { "program", PROP_LOAD, 1, 64 * NSEC_PER_SEC },
			      { "maps", PROP_BYTES, VIF_MAP_PAGE,
				(uint64_t)VIF_MAP_PAGE *VIF_MAP_PAGES } } },
};

struct unit {
	const char *name;
	uint64_t scale;
};

#define UNITS_END       \
	{               \
		NULL, 0 \
	}

/* Largest first: as they are tried when printing. */
static const struct unit rate_units[] = {
	{ "tbit", K *K *K *K }, { "gbit", K *K *K }, { "mbit", K *K },
	{ "kbit", K },		{ "bit", 1 },	     UNITS_END,
};
static const struct unit byte_units[] = {
	{ "gb", K *K *K },
	{ "mb", K *K },
	{ "kb", K },
	{ "b", 1 },
	{ "gib", UINT64_C(1) << 30 },
	{ "mib", UINT64_C(1) << 20 },
	{ "kib", UINT64_C(1) << 10 },
	UNITS_END,
};
static const struct unit time_units[] = {
	{ "s", NSEC_PER_SEC },
	{ "ms", NSEC_PER_MSEC },
	{ "us", NSEC_PER_USEC },
	{ "ns", 1 },
	UNITS_END,
};
static const struct unit share_units[] = {
	{ "%", 10000 },
	{ "ppm", 1 },
	UNITS_END,
};
static const struct unit load_units[] = {
	{ "%", 10 * K *K },
	{ "ppm", K },
	UNITS_END,
};
static const struct unit count_units[] = { { "", 1 }, UNITS_END };

static const struct unit *units_of(enum prop_kind kind)
{
	switch (kind) {
	case PROP_RATE:
		return rate_units;
	case PROP_BYTES:
		return byte_units;
	case PROP_TIME:
		return time_units;
	case PROP_SHARE:
		return share_units;
	case PROP_LOAD:
		return load_units;
	default:
		return count_units;
	}
}

enum prop_id prop_find(const char *name, size_t bytes)
{
	enum prop_id id = 0;

	while (id < PROPS && (strncmp(prop_table[id].name, name, bytes) ||
			      prop_table[id].name[bytes]))
		id++;
	return id;
}

const char *prop_part_name(enum prop_id id, size_t part)
{
	const struct prop *p = &prop_table[id];

	if (p->parts == 1)
		return NULL;
	if (p->part[part].key)
		return p->part[part].key;
	return p->part[part].kind == PROP_TIME ? "ns" : "bytes";
}

bool prop_is_set(const struct prop_value *v)
{
	for (size_t i = 0; i < PROP_PARTS; i++)
		if (v->n[i])
			return true;
	return v->text && *v->text;
}

/* --- reading -----------------------------------------------------------------
 */

/*
 * The number at the start of @word times the unit that ends it. False: not a
 * number, no such unit, a fraction of the base unit, or too much.
 */
static bool read_number(const char *word, size_t bytes, const struct unit *unit,
			uint64_t *n)
{
	unsigned __int128 whole = 0, scale = 1;
	size_t at = 0, digits = 0;
	bool point = false;

	for (; at < bytes; at++) {
		if (word[at] == '.' && !point) {
			point = true;
			continue;
		}
		if (word[at] < '0' || word[at] > '9')
			break;
		if (++digits > 20)
			return false;
		whole = whole * 10 + (unsigned)(word[at] - '0');
		scale *= point ? 10 : 1;
	}
	if (!digits)
		return false;
	while (unit->name && (strlen(unit->name) != bytes - at ||
			      strncasecmp(unit->name, word + at, bytes - at)))
		unit++;
	if (!unit->name || whole > UINT64_MAX)
		return false;
	whole *= unit->scale;
	if (whole % scale || whole / scale > UINT64_MAX)
		return false;
	*n = (uint64_t)(whole / scale);
	return true;
}

static bool read_part(const struct prop_part *p, const char *word, size_t bytes,
		      uint64_t *n)
{
	if (!read_number(word, bytes, units_of(p->kind), n))
		return false;
	if (p->kind != PROP_USER)
		return true;
	return (*n)++ < UINT32_MAX;
}

/* Finds the part that "key:value" or a value with its unit is for. */
static const struct prop_part *part_for(const struct prop *p, const char *word,
					size_t bytes, uint64_t *n)
{
	for (size_t i = 0; i < p->parts; i++) {
		const struct prop_part *part = &p->part[i];
		size_t skip = part->key ? strlen(part->key) + 1 : 0;

		if (part->key && (bytes < skip || word[skip - 1] != ':' ||
				  strncasecmp(word, part->key, skip - 1)))
			continue;
		if (read_part(part, word + skip, bytes - skip, n))
			return part;
	}
	return NULL;
}

static int refuse_value(const struct prop *p, const char *word,
			const char *object, struct refusal *why)
{
	if (p->part[0].kind == PROP_USER)
		return refuse(why, "bad-value", EX_USAGE,
			      "there is no user '%.64s' to own VIF %s: give a "
			      "name that 'getent passwd' knows, a number, or "
			      "'none'",
			      word, object);
	return refuse(why, "bad-value", EX_USAGE,
		      "'%.64s' is no %s for VIF %s: write it as %s, or 'none'",
		      word, p->name, object, p->example);
}

int prop_check(enum prop_id id, size_t part, uint64_t n, const char *object,
	       struct refusal *why)
{
	const struct prop *p = &prop_table[id];
	const struct prop_part *b = &p->part[part];
	char low[PROP_TEXT_MAX], high[PROP_TEXT_MAX];
	struct prop_value v[2] = { 0 };

	if (n >= b->min && n <= b->max)
		return 0;
	v[0].n[part] = b->min;
	v[1].n[part] = b->max;
	if (b->kind == PROP_COUNT && !b->min)
		snprintf(low, sizeof(low), "0");
	else
		prop_print(id, &v[0], low);
	return refuse(why, "bad-value", EX_USAGE,
		      "the %s of VIF %s must be between %s and %s, or 'none'",
		      p->name, object, low, prop_print(id, &v[1], high));
}

static int parse_text(const struct prop *p, const char *word,
		      const char *object, struct prop_value *v,
		      struct refusal *why)
{
	if (strlen(word) >= PROP_TEXT_MAX)
		return refuse(why, "bad-value", EX_USAGE,
			      "the %s of VIF %s has more than %d bytes: give a "
			      "shorter one",
			      p->name, object, PROP_TEXT_MAX - 1);
	for (const char *c = word; *c; c++)
		if ((unsigned char)*c < ' ' || *c == 0x7f)
			return refuse(why, "bad-value", EX_USAGE,
				      "the %s of VIF %s has a byte that is no "
				      "text: write it on one line",
				      p->name, object);
	v->text = strdup(word);
	return v->text ? 0 : refuse(why, "internal", EX_OSERR, "out of memory");
}

int prop_parse(enum prop_id id, const char *word, const char *object,
	       struct prop_value *v, struct refusal *why)
{
	const struct prop *p = &prop_table[id];
	const char *at = word;
	unsigned seen = 0;

	*v = (struct prop_value){ 0 };
	if (!strcmp(word, "none"))
		return 0;
	if (p->part[0].kind == PROP_STRING)
		return parse_text(p, word, object, v, why);
	for (;;) {
		size_t bytes = strcspn(at, ","), i;
		const struct prop_part *part;
		uint64_t n;

		part = part_for(p, at, bytes, &n);
		if (!part)
			return refuse_value(p, word, object, why);
		i = (size_t)(part - p->part);
		if (seen & 1u << i)
			return refuse_value(p, word, object, why);
		seen |= 1u << i;
		if (prop_check(id, i, n, object, why))
			return -1;
		v->n[i] = n;
		at += bytes;
		if (!*at++)
			return 0;
	}
}

int prop_unknown(const char *name, const char *object, struct refusal *why)
{
	char names[256];
	size_t at = 0;

	for (size_t i = 0; i < PROPS; i++)
		at += (size_t)snprintf(names + at, sizeof(names) - at, "%s%s",
				       i ? ", " : "", prop_table[i].name);
	return refuse(why, "bad-value", EX_USAGE,
		      "'%.40s' is no property of a VIF, so %.64s keeps what it "
		      "has: there are %s",
		      name, object, names);
}

/* --- writing -----------------------------------------------------------------
 */

/* The largest unit that needs no more than three decimals. */
static size_t print_number(uint64_t n, const struct unit *unit, char *word,
			   size_t size)
{
	uint64_t part;

	/* 64 KiB is 64kib, not 65.536kb. */
	if (unit == byte_units && n % 1024 == 0 && n % 1000 != 0)
		unit = &byte_units[4];
	while (unit[1].name && (n < unit->scale ||
				(unsigned __int128)n * 1000 % unit->scale != 0))
		unit++;
	part = (uint64_t)((unsigned __int128)(n % unit->scale) * 1000 /
			  unit->scale);
	if (!part)
		return (size_t)snprintf(word, size, "%llu%s",
					(unsigned long long)(n / unit->scale),
					unit->name);
	if (part % 100 == 0)
		return (size_t)snprintf(word, size, "%llu.%llu%s",
					(unsigned long long)(n / unit->scale),
					(unsigned long long)(part / 100),
					unit->name);
	if (part % 10 == 0)
		return (size_t)snprintf(word, size, "%llu.%02llu%s",
					(unsigned long long)(n / unit->scale),
					(unsigned long long)(part / 10),
					unit->name);
	return (size_t)snprintf(word, size, "%llu.%03llu%s",
				(unsigned long long)(n / unit->scale),
				(unsigned long long)part, unit->name);
}

/* A tenth of a percent is better read as 0.1% than as 1000ppm. */
static size_t print_share(uint64_t n, uint64_t percent, const struct unit *unit,
			  char *word, size_t size)
{
	if (n < percent && n * 1000 % percent == 0) {
		size_t m = (size_t)snprintf(
			word, size, "0.%03llu",
			(unsigned long long)(n * 1000 / percent));

		while (word[m - 1] == '0')
			m--;
		return m + (size_t)snprintf(word + m, size - m, "%%");
	}
	return print_number(n, unit, word, size);
}

const char *prop_print(enum prop_id id, const struct prop_value *v,
		       char word[PROP_TEXT_MAX])
{
	const struct prop *p = &prop_table[id];
	size_t at = 0, size = PROP_TEXT_MAX;

	*word = 0;
	if (p->part[0].kind == PROP_STRING)
		at = (size_t)snprintf(word, size, "%s", v->text ? v->text : "");
	for (size_t i = 0; i < p->parts; i++) {
		const struct prop_part *part = &p->part[i];

		if (!v->n[i])
			continue;
		at += (size_t)snprintf(word + at, size - at, "%s%s%s",
				       at ? "," : "",
				       part->key ? part->key : "",
				       part->key ? ":" : "");
		if (part->kind == PROP_USER)
			at += print_number(v->n[i] - 1, count_units, word + at,
					   size - at);
		else if (part->kind == PROP_SHARE || part->kind == PROP_LOAD)
			at += print_share(v->n[i], units_of(part->kind)->scale,
					  units_of(part->kind), word + at,
					  size - at);
		else
			at += print_number(v->n[i], units_of(part->kind),
					   word + at, size - at);
	}
	if (!at)
		snprintf(word, size, "none");
	return word;
}
