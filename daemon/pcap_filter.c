/* SPDX-License-Identifier: BSD-2-Clause */
/* See pcap_filter.h. */
#include "daemon/pcap_filter.h"

#include <arpa/inet.h>
#include <dlfcn.h>
#include <netdb.h>
#include <pcap/pcap.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SNAPLEN 262144

/*
 * libpcap looks names of hosts up as it compiles, which may take a resolver
 * seconds, and the daemon has no time to wait: these take the place of the C
 * library's in the whole daemon. Addresses are numbers there; libpcap reads
 * those of IPv6 by the same call, and names of ports, which are in a file.
 */
int getaddrinfo(const char *restrict node, const char *restrict service,
		const struct addrinfo *restrict hints,
		struct addrinfo **restrict result);

int getaddrinfo(const char *restrict node, const char *restrict service,
		const struct addrinfo *restrict hints,
		struct addrinfo **restrict result)
{
	static int (*real)(const char *, const char *, const struct addrinfo *,
			   struct addrinfo **);
	struct addrinfo numeric = { 0 };

	if (!real)
		*(void **)&real = dlsym(RTLD_NEXT, "getaddrinfo");
	if (!real)
		return EAI_NONAME;
	if (hints)
		numeric = *hints;
	numeric.ai_flags |= AI_NUMERICHOST;
	return real(node, service, &numeric, result);
}

int getnetbyname_r(const char *restrict name, struct netent *restrict net,
		   char *restrict buf, size_t bytes,
		   struct netent **restrict result, int *restrict error)
{
	(void)name, (void)net, (void)buf, (void)bytes;
	*result = NULL;
	*error = HOST_NOT_FOUND;
	return 0;
}

int pcap_filter_compile(const char *expression, unsigned prefix,
			struct bpf_classic **insns, char *why, size_t why_bytes)
{
	pcap_t *p = pcap_open_dead(DLT_EN10MB, SNAPLEN);
	struct bpf_program program;
	int count = -1;

	*insns = NULL;
	if (!p) {
		snprintf(why, why_bytes, "out of memory");
		return -1;
	}
	if (pcap_compile(p, &program, expression, 1,
			 htonl(UINT32_MAX << (32 - prefix)))) {
		snprintf(why, why_bytes, "%s%s", pcap_geterr(p),
			 strstr(pcap_geterr(p), "unknown host") ||
					 strstr(pcap_geterr(p), "unknown net")
				 ? " (names are not looked up here: write "
				   "the address)"
				 : "");
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
