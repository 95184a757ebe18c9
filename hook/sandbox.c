/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Programs that lock themselves up: seccomp(2).
 *
 * A program's filter knows the program's calls. Beside them there are ours: the
 * return from a dispatch signal, waking and waiting for others, a placeholder.
 * A sandbox that does not know them would kill the program for them, as sshd's
 * before authentication does. So a filter gets a head of our own making, which
 * lets pass what the hook itself calls, by number and by the address of the
 * instruction; whatever the program calls, also where the hook passes it on,
 * goes to the program's filter as ever.
 *
 * Code in the sandbox that jumps to an instruction of ours could make these few
 * calls; none of them opens, starts or signals anything that the fabric does
 * not give its members anyway.
 *
 * What belongs to a filter is not asked of it: a call that names a socket of
 * ours never reaches the kernel.
 */
#include "hook/sandbox.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/mman.h>
#include <linux/prctl.h>
#include <linux/seccomp.h>
#include <stddef.h>

#include "base/mem.h"
#include "base/sys.h"
#include "hook/filter.h"
#include "hook/hook.h"
#include "hook/signal.h"

/* Where entry.S makes calls for us, not for the program: behind each. */
extern const char hook_unmask_begin[];
extern const char hook_restorer_end[], hook_copy_fault[];

/* What the rest of our text calls while a program runs. */
static const uint16_t ours[] = {
	SYS_futex,	  SYS_ppoll,
	SYS_epoll_wait,	  SYS_epoll_ctl,
	SYS_socket,	  SYS_bind,
	SYS_sendto,	  SYS_recvfrom,
	SYS_close,	  SYS_fcntl,
	SYS_getrusage,	  SYS_sched_yield,
	SYS_nanosleep,	  SYS_rt_sigprocmask,
	SYS_rt_sigaction, SYS_tgkill,
	SYS_getpid,	  SYS_gettid,
	SYS_prlimit64,	  SYS_mmap,
	SYS_munmap,	  SYS_rt_tgsigqueueinfo,
	SYS_arch_prctl,
};

struct writer {
	struct sock_filter *at;
	struct sock_filter *first;
};

static void put(struct writer *w, struct sock_filter f)
{
	*w->at++ = f;
}

#define LOAD(field)                        \
	BPF_STMT(BPF_LD | BPF_W | BPF_ABS, \
		 (uint32_t)offsetof(struct seccomp_data, field))
#define LOAD_IP(half)                                      \
	BPF_STMT(BPF_LD | BPF_W | BPF_ABS,                 \
		 (uint32_t)offsetof(struct seccomp_data,   \
				    instruction_pointer) + \
			 (half))

/* Allows call @nr if the accumulator holds @ip, else goes on with it there. */
static void allow_at(struct writer *w, const char *ip, uint32_t nr)
{
	put(w, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K,
					    (uint32_t)(uint64_t)ip, 0, 4));
	put(w, (struct sock_filter)LOAD(nr));
	put(w,
	    (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, nr, 0, 1));
	put(w,
	    (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW));
	put(w, (struct sock_filter)LOAD_IP(0));
}

/*
 * In the tier of our own filter, a call is offered to all filters where it is
 * made, and again where we pass it on. The program's is asked the second time,
 * when it is known to be none of ours: the first time it lets pass what ours
 * will trap. Returns the instruction that leads to the program's filter.
 */
static struct sock_filter *put_first_time(struct writer *w)
{
	const struct sock_filter allow =
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
	struct sock_filter *vsyscall;

	put(w, (struct sock_filter)LOAD_IP(4));
	put(w, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K,
					    HOOK_PLACE >> 32, 2, 0));
	vsyscall = w->at;
	put(w, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K,
					    HOOK_FILTER_VSYSCALL, 0, 0));
	put(w, allow);
	put(w, (struct sock_filter)LOAD_IP(0));
	put(w, (struct sock_filter)BPF_STMT(BPF_ALU | BPF_AND | BPF_K,
					    HOOK_FILTER_MASK));
	put(w, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K,
					    (uint32_t)HOOK_PLACE, 1, 0));
	put(w, allow);
	return vsyscall;
}

/*
 * The head of a filter at @first; returns its instructions. 0: our text lies
 * across a border of 4 GiB, which is not worth a second comparison.
 */
static uint32_t write_head(struct sock_filter *first)
{
	const uint64_t begin = (uint64_t)__ehdr_start, end = (uint64_t)etext;
	const uint32_t calls = ARRAY_SIZE(ours);
	struct writer w = { first, first };
	struct sock_filter *outside[4], *vsyscall = NULL;
	int n = 0;

	if (begin >> 32 != end >> 32)
		return 0;
	if (hook_config.filter)
		vsyscall = put_first_time(&w);
	put(&w, (struct sock_filter)LOAD(arch));
	outside[n++] = w.at;
	put(&w, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K,
					     AUDIT_ARCH_X86_64, 0, 0));
	put(&w, (struct sock_filter)LOAD_IP(4));
	outside[n++] = w.at;
	put(&w, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K,
					     (uint32_t)(begin >> 32), 0, 0));
	put(&w, (struct sock_filter)LOAD_IP(0));
	allow_at(&w, hook_restorer_end, SYS_rt_sigreturn);
	allow_at(&w, hook_unmask_begin + 2, SYS_rt_sigprocmask);
	outside[n++] = w.at;
	put(&w, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K,
					     (uint32_t)begin, 0, 0));
	outside[n++] = w.at;
	put(&w, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K,
					     (uint32_t)end, 0, 0));
	/* The rest of entry.S passes on what the program calls. */
	put(&w, (struct sock_filter)BPF_JUMP(
			BPF_JMP | BPF_JGE | BPF_K,
			(uint32_t)(uint64_t)hook_entry_page0, 0, 1));
	put(&w,
	    (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K,
					 (uint32_t)(uint64_t)hook_copy_fault, 0,
					 (uint8_t)(calls + 3)));
	put(&w, (struct sock_filter)LOAD(nr));
	for (uint32_t i = 0; i < calls; i++)
		put(&w, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K,
						     ours[i],
						     (uint8_t)(calls - i), 0));
	put(&w, (struct sock_filter)BPF_STMT(BPF_JMP | BPF_JA, 1));
	put(&w,
	    (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW));
	/* Filters find the accumulator empty. */
	for (int i = 0; i < n; i++) {
		uint8_t far = (uint8_t)(w.at - outside[i] - 1);

		if (BPF_OP(outside[i]->code) == BPF_JGT &&
		    outside[i]->k == (uint32_t)end)
			outside[i]->jt = far;
		else
			outside[i]->jf = far;
	}
	if (vsyscall)
		vsyscall->jt = (uint8_t)(w.at - vsyscall - 1);
	put(&w, (struct sock_filter)BPF_STMT(BPF_LD | BPF_IMM, 0));
	return (uint32_t)(w.at - w.first);
}

static void *room(size_t bytes)
{
	long p = sys_call(SYS_mmap, 0, bytes, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return p < 0 ? NULL : (void *)p;
}

/* Installs @p with the head before it, by the call in the frame. */
static int install(struct hook_frame *f, int arg, const struct sock_fprog *p)
{
	const size_t bytes = BPF_MAXINSNS * sizeof(struct sock_filter);
	struct sock_filter *all = room(bytes);
	struct sock_fprog both = { 0, all };
	long args[6];
	uint32_t head;

	if (!all)
		return HOOK_PASS;
	head = write_head(all);
	if (!head || !p->len || head + p->len > BPF_MAXINSNS ||
	    hook_copy_user(all + head, p->filter,
			   p->len * sizeof(struct sock_filter))) {
		sys_call(SYS_munmap, all, bytes);
		return HOOK_PASS; /* for its error, or as it is */
	}
	both.len = (uint16_t)(head + p->len);
	mem_copy(args, f->args, sizeof(args));
	args[arg] = (long)&both;
	f->rax = sys_call6(f->rax, args[0], args[1], args[2], args[3], args[4],
			   args[5]);
	/* The filter may forbid it; the memory is the process's to keep then.
	 */
	sys_call(SYS_munmap, all, bytes);
	return HOOK_RETURN;
}

/*
 * The strict mode lets nobody but four calls in, and no head: it is made a
 * filter of the same meaning, which kills with SIGSYS instead of SIGKILL.
 */
static int strict(struct hook_frame *f)
{
	static struct sock_filter same[] = {
		LOAD(nr),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_read, 4, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_write, 3, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_exit, 2, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_rt_sigreturn, 1, 0),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_THREAD),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog p = { ARRAY_SIZE(same), same };

	sys_call(SYS_prctl, PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	f->rax = SYS_prctl;
	f->args[0] = PR_SET_SECCOMP;
	f->args[1] = SECCOMP_MODE_FILTER;
	return install(f, 2, &p);
}

static int filter(struct hook_frame *f, int arg)
{
	struct sock_fprog p;

	if (hook_copy_user(&p, (void *)f->args[arg], sizeof(p)))
		return HOOK_PASS; /* for its error */
	return install(f, arg, &p);
}

int hook_sandbox(struct hook_frame *f)
{
	bool by_prctl = f->rax == SYS_prctl;
	long mode = by_prctl ? f->args[1] : f->args[0];

	hook_site_freeze();
	if (mode == (by_prctl ? SECCOMP_MODE_STRICT : SECCOMP_SET_MODE_STRICT))
		return strict(f);
	if (mode == (by_prctl ? SECCOMP_MODE_FILTER : SECCOMP_SET_MODE_FILTER))
		return filter(f, 2);
	return HOOK_PASS;
}
