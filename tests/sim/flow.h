/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Programs on the simulated hosts. A flow is a connection with a plan for both
 * ends; an end acts only when the stack has told it of an event, or when its
 * own timer is due, so that a lost wake-up shows as a flow that never ends.
 */
#ifndef TOAMI_TESTS_SIM_FLOW_H
#define TOAMI_TESTS_SIM_FLOW_H

#include "tests/sim/link.h"

enum flow_kind {
	FLOW_BULK,     /* both write all, shut down, read to the end, close */
	FLOW_REQUEST,  /* question and answer, many times */
	FLOW_HALF,     /* one side writes after it has heard the other's end */
	FLOW_PUSH,     /* write, close at once: an orphan finishes */
	FLOW_ABORT,    /* one end resets in the middle */
	FLOW_SLOW,     /* a reader that sleeps: zero windows */
	FLOW_CROSS,    /* both connect to each other, both close at once */
	FLOW_CROWD,    /* many clients, a small backlog, a late accept() */
	FLOW_DATAGRAM, /* UDP, fragments among it */
	FLOW_KINDS
};

struct end {
	uint32_t host;
	conn_ix c; /* 0: not yet, or closed */
	uint32_t tx_total, tx_done;
	uint32_t rx_total, rx_done;
	uint32_t salt;	   /* of the bytes that this end writes */
	uint64_t wake_ns;  /* own timer; 0: none */
	uint32_t pause_ms; /* between reads */
	uint32_t write_max, read_max;
	uint32_t ask, answer; /* FLOW_REQUEST: bytes of each */
	bool client;
	bool corks;  /* CORK off and on between writes */
	bool urgent; /* some bytes of its stream */
	bool shut, eof, closed, broken;
	bool rst_wanted; /* this end aborts when rx_done reaches tx_total / 2 */
};

struct flow {
	enum flow_kind kind;
	struct end end[2]; /* client, server */
	conn_ix listener;
	uint64_t accept_ns; /* FLOW_CROWD: not before */
	uint16_t port;
	bool v6;
	bool may_fail;	  /* a fault has hit it */
	bool unreachable; /* nobody answered for the peer's address */
	bool unsure; /* FLOW_DATAGRAM: two flipped bits may cancel in the sum */
	bool pending; /* FLOW_CROWD: the server end is still to be accepted */
	uint8_t seen[256]; /* FLOW_DATAGRAM */
};

/* flow_start - opens the flow's sockets; the plan comes from @random */
void flow_start(struct testnet *n, struct flow *f, enum flow_kind kind,
		uint32_t a, uint32_t b, uint16_t port, uint64_t *random);

/* flow_start_stream - @bytes from host 0 to host 1 over one connection */
void flow_start_stream(struct testnet *n, struct flow *f, uint32_t bytes,
		       uint16_t port, uint64_t *random);

/* flow_run - lets both ends do what they can */
void flow_run(struct testnet *n, struct flow *f, uint64_t *random);

/* flow_keep - keepalive for an end whose peer may vanish without a word */
void flow_keep(struct testnet *n, const struct end *e);

/* flow_tell - what its ends write */
void flow_tell(const struct flow *f, struct oracle *o);

/* flow_wake - the earliest timer of its ends */
uint64_t flow_wake(const struct flow *f);

/* flow_over - both ends are closed */
bool flow_over(const struct flow *f);

/*
 * flow_verdict - NULL, or what went wrong; @lossy: datagrams may be missing;
 * @deaf: questions for a neighbour's address, too
 */
const char *flow_verdict(const struct flow *f, bool lossy, bool deaf);

const char *flow_name(enum flow_kind kind);

#endif
