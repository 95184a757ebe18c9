/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Lines of configuration, taken apart into words, and those that attach ports.
 * Used by both ends: the daemon obeys a script, the client opens first what the
 * script names and the daemon may not.
 */
#ifndef TOAMI_DAEMON_SCRIPT_LINE_H
#define TOAMI_DAEMON_SCRIPT_LINE_H

#include "daemon/refusal.h"

#include <stdbool.h>

#define SCRIPT_WORDS_MAX      64
#define SCRIPT_LINE_BYTES_MAX 32768

/* One line; the words lie in `text`. Begins as zeros. */
struct script_line {
	unsigned number;
	int words;
	char *word[SCRIPT_WORDS_MAX];
	char text[SCRIPT_LINE_BYTES_MAX];
};

/**
 * script_line_next - the next line that has words: *@at moves behind it
 *
 * A leading word "toami" is left out. Returns 1; 0: that was the last one; -1
 * and why not.
 */
int script_line_next(struct script_line *line, const char **at,
		     struct refusal *why);

/* script_line_refuse - it is bad: @what; returns -1 */
int script_line_refuse(const struct script_line *line, struct refusal *why,
		       const char *what);

/* A port to be attached; texts are borrowed, NULL where nothing is said. */
struct port_order {
	const char *path, *address;
	const char *name; /* of the interface */
	const char *gateway, *gateway6;
	bool uplink, offload, bare;
	unsigned long long netns; /* it lives as long as that one; or 0 */
};

/* script_line_port - reads "port add tap [options] PATH", as toami(1) has it; 0
 * or -1: it is something else */
int script_line_port(const struct script_line *line, struct port_order *order);

#endif
