/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Requests to the daemon's control socket: JSON, and what is not. Each line
 * gets one answer, an object with a result or an error, and whatever it has
 * made of the tree can be taken down again. HACKING.md has the commands.
 *
 * The input is the lines of one connection. A '%' stands for the next of the
 * words below, so that requests which mean something are found soon.
 */
#include "daemon/hosts.h"
#include "daemon/verbs.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const words[] = {
	"{\"verb\":\"",
	"\",\"path\":\"/",
	"\",\"address\":\"",
	"\",\"",
	"\"}",
	"vif.add",
	"vif.rm",
	"vif.ls",
	"vif.show",
	"vif.set",
	"status",
	"version",
	"10.77.0.9",
	"fd77:746f:616d::9",
	"auto",
	"none",
	"recursive\":true",
	"keep\":true",
	"protocol\":1",
	"rate\":\"",
	"100mbit",
	"filter\":\"",
	"tcp port 80",
	"limit\":\"",
	"delay\":\"",
	"10ms",
	"weight\":\"",
	"id\":[",
	"ss",
	"stats",
	"a/b",
	"\":{\"",
};

static struct daemon *daemon_made(void)
{
	static char dir[] = "/tmp/toami-fuzz-XXXXXX";
	static struct options options = { .dir = dir,
					  .subnet4 = POOL_SUBNET4,
					  .subnet6 = POOL_SUBNET6,
					  .max_vifs = 64 };
	struct refusal why;
	struct daemon *d;

	if (!mkdtemp(dir))
		abort();
	d = daemon_new(&options, &why);
	if (!d) {
		fprintf(stderr, "%s\n", why.text);
		abort();
	}
	return d;
}

static void ask(struct daemon *d, const char *line, size_t bytes)
{
	struct peer peer = { .pid = getpid(), .uid = geteuid() };
	char *text = verbs_answer(d, &peer, line, bytes);
	json_t *reply = json_loads(text, 0, NULL);

	if (!json_is_object(reply) || !json_object_get(reply, "result") ==
					      !json_object_get(reply, "error"))
		abort();
	json_decref(reply);
	free(text);
}

/* Programs join and the daemon ends by other verbs than these. */
static bool leave_out(const char *line, size_t bytes)
{
	return memmem(line, bytes, "run.", 4) ||
	       memmem(line, bytes, "down", 4) ||
	       memmem(line, bytes, "save", 4) ||
	       memmem(line, bytes, "load", 4) || memmem(line, bytes, "\\u", 2);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct daemon *d;
	static char line[4096];
	size_t n = 0;

	if (!d)
		d = daemon_made();
	for (size_t i = 0; i <= size; i++) {
		const char *word;
		size_t bytes;

		if (i == size || data[i] == '\n') {
			if (!leave_out(line, n))
				ask(d, line, n);
			n = 0;
			continue;
		}
		if (n + 32 > sizeof(line))
			continue;
		if (data[i] != '%' || i + 1 == size) {
			line[n++] = (char)data[i];
			continue;
		}
		word = words[data[++i] % (sizeof(words) / sizeof(*words))];
		bytes = strlen(word);
		memcpy(line + n, word, bytes);
		n += bytes;
	}
	/* Nothing is left for the next one. */
	for (vif_ix ix;
	     (ix = vif_next(daemon_fabric(d), VIF_ROOT, VIF_ROOT));) {
		struct refusal why;

		if (hosts_remove(d, ix, true, &why)) {
			fprintf(stderr, "%s\n", why.text);
			abort();
		}
	}
	return 0;
}
