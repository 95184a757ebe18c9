/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The start: before any other code of the program (-z initfirst), so that
 * nothing has been done yet that the hook would have to know of.
 *
 * Without TOAMI_DIR and TOAMI_VIF the object stays passive. With them it must
 * succeed: a program never runs on the host's network because something failed
 * here.
 *
 * Nobody leaves a filter (filter.h). Under one, what is not on a fabric is
 * hooked as well, only that everything is passed on.
 */
#include <errno.h>

#include "base/mem.h"
#include "base/sys.h"
#include "fabric/attach.h"
#include "hook/enter.h"
#include "hook/exec.h"
#include "hook/filter.h"
#include "hook/hook.h"
#include "hook/signal.h"
#include "hook/site.h"
#include "hook/trace.h"

struct hook_config hook_config;

bool hook_in_place(void)
{
	return (uint64_t)__ehdr_start == HOOK_PLACE;
}

/* What /proc/self/comm says, for people. */
static void own_name(char name[16])
{
	mem_zero(name, 16);
	sys_call(SYS_prctl, 16 /* PR_GET_NAME */, name);
}

static void attach(const char *dir, const char *vif)
{
	char text[ATTACH_TEXT_MAX] = "";
	char name[16];
	int ret;

	own_name(name);
	ret = socket_attach(&hook_process, dir, vif, name, text);
	if (!ret)
		return;
	text[sizeof(text) - 1] = '\0';
	if (text[0])
		hook_say("cannot attach to ", vif, ": ", text, NULL);
	else if (ret == -EPROTO)
		hook_say("the daemon in ", dir,
			 " is of another version; "
			 "stop it and start it again",
			 NULL);
	else if (ret == -ENOENT || ret == -ECONNREFUSED)
		hook_say("no daemon answers in ", dir, NULL);
	else
		hook_say("cannot attach to ", vif, " in ", dir, NULL);
	hook_die("the program was not started");
}

static bool same(const char *a, const char *b)
{
	return a && !strcmp(a, b);
}

/* With protection keys the kernel makes memory that can be executed, not read.
 */
static bool execute_only(void)
{
	long key = sys_call(SYS_pkey_alloc, 0, 0);

	if (key < 0)
		return false;
	sys_call(SYS_pkey_free, key);
	return true;
}

/*
 * Unasked, page 0 is mapped only where reading a null pointer goes on being an
 * error: there are programs that live by it (Java's null checks), and near
 * jumps serve most sites.
 */
static void choose(const char *tier)
{
	bool automatic =
		!tier || !*tier || same(tier, "auto") || same(tier, "seccomp");
	bool page0 = same(tier, "page0") || (automatic && execute_only());
	bool jump = automatic || same(tier, "jump");

	if (!automatic && !page0 && !jump && !same(tier, "dispatch"))
		hook_die("TOAMI_HOOK is none of dispatch, jump, page0, "
			 "seccomp, auto");
	hook_config.jump = jump && !hook_jump_start();
	hook_config.page0 = page0 && !hook_page0_start();
	if (!automatic && page0 && !hook_config.page0)
		hook_die("TOAMI_HOOK asks for address 0, which cannot be "
			 "mapped: toami doctor says why");
}

static void arm(void)
{
	int ret;

	ret = hook_signal_start(hook_sigsys);
	if (ret < 0)
		hook_die("cannot take over signals");
	ret = hook_catch_arm();
	if (ret < 0 && hook_config.filter)
		hook_die("programs cannot be hooked here, without system call "
			 "user dispatch (Linux 5.11 and later) nor seccomp "
			 "filters: try --stack kernel; toami doctor says more");
	if (ret < 0)
		hook_die("programs cannot be hooked here, without the kernel's "
			 "system call user dispatch (Linux 5.11 and later): "
			 "try --stack kernel; toami doctor says more");
	hook_config.dispatch = true;
}

void hook_start(char **env)
{
	const char *dir, *vif;
	int ret;

	ret = hook_exec_start(env);
	dir = hook_exec_dir();
	vif = hook_exec_vif();
	hook_config.filter = hook_in_place();
	/* An empty TOAMI_VIF is how a program on a fabric leaves it. */
	hook_config.passive = !dir || !vif || !*vif;
	if (hook_config.passive && !(hook_config.filter && hook_filter_on()))
		return;
	if (ret < 0)
		hook_die("cannot find out the hook's own file; LD_PRELOAD "
			 "must name it first");
#ifndef HOOK_OWN_THREADS
	if (hook_filter_wanted(hook_exec_tier()))
		hook_exec_again(env);
#endif
	if (!hook_config.passive)
		attach(dir, vif);
	if (hook_thread_start() < 0)
		hook_die("no memory");
	if (!hook_config.passive && hook_exec_trace() &&
	    hook_trace_start(hook_exec_trace()))
		hook_say("cannot write the trace to ", hook_exec_trace(), NULL);
	if (hook_config.passive)
		hook_dispatch_passive();
	choose(hook_exec_tier());
	arm();
}

#ifndef HOOK_OWN_THREADS
extern char **environ __attribute__((weak));

__attribute__((constructor, used)) static void start(int argc, char **argv,
						     char **env)
{
	(void)argc;
	(void)argv;
	/* musl passes no arguments, but has set environ; glibc has it the other
	 * way round. */
	hook_start(&environ && environ ? environ : env);
}
#endif
