/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How a process becomes a member: one request, one reply, over the daemon's
 * socket "attach" (AF_UNIX, SOCK_SEQPACKET) in its directory.
 *
 * The daemon learns who asks from SO_PEERCRED, never from the request. A
 * process that is a member already (it has called exec) gets its slot back,
 * whatever VIF it names. The reply to success carries the segment's memfd and
 * that of the programs' code (SCM_RIGHTS).
 */
#ifndef TOAMI_FABRIC_ATTACH_H
#define TOAMI_FABRIC_ATTACH_H

#include <stdint.h>

#include "fabric/segment.h"

#define ATTACH_VIF_MAX	256
#define ATTACH_TEXT_MAX 240

struct attach_request {
	uint32_t magic;		  /* FABRIC_MAGIC */
	uint32_t abi;		  /* FABRIC_ABI */
	char name[16];		  /* the program, as /proc/PID/comm has it */
	char vif[ATTACH_VIF_MAX]; /* path, zero-terminated */
};

struct attach_reply {
	int32_t error; /* 0, or a positive errno with its sentence in text[] */
	proc_ix proc;
	uint32_t again; /* 1: the slot was the caller's before (exec) */
	char text[ATTACH_TEXT_MAX];
};

static_assert(sizeof(struct attach_request) == 280, "attach protocol");
static_assert(sizeof(struct attach_reply) == 252, "attach protocol");

#endif
