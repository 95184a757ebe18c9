/* SPDX-License-Identifier: BSD-2-Clause */
/* See two_hosts.h. */
#include "two_hosts.h"

#include <fcntl.h>
#include <sys/socket.h>

#include "socket/work.h"

/* Two members, as if in two processes: one view, two slots. */
struct small_fabric sf;
struct socket_process pa, pb;
struct socket_thread a, b;

void two_hosts_join(struct socket_process *p, struct socket_thread *t,
		    vif_ix vif)
{
	struct fabric *f = &sf.process.fabric;
	proc_ix ix = fabric_proc_alloc(f, FABRIC_PROC_ALIVE);

	*p = sf.process;
	f->procs[ix].vif = vif;
	socket_adopt(p, ix);
	socket_thread_init(t, p);
}

int two_hosts_make(void **state)
{
	(void)state;
	small_fabric_make(&sf);
	two_hosts_join(&pa, &a, small_fabric_host(&sf, "a", A_LAST));
	two_hosts_join(&pb, &b, small_fabric_host(&sf, "b", B_LAST));
	return 0;
}

int two_hosts_drop(void **state)
{
	struct socket_census c;
	struct socket_reaped r;

	(void)state;
	if (socket_reap(&sf.thread, a.self, &r) ||
	    socket_reap(&sf.thread, b.self, &r))
		return 1;
	if (socket_census(&sf.thread, &c) || c.socks || c.psets || c.watches) {
		print_error("left: %u socks, %u psets, %u watches\n", c.socks,
			    c.psets, c.watches);
		return 1;
	}
	small_fabric_drop(&sf);
	return 0;
}

void pair(int *x, int *y)
{
	int l = sf_listen(&b, 80);

	*x = sf_tcp(&a);
	assert_int_equal(sf_connect(&a, *x, B_LAST, 80), 0);
	*y = (int)SF(&b, SYS_accept4, l, 0, 0, 0, 0, 0);
	assert_true(*y >= 0);
	assert_int_equal(sf_close(&b, l), 0);
}

void set_nonblocking(struct socket_thread *t, int fd)
{
	assert_int_equal(SF(t, SYS_fcntl, fd, F_SETFL, O_NONBLOCK, 0, 0, 0), 0);
}

int udp(struct socket_thread *t, uint16_t port)
{
	struct sockaddr_in sa = { .sin_family = AF_INET,
				  .sin_port = htons(port) };
	int fd = (int)SF(t, SYS_socket, AF_INET, SOCK_DGRAM, 0, 0, 0, 0);

	assert_int_equal(SF(t, SYS_bind, fd, &sa, sizeof(sa), 0, 0, 0), 0);
	return fd;
}
