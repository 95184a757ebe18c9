/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Private pipes: bytes that go from one connection to another by splice() stay
 * where they are, and a pipe that ceases to be private leaves nothing behind.
 * What programs see of it: same_pipe.c.
 */
#include "two_hosts.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

#include "socket/pipe.h"
#include "socket/work.h"
#include "stack/conn.h"

/* b writes into y and reads from v; a moves x to z. */
static int x, y, z, v, p[2];

static uint8_t out[60000], in[sizeof(out)];

static void begin(void)
{
	pair(&x, &y);
	pair(&z, &v);
	assert_int_equal(SF(&a, SYS_pipe2, p, 0, 0, 0, 0, 0), 0);
	for (size_t i = 0; i < sizeof(out); i++)
		out[i] = (uint8_t)(i * 11 + i / 253);
	memset(in, 0, sizeof(in));
}

static void end(void)
{
	sf_close(&a, p[0]);
	sf_close(&a, p[1]);
	sf_close(&a, x);
	sf_close(&a, z);
	sf_close(&b, y);
	sf_close(&b, v);
}

static long splice_in(size_t n)
{
	return SF(&a, SYS_splice, x, 0, p[1], 0, n, 0);
}

static long splice_out(size_t n)
{
	return SF(&a, SYS_splice, p[0], 0, z, 0, n, 0);
}

static bool is_private(void)
{
	return pipe_end(&a, p[0]) == 0 && pipe_end(&a, p[1]) == 1;
}

static uint32_t pipes_in_use(void)
{
	struct socket_census c;

	assert_int_equal(socket_census(&sf.thread, &c), 0);
	return c.pipes;
}

/* The chunks that wait for @fd's reader. */
static uint32_t chunks_of(struct socket_thread *t, int fd, chunk_ix *chunk)
{
	struct fabric *f = &t->process->fabric;
	const struct conn *c =
		slot_at(&f->table[FABRIC_TABLE_CONN], sock_peek(t, fd)->conn);
	uint32_t n = 0;

	for (frame_ix ix = c->rcv_first; ix; ix = frame_at(&f->arena, ix)->next)
		for (uint8_t i = 0; i < frame_at(&f->arena, ix)->refs; i++) {
			chunk_ix k = frame_at(&f->arena, ix)->ref[i].chunk;

			if (!n || chunk[n - 1] != k)
				chunk[n++] = k;
		}
	return n;
}

/* Of the @n chunks at @chunk, those that are none of the @m at @of. */
static uint32_t others(const chunk_ix *chunk, uint32_t n, const chunk_ix *of,
		       uint32_t m)
{
	uint32_t sum = 0;

	for (uint32_t i = 0; i < n; i++) {
		bool found = false;

		for (uint32_t k = 0; k < m; k++)
			found |= chunk[i] == of[k];
		sum += !found;
	}
	return sum;
}

static void no_byte_moves(void **state)
{
	chunk_ix before[64], after[64];
	uint32_t n, m, all = 0, copied = 0;

	(void)state;
	begin();
	assert_true(is_private());
	for (int i = 0; i < 20; i++) {
		assert_int_equal(sf_write(&b, y, out, sizeof(out)),
				 sizeof(out));
		n = chunks_of(&a, x, before);
		assert_int_equal(splice_in(sizeof(out)), sizeof(out));
		assert_int_equal(splice_out(sizeof(out)), sizeof(out));
		m = chunks_of(&b, v, after);
		assert_true(n >= 15 && m >= 15);
		all += m;
		copied += others(after, m, before, n);
		for (size_t got = 0; got < sizeof(in);) {
			long r = sf_read(&b, v, in + got, sizeof(in) - got);

			assert_true(r > 0);
			got += (size_t)r;
		}
		assert_memory_equal(in, out, sizeof(out));
	}
	/* Short pieces are: the writer's last, and where segments end, which
	 * is a matter of time. */
	assert_true(copied <= all / 4);
	assert_true(is_private());
	end();
	assert_int_equal(pipes_in_use(), 0);
}

/* As much as the kernel's would take, and not more. */
static void a_pipe_is_full(void **state)
{
	long n, sum = 0;

	(void)state;
	begin();
	for (int i = 0; i < 3; i++)
		assert_int_equal(sf_write(&b, y, out, 30000), 30000);
	while ((n = SF(&a, SYS_splice, x, 0, p[1], 0, 50000,
		       SPLICE_F_NONBLOCK)) > 0)
		sum += n;
	assert_int_equal(n, -EAGAIN);
	assert_int_equal(sum, 65536);
	/* A part of a frame leaves, and as much fits again. */
	assert_int_equal(splice_out(1000), 1000);
	assert_int_equal(SF(&a, SYS_splice, x, 0, p[1], 0, 50000,
			    SPLICE_F_NONBLOCK),
			 1000);
	assert_true(is_private());
	/* All of it in the kernel's: no byte more than that has room for. */
	n = SF(&a, SYS_read, p[0], in, 0, 0, 0, 0);
	assert_int_equal(n, 0);
	assert_false(is_private());
	assert_int_equal(pipes_in_use(), 0);
	for (sum = 1000; sum < 66536; sum += n) {
		n = read(p[0], in, sizeof(in));
		assert_true(n > 0);
		for (long i = 0; i < n; i++)
			assert_int_equal(in[i], out[(sum + i) % 30000]);
	}
	end();
}

static void whoever_dies_leaves_nothing(void **state)
{
	struct socket_reaped r;

	(void)state;
	begin();
	assert_int_equal(sf_write(&b, y, out, 30000), 30000);
	assert_int_equal(splice_in(30000), 30000);
	assert_int_equal(pipes_in_use(), 1);
	assert_int_equal(socket_reap(&sf.thread, a.self, &r), 0);
	assert_int_equal(pipes_in_use(), 0);
	sf_close(&b, y);
	sf_close(&b, v);
	close(p[0]);
	close(p[1]);
}

/* As it is found by a repair: the lists of the dead are not to be trusted. */
static bool is_a(void *arg, proc_ix ix)
{
	(void)arg;
	return ix == a.self;
}

static void torn_lists_are_not_followed(void **state)
{
	struct fabric *f = &sf.process.fabric;
	struct pipe *pipe;

	(void)state;
	begin();
	assert_int_equal(sf_write(&b, y, out, 30000), 30000);
	assert_int_equal(splice_in(30000), 30000);
	pipe = pipe_at(f, (descriptor_raw(&a, p[0]) - FD_PIPE_FIRST) / 2);
	pipe->frames.first = 0xffffff;
	pipe_mend(f, is_a, NULL);
	assert_int_equal(pipe->owner, 0);
	assert_int_equal(pipes_in_use(), 0);
	sf_close(&b, y);
	sf_close(&b, v);
	close(p[0]);
	close(p[1]);
}

/* While somebody forks, and after what cannot be taken back. */
static void barred(void **state)
{
	proc_ix child;
	int q[2];

	(void)state;
	begin();
	assert_int_equal(sf_write(&b, y, out, 3000), 3000);
	assert_int_equal(splice_in(3000), 3000);
	child = socket_fork_prepare(&a);
	assert_true(child != 0);
	assert_false(is_private());
	assert_int_equal(SF(&a, SYS_pipe2, q, 0, 0, 0, 0, 0), 0);
	assert_int_equal(pipe_end(&a, q[0]), -1);
	close(q[0]);
	close(q[1]);
	socket_fork_parent(&a, child, -EAGAIN);
	assert_int_equal(read(p[0], in, sizeof(in)), 3000);
	assert_memory_equal(in, out, 3000);
	assert_int_equal(SF(&a, SYS_pipe2, q, 0, 0, 0, 0, 0), 0);
	assert_int_equal(pipe_end(&a, q[0]), 0);
	socket_bare(&a);
	assert_int_equal(pipe_end(&a, q[0]), -1);
	close(q[0]);
	close(q[1]);
	assert_int_equal(SF(&a, SYS_pipe2, q, 0, 0, 0, 0, 0), 0);
	assert_int_equal(pipe_end(&a, q[0]), -1);
	close(q[0]);
	close(q[1]);
	assert_int_equal(pipes_in_use(), 0);
	end();
}

static void names_of_descriptors(void **state)
{
	static const struct {
		const char *path;
		bool bares;
	} row[] = {
		{ "/etc/passwd", false },
		{ "/tmp/1/x", false },
		{ "/proc/self/fd/7", true },
		{ "/dev/fd/12", true },
		{ "/dev/stdin", true },
		{ "7", true },
		{ "/proc/stat", false },
		{ "/a/b7", false },
		{ "/a/7b", false },
		{ "/", false },
		{ "", false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(row); i++) {
		begin();
		socket_opens(&a, row[i].path);
		assert_int_equal(!is_private(), row[i].bares);
		end();
	}
}

/* --- several threads ---------------------------------------------------------
 */

static _Atomic int stop;

static void *shrink(void *arg)
{
	struct socket_thread t;

	(void)arg;
	socket_thread_init(&t, &pa);
	while (!atomic_load(&stop)) {
		SF(&t, SYS_fcntl, p[1], F_SETPIPE_SZ, 4096, 0, 0, 0);
		SF(&t, SYS_fcntl, p[1], F_SETPIPE_SZ, 65536, 0, 0, 0);
	}
	return NULL;
}

/* What a pipe takes is what the kernel's has room for, whoever changes that
 * meanwhile: baring it would wait for ever. */
static void resized_by_another(void **state)
{
	long call[6] = { 0, F_SETPIPE_SZ, 8192 };
	pthread_t other;

	(void)state;
	begin();
	call[0] = p[1];
	/* Made with the lock, and not again. */
	assert_int_equal(pipe_before(&a, SYS_fcntl, call), 8192);
	assert_int_equal(fcntl(p[1], F_GETPIPE_SZ), 8192);
	assert_true(is_private());
	assert_int_equal(sf_write(&b, y, out, 20000), 20000);
	assert_int_equal(splice_in(20000), 8192);
	assert_int_equal(splice_out(20000), 8192);
	assert_int_equal(splice_in(20000), 8192);
	assert_int_equal(splice_out(20000), 8192);
	assert_int_equal(splice_in(3616), 3616);
	assert_int_equal(splice_out(20000), 3616);
	assert_int_equal(sf_read(&b, v, in, sizeof(in)), 20000);
	alarm(60);
	atomic_store(&stop, 0);
	assert_int_equal(pthread_create(&other, NULL, shrink, NULL), 0);
	for (int i = 0; i < 300; i++) {
		long n, got = 0;

		assert_int_equal(sf_write(&b, y, out, 20000), 20000);
		while (got < 20000) {
			n = SF(&a, SYS_splice, x, 0, p[1], 0, 20000 - got,
			       SPLICE_F_NONBLOCK);
			assert_true(n > 0);
			assert_int_equal(
				SF(&a, SYS_splice, p[0], 0, z, 0, n, 0), n);
			assert_int_equal(sf_read(&b, v, in + got, (size_t)n),
					 n);
			got += n;
		}
		assert_memory_equal(in, out, 20000);
		if (is_private())
			continue;
		sf_close(&a, p[0]);
		sf_close(&a, p[1]);
		assert_int_equal(SF(&a, SYS_pipe2, p, 0, 0, 0, 0, 0), 0);
	}
	atomic_store(&stop, 1);
	pthread_join(other, NULL);
	alarm(0);
	end();
}

/* Closed twice by two threads: the number is another pipe's by now, which is
 * full. Nobody waits for that with the lock. */
static void number_of_a_full_pipe(void **state)
{
	int q[2];

	(void)state;
	begin();
	assert_int_equal(sf_write(&b, y, out, 3000), 3000);
	assert_int_equal(splice_in(3000), 3000);
	assert_int_equal(pipe(q), 0);
	assert_int_equal(fcntl(q[1], F_SETPIPE_SZ, 4096), 4096);
	assert_int_equal(write(q[1], out, 4096), 4096);
	assert_int_equal(dup2(q[1], p[1]), p[1]);
	alarm(10);
	assert_int_equal(pipe_bare(&a, p[0]), 0);
	alarm(0);
	assert_int_equal(pipes_in_use(), 0);
	close(q[0]);
	close(q[1]);
	end();
}

static long moved;

static void *wait_for_bytes(void *arg)
{
	struct socket_thread t;

	(void)arg;
	socket_thread_init(&t, &pa);
	moved = SF(&t, SYS_splice, x, 0, p[1], 0, 100, 0);
	return NULL;
}

/* Who waits for a connection does not take from the one that gets its number.
 */
static void number_used_again(void **state)
{
	pthread_t other;
	int x2, y2;

	(void)state;
	begin();
	pair(&x2, &y2);
	assert_int_equal(sf_write(&b, y2, out, 100), 100);
	assert_int_equal(pthread_create(&other, NULL, wait_for_bytes, NULL), 0);
	usleep(50000);
	alarm(60);
	assert_int_equal(SF(&a, SYS_dup2, x2, x, 0, 0, 0, 0), x);
	pthread_join(other, NULL);
	alarm(0);
	assert_int_equal(moved, -EBADF);
	assert_int_equal(sf_read(&a, x2, in, sizeof(in)), 100);
	sf_close(&a, x2);
	sf_close(&b, y2);
	end();
}

/* --- no frames ---------------------------------------------------------------
 */

/* A part of a frame is copied where there is none for it. */
static void no_frame_for_a_part(void **state)
{
	struct frame_list all = { 0, 0 };
	struct work w;
	frame_ix ix;

	(void)state;
	begin();
	assert_int_equal(sf_write(&b, y, out, 20000), 20000);
	assert_int_equal(work_enter(&w, &a), 0);
	while ((ix = frame_alloc(&w.in.arena)))
		frame_list_add(&w.in.arena, &all, ix);
	work_end(&w);
	alarm(10);
	assert_int_equal(splice_in(1000), 1000);
	alarm(0);
	assert_int_equal(work_enter(&w, &a), 0);
	frame_list_free(&w.in.arena, &all);
	work_end(&w);
	assert_int_equal(splice_in(19000), 19000);
	assert_int_equal(splice_out(20000), 20000);
	assert_int_equal(sf_read(&b, v, in, sizeof(in)), 20000);
	assert_memory_equal(in, out, 20000);
	end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(no_byte_moves),
		TEST(a_pipe_is_full),
		TEST(whoever_dies_leaves_nothing),
		TEST(torn_lists_are_not_followed),
		TEST(barred),
		TEST(names_of_descriptors),
		TEST(resized_by_another),
		TEST(number_used_again),
		TEST(number_of_a_full_pipe),
		TEST(no_frame_for_a_part),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
