/* SPDX-License-Identifier: BSD-2-Clause */
/* See tuning.h. */
#include "tests/packetdrill/tuning.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "socket/work.h"
#include "stack/host.h"

/* The text of a sysctl, or of a file of the runner's; false: there is none. */
static bool text_of(const char *folder, const char *name, char *text,
		    size_t bytes)
{
	char path[256];
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	n = read(fd, text, bytes - 1);
	close(fd);
	text[n > 0 ? n : 0] = 0;
	return n > 0;
}

static bool sysctl_text(const char *name, char *text, size_t bytes)
{
	return text_of("/proc/sys/net/ipv4", name, text, bytes);
}

static uint32_t number(const char *name, uint32_t otherwise)
{
	char text[64];

	return sysctl_text(name, text, sizeof(text))
		       ? (uint32_t)strtoul(text, NULL, 10)
		       : otherwise;
}

/* rmem and wmem: least, default and largest. */
static void buffer(const char *name, uint32_t *normal, uint32_t *largest)
{
	char text[128];
	unsigned int least, v, max;

	if (!sysctl_text(name, text, sizeof(text)) ||
	    sscanf(text, "%u %u %u", &least, &v, &max) != 3)
		return;
	*normal = v;
	*largest = max;
}

static void fastopen_key(struct stack_tuning *t)
{
	char text[128];
	unsigned int v[4];

	if (!sysctl_text("tcp_fastopen_key", text, sizeof(text)) ||
	    sscanf(text, "%x-%x-%x-%x", &v[0], &v[1], &v[2], &v[3]) != 4)
		return;
	t->fastopen_key[0] = (uint64_t)v[1] << 32 | v[0];
	t->fastopen_key[1] = (uint64_t)v[3] << 32 | v[2];
}

/*
 * What the commands of scripts change that is no sysctl passes through files in
 * a folder of the runner's: "flush" asks for what was learnt of peers to be
 * forgotten, "nstat" gets our counters.
 */
static bool file_of(const char *name, char *path, size_t bytes)
{
	const char *folder = getenv("TOAMI_PACKETDRILL_DIR");

	if (folder)
		snprintf(path, bytes, "%s/%s", folder, name);
	return folder;
}

void tuning_report(struct world *w)
{
	static const char *const names[] = {
#define X(group, name) [COUNT_##group##_##name] = #group #name,
		STACK_COUNTERS(X, X)
#undef X
	};
	const struct stack_host *h =
		stack_host_at(&w->sf.process.fabric, w->host);
	char path[256];
	FILE *f;

	if (!file_of("nstat", path, sizeof(path)))
		return;
	f = fopen(path, "w");
	if (!f)
		return;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (h->count[i])
			fprintf(f, "%s %llu\n", names[i],
				(unsigned long long)h->count[i]);
	fclose(f);
}

void tuning_read(struct world *w)
{
	struct stack_host *h = stack_host_at(&w->sf.process.fabric, w->host);
	struct stack_tuning *t = &h->tuning;
	char path[256];

	t->ecn = (uint8_t)number("tcp_ecn", 2);
	t->timestamps = number("tcp_timestamps", 1);
	t->sack = number("tcp_sack", 1);
	t->window_scaling = number("tcp_window_scaling", 1);
	t->tail_probes = number("tcp_early_retrans", 3);
	t->slow_start_after_idle = number("tcp_slow_start_after_idle", 1);
	t->min_tso_segments = (uint8_t)number("tcp_min_tso_segs", 2);
	t->syn_retries = (uint8_t)number("tcp_syn_retries", 6);
	t->synack_retries = (uint8_t)number("tcp_synack_retries", 5);
	t->retries = (uint8_t)number("tcp_retries2", 15);
	t->notsent_lowat = number("tcp_notsent_lowat", UINT32_MAX);
	t->fastopen = number("tcp_fastopen", 1);
	buffer("tcp_rmem", &t->rcvbuf, &t->rcvbuf_max);
	buffer("tcp_wmem", &t->sndbuf, &t->sndbuf_max);
	fastopen_key(t);
	if (file_of("flush", path, sizeof(path)) && !unlink(path))
		tcp_fastopen_forget(h);
}
