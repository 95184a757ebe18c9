/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Keys and values of maps in words.
 *
 *	80  0x50		a number of 1, 2, 4 or 8 bytes, as programs have
 *it 10.77.0.2  fd77::2	an address: 4 or 16 bytes in network byte order
 *	10.77.0.0/16		a key of a longest-prefix map
 *	1,2,3			numbers of 8 bytes each, or of 4
 *	hex:0a4d0002		bytes as they are
 *
 * What names a VIF, "vif:/web", is for who knows the tree: map_verbs.c.
 */
#ifndef TOAMI_DAEMON_MAP_WORDS_H
#define TOAMI_DAEMON_MAP_WORDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* map_words_read - @word as @bytes bytes; false: it does not fit */
bool map_words_read(const char *word, uint32_t bytes, uint8_t *to);

/* map_words_read_prefix - for keys of longest-prefix maps */
bool map_words_read_prefix(const char *word, uint32_t bytes, uint8_t *to);

/*
 * map_words_print - writes a word that reads back as the same bytes
 * @ip: bytes that may be an address are one
 */
void map_words_print(const uint8_t *from, uint32_t bytes, bool ip, char *word,
		     size_t size);

void map_words_print_prefix(const uint8_t *from, uint32_t bytes, char *word,
			    size_t size);

#endif
