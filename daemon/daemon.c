/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See daemon.h: the parts put together, and taken apart.
 *
 * Order of making: lock (nobody else is here), fabric, own membership, loop,
 * gateway, then what answers others: members, names, attach, control. A socket
 * that is there answers.
 *
 * Order of ending: no newcomers; hosts without members go, the others'
 * connections fail, so that whoever waits on one learns; then names, members,
 * loop, fabric. The lock is released before the last control connections are
 * closed: a client that has asked for the end and sees its connection close may
 * start a new daemon at once.
 */
#include "daemon/programs.h"
#include "daemon/daemon.h"
#include "daemon/attach.h"
#include "daemon/control.h"
#include "daemon/dns_service.h"
#include "daemon/hosts.h"
#include "daemon/keeper.h"
#include "daemon/log.h"
#include "daemon/maps.h"
#include "daemon/members.h"
#include "daemon/metrics.h"
#include "daemon/ports.h"
#include "daemon/settings.h"
#include "daemon/transient.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <unistd.h>

static int take_dir(struct daemon *d, struct refusal *why)
{
	const char *dir = d->options->dir;
	char pid[16] = "";
	int err = dir_make(dir);
	ssize_t n;

	if (err == -EPERM)
		return refuse(why, "no-permission", EX_NOPERM,
			      "%s is not this user's alone: choose another "
			      "directory with TOAMI_DIR or --dir",
			      dir);
	if (err)
		return refuse(
			why, "no-permission",
			err == -EACCES ? EX_NOPERM : EX_CANTCREAT,
			"cannot make %s: %s: choose another directory with "
			"TOAMI_DIR or --dir",
			dir, strerror(-err));
	d->lock_fd = dir_lock(dir, "lock", 0);
	if (d->lock_fd == -EWOULDBLOCK)
		return refuse(
			why, "running", EX_TEMPFAIL,
			"a daemon runs in %s already: 'toami status' shows "
			"it, 'toami down' ends it",
			dir);
	if (d->lock_fd < 0)
		return refuse(
			why, "no-permission", EX_NOPERM,
			"cannot lock %s/lock: %s: choose another directory "
			"with TOAMI_DIR or --dir",
			dir, strerror(-d->lock_fd));
	n = snprintf(pid, sizeof(pid), "%d\n", getpid());
	if (ftruncate(d->lock_fd, 0) ||
	    pwrite(d->lock_fd, pid, (size_t)n, 0) < 0)
		log_line("cannot write %s/lock: %s", dir, strerror(errno));
	return 0;
}

static int make_fabric(struct daemon *d, struct refusal *why)
{
	struct fabric *f = daemon_fabric(d);
	struct fabric_params params = { 0 };
	struct fabric_proc *self;
	proc_ix ix;

	socket_params(&params);
	params.table[FABRIC_TABLE_VIF].capacity = d->options->max_vifs;
	params.table[FABRIC_TABLE_CONTROL].capacity = d->options->max_vifs;
	params.table[FABRIC_TABLE_CLASS].capacity = 2 * d->options->max_vifs;
	params.cores = (uint32_t)sysconf(_SC_NPROCESSORS_ONLN);
	d->memfd = fabric_create(f, &params);
	if (d->memfd < 0)
		return refuse(why, "internal", EX_OSERR,
			      "cannot make the fabric's memory: %s: see "
			      "'ulimit -v' and 'toami doctor'",
			      strerror(-d->memfd));
	vif_init(f);
	ix = fabric_proc_alloc(f, FABRIC_PROC_ALIVE);
	self = &f->procs[ix];
	atomic_store(&self->pid, getpid());
	atomic_store(&self->watched, 1);
	self->vif = VIF_ROOT;
	self->uid = geteuid();
	snprintf(self->name, sizeof(self->name), "toamid");
	socket_adopt(&d->process, ix);
	socket_thread_init(&d->thread, &d->process);
	d->thread.impatient = true;
	d->started_ns = fabric_now(f);
	return 0;
}

static void on_signal(struct loop_source *s, uint32_t events)
{
	struct daemon *d =
		(struct daemon *)((char *)s - offsetof(struct daemon, signals));
	struct signalfd_siginfo info;

	(void)events;
	if (read(s->fd, &info, sizeof(info)) != sizeof(info))
		return;
	log_line("signal %u from process %u: ending", info.ssi_signo,
		 info.ssi_pid);
	daemon_end(d);
}

static int open_loop(struct daemon *d, struct refusal *why)
{
	struct rlimit files;
	sigset_t ends;
	int err = loop_init(&d->loop, &d->thread);

	/* A descriptor a member, and one a client. */
	if (!getrlimit(RLIMIT_NOFILE, &files)) {
		files.rlim_cur = files.rlim_max;
		setrlimit(RLIMIT_NOFILE, &files);
	}
	signal(SIGPIPE, SIG_IGN);
	/* Dates are meant: not 50 us later to save a wake-up. */
	prctl(PR_SET_TIMERSLACK, 1);
	sigemptyset(&ends);
	sigaddset(&ends, SIGTERM);
	sigaddset(&ends, SIGINT);
	sigprocmask(SIG_BLOCK, &ends, NULL);
	d->signals.ready = on_signal;
	d->signals.fd = signalfd(-1, &ends, SFD_CLOEXEC | SFD_NONBLOCK);
	if (!err && d->signals.fd < 0)
		err = -errno;
	if (!err)
		err = loop_add(&d->loop, &d->signals, EPOLLIN);
	if (err)
		return refuse(why, "internal", EX_OSERR,
			      "cannot wait for events: %s", strerror(-err));
	return 0;
}

static int read_subnets(struct daemon *d, struct refusal *why)
{
	switch (pool_init(&d->pool, d->options->subnet4, d->options->subnet6)) {
	case 0:
		return 0;
	case 4:
		return refuse(why, "bad-address", EX_USAGE,
			      "'%.64s' is not an IPv4 subnet of 8 to 30 bits: "
			      "write it as " POOL_SUBNET4,
			      d->options->subnet4);
	default:
		return refuse(why, "bad-address", EX_USAGE,
			      "'%.64s' is not an IPv6 subnet of 16 to 96 bits: "
			      "write it as " POOL_SUBNET6 ", or 'none'",
			      d->options->subnet6);
	}
}

struct daemon *daemon_new(const struct options *options, struct refusal *why)
{
	struct daemon *d = calloc(1, sizeof(*d));

	if (!d) {
		refuse(why, "internal", EX_OSERR, "out of memory");
		return NULL;
	}
	d->options = options;
	d->lock_fd = d->memfd = d->code_fd = d->signals.fd = d->loop.epfd = -1;
	if (read_subnets(d, why) || (!options->rehearsal && take_dir(d, why)) ||
	    make_fabric(d, why) || open_loop(d, why) || hosts_gateway(d, why))
		goto fail;
	d->programs = programs_new(d, why);
	if (!d->programs)
		goto fail;
	d->settings = settings_new(d);
	d->transient = transient_new(d);
	d->maps = maps_new();
	if (!d->settings || !d->transient || !d->maps) {
		refuse(why, "internal", EX_OSERR, "out of memory");
		goto fail;
	}
	d->members = members_new(d);
	if (!d->members) {
		refuse(why, "internal", EX_OSERR,
		       "cannot open the daemon's wake socket: %s",
		       strerror(errno));
		goto fail;
	}
	d->ports = ports_new(d);
	if (!d->ports) {
		refuse(why, "internal", EX_OSERR,
		       "cannot open the ports' wake socket: %s",
		       strerror(errno));
		goto fail;
	}
	if (options->rehearsal)
		return d;
	d->keeper = keeper_new(d);
	if (!d->keeper) {
		refuse(why, "internal", EX_OSERR,
		       "cannot open the keeper's wake socket: %s",
		       strerror(errno));
		goto fail;
	}
	d->dns = dns_service_new(d);
	d->attach = attach_new(d, why);
	if (d->attach)
		d->control = control_new(d, why);
	if (d->control)
		d->metrics = metrics_new(d, options->metrics, why);
	if (d->metrics)
		return d;
fail:
	daemon_free(d);
	return NULL;
}

void daemon_run(struct daemon *d)
{
	char net4[POOL_TEXT];

	log_line("toamid %s (%d): fabric in %s, subnet %s%s", TOAMI_VERSION,
		 getpid(), d->options->dir, pool_print_subnet4(&d->pool, net4),
		 d->dns ? "" : ", no names");
	loop_run(&d->loop);
}

void daemon_end(struct daemon *d)
{
	d->loop.end = true;
}

void daemon_free(struct daemon *d)
{
	struct fabric *f = daemon_fabric(d);

	if (!d)
		return;
	attach_free(d->attach);
	if (d->control)
		control_deaf(d->control);
	ports_free(d->ports);
	if (f->header) {
		if (d->members)
			hosts_down(d);
		socket_down(&d->thread);
	}
	metrics_free(d->metrics);
	dns_service_free(d->dns);
	keeper_free(d->keeper);
	members_free(d->members);
	settings_free(d->settings);
	programs_free(d->programs);
	maps_free(d->maps);
	transient_free(d->transient);
	loop_close(&d->loop, &d->signals);
	if (d->lock_fd >= 0)
		close(d->lock_fd);
	control_free(d->control);
	loop_fini(&d->loop);
	if (d->memfd >= 0)
		close(d->memfd);
	if (d->code_fd >= 0)
		close(d->code_fd);
	fabric_unmap(f);
	free(d);
}

int daemon_admits(struct daemon *d, const struct peer *peer,
		  struct refusal *why)
{
	if (!peer->uid || peer->uid == geteuid() ||
	    settings_owns(d, peer->uid) ||
	    (d->members && members_find(d->members, peer->pid)))
		return 0;
	return refuse(why, "no-permission", EX_NOPERM,
		      "the fabric in %s belongs to user %u, not to user %u: "
		      "use one of your own, with another TOAMI_DIR, or be "
		      "given a VIF of this one with owner=",
		      d->options->dir, geteuid(), peer->uid);
}
