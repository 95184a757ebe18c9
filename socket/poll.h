/* SPDX-License-Identifier: BSD-2-Clause */
/* poll, ppoll, select and pselect6 over descriptors of both kinds. */
#ifndef TOAMI_SOCKET_POLL_H
#define TOAMI_SOCKET_POLL_H

#include <poll.h>

#include "socket/work.h"

/* poll_until - SOCKET_PASS: none of @fds is ours. @until: a date; 0: do not
 * wait */
long poll_until(struct socket_thread *t, struct pollfd *fds,
		unsigned long count, uint64_t until, const void *mask,
		long masksize);

/* poll_select - @sets: in, out, exceptional, as for select; each may be NULL */
long poll_select(struct socket_thread *t, long count, unsigned long *sets[3],
		 uint64_t until, const void *mask, long masksize);

/* poll_select_ours - is any of the descriptors ours? */
bool poll_select_ours(const struct socket_thread *t, long count,
		      unsigned long *sets[3]);

#endif
