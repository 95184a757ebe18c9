/* SPDX-License-Identifier: BSD-2-Clause */
/* See small_fabric.h. */
#include "small_fabric.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/sys.h"
#include "stack/stack.h"
#include "vif/vif.h"

static void must(bool ok, const char *what)
{
	if (!ok) {
		fprintf(stderr, "small fabric: %s\n", what);
		abort();
	}
}

static proc_ix new_proc(struct small_fabric *sf, vif_ix vif, pid_t pid)
{
	struct fabric *f = &sf->process.fabric;
	proc_ix ix = fabric_proc_alloc(f, FABRIC_PROC_ALIVE);

	must(ix, "process table is full");
	f->procs[ix].vif = vif;
	atomic_store(&f->procs[ix].pid, pid);
	return ix;
}

void small_fabric_make(struct small_fabric *sf)
{
	struct fabric_params params;
	int fd;

	memset(sf, 0, sizeof(*sf));
	socket_params(&params);
	params.cores = (uint32_t)sysconf(_SC_NPROCESSORS_ONLN);
	fd = fabric_create(&sf->process.fabric, &params);
	must(fd >= 0, "cannot make a segment");
	close(fd);
	vif_init(&sf->process.fabric);
	socket_adopt(&sf->process, new_proc(sf, VIF_ROOT, getpid()));
	socket_thread_init(&sf->thread, &sf->process);
	sf->thread.impatient = true;
}

void small_fabric_drop(struct small_fabric *sf)
{
	fabric_unmap(&sf->process.fabric);
}

vif_ix small_fabric_host(struct small_fabric *sf, const char *name,
			 uint8_t last)
{
	struct fabric *f = &sf->process.fabric;
	struct stack_config c = { .prefix4 = 16 };
	vif_ix ix;
	int host;

	must(!vif_add(f, VIF_ROOT, name, strlen(name), 0, &ix), "vif_add");
	c.addr4 = ip_from_v4(htonl(0x0a4d0000u | last));
	host = socket_host_up(&sf->thread, ix, &c);
	must(host > 0, "socket_host_up");
	atomic_store(&vif_at(f, ix)->host, (host_ix)host);
	return ix;
}

pid_t small_fabric_fork(struct small_fabric *sf, vif_ix vif,
			int (*run)(struct socket_thread *t, void *arg),
			void *arg, proc_ix *ix)
{
	struct fabric *f = &sf->process.fabric;
	pid_t pid;

	*ix = new_proc(sf, vif, 0);
	fflush(stdout);
	fflush(stderr);
	pid = fork();
	must(pid >= 0, "fork");
	if (!pid) {
		struct socket_thread t;

		prctl(PR_SET_PDEATHSIG, SIGKILL);
		signal(SIGPIPE, SIG_IGN);
		socket_adopt(&sf->process, *ix);
		socket_thread_init(&t, &sf->process);
		_exit(run(&t, arg));
	}
	atomic_store(&f->procs[*ix].pid, pid);
	return pid;
}

void small_fabric_reap(struct small_fabric *sf, proc_ix ix,
		       struct socket_reaped *r)
{
	uint64_t until = fabric_now(&sf->process.fabric) + 5 * NSEC_PER_SEC;
	int err;

	while ((err = socket_reap(&sf->thread, ix, r)) == -EBUSY)
		must(fabric_now(&sf->process.fabric) < until,
		     "somebody stays inside the fabric");
	must(!err, "socket_reap");
}

long sf_call(struct socket_thread *t, long nr, long a, long b, long c, long d,
	     long e, long f)
{
	const long args[6] = { a, b, c, d, e, f };
	long n = socket_call(t, nr, args);

	return n == SOCKET_PASS ? sys_call6(nr, a, b, c, d, e, f) : n;
}

int sf_tcp(struct socket_thread *t)
{
	return (int)SF(t, SYS_socket, AF_INET, SOCK_STREAM, 0, 0, 0, 0);
}

static struct sockaddr_in name_of(uint8_t last, uint16_t port)
{
	struct sockaddr_in sa = { .sin_family = AF_INET,
				  .sin_port = htons(port) };

	if (last)
		sa.sin_addr.s_addr = htonl(0x0a4d0000u | last);
	return sa;
}

int sf_listen(struct socket_thread *t, uint16_t port)
{
	struct sockaddr_in sa = name_of(0, port);
	int fd = sf_tcp(t), one = 1;

	if (fd < 0)
		return fd;
	SF(t, SYS_setsockopt, fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one),
	   0);
	must(!SF(t, SYS_bind, fd, &sa, sizeof(sa), 0, 0, 0), "bind");
	must(!SF(t, SYS_listen, fd, 128, 0, 0, 0, 0), "listen");
	return fd;
}

int sf_connect(struct socket_thread *t, int fd, uint8_t last, uint16_t port)
{
	struct sockaddr_in sa = name_of(last, port);

	return (int)SF(t, SYS_connect, fd, &sa, sizeof(sa), 0, 0, 0);
}

long sf_read(struct socket_thread *t, int fd, void *buf, size_t n)
{
	return SF(t, SYS_read, fd, buf, n, 0, 0, 0);
}

long sf_write(struct socket_thread *t, int fd, const void *buf, size_t n)
{
	return SF(t, SYS_write, fd, buf, n, 0, 0, 0);
}

long sf_close(struct socket_thread *t, int fd)
{
	return SF(t, SYS_close, fd, 0, 0, 0, 0, 0);
}
