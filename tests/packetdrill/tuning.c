/* SPDX-License-Identifier: BSD-2-Clause */
/* See tuning.h. */
#include "tests/packetdrill/tuning.h"

void tuning_read(struct world *w)
{
	(void)w;
}
