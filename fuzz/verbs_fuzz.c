/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Requests to the daemon's control socket: JSON, and what is not. Each line
 * gets one answer, an object with a result or an error, and whatever it has
 * made of the tree can be taken down again. HACKING.md has the commands.
 *
 * The input is the lines of one connection. One that begins with '=' is sent
 * as it is; after '@' an owner asks instead of the fabric's user. Otherwise its
 * first byte chooses a verb, and the rest are members: a byte chooses the key,
 * one the kind of value, then comes the value. In text, which ends at ';',
 * bytes from 128 on stand for the words below. So nearly every line is a
 * request that gets past the parser of JSON.
 */
#include "daemon/given.h"
#include "daemon/pcap_filter.h"
#include "daemon/tree.h"
#include "daemon/prop.h"
#include "daemon/session.h"
#include "daemon/settings.h"
#include "daemon/verbs.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Of one input: a hundred times the metrics say nothing new, slowly. */
#define REQUESTS_MOST 12

/* Whom `owner=7` gives a VIF to. */
#define OWNER 7

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Programs join and the daemon ends by other verbs than these. */
/* What matters most, several times. */
static const char *const verbs[] = {
	"vif.add",  "vif.set",	"vif.set",    "vif.add",    "load",
	"load",	    "vif.add",	"vif.set",    "vif.rm",	    "vif.mv",
	"vif.ls",   "vif.show", "vif.attach", "vif.detach", "capture",
	"watch",    "metrics",	"save",	      "load",	    "ss",
	"nstat",    "map.ls",	"map.get",    "map.set",    "map.rm",
	"map.dump", "port.add", "port.rm",    "port.ls",    "status",
	"version",
};

static const char *const keys[] = {
	"path",	    "set",    "text",	   "path",	"set",	   "text",
	"path",	    "set",    "to",	   "path",	"set",	   "address",
	"text",	    "to",     "diff",	   "recursive", "keep",	   "queue",
	"short",    "brief",  "pid",	   "map",	"key",	   "value",
	"ip",	    "cursor", "direction", "sampled",	"snap",	   "id",
	"protocol", "name",   "uplink",	   "gateway",	"offload", "files",
	"gateway6", "info",   "each",
};

static const char *const words[] = {
	"/a",
	"/b",
	"/a/b",
	"/a/b/c",
	"/",
	"vif add ",
	"vif set ",
	"vif mv ",
	"vif rm ",
	"-r ",
	"-a ",
	"port add tap ",
	"port rm ",
	"-n up0 ",
	"--uplink ",
	"\n",
	" ",
	"rate=",
	"rate-in=",
	"min=",
	"weight=",
	"prio=",
	"limit=",
	"delay=",
	"jitter=",
	"loss=",
	"reorder=",
	"duplicate=",
	"filter=",
	"filter-in=",
	"program=",
	"program-in=",
	"flow=",
	"mark=",
	"sample=",
	"owner=",
	"quota=",
	"100mbit",
	"1.5gbit",
	"10kbit",
	"20ms",
	"64kib",
	"1%",
	"none",
	"auto",
	"dhcp",
	"10.77.0.9",
	"fd77:746f:616d::9",
	",",
	"'",
	"\"",
	"tcp port 80",
	"udp",
	"and",
	"host 10.77.0.2",
	"children:",
	"depth:",
	"queue:",
	"program:",
	"maps:",
	"root",
	"#",
	"7",
	"4294967296",
	"/nosuch.o",
};

static char dir[] = "/tmp/toami-fuzz-XXXXXX";
static struct daemon *made;

/*
 * In the place of libpcap, which has a process of its own for each filter, and
 * would be most of what is done here: the words have something to do with the
 * instructions, and some are refused.
 */
int pcap_filter_compile(const char *expression, struct bpf_classic **insns,
			char *why, size_t why_bytes)
{
	const struct bpf_classic of[] = {
		{ 0x28, 0, 0, 12 }, /* the EtherType */
		{ 0x15, 0, 1, 0x0800 + (uint32_t)strlen(expression) % 4 },
		{ 0x06, 0, 0, 262144 },
		{ 0x06, 0, 0, 0 },
	};

	*insns = NULL;
	if (strlen(expression) % 5 == 4) {
		snprintf(why, why_bytes, "it is none");
		return -1;
	}
	*insns = malloc(sizeof(of));
	if (!*insns)
		return -1;
	memcpy(*insns, of, sizeof(of));
	return (int)ARRAY_SIZE(of);
}

static void clean_up(void)
{
	char path[sizeof(dir) + 8];

	daemon_free(made);
	snprintf(path, sizeof(path), "%s/log", dir);
	unlink(path);
	rmdir(dir);
}

static struct daemon *daemon_made(void)
{
	static struct options options = { .dir = dir,
					  .subnet4 = POOL_SUBNET4,
					  .subnet6 = POOL_SUBNET6,
					  .max_vifs = 64 };
	struct refusal why;
	struct daemon *d;

	if (!mkdtemp(dir))
		abort();
	atexit(clean_up);
	d = daemon_new(&options, &why);
	if (!d) {
		fprintf(stderr, "%s\n", why.text);
		abort();
	}
	return d;
}

static void ask(struct daemon *d, uid_t uid, const char *line, size_t bytes)
{
	struct session session = { 0 };
	struct given given = { 0 };
	struct peer peer = { .pid = getpid(),
			     .uid = uid,
			     .session = &session,
			     .given = &given };
	char *text = verbs_answer(d, &peer, line, bytes);
	json_t *reply = json_loads(text, 0, NULL);

	if (!json_is_object(reply) || !json_object_get(reply, "result") ==
					      !json_object_get(reply, "error"))
		abort();
	session_end(d, &session);
	json_decref(reply);
	free(text);
}

/* What is left of the input, and the line that is made of it. */
struct in {
	const uint8_t *at, *end;
	char line[16384];
	size_t n;
};

static uint8_t next_byte(struct in *in)
{
	return in->at < in->end ? *in->at++ : ';';
}

static void put(struct in *in, const char *text)
{
	size_t bytes = strlen(text);

	if (in->n + bytes + 1 >= sizeof(in->line))
		return;
	memcpy(in->line + in->n, text, bytes);
	in->n += bytes;
}

/* A byte of a string in JSON. */
static void put_quoted(struct in *in, char c)
{
	char text[8];

	if (c == '"' || c == '\\' || (unsigned char)c < ' ')
		snprintf(text, sizeof(text), "\\u%04x", (unsigned char)c);
	else
		snprintf(text, sizeof(text), "%c", c);
	put(in, text);
}

static void put_text(struct in *in)
{
	uint8_t b;

	put(in, "\"");
	while ((b = next_byte(in)) != ';' && b != '\n') {
		const char *word = words[(b & 127) % ARRAY_SIZE(words)];

		if (b < 128)
			put_quoted(in, (char)b);
		else
			for (; *word; word++)
				put_quoted(in, *word);
	}
	put(in, "\"");
}

/* A value other than text: a word, a number, or what JSON has besides. */
static void put_value(struct in *in)
{
	static const char *const others[] = {
		"true", "false",  "null", "[]", "{}",
		"-1",	"1.5e99", "[[]]", "0",	"18446744073709551616",
	};
	uint8_t kind = next_byte(in);
	char number[32];

	if (kind < 64) {
		put(in, "\"");
		put(in, words[kind % ARRAY_SIZE(words)]);
		put(in, "\"");
	} else if (kind < 96) {
		snprintf(number, sizeof(number), "%llu",
			 (unsigned long long)next_byte(in) << (kind % 32 * 2));
		put(in, number);
	} else if (kind < 128) {
		put(in, others[kind % ARRAY_SIZE(others)]);
	} else {
		put_text(in);
	}
}

/* {"rate":"10mbit",...} up to ';' */
static void put_set(struct in *in)
{
	uint8_t b;

	put(in, "{");
	for (int i = 0; (b = next_byte(in)) != ';' && b != '\n'; i++) {
		put(in, i ? ",\"" : "\"");
		put(in, prop_table[b % PROPS].name);
		put(in, "\":");
		put_value(in);
	}
	put(in, "}");
}

static void put_request(struct in *in, uint8_t verb)
{
	uint8_t b;

	put(in, "{\"verb\":\"");
	put(in, verbs[verb % ARRAY_SIZE(verbs)]);
	put(in, "\"");
	while (in->at < in->end && (b = next_byte(in)) != '\n') {
		const char *key = keys[b % ARRAY_SIZE(keys)];

		put(in, ",\"");
		put(in, key);
		put(in, "\":");
		if (!strcmp(key, "set"))
			put_set(in);
		else
			put_value(in);
	}
	put(in, "}");
}

/* A line as it is: not one that ends the fuzzer, or has a name at hand. */
static bool put_raw(struct in *in)
{
	while (in->at < in->end && *in->at != '\n' && in->n < sizeof(in->line))
		in->line[in->n++] = (char)*in->at++;
	in->at += in->at < in->end;
	return !memmem(in->line, in->n, "run.", 4) &&
	       !memmem(in->line, in->n, "down", 4) &&
	       !memmem(in->line, in->n, "\\u", 2);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct daemon *d;
	struct in in = { .at = data, .end = data + size };

	if (!d)
		d = made = daemon_made();
	for (int i = 0; i < REQUESTS_MOST && in.at < in.end; i++) {
		uint8_t first = next_byte(&in);
		uid_t uid = geteuid();
		bool send = true;

		in.n = 0;
		if (first == '@') {
			uid = OWNER;
			first = next_byte(&in);
		}
		if (first == '=')
			send = put_raw(&in);
		else
			put_request(&in, first);
		if (send)
			ask(d, uid, in.line, in.n);
	}
	/* Nothing is left for the next one. */
	settings_put(d, VIF_ROOT, (struct prop_value[PROPS]){ 0 }, true,
		     &(struct refusal){ 0 });
	for (vif_ix ix;
	     (ix = vif_next(daemon_fabric(d), VIF_ROOT, VIF_ROOT));) {
		struct refusal why;

		if (tree_remove(d, ix, true, &why)) {
			fprintf(stderr, "%s\n", why.text);
			abort();
		}
	}
	return 0;
}
