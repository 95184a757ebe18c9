/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What libtoami keeps for its process: for the daemon, which makes its fabric
 * itself instead of attaching to one (socket_adopt() on api_process(), then
 * toami_* work).
 */
#ifndef TOAMI_SOCKET_API_INTERNAL_H
#define TOAMI_SOCKET_API_INTERNAL_H

#include "socket/socket.h"

struct socket_process *api_process(void);

/* api_thread - the calling thread's handle */
struct socket_thread *api_thread(void);

#endif
