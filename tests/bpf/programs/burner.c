/* SPDX-License-Identifier: BSD-2-Clause */
/* Uses as many instructions for each packet as its map says, in rounds of about
 * ten: more than a run may have, if that is wanted. */
#include <toami/bpf.h>

TOAMI_MAP(rounds, TOAMI_ARRAY, u32, u32, 1);
TOAMI_MAP(sum, TOAMI_ARRAY, u32, u64, 1);

SECTION("tx") int burner(struct toami_packet *p)
{
	u32 zero = 0, *most = toami_map_find(&rounds, &zero);
	u64 *to = toami_map_find(&sum, &zero), n = p->length;

	if (!most || !to)
		return TOAMI_DROP;
	for (u32 i = 0; i < 12000; i++) {
		if (i >= *most)
			break;
		n = n * 31 + i;
		*(volatile u64 *)to = n;
	}
	return TOAMI_PASS;
}
