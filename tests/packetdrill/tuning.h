/* SPDX-License-Identifier: BSD-2-Clause */
/* Scripts set sysctls of the kernel's; our stack has knobs of the same meaning.
 */
#ifndef TOAMI_TESTS_PACKETDRILL_TUNING_H
#define TOAMI_TESTS_PACKETDRILL_TUNING_H

#include "tests/packetdrill/world.h"

/* tuning_read - the host does as /proc/sys/net/ipv4 says */
void tuning_read(struct world *w);

/* tuning_report - our counters, for the scripts that ask nstat */
void tuning_report(struct world *w);

#endif
