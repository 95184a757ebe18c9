/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * toami run: asks the daemon for the VIF, sets three variables, and becomes the
 * program.
 *
 * Nothing stays between the shell and the program: signals, exit code, terminal
 * and descriptors are its own. The hook in LD_PRELOAD joins the fabric from
 * inside it.
 */
#include "cli/cli.h"
#include "cli/find.h"
#include "cli/run_kernel.h"
#include "hook/elf_check.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char help[] =
	"usage: toami run [-v PATH] [-a ADDR] [--] PROGRAM [argument...]\n"
	"\n"
	"Starts PROGRAM with its network on the VIF at PATH, which is made "
	"where it is\n"
	"missing and stays until 'toami vif rm' or 'toami down'. What PROGRAM "
	"starts is\n"
	"on that VIF, too.\n"
	"\n"
	"  -v, --vif PATH      the VIF (default: /NAME, after the program; "
	"/NAME-2 and\n"
	"                      so on while another program is on that)\n"
	"  -a, --address ADDR  its address: one of the fabric's, 'auto' or "
	"'none'\n"
	"                      (default: auto for /NAME, none for /NAME/NAME)\n"
	"      --stack STACK   user (default): through shared memory, or "
	"kernel: "
	"its own\n"
	"                      network namespace, attached by a TAP; for what "
	"cannot be\n"
	"                      hooked\n"
	"\n"
	"Exits as PROGRAM does; 127: there is no such program; 126: it cannot "
	"be\n"
	"executed or hooked; for others see toami(1).\n";

enum { OPT_STACK = 256 };

struct order {
	const char *vif; /* NULL: named after the program */
	const char *address;
	char program[PATH_MAX];
	char hook[PATH_MAX];
	char **argv;
	bool kernel; /* --stack kernel */
};

static int find_all(struct order *o)
{
	int err = find_program(o->argv[0], o->program);
	char text[512];

	if (err == -ENOENT)
		return cli_complain(
			EXIT_NOT_FOUND,
			"there is no program '%s'%s: check its name",
			o->argv[0], strchr(o->argv[0], '/') ? "" : " in PATH");
	if (err)
		return cli_complain(EXIT_NOT_EXECUTABLE,
				    "'%s' is not a program that can be "
				    "executed: check its permissions",
				    o->program);
	if (o->kernel)
		return 0;
	if (hook_exec_check(o->program, text, sizeof(text)))
		return cli_complain(EXIT_NOT_EXECUTABLE, "%s", text);
	if (find_hook(o->hook))
		return cli_complain(EX_UNAVAILABLE,
				    "libtoami-hook.so is not found in %s: "
				    "install Toami completely, or set "
				    "TOAMI_HOOK_FILE",
				    TOAMI_LIBDIR);
	/* The loader would split such a name, and the program run without its
	 * hook. */
	if (strpbrk(o->hook, ": "))
		return cli_complain(EX_UNAVAILABLE,
				    "LD_PRELOAD cannot carry the name '%s': "
				    "install Toami where names have no ':' or "
				    "blank, or set TOAMI_HOOK_FILE",
				    o->hook);
	return 0;
}

/* Puts @hook first in LD_PRELOAD, once. */
static int preload(const char *hook)
{
	const char *old = getenv("LD_PRELOAD");
	size_t n = strlen(hook);
	char *all;
	int err;

	if (old && !strncmp(old, hook, n) && (!old[n] || old[n] == ':'))
		return 0;
	if (asprintf(&all, "%s%s%s", hook, old && *old ? ":" : "",
		     old ? old : "") < 0)
		return -1;
	err = setenv("LD_PRELOAD", all, 1);
	free(all);
	return err;
}

static const char *name_of(const struct order *o)
{
	const char *slash = strrchr(o->argv[0], '/');

	return slash ? slash + 1 : o->argv[0];
}

/* Has the VIF made; sets what the hook reads. Returns 0 or an exit code. */
static int prepare(const struct order *o)
{
	struct toami_control *c;
	json_t *result;
	struct toami_vif vif;
	int err = cli_open(true, &c);

	if (err)
		return err;
	err = client_request(c,
			     json_pack("{s:s, s:s?, s:s?, s:s}", "verb",
				       "run.prepare", "path", o->vif, "address",
				       o->address, "program", name_of(o)),
			     &result);
	if (err) {
		cli_complain(err, "%s", toami_control_text(c));
	} else {
		client_vif(result, &vif);
		json_decref(result);
		if (setenv("TOAMI_DIR", toami_control_dir(c), 1) ||
		    setenv("TOAMI_VIF", vif.path, 1) || preload(o->hook))
			err = cli_complain(EX_OSERR, "out of memory");
	}
	toami_control_close(c);
	return err;
}

int cli_run(int argc, char **argv)
{
	static const struct option options[] = {
		{ "vif", required_argument, NULL, 'v' },
		{ "address", required_argument, NULL, 'a' },
		{ "stack", required_argument, NULL, OPT_STACK },
		CLI_OPTS_END
	};
	struct order o = { 0 };
	int c, err;

	/* '+': the program's options are its own. */
	while ((c = getopt_long(argc, argv, "+v:a:h", options, NULL)) != -1) {
		if (c == CLI_HELP)
			return cli_help(help);
		if (c == '?')
			return cli_usage("run");
		if (c != OPT_STACK) {
			*(c == 'v' ? &o.vif : &o.address) = optarg;
			continue;
		}
		o.kernel = !strcmp(optarg, "kernel");
		if (!o.kernel && strcmp(optarg, "user")) {
			cli_complain(EX_USAGE,
				     "there is no stack '%s': it is 'user' or "
				     "'kernel'",
				     optarg);
			return cli_usage("run");
		}
	}
	if (optind == argc) {
		cli_complain(EX_USAGE, "run needs a program to start");
		return cli_usage("run");
	}
	o.argv = argv + optind;
	if (o.kernel)
		run_kernel_leave_hook(argv - 1);
	err = find_all(&o);
	if (!err && o.kernel)
		err = run_kernel_enter(o.vif, o.address, name_of(&o));
	else if (!err)
		err = prepare(&o);
	if (err)
		return err;
	execv(o.program, o.argv);
	err = errno;
	return cli_complain(err == ENOENT ? EXIT_NOT_FOUND
					  : EXIT_NOT_EXECUTABLE,
			    "cannot execute %s: %s", o.program, strerror(err));
}
