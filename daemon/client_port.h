/* SPDX-License-Identifier: BSD-2-Clause */
/* Ports from the client's end: it makes interfaces, in its network namespace
 * and with its rights, and sets them up. */
#ifndef TOAMI_DAEMON_CLIENT_PORT_H
#define TOAMI_DAEMON_CLIENT_PORT_H

#include "daemon/client.h"
#include "daemon/script_line.h"

/* client_port_refuse - why interface @name (NULL: any) is not to be had: @err,
 * a negative errno. Returns the exit code */
int client_port_refuse(struct toami_control *control, const char *name,
		       int err);

/* client_port_may - may the caller set up interface @name? Asked before it is
 * attached, so that nothing is left half done; 0, or an exit code */
int client_port_may(struct toami_control *control, const char *name);

/**
 * client_port_setup - configures the interface of a new port, unless that is to
 * be left as it is
 * @setup: as port.add answers
 *
 * Returns 0 or an exit code, with the sentence in @control.
 */
int client_port_setup(struct toami_control *control, const json_t *setup);

/**
 * client_port_add - makes the interface, has it attached, sets it up
 * @order: without a name, the kernel chooses one
 * @setup: gets what port.add answers, owned by the caller, also where setting
 *         up has failed; else NULL
 *
 * Returns 0 or an exit code, with the sentence in @control.
 */
int client_port_add(struct toami_control *control,
		    const struct port_order *order, json_t **setup);

#endif
