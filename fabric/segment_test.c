/* SPDX-License-Identifier: BSD-2-Clause */
/* The segment, the address table, the gate and its locks among threads and the
 * dead. */
#include "fabric/address.h"
#include "fabric/gate.h"
#include "fabric/wake.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

static const struct fabric_params params = {
	.table = { [FABRIC_TABLE_VIF] = { 16, 64 },
		   [FABRIC_TABLE_CONN] = { 16, 100 } },
	.cores = 2,
};

static int make(void **state)
{
	struct fabric *f = calloc(1, sizeof(*f));
	int fd = fabric_create(f, &params);

	assert_true(fd >= 0);
	close(fd);
	*state = f;
	return 0;
}

static int drop(void **state)
{
	fabric_unmap(*state);
	free(*state);
	return 0;
}

static void is_sealed_and_maps_the_same_elsewhere(void **state)
{
	struct fabric a = { 0 }, b = { 0 };
	int fd = fabric_create(&a, &params);

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, 4096), -1);
	assert_int_equal(errno, EPERM);
	assert_int_equal(fabric_map(&b, fd), 0);
	assert_ptr_not_equal(a.header, b.header);
	frame_at(&a.arena, 77)->payload = 4711;
	assert_int_equal(frame_at(&b.arena, 77)->payload, 4711);
	assert_int_equal(a.table[FABRIC_TABLE_CONN].stride, 128);
	fabric_unmap(&a);
	fabric_unmap(&b);
	close(fd);
}

static void refuses_what_is_no_segment_of_this_version(void **state)
{
	struct fabric a = { 0 }, b = { 0 };
	int fd = memfd_create("not-a-fabric", 0);

	(void)state;
	assert_int_equal(fabric_map(&b, fd), -EPROTO);
	assert_int_equal(ftruncate(fd, 1 << 20), 0);
	assert_int_equal(fabric_map(&b, fd), -EPROTO);
	close(fd);
	fd = fabric_create(&a, &params);
	a.header->abi++;
	assert_int_equal(fabric_map(&b, fd), -EPROTO);
	a.header->abi--;
	a.header->layout_hash++;
	assert_int_equal(fabric_map(&b, fd), -EPROTO);
	fabric_unmap(&a);
	close(fd);
}

static void knows_who_has_which_address(void **state)
{
	struct fabric *f = *state;
	struct ip_addr a = ip_from_v4(be32(0x0a4d0002));
	struct ip_addr b = ip_from_v4(be32(0x0a4d0003));

	assert_int_equal(fabric_address_find(f, &a), 0);
	assert_int_equal(fabric_address_add(f, &a, 5), 0);
	assert_int_equal(fabric_address_add(f, &a, 6), -EADDRINUSE);
	assert_int_equal(fabric_address_add(f, &b, 6), 0);
	assert_int_equal(fabric_address_find(f, &a), 5);
	fabric_address_remove(f, 5);
	assert_int_equal(fabric_address_find(f, &a), 0);
	assert_int_equal(fabric_address_find(f, &b), 6);
	assert_int_equal(fabric_address_add(f, &a, 7), 0);
	assert_int_equal(fabric_address_find(f, &a), 7);
}

static void macs_name_hosts(void **state)
{
	struct fabric *f = *state;
	uint8_t mac[6];
	host_ix ix = fabric_host_alloc(f, 1);

	assert_int_not_equal(ix, 0);
	fabric_mac(ix, mac);
	assert_int_equal(fabric_mac_host(f, mac), ix);
	fabric_mac(ix + 1, mac);
	assert_int_equal(fabric_mac_host(f, mac), 0);
	memset(mac, 0xff, 6);
	assert_int_equal(fabric_mac_host(f, mac), 0);
}

/* --- the gate ----------------------------------------------------------------
 */

static struct {
	struct fabric *f;
	struct fabric_lock *lock;
	uint64_t sum; /* guarded by lock */
	_Atomic bool stop;
} shared;

#define ROUNDS 20000

static void *add_up(void *arg)
{
	ctx_ix hint = 0;

	for (int i = 0; i < ROUNDS; i++) {
		struct fabric_inside in;

		assert_int_equal(fabric_enter_lock(shared.f, 1, &hint,
						   shared.lock, FABRIC_PATIENT,
						   &in),
				 0);
		shared.sum++;
		fabric_unlock(&in, shared.lock);
		fabric_leave(&in);
	}
	return arg;
}

static bool nobody_is_dead(void *arg, proc_ix ix)
{
	(void)arg;
	(void)ix;
	return false;
}

static void a_lock_excludes_and_the_gate_stops_everybody(void **state)
{
	struct fabric *f = *state;
	pthread_t th[3];
	host_ix h = fabric_host_alloc(f, 1);

	shared.f = f;
	shared.lock = &f->hosts[h].lock;
	shared.sum = 0;
	for (int i = 0; i < 3; i++)
		assert_int_equal(pthread_create(&th[i], NULL, add_up, NULL), 0);
	for (int i = 0; i < 20; i++) {
		uint64_t before;

		assert_int_equal(
			fabric_stop(f, nobody_is_dead, NULL, NSEC_PER_SEC), 0);
		before = shared.sum;
		usleep(200);
		assert_int_equal(shared.sum, before);
		fabric_resume(f);
	}
	for (int i = 0; i < 3; i++)
		pthread_join(th[i], NULL);
	assert_int_equal(shared.sum, 3 * ROUNDS);
}

static bool proc_two_is_dead(void *arg, proc_ix ix)
{
	(void)arg;
	return ix == 2;
}

static void the_dead_inside_do_not_stop_the_stopping(void **state)
{
	struct fabric *f = *state;
	host_ix h = fabric_host_alloc(f, 1);
	pid_t pid = fork();
	int status;

	if (!pid) {
		struct fabric_inside in;
		ctx_ix hint = 0;

		fabric_enter_lock(f, 2, &hint, &f->hosts[h].lock,
				  FABRIC_PATIENT, &in);
		kill(getpid(), SIGKILL);
	}
	waitpid(pid, &status, 0);
	assert_true(WIFSIGNALED(status));
	assert_int_not_equal(f->hosts[h].lock.word, 0);
	/* Alive as far as anybody knows: nobody may touch anything. */
	assert_int_equal(fabric_stop(f, nobody_is_dead, NULL, NSEC_PER_MSEC),
			 -EBUSY);
	assert_int_equal(f->header->gate, 0);
	assert_int_equal(fabric_stop(f, proc_two_is_dead, NULL, NSEC_PER_MSEC),
			 0);
	fabric_resume(f);
}

static void wake_sockets_wake(void **state)
{
	struct fabric *f = *state;
	int fd = wake_open(f, 42);
	struct pollfd p = { fd, POLLIN, 0 };

	assert_true(fd >= 0);
	assert_int_equal(poll(&p, 1, 0), 0);
	wake_send(f, 0, 43); /* nobody: harmless */
	assert_int_equal(poll(&p, 1, 0), 0);
	wake_send(f, 0, 42);
	wake_send(f, 0, 42);
	assert_int_equal(poll(&p, 1, 0), 1);
	wake_drain(fd);
	assert_int_equal(poll(&p, 1, 0), 0);
	close(fd);
}

static void an_earlier_date_wakes_the_daemon_once(void **state)
{
	struct fabric *f = *state;
	int fd = wake_open(f, WAKE_DAEMON);
	struct pollfd p = { fd, POLLIN, 0 };
	uint64_t now = fabric_now(f);

	wake_daemon_at(f, 0, UINT64_MAX);
	assert_int_equal(poll(&p, 1, 0), 0);
	wake_daemon_at(f, 0, now + NSEC_PER_SEC);
	assert_int_equal(poll(&p, 1, 0), 1);
	wake_drain(fd);
	wake_daemon_at(f, 0, now + 2 * NSEC_PER_SEC);
	wake_daemon_at(f, 0, now + NSEC_PER_SEC);
	assert_int_equal(poll(&p, 1, 0), 0);
	wake_daemon_at(f, 0, now + NSEC_PER_SEC / 2);
	assert_int_equal(poll(&p, 1, 0), 1);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(is_sealed_and_maps_the_same_elsewhere),
		cmocka_unit_test(refuses_what_is_no_segment_of_this_version),
		cmocka_unit_test_setup_teardown(knows_who_has_which_address,
						make, drop),
		cmocka_unit_test_setup_teardown(macs_name_hosts, make, drop),
		cmocka_unit_test_setup_teardown(
			a_lock_excludes_and_the_gate_stops_everybody, make,
			drop),
		cmocka_unit_test_setup_teardown(
			the_dead_inside_do_not_stop_the_stopping, make, drop),
		cmocka_unit_test_setup_teardown(wake_sockets_wake, make, drop),
		cmocka_unit_test_setup_teardown(
			an_earlier_date_wakes_the_daemon_once, make, drop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
