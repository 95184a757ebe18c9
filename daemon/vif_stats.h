/* SPDX-License-Identifier: BSD-2-Clause */
/* What has passed a VIF, and what was held up on it: as JSON and as
 * OpenMetrics.
 */
#ifndef TOAMI_DAEMON_VIF_STATS_H
#define TOAMI_DAEMON_VIF_STATS_H

#include "daemon/daemon.h"
#include "daemon/json_text.h"

/* vif_stats_json - the members "tx", "rx" and "queue" of a VIF; @queue: also
 * what its scheduler knows, where anything is set */
void vif_stats_json(struct json_text *j, struct daemon *d, vif_ix ix,
		    bool queue);

/* vif_stats_metrics - the whole tree as OpenMetrics text, owned by the caller;
 * NULL: no memory */
char *vif_stats_metrics(struct daemon *d);

#endif
