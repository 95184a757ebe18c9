/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A program that has no loader to bring the hook in, or any in the filter's
 * tier: we come first, and do for it what the kernel would have done.
 *
 * The program (and the loader it asks for, if it does) is mapped, the stack
 * that the kernel made loses the words meant for toami-load, and its auxiliary
 * vector tells of the program instead. The process is made to be known by the
 * program's name, arguments and file. The latter takes a privilege
 * (CAP_CHECKPOINT_RESTORE); without it, exe.c answers the program's own
 * questions, and others see toami-load.
 */
#include "hook/enter.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/mman.h>
#include <linux/prctl.h>
#include <signal.h>

#include "base/mem.h"
#include "base/sys.h"
#include "hook/elf_map.h"
#include "hook/exec.h"
#include "hook/exe.h"
#include "hook/filter.h"
#include "hook/hook.h"

/* What the kernel has put on the stack. */
struct process {
	uint64_t *stack;
	char **argv, **env;
	Elf64_auxv_t *aux;
	size_t aux_bytes;
	int fd;		  /* of the program */
	const char *path; /* as it was called */
	bool trap_held;	  /* see LOAD_WORDS */
};

static noreturn void fail(const char *path, const char *why)
{
	hook_say(path, " ", why, NULL);
	for (;;)
		sys_call(SYS_exit_group, EXIT_NOT_LOADED);
}

/* Takes away the loader's words. */
static void process_read(struct process *p, uint64_t *stack)
{
	char **old = (char **)(stack + 1), **v;
	const char *digit = old[1];

	p->fd = 0;
	for (; *digit >= '0' && *digit <= '9'; digit++)
		p->fd = p->fd * 10 + (*digit - '0');
	p->path = old[2];
	p->trap_held = !strcmp(old[LOAD_WORD_TRAP], LOAD_TRAP_HELD);
	p->stack = stack + LOAD_WORDS;
	p->stack[0] = stack[0] - LOAD_WORDS;
	p->argv = (char **)(p->stack + 1);
	p->env = p->argv + p->stack[0] + 1;
	for (v = p->env; *v; v++)
		;
	p->aux = (Elf64_auxv_t *)(v + 1);
	for (p->aux_bytes = sizeof(*p->aux);
	     p->aux[p->aux_bytes / sizeof(*p->aux) - 1].a_type != AT_NULL;)
		p->aux_bytes += sizeof(*p->aux);
}

/* The name that the kernel would have given it. */
static void set_name(const char *path)
{
	const char *name = path;

	for (const char *c = path; *c; c++) {
		if (*c == '/')
			name = c + 1;
	}
	sys_call(SYS_prctl, PR_SET_NAME, name);
}

static void map_program(const struct process *p, struct elf_map *program,
			struct elf_map *interpreter)
{
	int ret = elf_map_file(p->fd, 0, program);
	long fd;

	if (ret == -EEXIST)
		fail(p->path, "cannot be hooked: its addresses are taken");
	if (ret)
		fail(p->path, "cannot be mapped and was not started");
	if (!program->interpreter[0])
		return;
	fd = sys_call(SYS_openat, AT_FDCWD, program->interpreter,
		      O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		fail(program->interpreter, "is missing");
	if (elf_map_file((int)fd, 0, interpreter))
		fail(program->interpreter, "cannot be mapped");
	sys_call(SYS_close, fd);
}

static void fix_aux(const struct process *p, const struct elf_map *program,
		    const struct elf_map *interpreter)
{
	for (Elf64_auxv_t *a = p->aux; a->a_type != AT_NULL; a++) {
		switch (a->a_type) {
		case AT_PHDR:
			a->a_un.a_val = program->phdr;
			break;
		case AT_PHNUM:
			a->a_un.a_val = program->phnum;
			break;
		case AT_ENTRY:
			a->a_un.a_val = program->entry;
			break;
		case AT_BASE:
			a->a_un.a_val = interpreter->bias;
			break;
		case AT_EXECFN:
			a->a_un.a_val = (uint64_t)p->path;
			break;
		default:
			break;
		}
	}
}

/* Where the last of @n strings ends. */
static uint64_t end_of(char *const *v, uint64_t n)
{
	return n ? (uint64_t)v[n - 1] + strlen(v[n - 1]) + 1 : 0;
}

/* What the kernel tells others. */
static void describe(const struct process *p, const struct elf_map *program)
{
	uint64_t brk = (uint64_t)sys_call(SYS_brk, 0), envs = 0;
	struct prctl_mm_map m = {
		.start_code = program->code,
		.end_code = program->code_end,
		.start_data = program->data,
		.end_data = program->data_end,
		.start_brk = brk,
		.brk = brk,
		.start_stack = (uint64_t)p->stack,
		.auxv = (void *)p->aux,
		.auxv_size = (uint32_t)p->aux_bytes,
		.exe_fd = (uint32_t)p->fd,
	};
	long ret;

	/* Nothing of the program's where the filter lets all calls pass. */
	if (brk >= HOOK_PLACE && brk < HOOK_PLACE_END)
		m.start_brk = m.brk = HOOK_PLACE_END;
	while (p->env[envs])
		envs++;
	m.arg_start = (uint64_t)p->argv[0];
	m.arg_end = end_of(p->argv, p->stack[0]);
	m.env_start = envs ? (uint64_t)p->env[0] : m.arg_end;
	m.env_end = envs ? end_of(p->env, envs) : m.arg_end;
	ret = sys_call(SYS_prctl, PR_SET_MM, PR_SET_MM_MAP, &m, sizeof(m), 0);
	if (!ret)
		return;
	hook_exe_pretend(p->fd);
	m.exe_fd = (uint32_t)-1;
	sys_call(SYS_prctl, PR_SET_MM, PR_SET_MM_MAP, &m, sizeof(m), 0);
}

/* As late as can be, SIGTRAP is let go if it is held: a debugger finds
 * everything in its place. */
static noreturn void go(uint64_t entry, uint64_t *stack, bool trap_held)
{
	static const uint64_t masks[] = { 0, SIGBIT(SIGTRAP) };
	register long size __asm__("r10") = sizeof(masks[0]);

	__asm__ volatile("mov %[stack], %%rsp\n\t"
			 "xor %%ebp, %%ebp\n\t"
			 "syscall\n\t"
			 "xor %%edx, %%edx\n\t"
			 "jmp *%[entry]"
			 :
			 : "a"(SYS_rt_sigprocmask), "D"(SIG_UNBLOCK),
			   "S"(&masks[trap_held]), "d"(0),
			   "r"(size), [stack] "r"(stack), [entry] "b"(entry)
			 : "memory");
	__builtin_unreachable();
}

noreturn void hook_enter(uint64_t *stack, const char *loader,
			 const char *loader_end)
{
	uint64_t start = (uint64_t)loader & ~UINT64_C(4095);
	struct elf_map program, interpreter = { 0 };
	struct process p;

	sys_call(SYS_munmap, start, (uint64_t)loader_end - start);
	if (hook_in_place()) /* its place stays taken: see describe() */
		sys_call(SYS_mmap, start, (uint64_t)loader_end - start,
			 PROT_NONE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE |
				 MAP_FIXED_NOREPLACE,
			 -1, 0);
	process_read(&p, stack);
	set_name(p.path);
	map_program(&p, &program, &interpreter);
	fix_aux(&p, &program, &interpreter);
	describe(&p, &program);
	sys_call(SYS_close, p.fd);
	if (program.exec_stack)
		sys_call(SYS_mprotect, (uint64_t)p.stack & ~UINT64_C(4095),
			 4096,
			 PROT_READ | PROT_WRITE | PROT_EXEC | PROT_GROWSDOWN);
	hook_start(p.env);
	/* It, or a loader that is started as a program, would bring in the
	 * other hook. */
	if (program.interpreter[0] || (hook_in_place() && program.dynamic))
		hook_exec_hide(p.env);
	go(program.interpreter[0] ? interpreter.entry : program.entry, p.stack,
	   p.trap_held);
}
