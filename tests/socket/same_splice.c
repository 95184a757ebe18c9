/* SPDX-License-Identifier: BSD-2-Clause */
/* splice, tee and sendfile with sockets at either end. */
#include "same.h"

#include <sys/sendfile.h>

static void between(void)
{
	char buf[64] = { 0 };
	loff_t off = 0;
	int x, y, p[2], q[2];

	same_streams(&x, &y);
	if (pipe(p) || pipe(q))
		return;
	STEP(write(x, "0123456789", 10));
	same_readable(y);
	STEP(splice(y, NULL, p[1], NULL, 4, 0));
	STEP(splice(y, NULL, p[1], NULL, 64, 0));
	STEP(tee(p[0], q[1], 64, 0));
	STEP(read(q[0], buf, sizeof(buf)));
	printf("  %s\n", buf);
	STEP(splice(p[0], NULL, y, NULL, 6, SPLICE_F_MORE));
	STEP(splice(p[0], NULL, y, NULL, 64, 0));
	memset(buf, 0, sizeof(buf));
	STEP(recv(x, buf, 10, MSG_WAITALL));
	printf("  %s\n", buf);
	/* What cannot be. */
	STEP(splice(y, &off, p[1], NULL, 4, 0));
	STEP(splice(y, NULL, p[1], &off, 4, 0));
	STEP(splice(y, NULL, x, NULL, 4, 0));
	STEP(splice(y, NULL, p[1], NULL, 4, 0x100));
	STEP(splice(y, NULL, p[1], NULL, 0, 0));
	STEP(tee(y, p[1], 4, 0));
	STEP(tee(p[0], y, 4, 0));
	STEP(splice(y, NULL, p[0], NULL, 4, SPLICE_F_NONBLOCK));
	STEP(splice(p[1], NULL, y, NULL, 4, SPLICE_F_NONBLOCK));
	STEP(splice(y, NULL, 99, NULL, 4, 0));
	STEP(splice(99, NULL, y, NULL, 4, 0));
	/* Nothing there. */
	STEP(splice(p[0], NULL, y, NULL, 4, SPLICE_F_NONBLOCK));
	fcntl(y, F_SETFL, O_NONBLOCK);
	STEP(splice(y, NULL, p[1], NULL, 4, 0));
	fcntl(y, F_SETFL, 0);
	/* A full pipe takes nothing. */
	fcntl(p[1], F_SETPIPE_SZ, 4096);
	{
		char page[4096] = { 0 };

		STEP(write(p[1], page, sizeof(page)));
	}
	STEP(write(x, "abc", 3));
	same_readable(y);
	STEP(splice(y, NULL, p[1], NULL, 3, SPLICE_F_NONBLOCK));
	STEP(recv(y, buf, 64, 0));
	close(p[0]);
	STEP(write(x, "def", 3));
	same_readable(y);
	signal(SIGPIPE, SIG_IGN);
	STEP(splice(y, NULL, p[1], NULL, 3, 0));
	/* The end. */
	STEP(shutdown(x, SHUT_WR));
	STEP(recv(y, buf, 64, 0));
	STEP(splice(y, NULL, q[1], NULL, 3, 0));
	STEP(write(q[1], "xyz", 3));
	close(q[1]);
	STEP(splice(q[0], NULL, x, NULL, 3, 0));
	STEP(splice(q[0], NULL, y, NULL, 3, 0));
	close(x);
	close(y);
	close(p[1]);
	close(q[0]);
}

static int numbered(void)
{
	char name[] = "/tmp/same.XXXXXX", byte[100000];
	int file = mkstemp(name);

	unlink(name);
	for (size_t i = 0; i < sizeof(byte); i++)
		byte[i] = (char)(i * 3 + i / 256);
	if (write(file, byte, sizeof(byte)) != sizeof(byte))
		exit(1);
	lseek(file, 0, SEEK_SET);
	return file;
}

/* A file as a datagram; and where nothing may be appended. */
static void files_elsewhere(void)
{
	char buf[2000];
	int x, y, s, p[2], file = numbered(),
			   lone = socket(AF_INET, SOCK_DGRAM, 0);
	off_t at = 2;
	long n;

	same_datagrams(&x, &y);
	STEP(sendfile(lone, file, &at, 5));
	STEP(sendfile(lone, file, NULL, 5));
	STEP(sendfile(lone, file, NULL, 0));
	printf("  at %ld, file at %ld\n", (long)at,
	       (long)lseek(file, 0, SEEK_CUR));
	STEP(sendfile(x, file, &at, 1000));
	STEP(sendfile(x, file, NULL, 500));
	printf("  at %ld, file at %ld\n", (long)at,
	       (long)lseek(file, 0, SEEK_CUR));
	for (int i = 0; i < 2; i++) {
		n = recv(y, buf, sizeof(buf), 0);
		printf("  %ld bytes from %d\n", n, buf[0]);
	}
	/* The end of the file ends the datagram, and more is too long. */
	lseek(file, -7, SEEK_END);
	STEP(sendfile(x, file, NULL, 500));
	STEP(recv(y, buf, sizeof(buf), 0));
	STEP(sendfile(x, file, NULL, 500));
	at = 0;
	STEP(sendfile(x, file, &at, 80000));
	printf("  at %ld\n", (long)at);
	close(x);
	close(y);
	close(lone);
	same_streams(&x, &s);
	if (pipe(p))
		return;
	STEP(write(p[1], "abc", 3));
	fcntl(x, F_SETFL, O_APPEND);
	STEP(sendfile(x, file, &at, 5));
	STEP(sendfile(x, file, NULL, 0));
	STEP(splice(p[0], NULL, x, NULL, 3, 0));
	STEP(write(s, "d", 1));
	STEP(splice(x, NULL, p[1], NULL, 3, 0));
	fcntl(x, F_SETFL, 0);
	STEP(splice(p[0], NULL, x, NULL, 4, 0));
	close(x);
	close(s);
	close(p[0]);
	close(p[1]);
	close(file);
}

static void files(void)
{
	char name[] = "/tmp/same.XXXXXX", buf[64] = { 0 };
	int x, y, p[2], file = mkstemp(name);
	off_t at = 2;
	loff_t off = 1;

	unlink(name);
	same_streams(&x, &y);
	if (pipe(p))
		return;
	STEP(write(file, "0123456789", 10));
	STEP(sendfile(x, file, &at, 5));
	printf("  at %ld, file at %ld\n", (long)at,
	       (long)lseek(file, 0, SEEK_CUR));
	STEP(recv(y, buf, 5, MSG_WAITALL));
	printf("  %s\n", buf);
	lseek(file, 7, SEEK_SET);
	STEP(sendfile(x, file, NULL, 100));
	printf("  file at %ld\n", (long)lseek(file, 0, SEEK_CUR));
	STEP(recv(y, buf, 64, 0));
	STEP(sendfile(x, file, NULL, 100));
	STEP(sendfile(x, y, NULL, 5));
	STEP(sendfile(file, y, NULL, 5));
	STEP(sendfile(x, p[0], NULL, 0));
	STEP(sendfile(x, 99, NULL, 5));
	STEP(sendfile(99, x, NULL, 5));
	STEP(splice(file, &off, x, NULL, 5, 0));
	STEP(splice(x, NULL, file, &off, 5, 0));
	{
		int path = open("/", O_PATH);

		STEP(splice(path, NULL, x, NULL, 5, 0));
		STEP(splice(x, NULL, path, NULL, 5, 0));
		close(path);
	}
	STEP(copy_file_range(file, NULL, x, NULL, 5, 0));
	STEP(copy_file_range(x, NULL, file, NULL, 5, 0));
	STEP(pread(x, buf, 5, 0));
	STEP(pwrite(x, buf, 5, 0));
	STEP(lseek(x, 0, SEEK_CUR));
	STEP(ftruncate(x, 0));
	STEP(fsync(x));
	/* Through a pipe, as programs copy without touching the bytes. */
	STEP(write(y, "through", 7));
	same_readable(x);
	STEP(splice(x, NULL, p[1], NULL, 64, SPLICE_F_MOVE));
	off = 0;
	STEP(splice(p[0], NULL, file, &off, 64, SPLICE_F_MOVE));
	STEP(pread(file, buf, 7, 0));
	printf("  %.7s\n", buf);
	close(x);
	close(y);
	close(p[0]);
	close(p[1]);
	close(file);
}

static void datagrams(void)
{
	char buf[64];
	int x, y, p[2];

	same_datagrams(&x, &y);
	if (pipe(p))
		return;
	STEP(send(x, "0123456789", 10, 0));
	same_readable(y);
	STEP(splice(y, NULL, p[1], NULL, 64, 0));
	STEP(splice(p[0], NULL, x, NULL, 64, 0));
	same_readable(y);
	STEP(recv(y, buf, 64, 0));
	STEP(splice(p[0], NULL, y, NULL, 64, SPLICE_F_NONBLOCK));
	close(x);
	close(y);
	close(p[0]);
	close(p[1]);
}

/* More than any buffer in between. */
static void much(void)
{
	enum { BYTES = 3 << 20 };
	unsigned char buf[65536];
	unsigned long sum = 0, want = 0;
	int x, y, z, v, p[2];
	long left = BYTES;

	same_streams(&x, &y);
	same_streams(&z, &v);
	if (pipe(p))
		return;
	if (!fork()) {
		for (long i = 0; i < BYTES; i += (long)sizeof(buf)) {
			for (size_t k = 0; k < sizeof(buf); k++)
				buf[k] = (unsigned char)(i / 7 + (long)k);
			if (write(x, buf, sizeof(buf)) != sizeof(buf))
				_exit(1);
		}
		_exit(0);
	}
	if (!fork()) {
		long n;

		close(x);
		while ((n = splice(y, NULL, p[1], NULL, 1 << 20, 0)) > 0)
			while (n > 0) {
				long m = splice(p[0], NULL, z, NULL, (size_t)n,
						0);

				if (m <= 0)
					_exit(1);
				n -= m;
			}
		_exit(0);
	}
	close(x);
	close(y);
	close(z);
	for (long i = 0; i < BYTES; i += (long)sizeof(buf))
		for (size_t k = 0; k < sizeof(buf); k++)
			want = want * 31 + (unsigned char)(i / 7 + (long)k);
	while (left > 0) {
		long n = read(v, buf, sizeof(buf));

		if (n <= 0)
			break;
		for (long k = 0; k < n; k++)
			sum = sum * 31 + buf[k];
		left -= n;
	}
	printf("  %ld left, %s\n", left, sum == want ? "the same" : "garbled");
	close(v);
	close(p[0]);
	close(p[1]);
}

/* Nothing passes an urgent byte, fetched or not. */
static void mark(int in_line)
{
	char buf[64] = { 0 };
	int x, y, p[2];

	same_streams(&x, &y);
	if (pipe(p))
		return;
	STEP(setsockopt(y, SOL_SOCKET, SO_OOBINLINE, &in_line,
			sizeof(in_line)));
	STEP(send(x, "abc", 3, 0));
	same_readable(y);
	STEP(send(x, "d", 1, MSG_OOB));
	STEP(send(x, "ef", 2, 0));
	usleep(50000);
	STEP(splice(y, NULL, p[1], NULL, 64, 0));
	STEP(splice(y, NULL, p[1], NULL, 64, 0));
	STEP(splice(y, NULL, p[1], NULL, 64, SPLICE_F_NONBLOCK));
	STEP(recv(y, buf, 1, MSG_OOB));
	STEP(splice(y, NULL, p[1], NULL, 64, 0));
	fcntl(y, F_SETFL, O_NONBLOCK);
	STEP(splice(y, NULL, p[1], NULL, 64, 0));
	fcntl(y, F_SETFL, 0);
	STEP(recv(y, buf, 1, 0));
	printf("  %s\n", buf);
	STEP(splice(y, NULL, p[1], NULL, 64, 0));
	memset(buf, 0, sizeof(buf));
	STEP(read(p[0], buf, sizeof(buf)));
	printf("  %s\n", buf);
	close(x);
	close(y);
	close(p[0]);
	close(p[1]);
}

void same_splice(void)
{
	between();
	files();
	files_elsewhere();
	datagrams();
	much();
	mark(0);
	mark(1);
}
