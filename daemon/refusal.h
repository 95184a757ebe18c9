/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Why something was refused: a code for programs, an exit code for the shell,
 * and one sentence for people that names the object and the remedy.
 */
#ifndef TOAMI_DAEMON_REFUSAL_H
#define TOAMI_DAEMON_REFUSAL_H

#include <sysexits.h>

#define REFUSAL_TEXT_MAX 512

struct refusal {
	const char *code; /* static; docs/protocol.md lists them */
	int exit_code;	  /* sysexits.h */
	char text[REFUSAL_TEXT_MAX];
};

/* refuse - fills @r; returns -1, so that callers can say `return refuse(...)`
 */
int refuse(struct refusal *r, const char *code, int exit_code,
	   const char *format, ...) __attribute__((format(printf, 4, 5)));

#endif
