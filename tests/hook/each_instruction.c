/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A signal before each single instruction of a call, from the program's into
 * the hook and back: a tracer takes the program so many steps and then sends
 * it. The handler sees the program at its own code, makes calls of its own,
 * and returns or leaves by siglongjmp; every call gives what it gives.
 */
#include "check.h"

#include <setjmp.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <ucontext.h>

#define ROUNDS_MAX 20000
/* So many steps are tried one by one. */
#define STEPS_SINGLE 600
#define TEXTS	     256

static sigjmp_buf out;
static volatile int handled, leaves;
static int own;
static pid_t parent;

/* Executable mappings of files, but the hook's. */
static struct {
	unsigned long start, end;
} texts[TEXTS];
static int text_count;

static void find_texts(void)
{
	FILE *maps = fopen("/proc/self/maps", "r");
	char line[512], may[8];

	CHECK(maps);
	while (fgets(line, sizeof(line), maps)) {
		unsigned long start, end;

		if (sscanf(line, "%lx-%lx %7s", &start, &end, may) != 3 ||
		    may[2] != 'x' || strstr(line, "toami-") ||
		    !strchr(line, '/'))
			continue;
		CHECK(text_count < TEXTS);
		texts[text_count].start = start;
		texts[text_count++].end = end;
	}
	fclose(maps);
}

static int is_own_text(unsigned long at)
{
	for (int i = 0; i < text_count; i++) {
		if (at >= texts[i].start && at < texts[i].end)
			return 1;
	}
	return 0;
}

static void calls(void)
{
	char buffer[8];

	CHECK(read(own, buffer, 5) == 6);
	CHECK(syscall(NR_PLUS, 41) == 42);
	CHECK(getppid() == parent);
	errno = 0;
	CHECK(read(-1, buffer, 5) == -1 && errno == EBADF);
}

static void handler(int sig, siginfo_t *info, void *context)
{
	unsigned long at = (unsigned long)((ucontext_t *)context)
				   ->uc_mcontext.gregs[REG_RIP];
	int error = errno;

	(void)sig;
	(void)info;
	if (!is_own_text(at)) {
		fprintf(stderr, "the handler sees %lx\n", at);
		_exit(1);
	}
	handled++;
	calls();
	errno = error;
	if (leaves)
		siglongjmp(out, 1);
}

static void traced(void)
{
	struct sigaction sa = { .sa_sigaction = handler,
				.sa_flags = SA_SIGINFO };

	own = dup(2);
	syscall(NR_OWN, own);
	CHECK(!sigaction(SIGUSR1, &sa, NULL));
	for (int i = 0; i < 4; i++)
		calls();
	find_texts();
	raise(SIGSTOP);
	for (int i = 0; i < ROUNDS_MAX; i++) {
		handled = 0;
		leaves = i & 1;
		if (!sigsetjmp(out, 1)) {
			__asm__ volatile("int3");
			calls();
		}
		__asm__ volatile("int3");
		CHECK(handled <= 1);
		calls();
	}
	_exit(2);
}

/* Until @pid stops; returns by what. A signal for the program is passed on. */
static int go(pid_t pid, enum __ptrace_request request, int sig)
{
	int status;

	for (;; sig = WSTOPSIG(status)) {
		CHECK(!ptrace(request, pid, 0, sig));
		CHECK(waitpid(pid, &status, 0) == pid);
		if (!WIFSTOPPED(status)) {
			fprintf(stderr, "it ended: %x\n", status);
			exit(1);
		}
		if (WSTOPSIG(status) == SIGTRAP)
			return SIGTRAP;
		CHECK(WSTOPSIG(status) == SIGSYS ||
		      WSTOPSIG(status) == SIGUSR1);
		/* A step into a handler ends there at once. */
	}
}

static int is_breakpoint(pid_t pid)
{
	siginfo_t info;

	CHECK(!ptrace(PTRACE_GETSIGINFO, pid, 0, &info));
	return info.si_code == SI_KERNEL;
}

/* So many single steps, or until the end. Returns whether that came first. */
static int walk(pid_t pid, int steps)
{
	for (int i = 0; i < steps; i++) {
		go(pid, PTRACE_SINGLESTEP, 0);
		if (is_breakpoint(pid))
			return 1;
	}
	return 0;
}

int main(void)
{
	int status, steps = 0, total = 0;
	pid_t pid;

	parent = getpid();
	pid = fork();
	CHECK(pid >= 0);
	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		traced();
	}
	CHECK(waitpid(pid, &status, WUNTRACED) == pid && WIFSTOPPED(status));
	CHECK(!ptrace(PTRACE_SEIZE, pid, 0, PTRACE_O_EXITKILL));
	CHECK(!kill(pid, SIGCONT));
	/* The stop that it is in, and its end, come first. */
	for (;;) {
		CHECK(waitpid(pid, &status, 0) == pid && WIFSTOPPED(status));
		if (WSTOPSIG(status) == SIGTRAP && !(status >> 16))
			break;
		CHECK(!ptrace(PTRACE_CONT, pid, 0, 0));
	}
	while (!walk(pid, 1))
		total++;
	CHECK(total > 50);
	go(pid, PTRACE_CONT, 0);
	CHECK(is_breakpoint(pid));
	/* Where calls go through handlers there are thousands: some of them. */
	while (!walk(pid, steps)) {
		go(pid, PTRACE_CONT, SIGUSR1);
		CHECK(is_breakpoint(pid));
		go(pid, PTRACE_CONT, 0);
		CHECK(is_breakpoint(pid));
		steps += 1 + total / STEPS_SINGLE;
	}
	CHECK(steps > total / 2);
	CHECK(!kill(pid, SIGKILL));
	CHECK(status_of(pid) == 1000 + SIGKILL);
	return 0;
}
