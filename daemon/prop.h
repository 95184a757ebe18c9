/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The properties of a VIF: one table that says what can be set, in which unit,
 * between which bounds, and in which words.
 *
 * Everything that knows a property knows it from here: the command line, the
 * requests, files of `toami save`, listings, help and completion.
 *
 * A property has one to five parts, each a number in its base unit: bits per
 * second, bytes, nanoseconds, parts per million. 0 is "not set", written
 * `none`. Words and numbers convert without loss: what prop_print() writes,
 * prop_parse() reads back as it was.
 *
 *	rate	100mbit  1.5gbit	bit kbit mbit gbit tbit: powers of 1000
 *	bytes	64kb  1.5mib		b kb mb gb: of 1000; kib mib gib: of
 *1024 time	20ms  1.5s		ns us ms s share	1%  0.01%  5ppm
 *	count	7
 *	user	1000			a number: users.h has names
 *	text	as it is
 */
#ifndef TOAMI_DAEMON_PROP_H
#define TOAMI_DAEMON_PROP_H

#include "daemon/refusal.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PROP_PARTS    5
#define PROP_TEXT_MAX 4096 /* of one that is */

enum prop_kind {
	PROP_RATE, /* bits per second */
	PROP_BYTES,
	PROP_TIME,  /* nanoseconds */
	PROP_SHARE, /* parts per million */
	PROP_LOAD,  /* nanoseconds of a core a second, written as a share */
	PROP_COUNT,
	PROP_USER, /* user id + 1 */
	PROP_STRING,
};

/* Indices of the table. */
enum prop_id {
	PROP_ID_RATE,
	PROP_ID_RATE_IN,
	PROP_ID_MIN,
	PROP_ID_WEIGHT,
	PROP_ID_PRIO,
	PROP_ID_LIMIT,
	PROP_ID_DELAY,
	PROP_ID_JITTER,
	PROP_ID_LOSS,
	PROP_ID_REORDER,
	PROP_ID_DUPLICATE,
	PROP_ID_FILTER,
	PROP_ID_FILTER_IN,
	PROP_ID_PROGRAM,
	PROP_ID_PROGRAM_IN,
	PROP_ID_FLOW,
	PROP_ID_MARK,
	PROP_ID_SAMPLE,
	PROP_ID_OWNER,
	PROP_ID_QUOTA,
	PROPS,
};

struct prop_part {
	const char *key; /* NULL: told from the others by its unit */
	enum prop_kind kind;
	uint64_t min, max; /* of what is set */
};

struct prop {
	const char *name;
	const char *doc;     /* a line of help */
	const char *example; /* a word that is right */
	size_t parts;
	struct prop_part part[PROP_PARTS];
};

extern const struct prop prop_table[PROPS];

/* A value of one property. */
struct prop_value {
	uint64_t n[PROP_PARTS];
	char *text; /* PROP_STRING; "" or NULL: not set; whose: see the holder
		     */
};

/* prop_find - the property called @name (@bytes long), or PROPS */
enum prop_id prop_find(const char *name, size_t bytes);

/**
 * prop_parse - reads what a person wrote for property @id
 * @object: whose it is, for the sentence: a path
 * @value:  its text is allocated, for free()
 *
 * Returns 0, or -1 and why not.
 */
int prop_parse(enum prop_id id, const char *word, const char *object,
	       struct prop_value *value, struct refusal *why);

/* prop_print - writes the word for @value; returns @word */
const char *prop_print(enum prop_id id, const struct prop_value *value,
		       char word[PROP_TEXT_MAX]);

/* prop_is_set - is any part of @value? */
bool prop_is_set(const struct prop_value *value);

/* prop_part_name - of a part in JSON; NULL: the property has only this one */
const char *prop_part_name(enum prop_id id, size_t part);

/* prop_unknown - refuses a name that no property has, and says which have */
int prop_unknown(const char *name, const char *object, struct refusal *why);

/* prop_check - is the number of part @part between its bounds? 0, or -1 and why
 * not */
int prop_check(enum prop_id id, size_t part, uint64_t n, const char *object,
	       struct refusal *why);

#endif
