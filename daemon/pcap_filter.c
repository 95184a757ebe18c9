/* SPDX-License-Identifier: BSD-2-Clause */
/* See pcap_filter.h. */
#include "daemon/pcap_filter.h"

#include <pcap/pcap.h>
#include <stdio.h>
#include <stdlib.h>

#define SNAPLEN 262144

int pcap_filter_compile(const char *expression, struct bpf_classic **insns,
			char *why, size_t why_bytes)
{
	pcap_t *p = pcap_open_dead(DLT_EN10MB, SNAPLEN);
	struct bpf_program program;
	int count = -1;

	*insns = NULL;
	if (!p) {
		snprintf(why, why_bytes, "out of memory");
		return -1;
	}
	if (pcap_compile(p, &program, expression, 1, PCAP_NETMASK_UNKNOWN)) {
		snprintf(why, why_bytes, "%s", pcap_geterr(p));
		pcap_close(p);
		return -1;
	}
	*insns = calloc(program.bf_len, sizeof(**insns));
	if (*insns) {
		count = (int)program.bf_len;
		for (int n = 0; n < count; n++) {
			const struct bpf_insn *i = &program.bf_insns[n];

			(*insns)[n] = (struct bpf_classic){ i->code, i->jt,
							    i->jf, i->k };
		}
	} else {
		snprintf(why, why_bytes, "out of memory");
	}
	pcap_freecode(&program);
	pcap_close(p);
	return count;
}
