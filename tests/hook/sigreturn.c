/* SPDX-License-Identifier: BSD-2-Clause */
/* A handler that changes where the program goes on and with what, one that
 * returns by a restorer of its own, and a context made by hand. */
#include "check.h"

#include <signal.h>
#include <sys/syscall.h>
#include <ucontext.h>

struct kernel_action {
	void (*handler)(int, siginfo_t *, void *);
	unsigned long flags;
	void (*restorer)(void);
	unsigned long mask;
};
#define RESTORER 0x04000000UL

extern const char waiting[], resumed[];
void own_restorer(void);
__asm__(".text\nown_restorer: mov $15, %eax; syscall\n");

static volatile int handled;

static void by_restorer(int sig, siginfo_t *info, void *context)
{
	(void)sig;
	(void)info;
	(void)context;
	handled++;
	CHECK(is_hooked());
}

/* The interrupted call's result and the next instruction are changed. */
static void redirect(int sig, siginfo_t *info, void *context)
{
	ucontext_t *uc = context;

	(void)sig;
	(void)info;
	handled++;
	/* Not yet in the call: the next one will find it there. */
	if (uc->uc_mcontext.gregs[REG_RIP] != (greg_t)(waiting + 2))
		return;
	uc->uc_mcontext.gregs[REG_RAX] = 4711;
	uc->uc_mcontext.gregs[REG_R12] = 815;
	uc->uc_mcontext.gregs[REG_RIP] = (greg_t)resumed;
	sigaddset(&uc->uc_sigmask, SIGUSR2);
}

/* Raises SIGUSR1 and waits inside a call of ours; comes back at resumed. */
static long interrupted(long *r12)
{
	long ret, kept;

	__asm__ volatile("xor %%r12d, %%r12d\n\t"
			 ".globl waiting\nwaiting: syscall\n\t"
			 "mov $1, %%eax\n\t"
			 ".globl resumed\nresumed: mov %%r12, %1"
			 : "=a"(ret), "=r"(kept)
			 : "a"(NR_WAIT_1)
			 : "rcx", "r11", "r12", "memory");
	*r12 = kept;
	return ret;
}

int main(void)
{
	struct kernel_action a = { by_restorer, SA_SIGINFO | RESTORER,
				   own_restorer, 0 };
	struct sigaction change = { .sa_sigaction = redirect,
				    .sa_flags = SA_SIGINFO };
	ucontext_t here, back;
	volatile int turns = 0;
	sigset_t now, none;
	long r12;
	pid_t pid, parent = getpid();

	for (int i = 0; i < 100; i++) {
		CHECK(!raw(SYS_rt_sigaction, SIGUSR1, (long)&a, 0) ||
		      !syscall(SYS_rt_sigaction, SIGUSR1, &a, NULL, 8));
		CHECK(!raise(SIGUSR1));
		CHECK(is_hooked());
	}
	CHECK(handled == 100);

	sigemptyset(&none);
	CHECK(!sigaction(SIGUSR1, &change, NULL));
	pid = fork();
	if (!pid) {
		while (getppid() == parent) {
			usleep(5000);
			kill(parent, SIGUSR1);
		}
		_exit(0);
	}
	for (int i = 0; i < 20; i++) {
		CHECK(interrupted(&r12) == 4711 && r12 == 815);
		CHECK(!sigprocmask(SIG_SETMASK, &none, &now));
		CHECK(sigismember(&now, SIGUSR2) == 1);
		CHECK(is_hooked());
	}
	kill(pid, SIGKILL);
	status_of(pid);

	/* getcontext and setcontext: a jump with a mask, no signal at all. */
	CHECK(!getcontext(&back));
	if (++turns < 5) {
		memcpy(&here, &back, sizeof(here));
		CHECK(is_hooked());
		setcontext(&back);
	}
	CHECK(turns == 5);
	return 0;
}
