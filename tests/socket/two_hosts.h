/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Two hosts of a fabric in one process, for tests of the calls between them:
 * threads `a` and `b`, each as if in a process of its own.
 */
#ifndef TOAMI_TESTS_SOCKET_TWO_HOSTS_H
#define TOAMI_TESTS_SOCKET_TWO_HOSTS_H

#include "small_fabric.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#define A_LAST 2 /* of their addresses, the last byte */
#define B_LAST 3

extern struct small_fabric sf;
extern struct socket_process pa, pb;
extern struct socket_thread a, b;

/* two_hosts_join - thread @t of a new process @p on @vif */
void two_hosts_join(struct socket_process *p, struct socket_thread *t,
		    vif_ix vif);

/* two_hosts_make, two_hosts_drop - around each test, which leaves nothing open:
 * for TEST() */
int two_hosts_make(void **state);
int two_hosts_drop(void **state);

/* pair - a connection: *@x of a, *@y of b */
void pair(int *x, int *y);

/* udp - a datagram socket on @port */
int udp(struct socket_thread *t, uint16_t port);

void set_nonblocking(struct socket_thread *t, int fd);

#define TEST(f) \
	cmocka_unit_test_setup_teardown(f, two_hosts_make, two_hosts_drop)

#endif
