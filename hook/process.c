/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Threads and processes.
 *
 * All signals are blocked from hook_clone() until the child and the parent are
 * settled, each in its own turn. The child gets a frame of its own beforehand
 * and goes back to the program from there. A thread has a thread storage and a
 * stack for the hook of its own, made ready by the parent. A vfork child, and
 * posix_spawn's, has the parent's, which waits: its frames go below the
 * parent's frame. A fork's child has copies of everything.
 */
#include <errno.h>
#include <linux/sched.h>
#include <signal.h>

#include "base/mem.h"
#include "base/sys.h"
#include "hook/hook.h"
#include "hook/signal.h"

struct clone_request {
	uint64_t flags, stack, tls;
};

/* Fills @r and thread.alt from the frame. Returns 0 or -errno. */
static int request_read(struct hook_thread *t, const struct hook_frame *f,
			struct clone_request *r)
{
	struct clone_args a = { 0 };

	t->alt_nr = f->rax;
	mem_copy(t->alt, f->args, sizeof(t->alt));
	*r = (struct clone_request){ .flags = SIGCHLD };
	switch (f->rax) {
	case SYS_fork:
		return 0;
	case SYS_vfork:
		r->flags |= CLONE_VFORK | CLONE_VM;
		t->alt_nr = SYS_clone;
		mem_zero(t->alt, sizeof(t->alt));
		t->alt[0] = (long)r->flags;
		return 0;
	case SYS_clone:
		r->flags = (uint64_t)f->args[0];
		r->stack = (uint64_t)f->args[1];
		r->tls = (uint64_t)f->args[4];
		return 0;
	default:
		if (f->args[1] < CLONE_ARGS_SIZE_VER0)
			return -EINVAL;
		if (hook_copy_user(&a, (void *)f->args[0],
				   CLONE_ARGS_SIZE_VER0))
			return -EFAULT;
		r->flags = a.flags;
		r->stack = a.stack ? a.stack + a.stack_size : 0;
		r->tls = a.tls;
		return 0;
	}
}

/* A thread's storage, ready for hook_clone_child(). Returns NULL: none. */
static struct hook_thread *thread_prepare(const struct hook_thread *t,
					  uint64_t tls)
{
	struct hook_thread *new = hook_thread_new(tls);

	if (!new)
		return NULL;
	new->inside = 1;
	new->sys_blocked = t->sys_blocked;
	return new;
}

static int kind_of(const struct clone_request *r)
{
	if (!(r->flags & CLONE_VM))
		return CLONE_KIND_FORK;
	if (r->flags & CLONE_SETTLS)
		return CLONE_KIND_THREAD;
	/* Two threads in one storage: only if one of them waits. */
	if (r->flags & CLONE_VFORK)
		return CLONE_KIND_VFORK;
#ifdef HOOK_OWN_THREADS
	return CLONE_KIND_THREAD;
#else
	return -EPERM;
#endif
}

int hook_clone(struct hook_thread *t, struct hook_frame *f)
{
	struct clone_request r;
	int kind;

	f->rax = request_read(t, f, &r) ?: f->rax;
	if (f->rax < 0)
		return HOOK_RETURN;
	kind = kind_of(&r);
	if (kind < 0) {
		hook_say("a thread that shares its parent's thread-local "
			 "storage cannot be hooked: try --stack kernel",
			 NULL);
		f->rax = kind;
		return HOOK_RETURN;
	}
	f->clone_kind = (uint32_t)kind;
	f->clone_slot = 0;
	f->clone_thread = NULL;
	f->clone_stack = r.stack;
	f->clone_self = t->socket.self;
	f->clone_depth = t->vfork_depth;
	f->clone_mask = hook_mask_block();
	if (t->socket.signal_due) { /* first that, then the call again */
		hook_mask_set(f->clone_mask);
		f->ret -= 2;
		return HOOK_AGAIN;
	}
	if (kind == CLONE_KIND_THREAD) {
		f->clone_thread = thread_prepare(t, r.tls);
		f->rax = f->clone_thread ? f->rax : -EAGAIN;
	}
	/* One table of descriptors for us, another for the kernel. */
	if (!(r.flags & CLONE_THREAD) != !(r.flags & CLONE_FILES))
		socket_bare(&t->socket);
	if (f->rax >= 0 && !(r.flags & CLONE_THREAD) && !hook_config.passive) {
		f->clone_slot = socket_fork_prepare(&t->socket);
		f->rax = f->clone_slot ? f->rax : -EAGAIN;
	}
	if (f->rax < 0) {
		if (f->clone_thread)
			hook_thread_fini(f->clone_thread);
		hook_mask_set(f->clone_mask);
		return HOOK_RETURN;
	}
	if (kind == CLONE_KIND_THREAD) {
		hook_config.threads = true;
	} else if (kind == CLONE_KIND_FORK) {
		hook_site_hold();
		hook_signal_hold();
	}
	return HOOK_CLONE;
}

/* The program's registers are complete: the frame that the child starts from.
 */
struct hook_frame *hook_clone_ready(struct hook_frame *f)
{
	struct hook_frame *c;

	if (f->clone_kind == CLONE_KIND_FORK)
		return f; /* its copy */
	if (f->clone_kind == CLONE_KIND_VFORK)
		c = f - 2;
	else
		c = hook_thread_frame(f->clone_thread);
	mem_copy(c, f, sizeof(*c));
	return c;
}

void hook_clone_parent(struct hook_frame *f)
{
	struct hook_thread *t = hook_self();

	if (f->clone_kind == CLONE_KIND_VFORK) {
		/* The child has used them. */
		t->inside = 1;
		t->top = hook_frame_top(f);
		t->vfork_depth = f->clone_depth;
		t->traceme = false;
		t->exec_fd = 0; /* its own */
		t->exec_trap = false;
		t->socket.self = f->clone_self;
		hook_due_set(t, false);
	}
	if (f->clone_kind == CLONE_KIND_FORK) {
		hook_signal_release();
		hook_site_release();
	}
	if (f->clone_thread && f->rax < 0)
		hook_thread_fini(f->clone_thread);
	if (f->clone_slot)
		socket_fork_parent(&t->socket, f->clone_slot, f->rax);
	hook_mask_set(f->clone_mask);
}

void hook_clone_child(struct hook_frame *f)
{
	bool own_memory = f->clone_kind == CLONE_KIND_FORK;
	struct hook_thread *t;

	if (f->clone_thread)
		hook_thread_enter(f->clone_thread);
	t = f->clone_thread ? f->clone_thread : hook_self();

	f->via = VIA_JUMP;
	if (f->clone_stack)
		f->rsp = f->clone_stack;
	if (own_memory) {
		hook_thread_forked(t);
		hook_signal_release();
		hook_site_forked();
		hook_config.threads = false;
		t->vfork_depth = 0;
		t->sys_pending = false;
	} else if (f->clone_kind == CLONE_KIND_VFORK) {
		t->top = hook_frame_top(f);
		t->vfork_depth++;
	}
	if (f->clone_slot)
		socket_fork_child(&t->socket, f->clone_slot, own_memory);
	if (f->clone_kind != CLONE_KIND_THREAD)
		hook_signal_again(); /* CLONE_CLEAR_SIGHAND */
	if (hook_config.dispatch && hook_catch_arm() < 0)
		hook_die("system call user dispatch has been switched off");
	hook_mask_set(f->clone_mask);
}

int hook_exit(struct hook_thread *t, struct hook_frame *f)
{
	uint64_t mask;

	if (t->vfork_depth)
		return HOOK_PASS;
	mask = hook_mask_block();
	if (t->socket.signal_due) { /* first that */
		hook_mask_set(mask);
		f->ret -= 2;
		return HOOK_AGAIN;
	}
	t->alt[1] = 0;
	t->alt[2] = f->args[0];
	t->alt[3] = (long)&t->stack->busy;
	return HOOK_EXIT;
}

/*
 * A thread that unmaps the stack it is on is about to exit (musl's detached
 * threads): nothing can be delivered to it from then on, so both calls are made
 * at once.
 */
int hook_munmap(struct hook_thread *t, struct hook_frame *f)
{
	uint64_t start = (uint64_t)f->args[0], size = (uint64_t)f->args[1];

	if (f->rsp - start >= size)
		return HOOK_PASS;
	hook_mask_block();
	t->alt[0] = f->args[0];
	t->alt[1] = f->args[1];
	t->alt[2] = 0;
	t->alt[3] = (long)&t->stack->busy;
	return HOOK_EXIT;
}
