/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From a capture expression (pcap-filter(7)) to classic instructions.
 *
 * A file of its own, because libpcap's names of things are those of bpf/.
 */
#ifndef TOAMI_DAEMON_PCAP_FILTER_H
#define TOAMI_DAEMON_PCAP_FILTER_H

#include "bpf/filter.h"

#include <stddef.h>

/**
 * pcap_filter_compile - for Ethernet frames
 * @insns: allocated, for free()
 *
 * Returns the number of instructions; -1 with libpcap's sentence in @why.
 */
int pcap_filter_compile(const char *expression, struct bpf_classic **insns,
			char *why, size_t why_bytes);

#endif
