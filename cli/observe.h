/* SPDX-License-Identifier: BSD-2-Clause */
/* A view of a fabric's segment, without being a member of the fabric. */
#ifndef TOAMI_CLI_OBSERVE_H
#define TOAMI_CLI_OBSERVE_H

#include "fabric/segment.h"

/**
 * observe_map - maps the segment of the daemon in @dir; fabric_unmap() ends it
 *
 * Returns 0, or an exit code with the sentence printed.
 */
int observe_map(const char *dir, struct fabric *f);

#endif
