/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * DNS messages (RFC 1035): reading a query that anybody may have sent, writing
 * the answer.
 *
 * Names are text here: labels with dots between, no final dot, lower case. A
 * byte that is neither a letter, a digit, '-' nor '_' reads as '?', which no
 * name of ours has.
 */
#ifndef TOAMI_DAEMON_DNS_MESSAGE_H
#define TOAMI_DAEMON_DNS_MESSAGE_H

#include "base/types.h"

#define DNS_NAME_MAX 256  /* text, with the final zero */
#define DNS_UDP_MIN  512  /* what every asker takes over UDP */
#define DNS_UDP_MAX  4096 /* what we send at most */

enum dns_rcode {
	DNS_OK = 0,
	DNS_FORMERR = 1,
	DNS_SERVFAIL = 2,
	DNS_NXDOMAIN = 3,
	DNS_NOTIMP = 4,
	DNS_REFUSED = 5,
};

enum dns_type {
	DNS_A = 1,
	DNS_SOA = 6,
	DNS_PTR = 12,
	DNS_AAAA = 28,
	DNS_OPT = 41,
	DNS_IXFR = 251,
	DNS_AXFR = 252,
	DNS_ANY = 255,
};

enum dns_class { DNS_IN = 1, DNS_CLASS_ANY = 255 };

struct dns_query {
	uint16_t id;
	bool recursion; /* desired */
	bool edns;	/* has an OPT record (RFC 6891) */
	uint16_t type;	/* enum dns_type, or any other */
	uint16_t class;
	uint16_t udp_bytes;    /* what the asker takes over UDP, at least
				  DNS_UDP_MIN */
	uint16_t question_end; /* of header and question; 12 when there is none
				*/
	char name[DNS_NAME_MAX];
};

/**
 * dns_read_query - takes a query apart
 *
 * Returns 0; a positive rcode to answer with; or -EBADMSG: no query, to be
 * dropped.
 * @q is filled as far as dns_write_begin() needs it, but for -EBADMSG.
 */
int dns_read_query(const uint8_t *msg, size_t bytes, struct dns_query *q);

/* An answer being written. DNS_UDP_MIN bytes hold every answer of ours. */
struct dns_writer {
	uint8_t *msg;
	size_t bytes;
};

/* dns_write_begin - header and question of the answer to @query */
void dns_write_begin(struct dns_writer *w, uint8_t msg[DNS_UDP_MIN],
		     const uint8_t *query, const struct dns_query *q,
		     enum dns_rcode rcode, bool authoritative);

/* Records of the answer section: they belong to the name asked for. */
void dns_write_address(struct dns_writer *w, const struct ip_addr *addr);
void dns_write_ptr(struct dns_writer *w, const char *name);

/* dns_write_soa - the zone "toami", in the authority section; after all answers
 */
void dns_write_soa(struct dns_writer *w);

/* dns_write_end - the OPT record where the query had one; returns the answer's
 * length */
size_t dns_write_end(struct dns_writer *w, const struct dns_query *q);

/**
 * dns_truncate - cuts an answer of somebody else's down to @most bytes
 *
 * What is longer keeps header and question and says that it was cut (TC).
 * Returns the length.
 */
size_t dns_truncate(uint8_t *msg, size_t bytes, size_t most);

/* dns_put_id - the id of a message */
static inline void dns_put_id(uint8_t *msg, uint16_t id)
{
	msg[0] = (uint8_t)(id >> 8);
	msg[1] = (uint8_t)id;
}

#endif
