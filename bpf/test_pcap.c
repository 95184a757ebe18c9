/* SPDX-License-Identifier: BSD-2-Clause */
/* See test_pcap.h. */
#include "bpf/test_pcap.h"

#include <pcap/pcap.h>
#include <stdlib.h>
#include <string.h>

static char last[256];
static struct bpf_program compiled;

static void compile(const char *expression)
{
	pcap_t *p;

	if (!strcmp(last, expression))
		return;
	if (last[0])
		pcap_freecode(&compiled);
	p = pcap_open_dead(DLT_EN10MB, 262144);
	if (!p || strlen(expression) >= sizeof(last) ||
	    pcap_compile(p, &compiled, expression, 1, PCAP_NETMASK_UNKNOWN))
		abort();
	pcap_close(p);
	strcpy(last, expression);
}

int test_pcap_accepts(const char *expression, const uint8_t *packet,
		      uint32_t bytes)
{
	compile(expression);
	return bpf_filter(compiled.bf_insns, packet, bytes, bytes) != 0;
}

int test_pcap_compile(const char *expression, struct bpf_classic **insns)
{
	compile(expression);
	*insns = calloc(compiled.bf_len, sizeof(**insns));
	if (!*insns)
		abort();
	for (u_int n = 0; n < compiled.bf_len; n++)
		(*insns)[n] = (struct bpf_classic){ compiled.bf_insns[n].code,
						    compiled.bf_insns[n].jt,
						    compiled.bf_insns[n].jf,
						    compiled.bf_insns[n].k };
	return (int)compiled.bf_len;
}
