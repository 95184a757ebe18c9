/* SPDX-License-Identifier: BSD-2-Clause */
/* Hosts: VIFs with addresses of their own. */
#ifndef TOAMI_DAEMON_HOSTS_H
#define TOAMI_DAEMON_HOSTS_H

#include "daemon/daemon.h"

/* hosts_gateway - the daemon's own host, on the root. 0, or -1 and why not. */
int hosts_gateway(struct daemon *d, struct refusal *why);

/**
 * hosts_give - @ix gets the address that is asked for
 * @address: as tree_make() has it, but not "none"
 *
 * Returns 0, or -1 and why not.
 */
int hosts_give(struct daemon *d, vif_ix ix, const char *address,
	       const char *path, struct refusal *why);

/* hosts_bare - a host without addresses on @ix, for a port. 0, or -1 and why */
int hosts_bare(struct daemon *d, vif_ix ix, struct refusal *why);

/* hosts_are_auto - does @host find its addresses by itself? */
bool hosts_are_auto(struct daemon *d, host_ix host);

/* hosts_follow - addresses that such hosts have found are theirs from now on */
void hosts_follow(struct daemon *d);

#define HOSTS_WORD (2 * POOL_TEXT)

/* hosts_word - the address of @ix as one would ask for it: an address, one of
 * each family with a comma between them, "none", "dhcp", "slaac" */
const char *hosts_word(struct daemon *d, vif_ix ix, char text[HOSTS_WORD]);

/* hosts_agree - does @ix have the address that is asked for? 0, or -1 and why
 * not */
int hosts_agree(struct daemon *d, vif_ix ix, const char *address,
		const char *path, struct refusal *why);

/* hosts_down - every host but the gateway's goes, as far as possible */
void hosts_down(struct daemon *d);

#endif
