/* SPDX-License-Identifier: BSD-2-Clause */
/* Wake sockets of poll sets that several processes have: socket/keeper.h. */
#ifndef TOAMI_DAEMON_KEEPER_H
#define TOAMI_DAEMON_KEEPER_H

#include "daemon/daemon.h"

/* keeper_new - NULL: no memory, or no descriptor */
struct keeper *keeper_new(struct daemon *d);
void keeper_free(struct keeper *k);

#endif
