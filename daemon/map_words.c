/* SPDX-License-Identifier: BSD-2-Clause */
/* See map_words.h. */
#include "daemon/map_words.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool read_number(const char *word, const char **end, uint32_t bytes,
			uint8_t *to)
{
	unsigned long long n;
	char *stop;

	if (*word < '0' || *word > '9')
		return false;
	errno = 0;
	n = strtoull(word, &stop, 0);
	if (errno || (bytes < 8 && n >> 8 * bytes))
		return false;
	memcpy(to, &n, bytes);
	*end = stop;
	return true;
}

/* Numbers of @each bytes, separated by commas, @bytes in all. */
static bool read_list(const char *word, uint32_t each, uint32_t bytes,
		      uint8_t *to)
{
	for (uint32_t at = 0; at + each <= bytes; at += each) {
		if (!read_number(word, &word, each, to + at))
			return false;
		if (at + each == bytes)
			return !*word;
		if (*word++ != ',')
			return false;
	}
	return false;
}

static bool read_hex(const char *word, uint32_t bytes, uint8_t *to)
{
	if (strlen(word) != 2 * (size_t)bytes)
		return false;
	for (uint32_t n = 0; n < bytes; n++) {
		unsigned int byte;

		if (sscanf(word + 2 * (size_t)n, "%2x", &byte) != 1)
			return false;
		to[n] = (uint8_t)byte;
	}
	return true;
}

bool map_words_read(const char *word, uint32_t bytes, uint8_t *to)
{
	const char *end;

	if (!strncmp(word, "hex:", 4))
		return read_hex(word + 4, bytes, to);
	if (bytes == 4 && inet_pton(AF_INET, word, to) == 1)
		return true;
	if (bytes == 16 && inet_pton(AF_INET6, word, to) == 1)
		return true;
	if (bytes == 1 || bytes == 2 || bytes == 4 || bytes == 8)
		return read_number(word, &end, bytes, to) && !*end;
	return read_list(word, 8, bytes, to) || read_list(word, 4, bytes, to);
}

bool map_words_read_prefix(const char *word, uint32_t bytes, uint8_t *to)
{
	const char *slash = strchr(word, '/');
	uint32_t bits = 8 * (bytes - 4);
	char address[INET6_ADDRSTRLEN];
	char *end;

	if (slash) {
		unsigned long n = strtoul(slash + 1, &end, 10);

		if (slash[1] < '0' || slash[1] > '9' || *end || n > bits)
			return false;
		bits = (uint32_t)n;
	} else {
		slash = word + strlen(word);
	}
	if ((size_t)(slash - word) >= sizeof(address))
		return false;
	memcpy(address, word, (size_t)(slash - word));
	address[slash - word] = 0;
	memcpy(to, &bits, 4);
	return inet_pton(bytes == 8 ? AF_INET : AF_INET6, address, to + 4) == 1;
}

static void print_list(const uint8_t *from, uint32_t each, uint32_t bytes,
		       char *word, size_t size)
{
	size_t at = 0;

	for (uint32_t n = 0; n < bytes; n += each) {
		uint64_t v = 0;

		memcpy(&v, from + n, each);
		at += (size_t)snprintf(word + at, size - at, "%s%llu",
				       n ? "," : "", (unsigned long long)v);
	}
}

void map_words_print(const uint8_t *from, uint32_t bytes, bool ip, char *word,
		     size_t size)
{
	size_t at;

	if (ip && (bytes == 4 || bytes == 16)) {
		inet_ntop(bytes == 4 ? AF_INET : AF_INET6, from, word,
			  (socklen_t)size);
	} else if (bytes == 1 || bytes == 2 || bytes == 4 || bytes == 8) {
		print_list(from, bytes, bytes, word, size);
	} else if (bytes % 8 == 0 && bytes <= 64) {
		print_list(from, 8, bytes, word, size);
	} else {
		at = (size_t)snprintf(word, size, "hex:");
		for (uint32_t n = 0; n < bytes && at + 3 < size; n++)
			at += (size_t)snprintf(word + at, size - at, "%02x",
					       from[n]);
	}
}

void map_words_print_prefix(const uint8_t *from, uint32_t bytes, char *word,
			    size_t size)
{
	char address[INET6_ADDRSTRLEN];
	uint32_t bits;

	memcpy(&bits, from, 4);
	inet_ntop(bytes == 8 ? AF_INET : AF_INET6, from + 4, address,
		  sizeof(address));
	snprintf(word, size, "%s/%u", address, bits);
}
