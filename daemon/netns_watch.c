/* SPDX-License-Identifier: BSD-2-Clause */
/* See netns_watch.h. */
#include "daemon/netns_watch.h"
#include "base/sys.h"

#include <ctype.h>
#include <dirent.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* A process in namespace @netns, or 0. */
static pid_t inhabitant(uint64_t netns)
{
	DIR *proc = opendir("/proc");
	struct dirent *e;
	pid_t found = 0;

	while (proc && !found && (e = readdir(proc))) {
		char path[280];
		struct stat st;

		if (!isdigit((unsigned char)e->d_name[0]))
			continue;
		snprintf(path, sizeof(path), "/proc/%s/ns/net", e->d_name);
		if (!stat(path, &st) && st.st_ino == netns)
			found = (pid_t)atoi(e->d_name);
	}
	if (proc)
		closedir(proc);
	return found;
}

/* The process that was watched has ended; its children may live on. */
static void on_end(struct loop_source *s, uint32_t events)
{
	struct netns_watch *w = (struct netns_watch *)s;
	pid_t pid;

	(void)events;
	netns_watch_fini(w);
	pid = inhabitant(w->netns);
	if (!pid)
		w->empty(w);
	else
		netns_watch_begin(w, w->netns, pid);
}

void netns_watch_init(struct netns_watch *w, struct loop *loop,
		      void (*empty)(struct netns_watch *w))
{
	*w = (struct netns_watch){ .source = { .fd = -1, .ready = on_end },
				   .loop = loop,
				   .empty = empty };
}

int netns_watch_begin(struct netns_watch *w, uint64_t netns, pid_t pid)
{
	int fd = (int)sys_call(SYS_pidfd_open, pid, 0), err = fd;

	w->netns = netns;
	w->pid = pid;
	if (fd < 0)
		return err;
	w->source.fd = fd;
	err = loop_add(w->loop, &w->source, EPOLLIN);
	if (err) {
		close(fd);
		w->source.fd = -1;
	}
	return err;
}

void netns_watch_settle(struct netns_watch *w)
{
	struct pollfd ended = { .fd = w->source.fd, .events = POLLIN };

	if (w->source.fd >= 0 && poll(&ended, 1, 0) == 1)
		on_end(&w->source, EPOLLIN);
}

void netns_watch_fini(struct netns_watch *w)
{
	loop_close(w->loop, &w->source);
	w->pid = 0;
}
