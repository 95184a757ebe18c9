/* SPDX-License-Identifier: BSD-2-Clause */
/* A debugger's start of a program: from a vfork child, traced from its first
 * instruction on, with the program in its place when the debugger is told; and
 * a child that stops itself to be traced. All of them are hooked. */
#include "check.h"

#include <elf.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <sys/ptrace.h>

static char own[PATH_MAX];

/* What @pid stops for next. */
static int stop_of(pid_t pid)
{
	int status;

	CHECK(waitpid(pid, &status, 0) == pid);
	return WIFSTOPPED(status) ? WSTOPSIG(status) : -1;
}

/* Lets @pid run to its end, with all signals that it gets but an exec's. */
static int end_of(pid_t pid)
{
	int status, sig = 0;

	for (;;) {
		CHECK(!ptrace(PTRACE_CONT, pid, NULL, (long)sig));
		CHECK(waitpid(pid, &status, 0) == pid);
		if (!WIFSTOPPED(status))
			return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
		sig = WSTOPSIG(status) == SIGTRAP ? 0 : WSTOPSIG(status);
	}
}

/* The debugger's view of a program that has just been started. */
static void look(pid_t pid, const char *file, int is_static)
{
	char link[64], exe[PATH_MAX];
	ssize_t n;

	snprintf(link, sizeof(link), "/proc/%d/exe", pid);
	n = readlink(link, exe, sizeof(exe) - 1);
	CHECK(n > 0);
	exe[n] = '\0';
	CHECK(!is_static || !strcmp(exe, file));
	/* At a fixed address: where breakpoints go. */
	if (is_static)
		CHECK(ptrace(PTRACE_PEEKTEXT, pid, stop_of, NULL) ==
		      *(long *)(void *)stop_of);
}

static void start(const char *file, int is_static, int forked)
{
	char child[] = "child", *argv[] = { (char *)file, child, NULL };
	pid_t pid = forked ? fork() : vfork();

	if (!pid) {
		if (ptrace(PTRACE_TRACEME, 0, NULL, NULL))
			_exit(1);
		if (forked)
			raise(SIGSTOP);
		execv("/nowhere", argv);
		execv(file, argv);
		_exit(2);
	}
	CHECK(pid > 0);
	if (forked) {
		CHECK(stop_of(pid) == SIGSTOP);
		ptrace(PTRACE_SETOPTIONS, pid, NULL, PTRACE_O_EXITKILL);
		CHECK(end_of(pid) == 9);
		return;
	}
	CHECK(stop_of(pid) == SIGTRAP);
	look(pid, file, is_static);
	CHECK(end_of(pid) == 9);
}

/* At a fixed address, and without a loader? */
static int is_fixed(const char *file)
{
	int fd = open(file, O_RDONLY | O_CLOEXEC);
	Elf64_Ehdr e;

	CHECK(fd >= 0 && read(fd, &e, sizeof(e)) == sizeof(e));
	close(fd);
	return e.e_type == ET_EXEC;
}

int main(int argc, char **argv)
{
	pid_t pid;

	(void)argv;
	if (argc > 1) {
		sigset_t now;

		CHECK(is_hooked());
		CHECK(!sigprocmask(SIG_BLOCK, NULL, &now));
		CHECK(!sigismember(&now, SIGTRAP));
		return 9;
	}
	CHECK(readlink("/proc/self/exe", own, sizeof(own) - 1) > 0);
	for (int i = 0; i < 3; i++) {
		start(own, is_fixed(own), 0);
		start(own, is_fixed(own), 1);
	}
	/* One tracer a process. */
	pid = fork();
	if (!pid) {
		CHECK(!ptrace(PTRACE_TRACEME, 0, NULL, NULL));
		CHECK(ptrace(PTRACE_TRACEME, 0, NULL, NULL) < 0 &&
		      errno == EPERM);
		_exit(9);
	}
	CHECK(status_of(pid) == 9);
	CHECK(is_hooked());
	return 0;
}
