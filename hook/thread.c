/* SPDX-License-Identifier: BSD-2-Clause */
/* A thread's storage, and the pool of stacks. */
#include "hook/thread.h"

#include <asm/prctl.h>
#include <errno.h>
#include <linux/mman.h>

#include "base/mem.h"
#include "base/sys.h"
#include "hook/hook.h"

#define AT(type, field, value) \
	static_assert(offsetof(struct type, field) == (value), "see thread.h")
AT(hook_frame, args, F_ARGS);
AT(hook_frame, rax, F_RAX);
AT(hook_frame, ret, F_RET);
AT(hook_frame, flag_of, F_FLAGS);
AT(hook_frame, flag_df, F_DF);
AT(hook_frame, rsp, F_RSP);
AT(hook_frame, via, F_VIA);
AT(hook_frame, back, F_BACK);
AT(hook_frame, callee, F_CALLEE);
static_assert(sizeof(struct hook_frame) == F_SIZE, "see thread.h");
static_assert(F_SIZE % 16 == 0 && F_SAVED % 16 == 0,
	      "entry.S calls with the stack aligned");
AT(hook_thread, top, T_TOP);
AT(hook_thread, ret, T_RET);
AT(hook_thread, frame, T_FRAME);
AT(hook_thread, alt_nr, T_ALT_NR);
AT(hook_thread, alt, T_ALT);
AT(hook_thread, inside, T_INSIDE);
AT(hook_thread, calm, T_CALM);
AT(hook_thread, socket.signal_due, T_DUE);

struct socket_process hook_process;

static struct hook_stack *_Atomic stacks;

/* A stack nobody uses, or a new one. Returns NULL: no memory. */
static struct hook_stack *stack_take(void)
{
	struct hook_stack *s, *first;
	uint32_t idle;
	long p;

	for (s = atomic_load(&stacks); s; s = s->next) {
		idle = 0;
		if (!atomic_load_explicit(&s->busy, memory_order_relaxed) &&
		    atomic_compare_exchange_strong(&s->busy, &idle, 1))
			return s;
	}
	p = sys_call(SYS_mmap, 0, HOOK_STACK_SIZE + 4096,
		     PROT_READ | PROT_WRITE,
		     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (p < 0)
		return NULL;
	sys_call(SYS_mprotect, p, 4096, PROT_NONE);
	s = (struct hook_stack *)(p + 4096);
	atomic_init(&s->busy, 1);
	first = atomic_load(&stacks);
	do {
		s->next = first;
	} while (!atomic_compare_exchange_weak(&stacks, &first, s));
	return s;
}

/* Frames end below @top, which is on @s. */
static void init(struct hook_thread *t, struct hook_stack *s, uint64_t top)
{
	mem_zero((char *)t + sizeof(t->magic), sizeof(*t) - sizeof(t->magic));
	t->stack = s;
	t->top = hook_frame_top((struct hook_frame *)(top - F_SIZE));
	t->calm = 1;
	socket_thread_init(&t->socket, &hook_process);
}

#ifdef HOOK_OWN_THREADS
/* Where the struct of the thread that has @s lies. */
static struct hook_thread *place(const struct hook_stack *s)
{
	uint64_t end = (uint64_t)s + HOOK_STACK_SIZE;

	return (struct hook_thread *)((end - sizeof(struct hook_thread)) &
				      ~UINT64_C(63));
}

struct hook_thread *hook_thread_new(uint64_t tls)
{
	struct hook_stack *s = stack_take();
	struct hook_thread *t;

	(void)tls;
	if (!s)
		return NULL;
	t = place(s);
	t->self = t;
	init(t, s, (uint64_t)t);
	return t;
}

void hook_thread_enter(struct hook_thread *t)
{
	sys_call(SYS_arch_prctl, ARCH_SET_GS, t);
}

int hook_thread_start(void)
{
	struct hook_thread *t = hook_thread_new(0);

	if (!t)
		return -ENOMEM;
	hook_thread_enter(t);
	return 0;
}

bool hook_thread_leaves(uint64_t fs)
{
	(void)fs;
	return false;
}

/* Is there memory? The kernel reads it before it says that nobody handles
 * SIGKILL; a fault here would be one inside a handler. */
static bool is_memory(const void *p)
{
	return sys_call(SYS_rt_sigaction, SIGKILL, p, 0, 8) != -EFAULT;
}

/* Is it on one of the stacks that were made last? */
static bool is_recent(const struct hook_thread *t)
{
	const struct hook_stack *s = atomic_load(&stacks);

	for (int i = 0; s && i < 32; s = s->next, i++) {
		if (place(s) == t)
			return true;
	}
	return false;
}

void hook_thread_check(void)
{
	struct hook_thread *t = NULL;

	sys_call(SYS_arch_prctl, ARCH_GET_GS, &t);
	if (is_recent(t))
		return;
	if (t && is_memory(t) && t->self == t && is_memory(&t->stack) &&
	    place(t->stack) == t)
		return;
	hook_die("this program uses %gs, which the hook needs in static "
		 "programs: use --stack kernel");
}
#else
_Thread_local struct hook_thread hook_thread = { .magic = HOOK_THREAD_MAGIC };

/* The storage that a thread with %fs at @tls has, or NULL: not the loader's. */
static struct hook_thread *storage_at(uint64_t tls)
{
	struct hook_thread *t;
	uint64_t magic;
	char *here;

	__asm__("mov %%fs:0, %0" : "=r"(here));
	t = (struct hook_thread *)(tls +
				   (uint64_t)((char *)&hook_thread - here));
	if (hook_copy_user(&magic, t, 8) || magic != HOOK_THREAD_MAGIC)
		return NULL;
	return t;
}

static int init_here(struct hook_thread *t)
{
	struct hook_stack *s = stack_take();

	if (!s)
		return -ENOMEM;
	init(t, s, (uint64_t)s + HOOK_STACK_SIZE);
	return 0;
}

struct hook_thread *hook_thread_new(uint64_t tls)
{
	struct hook_thread *t = storage_at(tls);

	return t && !init_here(t) ? t : NULL;
}

void hook_thread_enter(struct hook_thread *t)
{
	(void)t; /* the kernel has set %fs */
}

int hook_thread_start(void)
{
	return init_here(&hook_thread);
}

bool hook_thread_leaves(uint64_t fs)
{
	return !storage_at(fs);
}
#endif

void hook_thread_fini(struct hook_thread *t)
{
	atomic_store(&t->stack->busy, 0);
}

void hook_thread_forked(struct hook_thread *t)
{
	struct hook_stack *s;

	for (s = atomic_load(&stacks); s; s = s->next)
		atomic_store_explicit(&s->busy, s == t->stack,
				      memory_order_relaxed);
}
