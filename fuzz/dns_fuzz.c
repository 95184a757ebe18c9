/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * DNS queries by anybody, answers by the host's resolver: no byte of either may
 *do harm. Built with clang, in a build directory of its own:
 *
 *	meson setup DIR -Dfuzz=true -Db_sanitize=address -Db_lundef=false
 *	ninja -C DIR fuzz/dns_fuzz && DIR/fuzz/dns_fuzz -max_total_time=60
 */
#include "daemon/names.h"
#include "daemon/test_tree.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct fabric f;
	static struct pool pool;
	uint8_t reply[NAMES_REPLY_MAX], *copy;
	struct dns_query q;
	size_t bytes = 0;

	if (!f.header)
		test_tree_open(&f, &pool);
	if (names_answer(&f, &pool, data, size, &q, reply, &bytes) ==
	    NAMES_ANSWERED) {
		if (bytes < 12 || bytes > sizeof(reply))
			abort();
		/* What we send must be what we could read, but for its
		 * direction. */
		reply[2] &= 0x7f;
		if (dns_read_query(reply, bytes, &q) < 0)
			abort();
	}
	copy = malloc(size + 1);
	memcpy(copy, data, size);
	bytes = dns_truncate(copy, size, q.udp_bytes % 1024);
	if (bytes > size)
		abort();
	free(copy);
	return 0;
}
