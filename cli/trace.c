/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * toami trace: runs a program as `toami run` does, and shows its socket calls.
 *
 * The hook writes the lines, by appending to a file (hook/trace.c). With -o
 * that is all. Without, the file is a temporary one, and this process stays to
 * copy what is appended to standard error until the program ends, whose exit
 * code it gives.
 */
#include "cli/cli.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define LOOK_NS 20000000 /* between two looks at the file */

static const char help[] =
	"usage: toami trace [-o FILE] [option...] [--] PROGRAM [argument...]\n"
	"\n"
	"Starts PROGRAM as 'toami run' does and shows each call that the "
	"fabric "
	"answers,\n"
	"of PROGRAM and of what it starts: thread, call, result, seconds.\n"
	"\n"
	"  -o, --output FILE   append to FILE instead of showing on standard "
	"error;\n"
	"                      the first option, if given\n"
	"  others              as for run\n"
	"\n"
	"Exits as PROGRAM does.\n";

static volatile sig_atomic_t child;

static void forward(int sig)
{
	if (child > 0)
		kill((pid_t)child, sig);
}

/* Copies what is new in @fd. */
static void copy(int fd)
{
	char buf[16384];
	ssize_t n;

	while ((n = read(fd, buf, sizeof(buf))) > 0)
		for (ssize_t done = 0, w; done < n; done += w) {
			w = write(STDERR_FILENO, buf + done,
				  (size_t)(n - done));
			if (w < 0)
				return;
		}
}

static int exit_code(int status)
{
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status)
				   : WEXITSTATUS(status);
}

/* The program runs as a child; its trace is copied from @path. */
static int relay(const char *path, int fd, int argc, char **argv)
{
	struct timespec pause = { 0, LOOK_NS };
	int status = 0;
	pid_t pid;

	/* The terminal's signals are for the program; we end after it. */
	signal(SIGINT, SIG_IGN);
	signal(SIGQUIT, SIG_IGN);
	signal(SIGTERM, forward);
	signal(SIGHUP, forward);
	pid = fork();
	if (pid < 0)
		return cli_complain(EX_OSERR, "cannot fork: %s",
				    strerror(errno));
	if (!pid) {
		signal(SIGINT, SIG_DFL);
		signal(SIGQUIT, SIG_DFL);
		signal(SIGTERM, SIG_DFL);
		signal(SIGHUP, SIG_DFL);
		close(fd);
		if (setenv("TOAMI_TRACE", path, 1))
			_exit(EX_OSERR);
		_exit(cli_run(argc, argv));
	}
	child = pid;
	while (waitpid(pid, &status, WNOHANG) == 0) {
		copy(fd);
		nanosleep(&pause, NULL);
	}
	copy(fd);
	return exit_code(status);
}

static int to_standard_error(int argc, char **argv)
{
	const char *dir = getenv("TMPDIR");
	char path[PATH_MAX];
	int fd, code;

	snprintf(path, sizeof(path), "%s/toami-trace-XXXXXX",
		 dir && *dir ? dir : "/tmp");
	fd = mkostemp(path, O_CLOEXEC);
	if (fd < 0)
		return cli_complain(EX_CANTCREAT, "cannot make %s: %s", path,
				    strerror(errno));
	/* Whatever user the program becomes. */
	fchmod(fd, 0622);
	code = relay(path, fd, argc, argv);
	close(fd);
	unlink(path);
	return code;
}

/* The value of -o at the head of @argv, and the words that it takes. */
static int read_output(char **argv, char **output)
{
	static const char long_form[] = "--output=";
	const char *word = argv[1];

	if (!word)
		return 0;
	if (!strncmp(word, long_form, strlen(long_form))) {
		*output = argv[1] + strlen(long_form);
		return 1;
	}
	if ((strcmp(word, "-o") && strcmp(word, "--output")) || !argv[2])
		return 0;
	*output = argv[2];
	return 2;
}

int cli_trace(int argc, char **argv)
{
	char *output = NULL, path[PATH_MAX];
	int taken = read_output(argv, &output), fd;

	if (argc > 1 && (!strcmp(argv[1], "-h") || !strcmp(argv[1], "--help")))
		return cli_help(help);
	if (taken + 1 == argc) {
		cli_complain(EX_USAGE, "trace needs a program to start");
		return cli_usage("trace");
	}
	/* The rest is as for run, which reads it. */
	argv[taken] = argv[0];
	argc -= taken;
	argv += taken;
	if (!output)
		return to_standard_error(argc, argv);
	/* Wherever the program goes. */
	fd = open(output, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
	if (fd < 0 || !realpath(output, path) || setenv("TOAMI_TRACE", path, 1))
		return cli_complain(EX_CANTCREAT, "cannot write to %s: %s",
				    output, strerror(errno));
	close(fd);
	return cli_run(argc, argv);
}
