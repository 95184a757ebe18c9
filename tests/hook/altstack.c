/* SPDX-License-Identifier: BSD-2-Clause */
/* Handlers on an alternate stack, for signals during calls and for a stack
 * overflow. */
#include "check.h"

#include <setjmp.h>
#include <signal.h>

static char stack[32768];
static sigjmp_buf out;
static volatile int on_it, count;

static void handler(int sig)
{
	char here;

	(void)sig;
	count++;
	on_it += &here >= stack && &here < stack + sizeof(stack);
	CHECK(is_hooked());
}

static void overflow(int sig)
{
	handler(sig);
	siglongjmp(out, 1);
}

static __attribute__((noinline)) int deep(int n)
{
	volatile char page[4096];

	page[0] = (char)n;
	if (n < 0)
		return 0;
	return deep(n + 1) + page[0];
}

int main(void)
{
	stack_t ss = { .ss_sp = stack, .ss_size = sizeof(stack) }, now;
	struct sigaction sa = { .sa_handler = handler, .sa_flags = SA_ONSTACK };

	CHECK(!sigaltstack(&ss, NULL));
	CHECK(!sigaltstack(NULL, &now) && now.ss_sp == stack);
	CHECK(!sigaction(SIGUSR1, &sa, NULL));
	sa.sa_handler = overflow;
	CHECK(!sigaction(SIGSEGV, &sa, NULL));
	for (int i = 0; i < 5; i++) {
		raise(SIGUSR1);
		if (!sigsetjmp(out, 1))
			deep(0);
		CHECK(is_hooked());
	}
	CHECK(count == 10 && on_it == 10);
	return 0;
}
