/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A scripted peer for tests: the test speaks for host 1 of a testnet, segment
 * by segment, and looks at what host 0 answers. Host 1's own stack never hears
 * of it.
 */
#ifndef TOAMI_STACK_SCRIPT_H
#define TOAMI_STACK_SCRIPT_H

#include "stack/testnet.h"
#include "stack/wire.h"

struct script {
	struct testnet *n;
	uint16_t lport, pport; /* host 0's, the peer's */
	uint32_t seq, ack;     /* the peer's next, and what it acknowledges */
	uint32_t iss;	       /* host 0's */
	bool ts;	       /* put timestamps into what is sent */
	uint32_t tsval, tsecr;
	uint8_t tos; /* of what is sent */
};

/* A segment as host 0 sent it. */
struct seen {
	bool any;
	uint8_t flags;
	uint32_t seq, ack, bytes;
	uint16_t window;
	uint8_t options; /* bytes */
	uint8_t tos;
	uint8_t opt[40];
	uint8_t data[64];
};

struct script script_new(void);
/* script_free - ends host 0's conversation; false if something is still held */
bool script_free(struct script *s);

/* script_raw - an IPv4 frame from host 1 to host 0, checksums right */
frame_ix script_raw(struct testnet *n, uint8_t proto, const void *l4,
		    uint32_t bytes);

/* script_send - a segment with @bytes of payload; options as given */
void script_send(struct script *s, uint8_t flags, uint32_t seq, uint32_t ack,
		 uint32_t bytes, uint16_t window, const uint8_t *opt,
		 uint32_t opt_bytes);

/* script_next - the next frame that host 0 has put out */
struct seen script_next(struct script *s);

/* script_wait - virtual time passes; what host 0 sends waits for script_next()
 */
void script_wait(struct script *s, uint64_t us);

/* script_accept - host 0 listens and accepts the peer's connection on @lport */
conn_ix script_accept(struct script *s, bool ts_sack, conn_ix *listener);

#endif
