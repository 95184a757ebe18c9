/* SPDX-License-Identifier: BSD-2-Clause */
/* See pcapng.h. A block is its type, its length, a body, and its length again.
 */
#include "cli/pcapng.h"

#include <string.h>

enum {
	BLOCK_SECTION = 0x0a0d0d0a,
	BLOCK_INTERFACE = 1,
	BLOCK_STATISTICS = 5,
	BLOCK_PACKET = 6,
	MAGIC = 0x1a2b3c4d,
	LINK_ETHERNET = 1,
	OPT_END = 0,
	OPT_NAME = 2, /* of an interface */
	OPT_TSRESOL = 9,
	OPT_APPLICATION = 4, /* of the section */
	OPT_FLAGS = 2,	     /* of a packet */
	OPT_IFDROP = 5,	     /* of statistics */
};

static uint32_t padded(uint32_t n)
{
	return (n + 3) & ~3u;
}

static void put32(FILE *to, uint32_t n)
{
	fwrite(&n, sizeof(n), 1, to);
}

static void put16(FILE *to, uint16_t n)
{
	fwrite(&n, sizeof(n), 1, to);
}

static void put_time(FILE *to, uint64_t ns)
{
	put32(to, (uint32_t)(ns >> 32));
	put32(to, (uint32_t)ns);
}

static void put_padded(FILE *to, const void *data, uint32_t bytes)
{
	static const char zero[4];

	fwrite(data, 1, bytes, to);
	fwrite(zero, 1, padded(bytes) - bytes, to);
}

static uint32_t option_bytes(uint32_t bytes)
{
	return 4 + padded(bytes);
}

static void put_option(FILE *to, uint16_t code, const void *data,
		       uint16_t bytes)
{
	put16(to, code);
	put16(to, bytes);
	put_padded(to, data, bytes);
}

void pcapng_begin(FILE *to, const char *application)
{
	uint16_t n = (uint16_t)strlen(application);
	uint32_t bytes = 28 + option_bytes(n) + 4;

	put32(to, BLOCK_SECTION);
	put32(to, bytes);
	put32(to, MAGIC);
	put16(to, 1);
	put16(to, 0);
	put32(to, UINT32_MAX); /* length of the section: not known */
	put32(to, UINT32_MAX);
	put_option(to, OPT_APPLICATION, application, n);
	put_option(to, OPT_END, "", 0);
	put32(to, bytes);
}

void pcapng_interface(FILE *to, const char *name, uint32_t snap_bytes)
{
	const uint8_t nanoseconds = 9;
	uint16_t n = (uint16_t)strlen(name);
	uint32_t bytes = 20 + option_bytes(n) + option_bytes(1) + 4;

	put32(to, BLOCK_INTERFACE);
	put32(to, bytes);
	put16(to, LINK_ETHERNET);
	put16(to, 0);
	put32(to, snap_bytes);
	put_option(to, OPT_NAME, name, n);
	put_option(to, OPT_TSRESOL, &nanoseconds, 1);
	put_option(to, OPT_END, "", 0);
	put32(to, bytes);
}

void pcapng_frame(FILE *to, uint32_t interface, bool out, uint64_t time_ns,
		  const uint8_t *data, uint32_t bytes, uint32_t wire_bytes)
{
	const uint32_t flags = out ? 2 : 1;
	uint32_t block = 32 + padded(bytes) + option_bytes(4) + 4;

	put32(to, BLOCK_PACKET);
	put32(to, block);
	put32(to, interface);
	put_time(to, time_ns);
	put32(to, bytes);
	put32(to, wire_bytes);
	put_padded(to, data, bytes);
	put_option(to, OPT_FLAGS, &flags, 4);
	put_option(to, OPT_END, "", 0);
	put32(to, block);
}

void pcapng_end(FILE *to, uint32_t interface, uint64_t time_ns, uint64_t lost)
{
	uint32_t block = 24 + option_bytes(8) + 4;

	put32(to, BLOCK_STATISTICS);
	put32(to, block);
	put32(to, interface);
	put_time(to, time_ns);
	put_option(to, OPT_IFDROP, &lost, 8);
	put_option(to, OPT_END, "", 0);
	put32(to, block);
}
