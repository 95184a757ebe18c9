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
#include "cli/words.h"
#include "daemon/prop.h"
#include "hook/elf_check.h"
#include "hook/enter.h"
#include "hook/filter.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char help[] =
	"usage: toami run [-v PATH] [-a ADDR] [--PROPERTY VALUE...] [--] "
	"PROGRAM\n"
	"                 [argument...]\n"
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
	"                      with properties and without -v, a VIF of its "
	"own below\n"
	"                      the one it is started on, which goes when it "
	"ends\n"
	"  -a, --address ADDR  its address: one of the fabric's, 'auto' or "
	"'none';\n"
	"                      'dhcp', 'slaac': found on the uplink's "
	"network\n"
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

struct order {
	const char *vif; /* NULL: named after the program */
	const char *address;
	json_t *set;		   /* properties */
	struct client_files files; /* that they name */
	char program[PATH_MAX];
	char hook[PATH_MAX];
	char **argv;
	struct hook_plan plan;
	bool kernel; /* --stack kernel */
};

/*
 * How the hook comes into the program. If this command is hooked itself, as
 * into all that it executes. Returns 0 or an exit code.
 */
static int make_plan(struct order *o)
{
	bool hooked = hook_is_here();
	char text[512];

	if (hook_exec_check(o->program,
			    !hooked && hook_filter_wanted(getenv("TOAMI_HOOK")),
			    &o->plan, text, sizeof(text)))
		return cli_complain(EXIT_NOT_EXECUTABLE, "%s", text);
	if (hooked && o->plan.load) {
		close(o->plan.fd);
		o->plan.load = false;
	}
	return 0;
}

static int find_all(struct order *o)
{
	int err = find_program(o->argv[0], o->program);

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
	err = make_plan(o);
	if (err)
		return err;
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
	err = client_request_with(
		c,
		json_pack("{s:s, s:s?, s:s?, s:O*, s:b, s:s}", "verb",
			  "run.prepare", "path", o->vif, "address", o->address,
			  "set", o->set, "anonymous", o->set && !o->vif,
			  "program", name_of(o)),
		&o->files, &result);
	if (err) {
		cli_complain(err, "%s", toami_control_text(c));
	} else {
		client_vif(result, &vif);
		json_decref(result);
		err = cli_wait_address(c, o->address, &vif);
		if (err)
			goto out;
		if (setenv("TOAMI_DIR", toami_control_dir(c), 1) ||
		    setenv("TOAMI_VIF", vif.path, 1) || preload(o->hook))
			err = cli_complain(EX_OSERR, "out of memory");
	}
out:
	toami_control_close(c);
	return err;
}

/* The options of a VIF's properties follow these. */
enum { OPT_STACK = 256, RUN_PROP, RUN_OWN = 3 };

/* The options of run: its own, and one for each property of a VIF. */
static void make_options(struct option options[RUN_OWN + PROPS + 2])
{
	static const struct option own[RUN_OWN] = {
		{ "vif", required_argument, NULL, 'v' },
		{ "address", required_argument, NULL, 'a' },
		{ "stack", required_argument, NULL, OPT_STACK },
	};
	static const struct option end[] = { CLI_OPTS_END };

	memcpy(options, own, sizeof(own));
	for (int i = 0; i < PROPS; i++)
		options[RUN_OWN + i] =
			(struct option){ prop_table[i].name, required_argument,
					 NULL, RUN_PROP + i };
	memcpy(options + RUN_OWN + PROPS, end, sizeof(end));
}

static void print_help(void)
{
	cli_help(help);
	puts("\nProperties of the VIF:\n");
	for (int i = 0; i < PROPS; i++)
		printf("  --%-12s %s; for instance %s\n", prop_table[i].name,
		       prop_table[i].doc, prop_table[i].example);
}

/* Becomes the program; returns if that fails. */
static void become(struct order *o, int argc)
{
	char file[PATH_MAX], loader[PATH_MAX + sizeof(HOOK_LOADER_FILE)];
	const char **words;

	if (!o->plan.load) {
		execv(o->program, o->argv);
		return;
	}
	words = calloc((size_t)argc + HOOK_WORDS_MAX, sizeof(*words));
	/* Its other files lie beside the one that the name may be a link to. */
	if (!words || !realpath(o->hook, file))
		return;
	*strrchr(file, '/') = '\0';
	snprintf(loader, sizeof(loader), "%s/%s", file, HOOK_LOADER_FILE);
	hook_exec_words(&o->plan, o->program, argc, o->argv, words);
	execv(loader, (char **)words);
	free(words);
}

static int add_property(struct order *o, const char *name, const char *value)
{
	char *word;
	int err;

	if (asprintf(&word, "%s=%s", name, value) < 0)
		return cli_complain(EX_OSERR, "out of memory");
	err = words_file(&word);
	if (err)
		return err;
	if (!o->set)
		o->set = json_object();
	json_object_set_new(o->set, name, json_string(word + strlen(name) + 1));
	client_files_program(&o->files, word);
	return 0;
}

int cli_run(int argc, char **argv)
{
	struct option options[RUN_OWN + PROPS + 2];
	struct order o = { 0 };
	int c, err;

	make_options(options);
	/* '+': the program's options are its own. */
	while ((c = getopt_long(argc, argv, "+v:a:h", options, NULL)) != -1) {
		if (c == CLI_HELP) {
			print_help();
			return 0;
		}
		if (c == '?')
			return cli_usage("run");
		if (c == OPT_STACK) {
			o.kernel = !strcmp(optarg, "kernel");
			if (o.kernel || !strcmp(optarg, "user"))
				continue;
			cli_complain(EX_USAGE,
				     "there is no stack '%s': it is 'user' or "
				     "'kernel'",
				     optarg);
			return cli_usage("run");
		}
		if (c < RUN_PROP) {
			*(c == 'v' ? &o.vif : &o.address) = optarg;
			continue;
		}
		err = add_property(&o, prop_table[c - RUN_PROP].name, optarg);
		if (err)
			return err;
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
		err = run_kernel_enter(o.vif, o.address, o.set, &o.files,
				       name_of(&o));
	else if (!err)
		err = prepare(&o);
	json_decref(o.set);
	client_files_close(&o.files);
	if (err)
		return err;
	become(&o, argc - optind);
	err = errno;
	return cli_complain(err == ENOENT ? EXIT_NOT_FOUND
					  : EXIT_NOT_EXECUTABLE,
			    "cannot execute %s: %s", o.program, strerror(err));
}
