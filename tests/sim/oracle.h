/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The oracle: what must be true of TCP on the wire, whoever speaks it.
 *
 * It sees each frame twice: as it leaves a host and, if it does, as it reaches
 * one. From that it knows what each end may know, and says which rule of the
 * RFCs a segment breaks. It reads bytes with code of its own and asks the stack
 * nothing.
 *
 * Knowledge is an upper bound where a stack may be silent about what it does
 * (it may drop what arrives), so that no rule fires on a legal choice.
 */
#ifndef TOAMI_TESTS_SIM_ORACLE_H
#define TOAMI_TESTS_SIM_ORACLE_H

#include "base/frame.h"

#include <stdio.h>

/* X(name, what a segment has done that breaks it) */
#define ORACLE_RULES(X)                                                     \
	X(LENGTH, "lengths in its headers are not the frame's")             \
	X(FRAGMENT, "a fragment that cannot be put together")               \
	X(MTU, "it is longer than the link carries")                        \
	X(CHECKSUM, "a checksum is wrong")                                  \
	X(OPTIONS, "options that were not agreed, or not readable")         \
	X(MSS, "more payload than the peer's MSS (RFC 6691)")               \
	X(ISN, "the initial sequence number has changed")                   \
	X(GAP, "begins beyond what was ever sent")                          \
	X(WINDOW, "beyond the window that the peer told (RFC 9293, 3.8.6)") \
	X(STREAM, "bytes that its program did not write there")             \
	X(FIN, "data behind a FIN, or a FIN that moves")                    \
	X(ANCIENT, "sends again what is acknowledged")                      \
	X(ACK_BACK, "acknowledges less than before")                        \
	X(ACK_UNHEARD, "acknowledges what has not arrived")                 \
	X(SHRUNK, "the window's right edge moved left (RFC 9293, 3.8.6)")   \
	X(SACK_RANGE, "a SACK block outside of the window (RFC 2018)")      \
	X(SACK_UNHEARD, "a SACK block of bytes that have not arrived")      \
	X(SACK_ORDER, "the latest SACK block is not the first (RFC 2018)")  \
	X(SACK_OVERLAP, "SACK blocks that overlap")                         \
	X(DSACK, "a D-SACK without a duplicate (RFC 2883)")                 \
	X(TS_MISSING, "no timestamp although agreed (RFC 7323, 3.2)")       \
	X(TS_BACK, "its timestamp runs backwards")                          \
	X(TS_ECHO, "echoes another timestamp than RFC 7323, 4.3, says")     \
	X(EARLY, "sent again before any timer of RFC 6298 or 8985")         \
	X(BACKOFF, "the timeout did not double (RFC 6298, 5.5)")            \
	X(INITIAL, "more than ten segments before an ack (RFC 6928)")       \
	X(FLIGHT, "more in flight than slow start allows (RFC 5681)")       \
	X(LOSS_WINDOW, "more than one segment after a timeout (RFC 5681)")  \
	X(ECT, "ECT where it must not be (RFC 3168, 6.1)")                  \
	X(ECE, "ECE not while a mark is unanswered (RFC 3168, 6.1.3)")      \
	X(URGENT, "an urgent pointer to nowhere")                           \
	X(FULL, "the oracle's memory is full")

enum oracle_rule {
	ORACLE_NONE,
#define X(name, text) ORACLE_##name,
	ORACLE_RULES(X)
#undef X
		ORACLE_RULES_END
};

struct oracle;

struct oracle *oracle_new(const struct arena *arena);
void oracle_free(struct oracle *o);

/* oracle_reset - knows nothing any more; @arena may be another one */
void oracle_reset(struct oracle *o, const struct arena *arena);

/* oracle_excuse - @rule is not looked at in this run */
void oracle_excuse(struct oracle *o, enum oracle_rule rule);

/*
 * oracle_stream - what the program at @lport of a connection to @pport (either
 * 0: any) writes: @total bytes of stream_at(@salt)
 */
void oracle_stream(struct oracle *o, uint16_t lport, uint16_t pport,
		   uint32_t salt, uint32_t total);

/**
 * oracle_sent - a frame leaves a host
 * @mtu:   of the sender's link
 * @wire:  checksums are there, and no super-frames
 */
void oracle_sent(struct oracle *o, const struct frame *f, uint64_t now_ns,
		 uint32_t mtu, bool wire);

/* oracle_heard - a frame reaches a host; @damaged: perhaps with a wrong bit */
void oracle_heard(struct oracle *o, const struct frame *f, uint64_t now_ns,
		  bool damaged);

/* oracle_trace - prints each segment that it looks at, until the first verdict
 */
void oracle_trace(struct oracle *o, FILE *to);

/* oracle_verdict - the first rule that was broken, and by what (a text) */
enum oracle_rule oracle_verdict(const struct oracle *o, const char **text);

const char *oracle_rule_name(enum oracle_rule rule);

/* oracle_counts - segments looked at, connections seen */
void oracle_counts(const struct oracle *o, uint64_t *segments,
		   uint64_t *connections);

#endif
