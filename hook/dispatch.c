/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What to do with a call: a table by number, then the socket layer.
 *
 * A call that no socket of ours can be concerned with goes straight on to the
 * kernel; one that names a descriptor does so unless that descriptor is ours.
 */
#include <asm/prctl.h>
#include <errno.h>
#include <linux/prctl.h>

#include "base/sys.h"
#include "hook/exe.h"
#include "hook/filter.h"
#include "hook/hook.h"
#include "hook/sandbox.h"
#include "hook/signal.h"
#include "hook/trace.h"
#include "hook/traceme.h"

#define CALLS 512 /* as long as the sled */

enum call_class {
	CLASS_PASS,    /* never ours */
	CLASS_FD,      /* ours if its first argument is */
	CLASS_OFFER,   /* the socket layer knows */
	CLASS_SPECIAL, /* see special() */
	CLASS_TRACED,  /* any of those before it, while calls are traced */
};

#define FD(nr)	    [SYS_##nr] = CLASS_FD
#define OFFER(nr)   [SYS_##nr] = CLASS_OFFER
#define SPECIAL(nr) [SYS_##nr] = CLASS_SPECIAL

#ifndef PR_SET_SYSCALL_USER_DISPATCH
#define PR_SET_SYSCALL_USER_DISPATCH 59
#endif
#define X32_BIT 0x40000000
#ifndef SYS_epoll_pwait2
#define SYS_epoll_pwait2 441
#endif

static uint8_t classes[CALLS] = {
	FD(read),
	FD(write),
	FD(readv),
	FD(writev),
	FD(pread64),
	FD(pwrite64),
	FD(preadv),
	FD(pwritev),
	FD(preadv2),
	FD(pwritev2),
	FD(close),
	FD(fcntl),
	FD(dup),
	FD(shutdown),
	FD(bind),
	FD(listen),
	FD(accept),
	FD(accept4),
	FD(getsockname),
	FD(getpeername),
	FD(setsockopt),
	FD(getsockopt),
	FD(sendto),
	FD(recvfrom),
	FD(epoll_wait),
	FD(lseek),

	OFFER(ioctl),
	OFFER(sendmsg),
	OFFER(recvmsg),
	OFFER(sendmmsg),
	OFFER(recvmmsg),
	OFFER(socket),
	OFFER(socketpair),
	OFFER(poll),
	OFFER(select),
	OFFER(dup2),
	OFFER(dup3),
	OFFER(sendfile),
	OFFER(splice),
	OFFER(tee),
	OFFER(vmsplice),
	OFFER(copy_file_range),
	OFFER(epoll_create),
	OFFER(epoll_create1),
	OFFER(epoll_ctl),
	OFFER(close_range),
	OFFER(creat),
	OFFER(pipe),
	OFFER(pipe2),
	OFFER(unshare),
	OFFER(io_submit),
	OFFER(pidfd_getfd),
	OFFER(io_uring_setup),
	OFFER(io_uring_enter),
	OFFER(io_uring_register),

	SPECIAL(connect),
	SPECIAL(ppoll),
	SPECIAL(pselect6),
	SPECIAL(epoll_pwait),
	SPECIAL(epoll_pwait2),
	SPECIAL(rt_sigaction),
	SPECIAL(rt_sigprocmask),
	SPECIAL(rt_sigreturn),
	SPECIAL(rt_sigsuspend),
	SPECIAL(rt_sigtimedwait),
	SPECIAL(clone),
	SPECIAL(fork),
	SPECIAL(vfork),
	SPECIAL(clone3),
	SPECIAL(execve),
	SPECIAL(execveat),
	SPECIAL(exit),
	SPECIAL(munmap),
	SPECIAL(prctl),
	SPECIAL(arch_prctl),
	SPECIAL(open),
	SPECIAL(openat),
	SPECIAL(openat2),
	SPECIAL(seccomp),
	SPECIAL(ptrace),
	SPECIAL(kill),
	SPECIAL(tkill),
	SPECIAL(tgkill),
	SPECIAL(readlink),
	SPECIAL(readlinkat),
#ifdef TOAMI_TEST
	[500 ... 505] = CLASS_OFFER, /* tests/hook/socket_stub.c */
#endif
};

/*
 * What becomes of a call that waited until a signal was due. Returns false:
 * that was nothing, a stop perhaps, and it is made again.
 */
static bool interrupted(const struct hook_thread *t, struct hook_frame *f)
{
	if (!t->socket.signal_due)
		return false;
	if (hook_signal_restarts(t->due_info.si_signo))
		f->ret -= 2; /* made again after the handler */
	else
		f->rax = -EINTR;
	return true;
}

static_assert(OFFER_PASS == SOCKET_PASS, "entry.S knows it, too");

/* What follows from an answer: waits cut short, the kernel's calls. */
static int offer_rest(struct hook_thread *t, struct hook_frame *f,
		      const long *args, long ret)
{
	while (ret == SOCKET_RESTART) {
		if (interrupted(t, f))
			return HOOK_AGAIN;
		ret = hook_trace_on() ? hook_trace_call(t, f->rax, args)
				      : socket_call(&t->socket, f->rax, args);
	}
	if (ret == SOCKET_PASS)
		return HOOK_PASS;
	f->rax = ret;
	return HOOK_RETURN;
}

/* Offers a call to the socket layer, with @args in the place of the frame's. */
static int offer(struct hook_thread *t, struct hook_frame *f, const long *args)
{
	if (unlikely(hook_config.passive))
		return HOOK_PASS;
	return offer_rest(t, f, args,
			  hook_trace_on()
				  ? hook_trace_call(t, f->rax, args)
				  : socket_call(&t->socket, f->rax, args));
}

/* A call that waits with a signal mask at args[@at]. */
static int offer_masked(struct hook_thread *t, struct hook_frame *f, int at)
{
	long *args = t->alt;
	int action;

	for (int i = 0; i < 6; i++)
		args[i] = f->args[i];
	t->alt_nr = f->rax;
	t->alt_oldset = NULL;
	if (!hook_mask_strip(t, args, at))
		return offer(t, f, f->args);
	action = offer(t, f, args);
	return action == HOOK_PASS ? HOOK_ALT : action;
}

/* pselect6's last argument points to { mask, size }. */
static int pselect6(struct hook_thread *t, struct hook_frame *f)
{
	long pair[2], copy[6];
	int action;

	if (!f->args[5] || hook_copy_user(pair, (void *)f->args[5], 16) ||
	    !hook_mask_strip(t, pair, 0))
		return offer(t, f, f->args);
	for (int i = 0; i < 5; i++)
		copy[i] = f->args[i];
	t->pair_copy[0] = pair[0];
	t->pair_copy[1] = pair[1];
	copy[5] = (long)t->pair_copy;
	for (int i = 0; i < 6; i++)
		t->alt[i] = copy[i];
	t->alt_nr = f->rax;
	t->alt_oldset = NULL;
	action = offer(t, f, copy);
	return action == HOOK_PASS ? HOOK_ALT : action;
}

static int refuse(struct hook_frame *f, long error)
{
	f->rax = error;
	return HOOK_RETURN;
}

/* The program's own use of what the hook is made of. */
static int prctl(struct hook_frame *f)
{
	if ((int)f->args[0] == PR_SET_SECCOMP)
		return hook_sandbox(f);
	if (f->args[0] == HOOK_QUESTION)
		return refuse(f, HOOK_ANSWER);
	/* As a kernel without it. */
	return (int)f->args[0] == PR_SET_SYSCALL_USER_DISPATCH
		       ? refuse(f, -EINVAL)
		       : HOOK_PASS;
}

/* A thread that leaves the loader's thread storage leaves the hook's, too. */
static int arch_prctl(struct hook_frame *f)
{
	if ((int)f->args[0] == ARCH_SET_FS &&
	    hook_thread_leaves((uint64_t)f->args[1]))
		hook_die("this program manages thread storage by itself; "
			 "it cannot be hooked");
#ifdef HOOK_OWN_THREADS
	if ((int)f->args[0] == ARCH_SET_GS)
		hook_die("this program uses %gs, which the hook needs in "
			 "static programs: use --stack kernel");
#endif
	return HOOK_PASS;
}

static int special(struct hook_thread *t, struct hook_frame *f)
{
	switch (f->rax) {
	case SYS_connect:
		if (hook_config.passive)
			return HOOK_PASS;
		if (hook_names_hides((void *)f->args[1], f->args[2]))
			return refuse(f, -ENOENT);
		if (!socket_owns(&t->socket, (uint32_t)f->args[0]))
			return HOOK_PASS;
		return offer(t, f, f->args);
	case SYS_ppoll:
		return offer_masked(t, f, 3);
	case SYS_epoll_pwait:
	case SYS_epoll_pwait2:
		return offer_masked(t, f, 4);
	case SYS_pselect6:
		return pselect6(t, f);
	case SYS_rt_sigaction:
		return hook_sigaction(t, f);
	case SYS_rt_sigprocmask:
		return hook_sigprocmask(t, f);
	case SYS_rt_sigreturn:
		return hook_sigreturn(t, f);
	case SYS_rt_sigsuspend:
		return hook_sigsuspend(t, f);
	case SYS_rt_sigtimedwait:
		return hook_sigtimedwait(t, f);
	case SYS_clone:
	case SYS_clone3:
	case SYS_fork:
	case SYS_vfork:
		return hook_clone(t, f);
	case SYS_execve:
	case SYS_execveat:
		return hook_exec(t, f);
	case SYS_exit:
		return hook_exit(t, f);
	case SYS_munmap:
		return hook_munmap(t, f);
	case SYS_prctl:
		return prctl(f);
	case SYS_arch_prctl:
		return arch_prctl(f);
	case SYS_seccomp:
		return hook_sandbox(f);
	case SYS_ptrace:
		return hook_traceme(t, f);
	case SYS_kill:
	case SYS_tkill:
	case SYS_tgkill:
		hook_traceme_now(t);
		return HOOK_PASS;
	case SYS_open:
	case SYS_openat:
	case SYS_openat2:
		return hook_open(t, f);
	case SYS_readlink:
	case SYS_readlinkat:
		return hook_exe_readlink(t, f);
	default:
		return HOOK_PASS;
	}
}

/*
 * A call of address 0 that is no system call of ours: the program called a null
 * pointer. It gets what it would have got without a page there: SIGSEGV at
 * address 0, the return address on its stack.
 */
static __attribute__((noinline)) int null_call(struct hook_thread *t,
					       struct hook_frame *f)
{
	uint64_t mask = hook_mask_block();

	if (!t->socket.signal_due) {
		t->due_mask = mask & ~SIGBIT(SIGSEGV);
		hook_due_set(t, true);
	}
	t->due_info =
		(siginfo_t){ .si_signo = SIGSEGV, .si_code = SEGV_MAPERR };
	f->ret = 0;
	f->rsp -= 8;
	f->via = VIA_JUMP;
	return HOOK_RETURN;
}

/* Any class, with the class that it was before. */
static __attribute__((noinline)) int traced(struct hook_thread *t,
					    struct hook_frame *f)
{
	switch (classes[f->rax] - CLASS_TRACED) {
	case CLASS_FD:
		if (!socket_owns(&t->socket, (uint32_t)f->args[0]))
			return HOOK_PASS;
		return offer(t, f, f->args);
	case CLASS_OFFER:
		return offer(t, f, f->args);
	default:
		return special(t, f);
	}
}

void hook_dispatch_passive(void)
{
	for (size_t i = 0; i < CALLS; i++) {
		if (classes[i] != CLASS_SPECIAL)
			classes[i] = CLASS_PASS;
	}
}

void hook_dispatch_traced(void)
{
	for (size_t i = 0; i < CALLS; i++) {
		if (classes[i] != CLASS_PASS)
			classes[i] += CLASS_TRACED;
	}
}

long hook_offer(const long *args, long nr)
{
	struct hook_thread *t = hook_self();

	if ((unsigned long)nr >= CALLS)
		return OFFER_NOT;
	if (classes[nr] == CLASS_FD)
		return likely(socket_owns(&t->socket, (uint32_t)args[0]))
			       ? socket_call(&t->socket, nr, args)
			       : SOCKET_PASS;
	if (classes[nr] == CLASS_OFFER)
		return socket_call(&t->socket, nr, args);
	return classes[nr] == CLASS_PASS ? SOCKET_PASS : OFFER_NOT;
}

int hook_dispatch_rest(struct hook_frame *f, long ret)
{
	struct hook_thread *t = hook_self();
	unsigned long nr = (unsigned long)f->rax;

	if (ret != OFFER_NOT)
		return offer_rest(t, f, f->args, ret);
	if (unlikely(nr >= CALLS)) /* x32 has sockets of its own */
		return nr & X32_BIT && !(nr >> 32) ? refuse(f, -ENOSYS)
						   : HOOK_PASS;
	return classes[nr] == CLASS_SPECIAL ? special(t, f) : traced(t, f);
}

int hook_dispatch(struct hook_frame *f)
{
	return hook_dispatch_rest(f, hook_offer(f->args, f->rax));
}

int hook_dispatch_page0(struct hook_frame *f)
{
	if (unlikely(!hook_site_known(f->ret)))
		return null_call(hook_self(), f);
	return hook_dispatch(f);
}
