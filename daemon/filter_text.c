/* SPDX-License-Identifier: BSD-2-Clause */
/* See filter_text.h. */
#include "daemon/filter_text.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

/* Router and neighbour solicitations and advertisements: RFC 4861, 4. */
#define ND "(icmp6 and ip6[40] >= 133 and ip6[40] <= 136)"

static bool is_word(const char *text, size_t bytes, const char *const *words)
{
	for (; *words; words++)
		if (strlen(*words) == bytes && !strncmp(text, *words, bytes))
			return true;
	return false;
}

/* Is one of @words in @text? */
static bool names(const char *text, const char *const *words)
{
	while (*text) {
		size_t bytes = 0;

		while (isalnum((unsigned char)text[bytes]))
			bytes++;
		if (is_word(text, bytes, words))
			return true;
		text += bytes + (text[bytes] != 0);
	}
	return false;
}

/*
 * Can @text be put in brackets? Not if it is empty, which means everything, or
 * has brackets of its own that would pair with ours.
 */
static bool is_whole(const char *text)
{
	bool any = false;
	int depth = 0;

	for (; *text && depth >= 0; text++) {
		depth += (*text == '(') - (*text == ')');
		any = any || !isspace((unsigned char)*text);
	}
	return any && !depth;
}

char *filter_text(const char *text)
{
	static const char *const arp[] = { "arp", "rarp", "ether", "link",
					   NULL };
	static const char *const nd[] = { "icmp6", "ether", "link", NULL };
	const char *first = names(text, arp) ? "" : "arp or ";
	const char *second = names(text, nd) ? "" : ND " or ";
	char *meant;

	if (!is_whole(text))
		first = second = "";
	if (asprintf(&meant, *first || *second ? "%s%s(%s)" : "%s%s%s", first,
		     second, text) < 0)
		return NULL;
	return meant;
}
