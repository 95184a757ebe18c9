/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Writing pcapng (draft-ietf-opsawg-pcapng): one section, an interface for each
 * VIF that frames were seen on, times in nanoseconds.
 */
#ifndef TOAMI_CLI_PCAPNG_H
#define TOAMI_CLI_PCAPNG_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

/* pcapng_begin - the section's header */
void pcapng_begin(FILE *to, const char *application);

/* pcapng_interface - the next interface, numbered from 0, of Ethernet frames */
void pcapng_interface(FILE *to, const char *name, uint32_t snap_bytes);

/* pcapng_frame - a frame on interface @interface; @out: it left it */
void pcapng_frame(FILE *to, uint32_t interface, bool out, uint64_t time_ns,
		  const uint8_t *data, uint32_t bytes, uint32_t wire_bytes);

/* pcapng_end - how many frames of @interface were lost */
void pcapng_end(FILE *to, uint32_t interface, uint64_t time_ns, uint64_t lost);

#endif
