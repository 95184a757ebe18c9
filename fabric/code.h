/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Native code of packet programs: a second memfd, which the daemon alone can
 * write to.
 *
 * The daemon maps it writable, then seals it against any further writable
 * mapping (F_SEAL_FUTURE_WRITE): members map it to read and execute, and cannot
 * do otherwise. So no process has a page that it could both write and execute,
 * and no member can change what another one runs. A member that may not map it
 * (a policy forbids executable mappings) interprets programs instead.
 *
 * Offset 0 is never code.
 */
#ifndef TOAMI_FABRIC_CODE_H
#define TOAMI_FABRIC_CODE_H

#include "fabric/segment.h"

#define FABRIC_CODE_BYTES (64u << 20) /* virtual: untouched pages are none */

/**
 * fabric_code_create - makes the memory for code (the daemon)
 * @writable: gets the one mapping that can be written
 *
 * Returns a descriptor, owned by the caller, or a negative errno.
 */
int fabric_code_create(unsigned char **writable);

/* fabric_code_map - sets f->code, NULL where that is not allowed */
void fabric_code_map(struct fabric *f, int fd);

void fabric_code_unmap(struct fabric *f);

#endif
