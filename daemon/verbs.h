/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the control socket understands; docs/protocol.md describes every verb.
 *
 * Texts returned are JSON without a line's end, owned by the caller (free());
 * NULL: no memory.
 */
#ifndef TOAMI_DAEMON_VERBS_H
#define TOAMI_DAEMON_VERBS_H

#include "daemon/daemon.h"

/* verbs_answer - does what the request in @line says */
char *verbs_answer(struct daemon *d, const struct peer *peer, const char *line,
		   size_t bytes);

/* verbs_refuse - @why as a reply */
char *verbs_refuse(const struct refusal *why);

/* verbs_refuse_line - the reply to a line of more than @bytes */
char *verbs_refuse_line(size_t bytes);

#endif
