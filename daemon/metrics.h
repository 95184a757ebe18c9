/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The tree's counters for a monitoring system: OpenMetrics text over HTTP, on
 * the Unix socket "metrics" of the daemon's directory and, when asked for, on a
 * TCP port of the host.
 *
 *	curl --unix-socket /run/toami/metrics http://toami/metrics
 */
#ifndef TOAMI_DAEMON_METRICS_H
#define TOAMI_DAEMON_METRICS_H

#include "daemon/daemon.h"

/* metrics_new - @address: ADDR:PORT of the host, or NULL. NULL and why not. */
struct metrics *metrics_new(struct daemon *d, const char *address,
			    struct refusal *why);
void metrics_free(struct metrics *m);

#endif
