/* SPDX-License-Identifier: BSD-2-Clause */
/* A static program comes back hooked: by its name, as a script's interpreter,
 * by its descriptor, without an environment; as if nobody stood in between. */
#include "check.h"

#include <fcntl.h>
#include <signal.h>
#include <linux/close_range.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>

static char *const nothing[] = { NULL };
static char got[800];
static int full; /* no descriptor is left at exec */

enum how { BY_NAME, BY_FD, BY_VFORK };

/* Starts @path, or @fd, with @argv; what it says is in got. Its exit code. */
static int start(enum how how, const char *path, int fd, char *const *argv,
		 char *const *env)
{
	volatile ssize_t all = 0;
	ssize_t n;
	pid_t pid;
	int p[2];

	CHECK(!pipe2(p, O_CLOEXEC));
	pid = how == BY_VFORK ? vfork() : fork();
	if (!pid) {
		dup2(p[1], 1);
		while (full && dup(1) >= 0)
			;
		if (full) /* the program finds those that exec leaves */
			close_range(3, ~0U, CLOSE_RANGE_CLOEXEC);
		if (how == BY_FD)
			syscall(SYS_execveat, fd, "", argv, env, AT_EMPTY_PATH);
		else
			execve(path, argv, env);
		_exit(errno);
	}
	close(p[1]);
	while ((n = read(p[0], got + all, sizeof(got) - 1 - (size_t)all)) > 0)
		all += n;
	got[all] = '\0';
	close(p[0]);
	return status_of(pid);
}

static void expect(const char *what)
{
	if (!strcmp(got, what))
		return;
	fprintf(stderr, "got '%s', not '%s'\n", got, what);
	_exit(1);
}

static void write_script(const char *path, const char *line)
{
	int fd = open(path, O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0755);

	dprintf(fd, "#!%s\n", line);
	close(fd);
}

/* The file in a memory of its own, closed on exec. */
static int memory_file(const char *path)
{
	int from = open(path, O_RDONLY | O_CLOEXEC);
	int to = memfd_create("program", MFD_CLOEXEC);
	struct stat st;
	off_t at = 0;

	CHECK(from >= 0 && to >= 0 && !fstat(from, &st));
	while (at < st.st_size) {
		char block[65536];
		ssize_t n = read(from, block, sizeof(block));

		CHECK(n > 0 && write(to, block, (size_t)n) == n);
		at += n;
	}
	close(from);
	return to;
}

static void scripts(const char *program, const char *dir)
{
	char script[100], second[100], line[300], want[1200];
	char x[] = "x", *argv[] = { script, x, NULL };

	snprintf(script, sizeof(script), "%s/script", dir);
	snprintf(second, sizeof(second), "%s/second", dir);
	if (strlen(program) > 200)
		return;
	snprintf(line, sizeof(line), "  %s  a b  ", program);
	write_script(script, line);
	CHECK(start(BY_NAME, script, 0, argv, nothing) == 4);
	snprintf(want, sizeof(want), "hooked|/t|%s|preload|%s|a b|%s|x",
		 strrchr(program, '/') + 1, program, script);
	expect(want);
	snprintf(line, sizeof(line), "%s", program);
	write_script(second, line);
	snprintf(line, sizeof(line), "%s y", second);
	write_script(script, line);
	CHECK(start(BY_NAME, script, 0, argv, nothing) == 5);
	snprintf(want, sizeof(want), "hooked|/t|%s|preload|%s|%s|y|%s|x",
		 strrchr(program, '/') + 1, program, second, script);
	expect(want);
	unlink(script);
	unlink(second);
}

/* What a child that shares our memory has opened for its exec is its own. */
static void keeps_files(const char *program, char *const *args)
{
	posix_spawn_file_actions_t quiet;
	sigset_t all, before;
	int fd[8];
	pid_t pid;

	CHECK(!posix_spawn_file_actions_init(&quiet));
	CHECK(!posix_spawn_file_actions_addopen(&quiet, 1, "/dev/null",
						O_WRONLY, 0));
	CHECK(!posix_spawn(&pid, program, &quiet, NULL, args, nothing));
	posix_spawn_file_actions_destroy(&quiet);
	CHECK(status_of(pid) == 3);
	for (int i = 0; i < 8; i++)
		CHECK((fd[i] = open("/dev/null", O_RDONLY | O_CLOEXEC)) >= 0);
	sigfillset(&all);
	CHECK(!sigprocmask(SIG_SETMASK, &all, &before));
	CHECK(!sigprocmask(SIG_SETMASK, &before, NULL));
	for (int i = 0; i < 8; i++)
		CHECK(!close(fd[i]));
}

/* A program, dynamic if this one is, whose loader is missing. */
static void without_loader(char *const *args)
{
	static const char name[] = "/lib64/ld-linux-x86-64.so.2";
	int fd = memory_file("/proc/self/exe");
	off_t size = lseek(fd, 0, SEEK_END);
	char *file = mmap(NULL, (size_t)size, PROT_READ | PROT_WRITE,
			  MAP_SHARED, fd, 0);
	char *at;

	CHECK(file != MAP_FAILED);
	at = memmem(file, 4096, name, sizeof(name));
	if (at)
		at[1] = '_';
	CHECK(!munmap(file, (size_t)size));
	if (at)
		CHECK(start(BY_FD, NULL, fd, args, nothing) == ENOENT);
	close(fd);
}

/* A program may be started by one that has no descriptor left. */
static void without_descriptors(const char *program, char *const *args)
{
	struct rlimit before, few;
	int fd, last = 0;

	CHECK(!getrlimit(RLIMIT_NOFILE, &before));
	few = before;
	few.rlim_cur = 20;
	CHECK(!setrlimit(RLIMIT_NOFILE, &few));
	full = 1;
	CHECK(start(BY_NAME, program, 0, args, nothing) == 3);
	CHECK(!strncmp(got, "hooked|/t|", 10));
	full = 0;
	while ((fd = open("/dev/null", O_RDONLY | O_CLOEXEC)) >= 0)
		last = fd;
	CHECK(last == 19 && errno == EMFILE);
	CHECK(!close_range(3, ~0U, 0));
	CHECK(!setrlimit(RLIMIT_NOFILE, &before));
}

int main(int argc, char **argv)
{
	char dir[] = "/tmp/toami-hook-XXXXXX", want[400], path[64];
	char zero[] = "zero", one[] = "one", empty[] = "";
	char *args[] = { zero, one, empty, NULL };
	char *program = realpath(argv[1], NULL);
	const char *name;
	int fd;

	CHECK(argc == 2 && program && mkdtemp(dir));
	CHECK(!close_range(3, ~0U, 0));
	name = strrchr(program, '/') + 1;
	snprintf(want, sizeof(want), "hooked|/t|%s|preload|zero|one|", name);
	CHECK(start(BY_NAME, program, 0, args, environ) == 3);
	expect(want);
	CHECK(start(BY_VFORK, program, 0, args, nothing) == 3);
	expect(want);
	fd = open(program, O_RDONLY | O_CLOEXEC);
	CHECK(start(BY_FD, NULL, fd, args, nothing) == 3);
	expect(want);
	close(fd);
	fd = memory_file(program);
	CHECK(start(BY_FD, NULL, fd, args, nothing) == 3);
	CHECK(!strncmp(got, "hooked|/t|", 10) && strstr(got, "|zero|one|"));
	close(fd);
	CHECK(start(BY_NAME, program, 0, nothing, nothing) == 1);
	scripts(program, dir);
	keeps_files(program, args);
	without_descriptors(program, args);
	without_loader(args);

	/* What the kernel refuses is refused as it would. */
	snprintf(path, sizeof(path), "%s/plain", dir);
	CHECK(!symlink(program, path));
	CHECK(start(BY_NAME, path, 0, args, nothing) == 3);
	unlink(path);
	fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0644);
	CHECK(write(fd, "\177ELF", 4) == 4);
	close(fd);
	CHECK(start(BY_NAME, path, 0, args, nothing) == EACCES);
	unlink(path);
	CHECK(start(BY_NAME, path, 0, args, nothing) == ENOENT);
	CHECK(!rmdir(dir));
	free(program);
	return 0;
}
