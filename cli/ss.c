/* SPDX-License-Identifier: BSD-2-Clause */
/* toami ss */
#include "cli/cli.h"
#include "cli/text.h"

#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <netinet/in.h>

static const char help[] =
	"usage: toami ss [-talunioeH46] [--json] [PATH]\n"
	"\n"
	"Lists the sockets on the fabric as ss(8) lists the kernel's: all, or "
	"those of "
	"the\n"
	"VIF at PATH and below it. Without -l or -a, listening ones are left "
	"out.\n"
	"\n"
	"  -t, --tcp          TCP only\n"
	"  -u, --udp          UDP only\n"
	"  -l, --listening    listening ones, and UDP without a peer, only\n"
	"  -a, --all          those as well\n"
	"  -4, -6             one family only\n"
	"  -n, --numeric      no names of services\n"
	"  -e, --extended     buffers, drops, and the socket's number\n"
	"  -o, --options      what timer runs\n"
	"  -i, --info         what TCP knows of the path\n"
	"  -H, --no-header\n"
	"  -j, --json         as JSON, whatever the letters leave\n";

struct wanted {
	bool tcp, udp, listening, all, v4, v6;
	bool numeric, extended, timer, info, no_header, json;
};

static const char *text_at(const json_t *o, const char *key)
{
	const char *s = json_string_value(json_object_get(o, key));

	return s ? s : "";
}

static uint64_t number_at(const json_t *o, const char *key)
{
	return (uint64_t)json_integer_value(json_object_get(o, key));
}

static bool is_v6(const json_t *s)
{
	const char *local = text_at(json_object_get(s, "local"), "address");

	return *local ? strchr(local, ':') != NULL
		      : !strcmp(text_at(s, "family"), "inet6");
}

static bool fits(const struct wanted *w, const json_t *s)
{
	bool tcp = !strcmp(text_at(s, "proto"), "tcp");
	const char *state = text_at(s, "state");
	bool waits = !strcmp(state, "LISTEN") || !strcmp(state, "UNCONN");

	if ((w->tcp || w->udp) && !(tcp ? w->tcp : w->udp))
		return false;
	if ((w->v4 || w->v6) && !(is_v6(s) ? w->v6 : w->v4))
		return false;
	/* A TCP socket that is nothing yet is nobody's business. */
	if (tcp && !strcmp(state, "UNCONN"))
		return w->all;
	return w->all || w->listening == waits;
}

static void print_end(char *cell, const struct wanted *w, const json_t *s,
		      const char *key)
{
	const json_t *end = json_object_get(s, key);
	const char *address = text_at(end, "address");
	uint16_t port = (uint16_t)number_at(end, "port");
	const struct servent *service = NULL;
	char text[32];

	snprintf(text, sizeof(text), "%u", port);
	if (!w->numeric)
		service = getservbyport(htons(port), text_at(s, "proto"));
	if (!*address)
		address = is_v6(s) ? "::" : "0.0.0.0";
	snprintf(cell, TABLE_CELL, strchr(address, ':') ? "[%s]:%s" : "%s:%s",
		 address,
		 !port	   ? "*"
		 : service ? service->s_name
			   : text);
}

/* users:(("nginx",pid=12,fd=3),...), as ss has it. */
static void print_users(char *cell, const json_t *s)
{
	const json_t *list = json_object_get(s, "programs"), *p;
	size_t i, n = 0;

	*cell = 0;
	json_array_foreach(list, i, p)
	{
		int got = snprintf(cell + n, TABLE_CELL - n,
				   "%s(\"%s\",pid=%lu,fd=%lu)",
				   i ? "," : "users:(", text_at(p, "name"),
				   (unsigned long)number_at(p, "pid"),
				   (unsigned long)number_at(p, "fd"));

		if (got < 0 || n + (size_t)got + 2 > TABLE_CELL) {
			cell[n] = 0;
			break;
		}
		n += (size_t)got;
	}
	if (n)
		strcpy(cell + n, ")");
}

static size_t put(char *to, size_t n, size_t room, const char *text)
{
	size_t bytes = strlen(text);

	if (n + bytes + 1 >= room)
		return n;
	if (n)
		to[n++] = ' ';
	memcpy(to + n, text, bytes + 1);
	return n + bytes;
}

/* "name:value" for each figure of @info that is not zero, in its order. */
static void print_info(char *to, size_t room, const json_t *info)
{
	static const char *const flags[][2] = {
		{ "timestamps", "ts" },
		{ "sack", "sack" },
		{ "ecn", "ecn" },
	};
	const char *key;
	char one[96];
	size_t n = 0;
	json_t *v;

	*to = 0;
	if (!info)
		return;
	for (size_t i = 0; i < sizeof(flags) / sizeof(*flags); i++)
		if (number_at(info, flags[i][0]))
			n = put(to, n, room, flags[i][1]);
	n = put(to, n, room, text_at(info, "congestion"));
	if (number_at(info, "wscale")) {
		snprintf(one, sizeof(one), "wscale:%lu,%lu",
			 (unsigned long)number_at(info, "snd_wscale"),
			 (unsigned long)number_at(info, "rcv_wscale"));
		n = put(to, n, room, one);
	}
	snprintf(one, sizeof(one), "rto:%.3g rtt:%.3f/%.3f",
		 (double)number_at(info, "rto_us") / 1000,
		 (double)number_at(info, "rtt_us") / 1000,
		 (double)number_at(info, "rttvar_us") / 1000);
	n = put(to, n, room, one);
	/* Insertion order is the daemon's. */
	json_object_foreach((json_t *)info, key, v)
	{
		if (!json_is_integer(v) || !json_integer_value(v) ||
		    json_integer_value(v) == INT32_MAX ||
		    strstr(key, "wscale") || !strcmp(key, "timestamps") ||
		    !strcmp(key, "sack") || !strcmp(key, "ecn") ||
		    !strncmp(key, "rt", 2))
			continue;
		snprintf(one, sizeof(one), "%s:%lu", key,
			 (unsigned long)json_integer_value(v));
		n = put(to, n, room, one);
	}
}

/* What -e, -o and -i add, on a line of its own. */
static void print_more(const struct wanted *w, const json_t *s)
{
	const json_t *timer = json_object_get(s, "timer");
	char text[1024];
	bool any = false;

	if (w->timer && timer)
		any = printf("\t timer:(%s,%lums,%lu)", text_at(timer, "kind"),
			     (unsigned long)number_at(timer, "ms"),
			     (unsigned long)number_at(timer, "retries"));
	if (w->extended)
		any = printf("%ssock:%lu skmem:(rb%lu,tb%lu,d%lu)",
			     any ? " " : "\t ",
			     (unsigned long)number_at(s, "sock"),
			     (unsigned long)number_at(s, "rcvbuf"),
			     (unsigned long)number_at(s, "sndbuf"),
			     (unsigned long)number_at(s, "drops"));
	print_info(text, sizeof(text),
		   w->info ? json_object_get(s, "info") : NULL);
	if (*text)
		any = printf("%s%s", any ? " " : "\t ", text);
	if (any)
		putchar('\n');
}

#define COLUMNS 8

struct widths {
	int of[COLUMNS];
};

static void cells(char row[COLUMNS][TABLE_CELL], const struct wanted *w,
		  const json_t *s)
{
	snprintf(row[0], TABLE_CELL, "%s", text_at(s, "proto"));
	snprintf(row[1], TABLE_CELL, "%s", text_at(s, "state"));
	snprintf(row[2], TABLE_CELL, "%lu",
		 (unsigned long)number_at(s, "recv_q"));
	snprintf(row[3], TABLE_CELL, "%lu",
		 (unsigned long)number_at(s, "send_q"));
	print_end(row[4], w, s, "local");
	print_end(row[5], w, s, "peer");
	snprintf(row[6], TABLE_CELL, "%s", text_at(s, "vif"));
	print_users(row[7], s);
}

static void print_row(char row[COLUMNS][TABLE_CELL], const struct widths *w)
{
	for (int i = 0; i + 1 < COLUMNS; i++)
		printf("%-*s ", w->of[i], row[i]);
	puts(row[COLUMNS - 1]);
}

static void print_list(const struct wanted *w, const json_t *list)
{
	static const char *const head[] = { "Netid",
					    "State",
					    "Recv-Q",
					    "Send-Q",
					    "Local Address:Port",
					    "Peer Address:Port",
					    "VIF",
					    "Process" };
	static char row[COLUMNS][TABLE_CELL];
	struct widths width = { { 0 } };
	size_t i;
	json_t *s;

	for (int k = 0; k < COLUMNS; k++)
		width.of[k] = w->no_header ? 0 : (int)strlen(head[k]);
	json_array_foreach(list, i, s)
	{
		cells(row, w, s);
		for (int k = 0; k < COLUMNS; k++)
			if ((int)strlen(row[k]) > width.of[k])
				width.of[k] = (int)strlen(row[k]);
	}
	for (int k = 0; k < COLUMNS; k++)
		snprintf(row[k], TABLE_CELL, "%s", head[k]);
	if (!w->no_header)
		print_row(row, &width);
	json_array_foreach(list, i, s)
	{
		cells(row, w, s);
		print_row(row, &width);
		print_more(w, s);
	}
}

static int run(const struct wanted *w, const char *path)
{
	json_t *result, *list, *kept = json_array(), *s;
	size_t i;
	int err;

	err = cli_ask(false,
		      json_pack("{s:s, s:s?, s:b}", "verb", "ss", "path", path,
				"info", w->info || w->json),
		      &result);
	if (err) {
		json_decref(kept);
		return err;
	}
	list = json_object_get(result, "sockets");
	json_array_foreach(list, i, s)
	{
		if (fits(w, s))
			json_array_append(kept, s);
	}
	if (w->json)
		cli_print_json(kept);
	else
		print_list(w, kept);
	if (number_at(result, "left_out"))
		cli_complain(0,
			     "%lu sockets are left out: a program is stopped "
			     "inside the fabric",
			     (unsigned long)number_at(result, "left_out"));
	json_decref(kept);
	json_decref(result);
	return 0;
}

int cli_ss(int argc, char **argv)
{
	static const struct option options[] = {
		{ "tcp", no_argument, NULL, 't' },
		{ "udp", no_argument, NULL, 'u' },
		{ "listening", no_argument, NULL, 'l' },
		{ "all", no_argument, NULL, 'a' },
		{ "numeric", no_argument, NULL, 'n' },
		{ "extended", no_argument, NULL, 'e' },
		{ "options", no_argument, NULL, 'o' },
		{ "info", no_argument, NULL, 'i' },
		{ "no-header", no_argument, NULL, 'H' },
		{ "json", no_argument, NULL, 'j' },
		{ "processes", no_argument, NULL, 'p' },
		{ "ipv4", no_argument, NULL, '4' },
		{ "ipv6", no_argument, NULL, '6' },
		CLI_OPTS_END
	};
	struct wanted w = { 0 };
	int c;

	while ((c = getopt_long(argc, argv, "tulaneoiHjp46h", options, NULL)) !=
	       -1) {
		switch (c) {
		case 't':
			w.tcp = true;
			break;
		case 'u':
			w.udp = true;
			break;
		case 'l':
			w.listening = true;
			break;
		case 'a':
			w.all = true;
			break;
		case 'n':
			w.numeric = true;
			break;
		case 'e':
			w.extended = true;
			break;
		case 'o':
			w.timer = true;
			break;
		case 'i':
			w.info = true;
			break;
		case 'H':
			w.no_header = true;
			break;
		case 'j':
			w.json = true;
			break;
		case 'p':
			break; /* they are shown in any case */
		case '4':
			w.v4 = true;
			break;
		case '6':
			w.v6 = true;
			break;
		case CLI_HELP:
			return cli_help(help);
		default:
			return cli_usage("ss");
		}
	}
	if (argc - optind > 1) {
		cli_complain(EX_USAGE, "ss takes at most one PATH");
		return cli_usage("ss");
	}
	return run(&w, argv[optind]);
}
