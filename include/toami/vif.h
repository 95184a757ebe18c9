/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The tree of virtual interfaces (VIFs), for programs: what `toami vif` and its
 * neighbours do, each verb a call. toami/control.h opens the connection and
 * explains what is returned: 0, or a positive exit code of sysexits.h with a
 * sentence in toami_control_text().
 *
 * Properties travel as words, as on the command line: "rate=100mbit",
 * "loss=0.1%", "min=none"; toami(1) lists them.
 *
 *	struct toami_control *c;
 *	const char *const set[] = { "rate=100mbit", "weight=2", NULL };
 *
 *	if (toami_control_open(NULL, 1, &c) ||
 *	    toami_vif_add(c, "/web", NULL, set, NULL))
 *		errx(1, "%s", toami_control_text(c));
 */
#ifndef TOAMI_VIF_H
#define TOAMI_VIF_H

#include "toami/control.h"

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Bytes, with the final zero. */
#define TOAMI_VIF_PATH 256
#define TOAMI_VIF_WORD 4096

/* What has passed in one direction. */
struct toami_vif_count {
	uint64_t packets, bytes, drops;
};

/* A VIF. Strings are never NULL; "" where there is none. */
struct toami_vif {
	char path[TOAMI_VIF_PATH];
	char address[64];
	char address6[64];
	char lane_of[TOAMI_VIF_PATH]; /* path of the VIF whose address it shares
				       */
	uint32_t uid;		      /* who made it */
	uint32_t programs;
	struct toami_vif_count tx; /* what left it */
	struct toami_vif_count rx; /* what entered it */
};

/**
 * toami_vif_add - makes the VIF at @path and its missing ancestors
 * @address: an address of the fabric, "auto", "none", or NULL: "auto" for a VIF
 * directly below the root, else "none"
 * @set:     properties, the last one NULL; may be NULL
 * @vif:     gets what has been made; may be NULL
 */
int toami_vif_add(struct toami_control *control, const char *path,
		  const char *address, const char *const *set,
		  struct toami_vif *vif);

/* toami_vif_set - changes properties: all that are given, or none */
int toami_vif_set(struct toami_control *control, const char *path,
		  const char *const *set);

/**
 * toami_vif_get - the value of one property, as a word: "100mbit", "none"
 * @size: bytes at @word; TOAMI_VIF_WORD are always enough
 */
int toami_vif_get(struct toami_control *control, const char *path,
		  const char *name, char *word, size_t size);

/* toami_vif_show - one VIF: addresses and counters */
int toami_vif_show(struct toami_control *control, const char *path,
		   struct toami_vif *vif);

/* All that is known of one direction. What is held up, and how, is 0 where
 * nothing is set on the VIF; what programs do, where it has none. */
struct toami_vif_way {
	uint64_t packets, bytes, drops; /* as in struct toami_vif */
	uint64_t retransmits;		/* out only: TCP segments sent again */

	uint64_t backlog_packets, backlog_bytes; /* that wait */
	uint64_t delay_p50_ns, delay_p99_ns;	 /* how long they have waited */
	uint64_t throttled_ns;	 /* something waited for the ceiling */
	uint64_t borrowed_bytes; /* beyond its guarantee */
	uint64_t drops_limit, drops_late, drops_codel, drops_loss, drops_memory;

	uint64_t program_runs, program_instructions;
	uint64_t program_filtered, program_dropped; /* packets, by their word */
	uint64_t program_over_run, program_over_time; /* at a budget */
	uint64_t program_redirected, program_sampled;
};

struct toami_vif_account {
	struct toami_vif_way tx, rx;
};

/* toami_vif_account - the counters of one VIF, all of them */
int toami_vif_account(struct toami_control *control, const char *path,
		      struct toami_vif_account *account);

/* toami_metrics - those of all VIFs as OpenMetrics text; *text is for free() */
int toami_metrics(struct toami_control *control, char **text);

/* toami_vif_list - @path (NULL: the root) and all below it, depth first; *vifs
 * is for free() */
int toami_vif_list(struct toami_control *control, const char *path,
		   struct toami_vif **vifs, size_t *count);

/* toami_vif_remove - @recursive: with all below it */
int toami_vif_remove(struct toami_control *control, const char *path,
		     int recursive);

/* toami_vif_move - to the path @to, with all below it; nothing that flows is
 * disturbed */
int toami_vif_move(struct toami_control *control, const char *path,
		   const char *to);

/* What an attach has done. */
struct toami_vif_attached {
	uint64_t moved; /* sockets that are on the VIF now */
	uint64_t kept;	/* that have another address and stay where they are */
};

/**
 * toami_vif_attach - process @pid, a program on the fabric, is on @path from
 * now on; what it starts later, too
 * @attached: may be NULL
 *
 * Its open sockets move along where the VIF has, or shares, the address that
 * they have; others stay, and only new ones are there.
 */
int toami_vif_attach(struct toami_control *control, const char *path, pid_t pid,
		     struct toami_vif_attached *attached);

/* toami_vif_detach - process @pid goes to the VIF whose address it has */
int toami_vif_detach(struct toami_control *control, pid_t pid,
		     struct toami_vif_attached *attached);

/**
 * toami_vif_attach_socket - one socket of this process goes to the VIF at
 * @path, at or below the process's own, that shares its address; NULL: back
 *
 * For sockets of a program that `toami run` has started, and of one that has
 * called toami_attach(). The same as setsockopt(SO_BINDTODEVICE). Returns 0 or
 * a negative errno: ENODEV, EPERM: not below; EXDEV: the VIF has another
 * address.
 */
int toami_vif_attach_socket(int fd, const char *path);

/* --- events ------------------------------------------------------------------
 */

enum toami_event_kind {
	TOAMI_EVENT_OTHER, /* of a daemon newer than this library: see name */
	TOAMI_EVENT_VIF_ADD,
	TOAMI_EVENT_VIF_SET,
	TOAMI_EVENT_VIF_MOVE, /* path: the new one */
	TOAMI_EVENT_VIF_REMOVE,
	TOAMI_EVENT_JOIN, /* a program is on path now */
	TOAMI_EVENT_LEAVE,
	TOAMI_EVENT_LOST, /* this connection was not read for too long */
};

struct toami_event {
	enum toami_event_kind kind;
	uint64_t time_ns; /* since 1970 */
	uint64_t lost;	  /* TOAMI_EVENT_LOST: events */
	pid_t pid;	  /* of a program */
	char name[32];	  /* of the event, "vif-add" */
	char program[32];
	char path[TOAMI_VIF_PATH];
};

/* toami_watch - from now on this connection gets events, and is for nothing
 * else
 */
int toami_watch(struct toami_control *control);

/* toami_watch_next - the next event, waited for; toami_control_fd() says when
 * there may be one */
int toami_watch_next(struct toami_control *control, struct toami_event *event);

/* --- maps of packet programs -------------------------------------------------
 *
 * @map is named "PATH:NAME", or ":NAME" where programs share it. Keys and
 * values are words, as toami(1) has them: "80", "10.77.0.0/16", "hex:0a4d0002".
 */

/* toami_map_get - @size: bytes at @value; TOAMI_VIF_WORD are enough for what a
 * person would read */
int toami_map_get(struct toami_control *control, const char *map,
		  const char *key, char *value, size_t size);
int toami_map_set(struct toami_control *control, const char *map,
		  const char *key, const char *value);
int toami_map_remove(struct toami_control *control, const char *map,
		     const char *key);

/* --- ports -------------------------------------------------------------------
 */

/* A TAP interface that is to be attached; NULL where nothing is said. */
struct toami_port {
	const char *interface;		/* NULL: the kernel chooses a name */
	const char *address;		/* of the VIF, as for toami_vif_add() */
	const char *gateway, *gateway6; /* behind an uplink */
	int uplink;	/* a network is beyond, not the VIF's host */
	int no_offload; /* frames leave cut up and with checksums */
	int bare;	/* leave the interface as it is */
};

/**
 * toami_port_add - makes the interface, in the caller's network namespace and
 * with its rights, attaches it to the VIF at @path, and sets it up
 * @interface: gets its name; 16 bytes; may be NULL
 */
int toami_port_add(struct toami_control *control, const char *path,
		   const struct toami_port *port, char *interface);

/* toami_port_remove - the VIF stays */
int toami_port_remove(struct toami_control *control, const char *path);

/* --- files -------------------------------------------------------------------
 */

/* toami_vif_save - the tree at and below @path (NULL: the root) as text that
 * toami_vif_load() takes; *text is for free() */
int toami_vif_save(struct toami_control *control, const char *path,
		   char **text);

/* What a load has done, in VIFs; and ports. */
struct toami_vif_loaded {
	uint64_t made, changed, moved, removed, same;
	uint64_t attached, detached;
};

/**
 * toami_vif_load - all lines of @text, or none
 * @loaded: may be NULL
 *
 * Interfaces of ports are made in the caller's network namespace and set up
 * when all is done. Whether the caller may do that is asked before; where it
 * fails all the same, the tree has changed.
 */
int toami_vif_load(struct toami_control *control, const char *text,
		   struct toami_vif_loaded *loaded);

/* toami_vif_diff - what toami_vif_load() would change, a line each; *changes is
 * for free(). Where it would be refused, returns what it would return, with the
 * changes all the same, unless the lines make no sense */
int toami_vif_diff(struct toami_control *control, const char *text,
		   char **changes);

#ifdef __cplusplus
}
#endif

#endif
