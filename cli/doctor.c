/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * toami doctor: tries what Toami needs of this machine, and says what to
 * change.
 *
 * Each check is a function that fills a finding; a remedy belongs to every
 * finding that could be better. Nothing here changes the machine.
 */
#include "cli/cli.h"
#include "cli/find.h"
#include "cli/probe.h"
#include "hook/probe.h"
#include "daemon/dir.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

static const char help[] =
	"usage: toami doctor [--json]\n"
	"\n"
	"Says what this machine allows, which way programs are hooked and why, "
	"and what\n"
	"to change. Exits with 0 when programs can run, else with 69.\n"
	"\n"
	"  -j, --json  as JSON\n";

enum verdict { GOOD, WORSE, BAD }; /* BAD: programs cannot run */

struct finding {
	enum verdict verdict;
	char text[512];
	char remedy[256];
};

static void say(struct finding *f, enum verdict verdict, const char *remedy,
		const char *format, ...) __attribute__((format(printf, 4, 5)));

static void say(struct finding *f, enum verdict verdict, const char *remedy,
		const char *format, ...)
{
	va_list ap;

	f->verdict = verdict;
	snprintf(f->remedy, sizeof(f->remedy), "%s", remedy);
	va_start(ap, format);
	vsnprintf(f->text, sizeof(f->text), format, ap);
	va_end(ap);
}

/* What brings system call user dispatch where it is missing. */
static const char *remedy_dispatch(void)
{
	char release[65];

	return probe_kernel(5, 11, release)
		       ? "this sandbox forbids it, or the kernel was built "
			 "without: docker run --security-opt "
			 "seccomp=unconfined"
		       : "a kernel that has it: apt-get install "
			 "linux-image-amd64";
}

/* How calls of a program are caught; hook/README.md explains the tiers. */
static void check_hook(struct finding *f)
{
	const char *vif = getenv("TOAMI_VIF");
	struct hook_probe p;

	/* On a fabric, the hook keeps its own means to itself. */
	if (vif && *vif) {
		say(f, GOOD, "", "this command is itself on VIF %.128s", vif);
		return;
	}
	hook_probe(&p);
	if (!p.tier)
		say(f, BAD,
		    "toami run --stack kernel works; for hooking allow "
		    "prctl(2) and seccomp(2): docker run --security-opt "
		    "seccomp=unconfined",
		    "none: %s, and seccomp filters are not allowed",
		    p.dispatch_text);
	else if (!p.dispatch)
		say(f, WORSE, remedy_dispatch(), "%s: %s; %s", p.tier,
		    p.tier_text, p.dispatch_text);
	else
		say(f, GOOD,
		    p.keys && !p.page0 ? "as root: sysctl vm.mmap_min_addr=0"
				       : "",
		    "%s: %s; %s", p.tier, p.tier_text, p.page0_text);
}

static void check_hook_file(struct finding *f)
{
	char path[PATH_MAX];

	if (find_hook(path))
		say(f, BAD, "install Toami completely, or set TOAMI_HOOK_FILE",
		    "libtoami-hook.so is not found");
	else
		say(f, GOOD, "", "%.200s", path);
}

static void check_kernel(struct finding *f)
{
	char release[65];

	if (!probe_kernel(5, 3, release))
		say(f, BAD, "use Linux 5.4 or later",
		    "Linux %s is too old for pidfd_open(2)", release);
	else
		say(f, GOOD, "", "Linux %s", release);
}

static void check_memfd(struct finding *f)
{
	int err = probe_memfd();

	if (!err)
		say(f, GOOD, "", "memfd with seals");
	else
		say(f, BAD,
		    "allow memfd_create(2) in this container, and memory "
		    "beyond "
		    "'ulimit -v'",
		    "no sealed memory of the fabric's size: %s",
		    strerror(-err));
}

static void check_pidfd(struct finding *f)
{
	int err = probe_pidfd();

	if (!err)
		say(f, GOOD, "", "pidfd: deaths are noticed");
	else
		say(f, BAD, "allow pidfd_open(2) in this container",
		    "pidfd_open fails: %s", strerror(-err));
}

static void check_clock(struct finding *f)
{
	if (probe_tsc())
		say(f, GOOD, "", "the time-stamp counter is constant");
	else
		say(f, WORSE,
		    "choose tsc as clock source where the machine has a "
		    "constant "
		    "one",
		    "the time-stamp counter is not the kernel's clock source: "
		    "each look at the clock may be a system call");
}

static void check_cores(struct finding *f)
{
	long cores = probe_cores();

	if (cores >= 2)
		say(f, GOOD, "", "%ld cores", cores);
	else
		say(f, WORSE,
		    "give it two cores or more: programs that wait can then "
		    "spin",
		    "one core: every wake-up is a context switch");
}

static void check_files(struct finding *f)
{
	struct rlimit r;

	if (getrlimit(RLIMIT_NOFILE, &r))
		say(f, WORSE, "", "unknown: %s", strerror(errno));
	else if (r.rlim_cur >= 4096)
		say(f, GOOD, "", "%llu open files a program",
		    (unsigned long long)r.rlim_cur);
	else
		say(f, WORSE, "for many connections: ulimit -n 65536",
		    "%llu open files a program: a connection takes one",
		    (unsigned long long)r.rlim_cur);
}

static void check_huge(struct finding *f)
{
	char mode[128];

	if (!probe_choice("/sys/kernel/mm/transparent_hugepage/shmem_enabled",
			  mode, sizeof(mode)))
		say(f, WORSE, "", "unknown");
	else if (!strcmp(mode, "never") || !strcmp(mode, "deny"))
		say(f, WORSE,
		    "as root: echo advise > "
		    "/sys/kernel/mm/transparent_hugepage/shmem_enabled",
		    "no huge pages for shared memory (%s): a little slower "
		    "with "
		    "many connections",
		    mode);
	else
		say(f, GOOD, "", "huge pages for shared memory: %s", mode);
}

static void check_dir(struct finding *f)
{
	char dir[DIR_MAX];
	int err = dir_choose(NULL, dir);

	if (err)
		say(f, BAD, "set TOAMI_DIR to an absolute path below 90 bytes",
		    "no directory for the daemon");
	else if ((err = dir_check(dir)) && err != -ENOENT)
		say(f, BAD, "set TOAMI_DIR to a directory of this user alone",
		    "%s: %s", dir, strerror(-err));
	else
		say(f, GOOD, "", "%s", dir);
}

static void check_daemon(struct finding *f)
{
	struct toami_control *c;
	json_t *result = NULL;
	const char *version;
	int err = toami_control_open(NULL, false, &c);

	if (!err)
		err = client_request(c, json_pack("{s:s}", "verb", "version"),
				     &result);
	version = json_string_value(json_object_get(result, "version"));
	if (err == EX_UNAVAILABLE)
		say(f, GOOD, "", "none runs; the first command starts it");
	else if (err)
		say(f, BAD, "", "%.250s", toami_control_text(c));
	else if (!version || strcmp(version, TOAMI_VERSION))
		say(f, BAD, "end it with 'toami down'",
		    "toamid %s runs, which is not this command's "
		    "version " TOAMI_VERSION,
		    version ? version : "?");
	else
		say(f, GOOD, "", "toamid %s runs", version);
	json_decref(result);
	toami_control_close(c);
}

static const struct check {
	const char *name;
	void (*run)(struct finding *f);
} checks[] = {
	{ "hook", check_hook },	      { "hook file", check_hook_file },
	{ "kernel", check_kernel },   { "memory", check_memfd },
	{ "processes", check_pidfd }, { "clock", check_clock },
	{ "cores", check_cores },     { "files", check_files },
	{ "pages", check_huge },      { "directory", check_dir },
	{ "daemon", check_daemon },
};

static const char *const words[] = { "good", "worse", "bad" };

static void print(const char *name, const struct finding *f)
{
	static const char *const colours[] = { "\033[32m", "\033[33m",
					       "\033[31m" };
	bool colour = isatty(STDOUT_FILENO);

	printf("%s%-5s%s  %-9s  %s\n", colour ? colours[f->verdict] : "",
	       words[f->verdict], colour ? "\033[0m" : "", name, f->text);
	if (*f->remedy)
		printf("%18s%s\n", "", f->remedy);
}

int cli_doctor(int argc, char **argv)
{
	static const struct option options[] = {
		{ "json", no_argument, NULL, 'j' }, CLI_OPTS_END
	};
	bool as_json = false, bad = false;
	json_t *list = json_array();
	int c;

	while ((c = getopt_long(argc, argv, "jh", options, NULL)) != -1) {
		if (c == '?' || c == CLI_HELP) {
			json_decref(list);
			return c == '?' ? cli_usage("doctor") : cli_help(help);
		}
		as_json = true;
	}
	for (size_t i = 0; i < sizeof(checks) / sizeof(checks[0]); i++) {
		struct finding f = { 0 };

		checks[i].run(&f);
		bad |= f.verdict == BAD;
		if (!as_json)
			print(checks[i].name, &f);
		else
			json_array_append_new(
				list, json_pack("{s:s, s:s, s:s, s:s}", "name",
						checks[i].name, "verdict",
						words[f.verdict], "text",
						f.text, "remedy", f.remedy));
	}
	if (as_json)
		cli_print_json(list);
	json_decref(list);
	return bad ? EX_UNAVAILABLE : 0;
}
