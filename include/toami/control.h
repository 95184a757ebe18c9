/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Toami's control library: what toami(1) does, for programs.
 *
 * A `struct toami_control` is a connection to a daemon; toami/vif.h has what is
 * done with it. Every function returns
 * 0 or a positive exit code of sysexits.h; toami_control_text() then has one
 * sentence that names the object and the remedy, and toami_control_code() a
 * word for programs.
 *
 * One thread at a time per connection.
 */
#ifndef TOAMI_CONTROL_H
#define TOAMI_CONTROL_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The protocol spoken; docs/protocol.md. */
#define TOAMI_CONTROL_PROTOCOL 1

struct toami_control;

/**
 * toami_control_open - connects to the daemon
 * @dir:     its directory; NULL: as `toami` finds it ($TOAMI_DIR, ...)
 * @start:   start a daemon where none runs
 * @control: gets the connection, also on failure, for its text; NULL: no memory
 *
 * Returns 0; EX_UNAVAILABLE (69): no daemon, or it cannot be started; EX_NOPERM
 * (77).
 */
int toami_control_open(const char *dir, int start,
		       struct toami_control **control);

/* toami_control_close - NULL is allowed */
void toami_control_close(struct toami_control *control);

/* toami_control_dir - the daemon's directory */
const char *toami_control_dir(const struct toami_control *control);

/* toami_control_fd - readable when something has come: an event, or the end */
int toami_control_fd(const struct toami_control *control);

/* The last failure: a sentence, and a word such as "unknown-vif"; "" after
 * success. */
const char *toami_control_text(const struct toami_control *control);
const char *toami_control_code(const struct toami_control *control);

/**
 * toami_control_request - one request of docs/protocol.md
 * @request: a JSON object; the library adds "protocol"
 * @result:  gets the member "result" of the reply as JSON text, for free(); may
 * be NULL
 */
int toami_control_request(struct toami_control *control, const char *request,
			  char **result);

/* toami_control_wait_end - after the verb "down": until the daemon is gone */
int toami_control_wait_end(struct toami_control *control);

#ifdef __cplusplus
}
#endif

#endif
