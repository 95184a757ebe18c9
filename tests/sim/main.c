/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * toami-sim: hosts, links and programs in virtual time, everything from a seed.
 *
 *	toami-sim [--seed S] [--count N | --connections N | --bytes N]
 *		[--stream MB] [--faults | --no-faults] [--verbose] [--trace]
 *
 * Runs seeds from S on: N of them, or until N connections or bytes of streams
 *have been seen. --stream: one stream of MB a seed, over links that lose 5 %,
 *reorder 5 %, repeat 1 % and damage 0.1 %. --faults: somebody dies in every
 *seed, not only in some. --trace prints every segment.
 */
#include "tests/sim/seed.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define FAILED_MOST 10

static uint64_t seed_now;
static char how[64];

/* A crash names its seed too. */
static void on_abort(int sig)
{
	char text[120];
	int n = snprintf(text, sizeof(text),
			 "died: repeat with toami-sim --seed %lu%s --verbose\n",
			 (unsigned long)seed_now, how);

	(void)sig;
	if (n > 0 && write(2, text, (size_t)n) < 0)
		_exit(2);
}

/* Whoever stops a campaign is told how far it came. */
static volatile sig_atomic_t stopped;

static void on_stop(int sig)
{
	(void)sig;
	stopped = 1;
}

static double cpu_seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void report(const struct seed_plan *p, uint64_t seeds, uint64_t failed)
{
	uint64_t segments, connections;

	oracle_counts(p->oracle, &segments, &connections);
	printf("%lu seeds, %lu failed; %lu connections, %lu segments seen, "
	       "%lu bytes compared, %lu of %lu frames lost, %.0f s virtual, "
	       "%.1f s of CPU\n",
	       (unsigned long)seeds, (unsigned long)failed,
	       (unsigned long)connections, (unsigned long)segments,
	       (unsigned long)p->bytes, (unsigned long)p->dropped,
	       (unsigned long)(p->carried + p->dropped),
	       (double)p->virtual_ns / 1e9, cpu_seconds());
}

struct goal {
	uint64_t seeds, connections, bytes;
};

static bool reached(const struct goal *g, const struct seed_plan *p,
		    uint64_t done)
{
	uint64_t segments, connections;

	oracle_counts(p->oracle, &segments, &connections);
	if (g->connections)
		return connections >= g->connections;
	if (g->bytes)
		return p->bytes >= g->bytes;
	return done >= g->seeds;
}

int main(int argc, char **argv)
{
	struct seed_plan p = { .how = how };
	struct goal goal = { .seeds = 1 };
	uint64_t seed = 1, done = 0, failed = 0;
	bool trace = false;

	for (int i = 1; i < argc; i++) {
		const char *value = i + 1 < argc ? argv[i + 1] : "";

		if (!strcmp(argv[i], "--verbose"))
			p.verbose = true;
		else if (!strcmp(argv[i], "--trace"))
			trace = true;
		else if (!strcmp(argv[i], "--faults"))
			p.faults = SEED_ALWAYS_FAULTS;
		else if (!strcmp(argv[i], "--no-faults"))
			p.faults = SEED_NO_FAULTS;
		else if (!*value)
			return 2;
		else if (!strcmp(argv[i], "--seed"))
			seed = strtoull(argv[++i], NULL, 0);
		else if (!strcmp(argv[i], "--count"))
			goal.seeds = strtoull(argv[++i], NULL, 0);
		else if (!strcmp(argv[i], "--connections"))
			goal.connections = strtoull(argv[++i], NULL, 0);
		else if (!strcmp(argv[i], "--bytes"))
			goal.bytes = strtoull(argv[++i], NULL, 0);
		else if (!strcmp(argv[i], "--stream"))
			p.stream_bytes = (uint32_t)strtoul(argv[++i], NULL, 0)
					 << 20;
		else
			return 2;
	}
	snprintf(how, sizeof(how), "%s",
		 p.faults == SEED_ALWAYS_FAULTS ? " --faults"
		 : p.faults == SEED_NO_FAULTS	? " --no-faults"
						: "");
	if (p.stream_bytes)
		snprintf(how + strlen(how), sizeof(how) - strlen(how),
			 " --stream %u", p.stream_bytes >> 20);
	signal(SIGABRT, on_abort);
	signal(SIGTERM, on_stop);
	signal(SIGINT, on_stop);
	p.oracle = oracle_new(NULL);
	if (trace)
		oracle_trace(p.oracle, stdout);
	while (!reached(&goal, &p, done) && failed < FAILED_MOST && !stopped) {
		seed_now = seed + done++;
		if (p.verbose)
			printf("seed %lu\n", (unsigned long)seed_now);
		failed += !seed_run(&p, seed_now);
	}
	report(&p, done, failed);
	oracle_free(p.oracle);
	return failed != 0 || stopped;
}
