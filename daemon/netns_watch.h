/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Watching a network namespace: it lives as long as any process is in it. One
 * of them is watched by a pidfd, and when it ends, another one is looked for.
 */
#ifndef TOAMI_DAEMON_NETNS_WATCH_H
#define TOAMI_DAEMON_NETNS_WATCH_H

#include "daemon/loop.h"

#include <sys/types.h>

struct netns_watch {
	struct loop_source source; /* fd -1: nothing is watched */
	struct loop *loop;
	uint64_t netns; /* its inode */
	pid_t pid;	/* that is watched; 0: none */
	/* The last process has gone; the watch has ended. */
	void (*empty)(struct netns_watch *w);
};

/* netns_watch_init - watches nothing yet */
void netns_watch_init(struct netns_watch *w, struct loop *loop,
		      void (*empty)(struct netns_watch *w));

/* netns_watch_begin - @pid is a process in namespace @netns. 0 or a negative
 * errno: then it is not watched */
int netns_watch_begin(struct netns_watch *w, uint64_t netns, pid_t pid);

/* netns_watch_settle - what has ended by now is noticed now; may call empty()
 */
void netns_watch_settle(struct netns_watch *w);

void netns_watch_fini(struct netns_watch *w);

#endif
