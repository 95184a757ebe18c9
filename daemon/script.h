/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Configuration as text: what `toami save` writes and `toami load` reads. The
 * words are those of the command line:
 *
 *	# a comment
 *	vif add -a 10.77.0.5 /web rate=100mbit weight=2
 *	vif set /web/api 'filter=tcp port 80'
 *	vif mv /old /web/new
 *	vif rm -r /gone
 *	port add tap -n up0 --uplink --gateway 10.77.255.254 /up
 *	port rm /old
 *
 * A word may be in single or double quotes; a backslash takes the next byte as
 * it is, but not in single quotes. "vif add" of a VIF that exists gives it
 * exactly the properties in that line. "port add" of a port that exists leaves
 * it, but for the gateways behind it. Who asks has made the interfaces, which
 * have names, and sends their descriptors along (given.h).
 */
#ifndef TOAMI_DAEMON_SCRIPT_H
#define TOAMI_DAEMON_SCRIPT_H

#include "daemon/transaction.h"

/**
 * script_run - all lines of @text, as part of @t
 * @users: the numbers of the users it names, or NULL
 *
 * Returns 0, or -1 and why not, with the number of the line.
 */
int script_run(struct transaction *t, const char *text, const json_t *users,
	       struct refusal *why);

struct order;

/* script_obey - one line of it; 0, or -1 and why not */
int script_obey(struct transaction *t, struct order *order,
		struct refusal *why);

/**
 * script_diff - what script_run() would change, one line of text for each
 * change, appended to @out; whether it would be refused rehearsal.h finds out
 *
 * Returns 0, or -1 and why not.
 */
int script_diff(struct daemon *d, const char *text, const json_t *users,
		json_t *out, struct refusal *why);

/* script_save - the tree at and below @top, without what is there for one
 * command only; owned by the caller; NULL: no
 * memory
 */
char *script_save(struct daemon *d, vif_ix top);

#endif
