/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * toami(1): what its verbs share.
 *
 * A verb is a function of its own file; it gets its own arguments, argv[0]
 * being its name, and returns the command's exit code. Everything goes through
 * toami/control.h and toami/vif.h.
 */
#ifndef TOAMI_CLI_CLI_H
#define TOAMI_CLI_CLI_H

#include "daemon/client.h"

#include <getopt.h>
#include <stdbool.h>
#include <sysexits.h>

#define EXIT_NOT_EXECUTABLE 126 /* as the shell says it */
#define EXIT_NOT_FOUND	    127

/* A verb's own options end with these; CLI_HELP is returned for -h and --help.
 */
#define CLI_HELP 'h'
#define CLI_OPTS_END                             \
	{ "help", no_argument, NULL, CLI_HELP }, \
	{                                        \
		0                                \
	}

int cli_run(int argc, char **argv);
int cli_trace(int argc, char **argv);
int cli_up(int argc, char **argv);
int cli_down(int argc, char **argv);
int cli_nstat(int argc, char **argv);
int cli_ss(int argc, char **argv);
int cli_status(int argc, char **argv);
int cli_capture(int argc, char **argv);
int cli_watch(int argc, char **argv);
int cli_metrics(int argc, char **argv);
int cli_top(int argc, char **argv);
int cli_save(int argc, char **argv);
int cli_load(int argc, char **argv);
int cli_version(int argc, char **argv);
int cli_doctor(int argc, char **argv);
int cli_map(int argc, char **argv);
int cli_vif(int argc, char **argv);
int cli_vif_ls(int argc, char **argv);
int cli_vif_add(int argc, char **argv);
int cli_vif_set(int argc, char **argv);
int cli_vif_attach(int argc, char **argv);
int cli_vif_detach(int argc, char **argv);
int cli_vif_mv(int argc, char **argv);
int cli_vif_rm(int argc, char **argv);
int cli_vif_show(int argc, char **argv);
int cli_port(int argc, char **argv);
int cli_port_ls(int argc, char **argv);
int cli_port_add(int argc, char **argv);
int cli_port_rm(int argc, char **argv);

/* A group of verbs: `toami` itself, or `toami vif`. */
struct cli_verb {
	const char *name;
	const char *summary;
	int (*run)(int argc, char **argv);
};

/**
 * cli_dispatch - runs the verb that argv[1] names
 * @group: as it is typed, "toami" or "toami vif"
 * @verbs: ends with a NULL name
 * @about: printed below the list of verbs; may be ""
 */
int cli_dispatch(const char *group, const struct cli_verb *verbs,
		 const char *about, int argc, char **argv);

/* cli_complain - "toami: ..." to standard error; returns @code */
int cli_complain(int code, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* cli_usage - an unknown option, or arguments that do not fit; returns EX_USAGE
 */
int cli_usage(const char *verb);

/* A verb that has no option of its own but, perhaps, --json. */
struct cli_plain {
	const char *verb, *help;
	int least, most;   /* arguments */
	const char *takes; /* "one PATH"; NULL where it takes none */
};

/**
 * cli_plain - reads its options; getopt's optind is at the first argument then
 * @json: whether --json was given; NULL: the verb does not have that
 *
 * Returns true; or false, with the exit code in @code: help was asked for, or
 * it is wrong.
 */
bool cli_plain(const struct cli_plain *plain, int argc, char **argv, bool *json,
	       int *code);

/* cli_help - prints @text; returns 0 */
int cli_help(const char *text);

/*
 * cli_ask - one request to the daemon, started where @start says so
 *
 * Consumes @request. Returns 0 and *result, owned by the caller; else an exit
 * code, the sentence printed.
 */
int cli_ask(bool start, json_t *request, json_t **result);

/* cli_open - a connection; 0, or an exit code with the sentence printed */
int cli_open(bool start, struct toami_control **control);

/* cli_plain_open - cli_plain() without --json, and a connection to a daemon
 * that runs */
bool cli_plain_open(const struct cli_plain *plain, int argc, char **argv,
		    struct toami_control **control, int *code);

/* cli_close - ends a connection; where @err is one of its failures, says so.
 * Returns @err. */
int cli_close(struct toami_control *control, int err);

/**
 * cli_wait_address - until the VIF in *@vif has the address that was asked for
 * @address: "dhcp" and "slaac" are waited for; anything else is there
 *
 * Updates *@vif. Returns 0, or an exit code with the sentence printed.
 */
int cli_wait_address(struct toami_control *control, const char *address,
		     struct toami_vif *vif);

/* cli_print_json - for people and programs alike */
void cli_print_json(const json_t *json);

#endif
