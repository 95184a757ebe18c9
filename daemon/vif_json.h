/* SPDX-License-Identifier: BSD-2-Clause */
/* A VIF as JSON: what vif.show and vif.ls answer. */
#ifndef TOAMI_DAEMON_VIF_JSON_H
#define TOAMI_DAEMON_VIF_JSON_H

#include "daemon/daemon.h"

#include <jansson.h>

/* How much of each VIF. */
enum vif_json_depth {
	VIF_JSON_SHORT, /* what a table needs */
	VIF_JSON_WHOLE,
	VIF_JSON_QUEUE, /* and what its scheduler knows */
};

/* vif_json - @ix as an object, with everything; NULL: no memory */
json_t *vif_json(struct daemon *d, vif_ix ix);

/* vif_json_tree - {"vifs": [...]} of @top and all below it, depth first, as
 * text, owned by the caller; NULL: no memory. */
char *vif_json_tree(struct daemon *d, vif_ix top, enum vif_json_depth depth);

/* vif_json_paths - {"paths": [...]}, likewise */
char *vif_json_paths(struct daemon *d, vif_ix top);

#endif
