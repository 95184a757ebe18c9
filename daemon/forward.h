/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Questions for the host's resolver (/etc/resolv.conf), over the kernel's
 * sockets.
 *
 * Answers come from the loop, or at once when it fails at once.
 */
#ifndef TOAMI_DAEMON_FORWARD_H
#define TOAMI_DAEMON_FORWARD_H

#include "daemon/loop.h"

#define FORWARD_MAX 512 /* questions under way */

/*
 * forward_new - @servers: "address[:port],..." to ask instead of the host's
 * resolver; NULL: the host's. Borrowed. Returns NULL without memory.
 */
struct forward *forward_new(struct loop *loop, const char *servers);

/* forward_free - every question under way is answered with NULL first */
void forward_free(struct forward *f);

/**
 * forward_send - asks what @query asks
 * @done: called once; @answer is borrowed, has an id of its own, and is NULL
 * when there was none in time
 */
void forward_send(struct forward *f, const uint8_t *query, size_t bytes,
		  void (*done)(void *arg, const uint8_t *answer, size_t bytes),
		  void *arg);

#endif
