/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The daemon: what its parts share.
 *
 * It owns the fabric, keeps time for it, hands out addresses and names, lets
 * programs join, and reaps the dead. It carries no frame between two programs.
 * One thread; every part hangs on one loop.
 */
#ifndef TOAMI_DAEMON_DAEMON_H
#define TOAMI_DAEMON_DAEMON_H

#include "daemon/dir.h"
#include "daemon/loop.h"
#include "daemon/pool.h"
#include "daemon/refusal.h"
#include "vif/vif.h"

#include <sys/types.h>

struct options {
	const char *dir;     /* chosen, absolute */
	const char *subnet4; /* as pool_init() takes them */
	const char *subnet6;
	const char *resolver; /* as forward_new() takes it */
	const char *metrics;  /* ADDR:PORT, or NULL */
	uint32_t max_vifs;    /* capacity of the table, slot 0 among them */
	bool foreground;
	bool rehearsal; /* a tree that nobody is to find: see rehearsal.h */
};

struct daemon {
	const struct options *options;
	uint64_t started_ns;
	int lock_fd;
	int memfd;
	int code_fd;		   /* fabric/code.h */
	struct programs *programs; /* programs.h */
	struct maps *maps;	   /* maps.h */
	struct socket_process process;
	struct socket_thread thread;
	struct loop loop;
	struct pool pool;
	struct members *members;     /* members.h */
	struct settings *settings;   /* settings.h */
	struct transient *transient; /* transient.h */
	struct listener *attach;     /* attach.h */
	struct listener *control;    /* control.h */
	struct metrics *metrics;     /* metrics.h */
	struct dns_service *dns;     /* dns_service.h; NULL: no names */
	uint32_t watchers;	     /* clients that want events */
	struct ports *ports;	     /* ports.h */
	struct keeper *keeper;	     /* keeper.h */
	/* The gateways behind the uplink; any: nothing leaves the fabric. */
	struct ip_addr stranger4, stranger6;
	struct loop_source signals;
	const struct peer
		*asking;     /* whose request is being answered, or NULL */
	uint64_t filters_ns; /* that its filters have taken to compile */
};

static inline struct fabric *daemon_fabric(struct daemon *d)
{
	return &d->process.fabric;
}

/* A process at the other end of one of the daemon's sockets, as SO_PEERCRED has
 * it. */
struct peer {
	pid_t pid;
	uid_t uid;
	struct session *session; /* session.h; NULL: it holds nothing */
	struct given *given;	 /* given.h; NULL: nothing can come */
};

/**
 * daemon_new - makes the fabric and opens everything, in the directory of
 * @options
 *
 * Returns the daemon, ready to be run; or NULL, with the reason in @why.
 */
struct daemon *daemon_new(const struct options *options, struct refusal *why);

/* daemon_run - until it is told to end */
void daemon_run(struct daemon *d);

/* daemon_end - lets daemon_run() return */
void daemon_end(struct daemon *d);

/* daemon_free - members lose the fabric; nothing is left in the directory but
 * the log */
void daemon_free(struct daemon *d);

/* daemon_admits - may @peer command the fabric and join it? 0, or -1 and why
 * not */
int daemon_admits(struct daemon *d, const struct peer *peer,
		  struct refusal *why);

#endif
