/* SPDX-License-Identifier: BSD-2-Clause */
/* What the lines of a script say; script.h has the language. */
#ifndef TOAMI_DAEMON_SCRIPT_ORDER_H
#define TOAMI_DAEMON_SCRIPT_ORDER_H

#include "daemon/request.h"
#include "daemon/script_line.h"

struct order {
	enum order_kind {
		ORDER_ADD,
		ORDER_SET,
		ORDER_MOVE,
		ORDER_REMOVE,
		ORDER_ATTACH, /* a port */
		ORDER_DETACH,
	} kind;
	const char *path;
	const char *address; /* or where to move it */
	bool below;
	struct change change;
	struct port_order port;
};

/**
 * script_each - has @run obey the lines of @text in turn, until one is refused
 *
 * @users: as change_word() takes them. What @run says against one gets the
 * line's number in front. Returns 0, or -1 and why not.
 */
int script_each(const char *text, const json_t *users,
		int (*run)(void *arg, struct order *order, struct refusal *why),
		void *arg, struct refusal *why);

#endif
