/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The tree's names: VIF /db is db and db.toami, /web/api is api.web and
 * api.web.toami.
 *
 * The gateway is "gateway" and "toami". A VIF without an address of its own
 * answers with the one that it shares.
 */
#ifndef TOAMI_DAEMON_NAMES_H
#define TOAMI_DAEMON_NAMES_H

#include "daemon/dns_message.h"
#include "daemon/pool.h"
#include "vif/vif.h"

#define NAMES_REPLY_MAX DNS_UDP_MIN

enum names_outcome {
	NAMES_ANSWERED, /* reply[] is to be sent */
	NAMES_FORWARD, /* the name is none of ours: the host's resolver knows */
	NAMES_DROP,    /* it was no query */
};

/**
 * names_answer - answers a query about what is in the tree
 * @q:     gets the query
 * @reply: gets the answer, *reply_bytes long
 */
enum names_outcome names_answer(const struct fabric *f, const struct pool *pool,
				const uint8_t *msg, size_t bytes,
				struct dns_query *q,
				uint8_t reply[NAMES_REPLY_MAX],
				size_t *reply_bytes);

/* names_refuse - the answer to @msg that has only an rcode; returns its length
 */
size_t names_refuse(const uint8_t *msg, const struct dns_query *q,
		    enum dns_rcode rcode, uint8_t reply[NAMES_REPLY_MAX]);

/* names_find - the VIF that @name (without .toami) stands for, or 0 */
vif_ix names_find(const struct fabric *f, const char *name, size_t bytes);

/* names_of - "api.web.toami"; false when it is longer than a name may be */
bool names_of(const struct fabric *f, vif_ix ix, char name[DNS_NAME_MAX]);

#endif
