/* SPDX-License-Identifier: BSD-2-Clause */
/* Signals: see signal.h and entry.S. */
#include "hook/signal.h"

#include <errno.h>

#include "base/mem.h"
#include "base/sys.h"
#include "base/user.h"
#include "hook/exec.h"
#include "hook/hook.h"
#include "hook/stub.h"

#ifndef SA_RESTORER
#define SA_RESTORER 0x04000000
#endif
#define SIGNALS 64
/* In the processor's flags. */
#define FLAG_OF	   0x800
#define FLAG_DF	   0x400
#define FLAGS_LAHF 0xd5

/* Places in entry.S. */
extern const char hook_entry_end[], hook_entry_page0_end[];
extern const char hook_leave_begin[], hook_leave_page0_end[];
extern const char hook_pass_begin[], hook_pass_after[];
extern const char hook_pass_page0_begin[], hook_pass_page0_after[];
extern const char hook_pass_page0_end[];
extern const char hook_pass_stub_begin[], hook_pass_stub_after[];
extern const char hook_pass_stub_end[];
extern const char hook_stub_due_end[];
extern const char hook_alt_begin[], hook_alt_after[], hook_alt_end[];
extern const char hook_unmask_begin[], hook_unmask_end[];
extern const char hook_int80_after[], hook_int80_end[];
extern const char hook_copy_begin[], hook_copy_end[], hook_copy_fault[];
void hook_stub_due(void);
void hook_restorer(void);

/* The program's view. Guarded by `lock`, which is never held where a signal is
 * let in. */
static struct hook_sigaction actions[SIGNALS + 1];
static _Atomic uint32_t lock;
static void (*sigsys_handler)(int, siginfo_t *, void *);

static void table_lock(void)
{
	while (atomic_exchange_explicit(&lock, 1, memory_order_acquire))
		__builtin_ia32_pause();
}

static void table_unlock(void)
{
	atomic_store_explicit(&lock, 0, memory_order_release);
}

static bool is_real(const struct hook_sigaction *a)
{
	return (void *)a->handler != (void *)SIG_DFL &&
	       (void *)a->handler != (void *)SIG_IGN;
}

static long kernel_set(int sig, const struct hook_sigaction *a)
{
	return sys_call(SYS_rt_sigaction, sig, a, 0, 8);
}

static void kernel_default(int sig)
{
	static const struct hook_sigaction dfl;

	kernel_set(sig, &dfl);
}

/*
 * Our handler in the place of @a, the program's. SIGSYS is blocked in it, too,
 * until the program's handler runs: that of another would make calls, and what
 * the thread had of the call that was interrupted is needed still. Nothing that
 * our own text calls is caught.
 */
static long kernel_wrap(int sig, const struct hook_sigaction *a)
{
	const struct hook_sigaction w = {
		.handler = hook_signal,
		.flags = (a->flags & ~(uint64_t)(SA_RESETHAND | SA_NODEFER)) |
			 SA_SIGINFO | SA_RESTORER,
		.restorer = hook_restorer,
		.mask = ~UINT64_C(0),
	};

	return kernel_set(sig, &w);
}

void hook_signal_again(void)
{
	const struct hook_sigaction sys = {
		.handler = sigsys_handler,
		.flags = SA_SIGINFO | SA_RESTORER | SA_ONSTACK,
		.restorer = hook_restorer,
		.mask = ~UINT64_C(0),
	};
	static const struct hook_sigaction fault = { .flags = SA_ONSTACK };

	kernel_set(SIGSYS, &sys);
	kernel_wrap(SIGSEGV, &fault);
	kernel_wrap(SIGBUS, &fault);
}

int hook_signal_start(void (*sigsys)(int, siginfo_t *, void *))
{
	uint64_t unblock = SIGMASK_SYS;
	int sig;

	for (sig = 1; sig <= SIGNALS; sig++)
		sys_call(SYS_rt_sigaction, sig, 0, &actions[sig], 8);
	sigsys_handler = sigsys;
	hook_signal_again();
	return (int)sys_call(SYS_rt_sigprocmask, SIG_UNBLOCK, &unblock, 0, 8);
}

void hook_signal_hold(void)
{
	table_lock();
}

void hook_signal_release(void)
{
	table_unlock();
}

uint64_t hook_mask_block(void)
{
	uint64_t all = ~SIGMASK_FAULTS, old = 0;

	sys_call(SYS_rt_sigprocmask, SIG_SETMASK, &all, &old, 8);
	return old;
}

/* Is it what hook_mask_block() has set? The kernel leaves two out. */
static bool is_own_mask(uint64_t mask)
{
	return mask == (~SIGMASK_FAULTS & ~(SIGBIT(SIGKILL) | SIGBIT(SIGSTOP)));
}

/* A SIGSYS that was kept comes again. */
static void sys_again(struct hook_thread *t)
{
	t->sys_pending = false;
	sys_call(SYS_rt_tgsigqueueinfo, sys_call(SYS_getpid),
		 sys_call(SYS_gettid), SIGSYS, &t->sys_info);
}

void hook_mask_set(uint64_t mask)
{
	struct hook_thread *t = hook_self();

	sys_call(SYS_rt_sigprocmask, SIG_SETMASK, &mask, 0, 8);
	if (unlikely(t->sys_pending) && !t->sys_blocked && !is_own_mask(mask))
		sys_again(t);
}

bool hook_signal_restarts(int sig)
{
	return actions[sig].flags & SA_RESTART;
}

/* --- contexts ----------------------------------------------------------------
 */

/* The program's registers from a frame, as they were at its call. */
static void registers_from(greg_t *g, const struct hook_frame *f)
{
	g[REG_RDI] = f->args[0];
	g[REG_RSI] = f->args[1];
	g[REG_RDX] = f->args[2];
	g[REG_R10] = f->args[3];
	g[REG_R8] = f->args[4];
	g[REG_R9] = f->args[5];
	g[REG_RSP] = (greg_t)f->rsp;
	/* Others are not touched in here. */
	g[REG_EFL] &= ~(greg_t)(FLAG_OF | FLAG_DF | FLAGS_LAHF);
	g[REG_EFL] |= (f->flag_of ? FLAG_OF : 0) | (f->flag_df ? FLAG_DF : 0) |
		      (f->flag_rest & FLAGS_LAHF);
	g[REG_RIP] = (greg_t)f->ret;
	g[REG_RCX] = (greg_t)f->ret;
}

/* Makes a context in one of entry.S's open places look like the program's own.
 */
static void canonical(const struct hook_thread *t, ucontext_t *uc)
{
	greg_t *g = uc->uc_mcontext.gregs;
	const char *at = (const char *)g[REG_RIP];
	long rax = g[REG_RAX];

	if (at < (const char *)hook_entry_page0 || at > hook_int80_end) {
		stub_canonical(g);
		hook_page0_canonical(g);
		return;
	}
	if ((at >= (const char *)hook_entry && at < hook_entry_end) ||
	    (at >= (const char *)hook_entry_page0 &&
	     at < hook_entry_page0_end)) {
		g[REG_RIP] = g[REG_RCX] - 2;
	} else if ((at >= hook_pass_begin && at < hook_pass_after) ||
		   (at >= hook_pass_page0_begin &&
		    at < hook_pass_page0_after) ||
		   (at >= hook_pass_stub_begin && at < hook_pass_stub_after) ||
		   (at >= (const char *)hook_int80 && at < hook_int80_after)) {
		g[REG_RIP] = (greg_t)t->ret - 2;
	} else if ((at >= hook_leave_begin && at < hook_leave_page0_end) ||
		   (at >= hook_pass_after && at < hook_pass_page0_end) ||
		   (at >= hook_pass_stub_after && at < hook_pass_stub_end) ||
		   (at >= hook_int80_after && at < hook_int80_end)) {
		g[REG_RIP] = (greg_t)t->ret;
	} else if (at == hook_leave_page0_end || at == hook_pass_page0_end) {
		g[REG_RIP] = (greg_t)t->ret; /* at the `ret` */
		g[REG_RSP] += 8;
	} else if (at >= (const char *)hook_stub_due &&
		   at < hook_stub_due_end) {
		g[REG_RIP] = g[REG_R11];
	} else if (at >= hook_alt_begin && at < hook_alt_after) {
		registers_from(g, t->frame);
		g[REG_RIP] -= 2;
		g[REG_RAX] = t->frame->rax;
	} else if (at >= hook_alt_after && at < hook_alt_end) {
		registers_from(g, t->frame);
		g[REG_RAX] = rax;
	} else if (at >= hook_unmask_begin && at < hook_unmask_end) {
		registers_from(g, t->frame);
		g[REG_RAX] = t->frame->rax;
		uc->uc_sigmask.__val[0] = t->due_mask;
	}
}

/* Raised by an instruction? A non-canonical address gives SI_KERNEL, above 0,
 * too. */
static bool is_fault(int sig, const siginfo_t *info)
{
	return (SIGBIT(sig) & SIGMASK_FAULTS & ~SIGMASK_SYS) &&
	       info->si_code > 0;
}

/* Inside: remember it, and let no other in until we are on the way out. */
static void put_off(struct hook_thread *t, int sig, const siginfo_t *info,
		    ucontext_t *uc)
{
	greg_t *g = uc->uc_mcontext.gregs;
	const char *at = (const char *)g[REG_RIP];

	mem_copy(&t->due_info, info, sizeof(*info));
	t->due_info.si_signo = sig;
	t->due_mask = uc->uc_sigmask.__val[0];
	uc->uc_sigmask.__val[0] = ~SIGMASK_FAULTS;
	hook_due_set(t, true);
	if (at >= sys_sleep_begin && at < sys_sleep_end)
		g[REG_RIP] = (greg_t)sys_sleep_abort;
}

void hook_signal_requeue(struct hook_frame *f)
{
	struct hook_thread *t = hook_self();
	int sig = t->due_info.si_signo;
	long pid = sys_call(SYS_getpid), tid = sys_call(SYS_gettid);
	uint64_t bit = SIGBIT(sig);

	(void)f;
	/* A fault's signal is not blocked yet. */
	if (bit & SIGMASK_FAULTS)
		sys_call(SYS_rt_sigprocmask, SIG_BLOCK, &bit, 0, 8);
	if (sys_call(SYS_rt_tgsigqueueinfo, pid, tid, sig, &t->due_info) < 0)
		sys_call(SYS_tgkill, pid, tid, sig);
	hook_due_set(t, false);
	if (t->sys_pending && !t->sys_blocked && sig != SIGSYS) {
		bit |= SIGMASK_SYS;
		sys_call(SYS_rt_sigprocmask, SIG_BLOCK, &bit, 0, 8);
		sys_again(t);
	}
	/*
	 * It interrupted a call that had its own mask, perhaps: let it in
	 * whatever the program's mask says. canonical() restores that.
	 */
	t->mask_copy = t->due_mask & ~bit;
	t->alt_nr = SYS_rt_sigprocmask;
	t->alt[0] = SIG_SETMASK;
	t->alt[1] = (long)&t->mask_copy;
	t->alt[2] = 0;
	t->alt[3] = 8;
}

void hook_signal_undelivered(void)
{
	if (!hook_self()->socket.signal_due)
		hook_mask_set(hook_self()->due_mask);
}

/* --- handlers ----------------------------------------------------------------
 */

/* The program's action for @sig, as it is to be carried out now. */
static struct hook_sigaction action_take(int sig)
{
	struct hook_sigaction a;

	table_lock();
	a = actions[sig];
	if (is_real(&a) && (a.flags & SA_RESETHAND)) {
		actions[sig].handler = NULL;
		if (sig != SIGSEGV && sig != SIGBUS)
			kernel_default(sig);
	}
	table_unlock();
	return a;
}

/*
 * SIGSEGV or SIGBUS without a handler of the program's. A fault happens again,
 * now with the kernel's own answer; a signal that was sent is sent again.
 */
static void by_default(int sig, const struct hook_sigaction *a, siginfo_t *info)
{
	bool fault = info->si_code > 0;

	if ((void *)a->handler == (void *)SIG_IGN && !fault)
		return;
	kernel_default(sig);
	if (!fault)
		sys_call(SYS_rt_tgsigqueueinfo, sys_call(SYS_getpid),
			 sys_call(SYS_gettid), sig, info);
}

/*
 * Runs the program's handler as the kernel would have. SIGSYS is not blocked,
 * but what is sent is kept.
 */
static void run(int sig, siginfo_t *info, ucontext_t *uc,
		const struct hook_sigaction *a)
{
	struct hook_thread *t = hook_self();
	uint64_t mask = uc->uc_sigmask.__val[0] | a->mask;
	uint32_t was = t->sys_blocked;

	if (!(a->flags & SA_NODEFER))
		mask |= SIGBIT(sig);
	t->sys_blocked = was || (mask & SIGMASK_SYS);
	hook_mask_set(mask & ~SIGMASK_SYS);
	a->handler(sig, info, uc);
	uc->uc_sigmask.__val[0] &= ~SIGMASK_SYS;
	t->sys_blocked = was;
	if (unlikely(t->sys_pending) && !was)
		sys_again(t);
}

/*
 * A fault inside the hook: the program passed a bad pointer. Its handler sees
 * the fault at its own system call, which gives EFAULT if the handler returns.
 * The handler runs on our stack, above which nothing is alive any more.
 */
static void fault_inside(struct hook_thread *t, int sig, siginfo_t *info,
			 ucontext_t *uc)
{
	struct hook_sigaction a = action_take(sig);
	uint64_t top = t->top;

	if (!is_real(&a)) {
		by_default(sig, &a, info);
		return;
	}
	registers_from(uc->uc_mcontext.gregs, hook_thread_frame(t));
	uc->uc_mcontext.gregs[REG_RAX] = -EFAULT;
	t->inside = 0;
	t->top = ((uint64_t)&a - 4096) & ~UINT64_C(15);
	if (t->top < (uint64_t)t->stack + HOOK_STACK_SIZE / 2)
		hook_die("a handler left too many faults by longjmp");
	run(sig, info, uc, &a);
	t->top = top;
}

void hook_signal(int sig, siginfo_t *info, void *context)
{
	struct hook_thread *t;
	ucontext_t *uc = context;
	greg_t *g = uc->uc_mcontext.gregs;
	const char *at = (const char *)g[REG_RIP];
	struct hook_sigaction a;

	if (at >= hook_copy_begin && at < hook_copy_end &&
	    is_fault(sig, info)) {
		g[REG_RIP] = (greg_t)hook_copy_fault;
		return;
	}
	if (at >= user_copy_begin && at < user_copy_end &&
	    is_fault(sig, info)) {
		g[REG_RIP] = (greg_t)user_copy_fault;
		return;
	}
	hook_thread_check();
	t = hook_self();
	if (t->inside) {
		if (is_fault(sig, info))
			fault_inside(t, sig, info, uc);
		else
			put_off(t, sig, info, uc);
		return;
	}
	if (sig == SIGSEGV && hook_site_missed(uc))
		return;
	canonical(t, uc);
	a = action_take(sig);
	if (is_real(&a))
		run(sig, info, uc, &a);
	else
		by_default(sig, &a, info);
}

/*
 * Somebody sent SIGSYS, which is never blocked, at a time when the program does
 * not want it. Kept until it does; there is one, as of any other signal.
 */
static void sys_keep(struct hook_thread *t, const siginfo_t *info)
{
	if (!t->sys_pending)
		mem_copy(&t->sys_info, info, sizeof(*info));
	t->sys_pending = true;
}

void hook_signal_sys(int sig, siginfo_t *info, ucontext_t *uc)
{
	struct hook_thread *t = hook_self();
	bool forced = info->si_code > 0; /* by a seccomp filter */
	struct hook_sigaction a;

	if (t->inside && forced) { /* it trapped a call of ours */
		uc->uc_mcontext.gregs[REG_RAX] = -ENOSYS;
		return;
	}
	if (!forced &&
	    (t->sys_blocked || (t->inside && t->socket.signal_due))) {
		sys_keep(t, info);
		return;
	}
	if (t->inside) {
		put_off(t, sig, info, uc);
		return;
	}
	canonical(t, uc);
	if (forced) /* a sandbox's handler compares them */
		info->si_call_addr = (void *)uc->uc_mcontext.gregs[REG_RIP];
	a = action_take(sig);
	if (is_real(&a)) {
		run(sig, info, uc, &a);
	} else if ((void *)a.handler != (void *)SIG_IGN || forced) {
		kernel_default(sig);
		sys_call(SYS_tgkill, sys_call(SYS_getpid), sys_call(SYS_gettid),
			 sig);
	}
}

/* --- the program's calls -----------------------------------------------------
 */

int hook_sigaction(struct hook_thread *t, struct hook_frame *f)
{
	int sig = (int)f->args[0];
	struct hook_sigaction in, out;
	long ret = 0;

	if (sig < 1 || sig > SIGNALS || f->args[3] != 8 || sig == SIGKILL ||
	    sig == SIGSTOP)
		return HOOK_PASS; /* for its error */
	if (f->args[1] && hook_copy_user(&in, (void *)f->args[1], sizeof(in))) {
		f->rax = -EFAULT;
		return HOOK_RETURN;
	}
	table_lock();
	out = actions[sig];
	if (!f->args[1]) {
		;
	} else if (t->vfork_depth) {
		/* The child's alone: the table is the parent's. */
		if (sig != SIGSYS)
			ret = kernel_set(sig, &in);
	} else {
		in.mask &= ~(SIGBIT(SIGKILL) | SIGBIT(SIGSTOP));
		if (sig == SIGSYS)
			; /* the kernel's stays ours */
		else if (is_real(&in))
			ret = kernel_wrap(sig, &in);
		else if (sig != SIGSEGV && sig != SIGBUS)
			ret = kernel_set(sig, &in);
		if (!ret)
			actions[sig] = in;
	}
	table_unlock();
	if (!ret && f->args[2] &&
	    hook_copy_user((void *)f->args[2], &out, sizeof(out)))
		ret = -EFAULT;
	f->rax = ret;
	return HOOK_RETURN;
}

bool hook_mask_strip(struct hook_thread *t, long *args, int at)
{
	if (!args[at] || hook_copy_user(&t->mask_copy, (void *)args[at], 8))
		return false;
	if (!(t->mask_copy & SIGMASK_SYS))
		return false;
	t->mask_copy &= ~SIGMASK_SYS;
	args[at] = (long)&t->mask_copy;
	return true;
}

/* A call with the frame's arguments but for those that the caller then changes.
 */
static long *alt(struct hook_thread *t, const struct hook_frame *f)
{
	t->alt_nr = f->rax;
	mem_copy(t->alt, f->args, sizeof(t->alt));
	t->alt_oldset = NULL;
	return t->alt;
}

int hook_sigprocmask(struct hook_thread *t, struct hook_frame *f)
{
	int how = (int)f->args[0];
	uint64_t set = 0;
	uint32_t was = t->sys_blocked;
	bool strip;

	if (f->args[1] && hook_copy_user(&set, (void *)f->args[1], 8))
		return HOOK_PASS; /* for its error */
	strip = f->args[1] && (set & SIGMASK_SYS);
	if (!strip && !was)
		return HOOK_PASS;
	alt(t, f);
	if (f->args[1]) {
		hook_mask_strip(t, t->alt, 1);
		if (how == SIG_SETMASK)
			t->sys_blocked = strip;
		else if (how == SIG_BLOCK)
			t->sys_blocked |= strip;
		else if (how == SIG_UNBLOCK)
			t->sys_blocked &= !strip;
	}
	if (was)
		t->alt_oldset = (long *)f->args[2];
	return HOOK_ALT;
}

int hook_sigtimedwait(struct hook_thread *t, struct hook_frame *f)
{
	uint64_t set;

	if (!t->sys_pending || hook_copy_user(&set, (void *)f->args[0], 8) ||
	    !(set & SIGMASK_SYS) || f->args[3] != 8)
		return HOOK_PASS;
	f->rax = SIGSYS;
	if (f->args[1] && hook_copy_user((void *)f->args[1], &t->sys_info,
					 sizeof(t->sys_info)))
		f->rax = -EFAULT;
	t->sys_pending = false;
	return HOOK_RETURN;
}

void hook_alt_done(struct hook_frame *f)
{
	struct hook_thread *t = hook_self();
	long *set = t->alt_oldset, old;

	if (t->exec_fd)
		hook_exec_failed(t);
	if (set && f->rax >= 0 && !hook_copy_user(&old, set, 8)) {
		old |= (long)SIGMASK_SYS;
		hook_copy_user(set, &old, 8);
	}
	if (t->sys_pending && !t->sys_blocked)
		sys_again(t);
}

int hook_sigsuspend(struct hook_thread *t, struct hook_frame *f)
{
	alt(t, f);
	return hook_mask_strip(t, t->alt, 0) ? HOOK_ALT : HOOK_PASS;
}

/* The program returns from a handler by its own means: the frame is on its
 * stack. */
int hook_sigreturn(struct hook_thread *t, struct hook_frame *f)
{
	uint64_t mask;
	ucontext_t *uc = (ucontext_t *)f->rsp;

	(void)t;
	if (!hook_copy_user(&mask, &uc->uc_sigmask, 8) &&
	    (mask & SIGMASK_SYS)) {
		mask &= ~SIGMASK_SYS;
		hook_copy_user(&uc->uc_sigmask, &mask, 8);
	}
	return HOOK_PASS;
}
