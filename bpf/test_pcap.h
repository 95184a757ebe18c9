/* SPDX-License-Identifier: BSD-2-Clause */
/* libpcap's own judgement, for tests: a file apart, its names are ours. */
#ifndef TOAMI_BPF_TEST_PCAP_H
#define TOAMI_BPF_TEST_PCAP_H

#include "bpf/filter.h"

/* test_pcap_accepts - does @expression accept the packet? */
int test_pcap_accepts(const char *expression, const uint8_t *packet,
		      uint32_t bytes);

/* test_pcap_compile - as pcap_filter_compile(); aborts where that fails */
int test_pcap_compile(const char *expression, struct bpf_classic **insns);

#endif
