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
	"usage: toami trace [-o FILE] [-v PATH] [-a ADDR] [--] PROGRAM "
	"[argument...]\n"
	"\n"
	"Starts PROGRAM as 'toami run' does and shows each call that the "
	"fabric "
	"answers,\n"
	"of PROGRAM and of what it starts: thread, call, result, seconds.\n"
	"\n"
	"  -o, --output FILE   append to FILE instead of showing on standard "
	"error\n"
	"  -v, --vif PATH      as for run\n"
	"  -a, --address ADDR  as for run\n"
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

int cli_trace(int argc, char **argv)
{
	static const struct option options[] = {
		{ "output", required_argument, NULL, 'o' },
		{ "vif", required_argument, NULL, 'v' },
		{ "address", required_argument, NULL, 'a' },
		CLI_OPTS_END
	};
	static char vif[] = "-v", address[] = "-a", end[] = "--";
	char *output = NULL, path[PATH_MAX];
	char **args = calloc((size_t)argc + 8, sizeof(*args));
	int c, n = 0;

	if (!args)
		return cli_complain(EX_OSERR, "out of memory");
	args[n++] = argv[0];
	while ((c = getopt_long(argc, argv, "+o:v:a:h", options, NULL)) != -1) {
		if (c == CLI_HELP)
			return cli_help(help);
		if (c == '?')
			return cli_usage("trace");
		if (c == 'o') {
			output = optarg;
			continue;
		}
		args[n++] = c == 'v' ? vif : address;
		args[n++] = optarg;
	}
	if (optind == argc) {
		cli_complain(EX_USAGE, "trace needs a program to start");
		return cli_usage("trace");
	}
	args[n++] = end;
	for (; optind < argc; optind++)
		args[n++] = argv[optind];
	args[n] = NULL;
	optind = 0;
	if (!output)
		return to_standard_error(n, args);
	/* Wherever the program goes. */
	c = open(output, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
	if (c < 0 || !realpath(output, path) || setenv("TOAMI_TRACE", path, 1))
		return cli_complain(EX_CANTCREAT, "cannot write to %s: %s",
				    output, strerror(errno));
	close(c);
	return cli_run(n, args);
}
