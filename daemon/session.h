/* SPDX-License-Identifier: BSD-2-Clause */
/* What a control connection holds until it closes. */
#ifndef TOAMI_DAEMON_SESSION_H
#define TOAMI_DAEMON_SESSION_H

#include "daemon/daemon.h"

struct session {
	bool watching;	  /* gets events */
	uint32_t capture; /* slot of FABRIC_TABLE_CAPTURE, or 0 */
};

/* session_end - gives it back */
void session_end(struct daemon *d, struct session *s);

#endif
