/* SPDX-License-Identifier: BSD-2-Clause */
/* See cli.h. */
#include "cli/cli.h"

#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int cli_complain(int code, const char *format, ...)
{
	va_list ap;

	fputs("toami: ", stderr);
	va_start(ap, format);
	vfprintf(stderr, format, ap);
	va_end(ap);
	fputc('\n', stderr);
	return code;
}

int cli_usage(const char *verb)
{
	fprintf(stderr, "See 'toami %s --help'.\n", verb);
	return EX_USAGE;
}

bool cli_plain(const struct cli_plain *p, int argc, char **argv, bool *json,
	       int *code)
{
	static const struct option without[] = { CLI_OPTS_END };
	static const struct option with_json[] = {
		{ "json", no_argument, NULL, 'j' }, CLI_OPTS_END
	};
	int c;

	while ((c = getopt_long(argc, argv, json ? "jh" : "h",
				json ? with_json : without, NULL)) != -1) {
		if (c != 'j') {
			*code = c == CLI_HELP ? cli_help(p->help)
					      : cli_usage(p->verb);
			return false;
		}
		*json = true;
	}
	if (argc - optind >= p->least && argc - optind <= p->most)
		return true;
	if (p->takes)
		cli_complain(EX_USAGE, "%s takes %s", p->verb, p->takes);
	else
		cli_complain(EX_USAGE, "%s takes no argument '%s'", p->verb,
			     argv[optind]);
	*code = cli_usage(p->verb);
	return false;
}

int cli_help(const char *text)
{
	fputs(text, stdout);
	return 0;
}

static int list_verbs(const char *group, const struct cli_verb *verbs,
		      const char *about, FILE *to)
{
	fprintf(to, "usage: %s VERB [argument...]\n\n", group);
	for (; verbs->name; verbs++)
		fprintf(to, "  %-8s %s\n", verbs->name, verbs->summary);
	if (*about)
		fprintf(to, "\n%s", about);
	return to == stdout ? 0 : EX_USAGE;
}

int cli_dispatch(const char *group, const struct cli_verb *verbs,
		 const char *about, int argc, char **argv)
{
	const char *name = argc > 1 ? argv[1] : NULL;

	if (!name)
		return list_verbs(group, verbs, about, stderr);
	if (!strcmp(name, "--help") || !strcmp(name, "-h") ||
	    !strcmp(name, "help"))
		return list_verbs(group, verbs, about, stdout);
	for (const struct cli_verb *v = verbs; v->name; v++)
		if (!strcmp(name, v->name))
			return v->run(argc - 1, argv + 1);
	return cli_complain(EX_USAGE, "'%s' is not a verb: see '%s --help'",
			    name, group);
}

int cli_open(bool start, struct toami_control **control)
{
	int err = toami_control_open(NULL, start, control);

	if (!err)
		return 0;
	cli_complain(err, "%s", toami_control_text(*control));
	toami_control_close(*control);
	return err;
}

bool cli_plain_open(const struct cli_plain *plain, int argc, char **argv,
		    struct toami_control **control, int *code)
{
	if (!cli_plain(plain, argc, argv, NULL, code))
		return false;
	*code = cli_open(false, control);
	return !*code;
}

int cli_close(struct toami_control *control, int err)
{
	/* What the command itself has complained of is said already. */
	if (err && *toami_control_text(control))
		cli_complain(err, "%s", toami_control_text(control));
	toami_control_close(control);
	return err;
}

int cli_ask(bool start, json_t *request, json_t **result)
{
	struct toami_control *c;
	int err = cli_open(start, &c);

	if (err) {
		json_decref(request);
		return err;
	}
	err = client_request(c, request, result);
	if (err)
		cli_complain(err, "%s", toami_control_text(c));
	toami_control_close(c);
	return err;
}

#define WAIT_MS 100
#define WAITS	250 /* DHCP with its probes takes five seconds */

int cli_wait_address(struct toami_control *c, const char *address,
		     struct toami_vif *vif)
{
	bool dhcp = address && !strcmp(address, "dhcp");
	const char *want = dhcp ? vif->address : vif->address6;
	json_t *result;
	int err;

	if (!dhcp && !(address && !strcmp(address, "slaac")))
		return 0;
	for (int i = 0; i < WAITS && !*want; i++) {
		poll(NULL, 0, WAIT_MS);
		err = client_request(c,
				     json_pack("{s:s, s:s}", "verb", "vif.show",
					       "path", vif->path),
				     &result);
		if (err)
			return cli_complain(err, "%s", toami_control_text(c));
		client_vif(result, vif);
		json_decref(result);
	}
	if (*want)
		return 0;
	return cli_complain(EX_TEMPFAIL,
			    "VIF %s has got no address within %d s and goes on "
			    "asking: is there an uplink ('toami port ls') and "
			    "%s beyond it?",
			    vif->path, WAIT_MS * WAITS / 1000,
			    dhcp ? "a DHCP server" : "a router");
}

void cli_print_json(const json_t *json)
{
	json_dumpf(json, stdout, JSON_INDENT(2));
	putchar('\n');
}
