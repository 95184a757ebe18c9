/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a filter costs a packet: ours compiled and interpreted, libpcap's
 * interpreter, and the kernel's classic BPF beside it.
 *
 *	bench-filter [--check] [EXPRESSION]
 *
 * The packet is the first fragmentless TCP segment from 10.77.0.9 to port 80,
 *so that the default expression goes its longest way to yes. Times are of the
 * process's own CPU. The kernel's filter runs on a datagram in a socket pair:
 *one with the filter many times over, less one with it once, so that what
 *remains is the filter. --check: ours may take 5 ns at most.
 */
#include "bpf/filter.h"
#include "bpf/test_pcap.h"
#include "bpf/test_world.h"

#include <linux/filter.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define RUNS	20000000
#define SENDS	200000
#define ROUNDS	5
#define CLASSIC 4096

static struct world world;

static double cpu_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

/* Least of several: whatever else the machine does only adds. */
static double least(double (*once)(void))
{
	double best = 1e18;

	for (int n = 0; n < ROUNDS; n++) {
		double t = once();

		if (t < best)
			best = t;
	}
	return best;
}

static uint64_t sum;

static double native(void)
{
	struct toami_packet p = {
		.data = world.frame->header,
		.data_end = world.frame->header + world.frame->header_bytes,
		.length = world.frame->header_bytes + world.frame->payload,
		.window = world.frame->header_bytes,
	};
	struct bpf_run run = { .helper = bpf_helpers,
			       .left = BPF_STACK_BYTES,
			       .view = &world.view,
			       .frame = world.frame };
	uint64_t (*fn)(struct toami_packet *, struct bpf_run *) =
		(uint64_t(*)(struct toami_packet *, struct bpf_run *))(
			uintptr_t)(world.code + world.program->code_off);
	double begin = cpu_ns();

	for (int n = 0; n < RUNS; n++)
		sum += fn(&p, &run);
	return (cpu_ns() - begin) / RUNS;
}

static double whole(void)
{
	double begin = cpu_ns();

	for (int n = 0; n < RUNS; n++) {
		struct bpf_job job = { .frame = 1, .budget = 65536 };

		bpf_program_run(world.program, &world.view, &job);
		sum += job.verdict;
	}
	return (cpu_ns() - begin) / RUNS;
}

static double interpreted(void)
{
	double begin = cpu_ns();

	for (int n = 0; n < RUNS / 20; n++)
		sum += world_run(&world, false, NULL);
	return (cpu_ns() - begin) / (RUNS / 20);
}

static const char *expression = "tcp port 80 and host 10.77.0.9";

static double libpcap(void)
{
	double begin = cpu_ns();

	for (int n = 0; n < RUNS / 20; n++)
		sum += (uint64_t)test_pcap_accepts(expression,
						   world.frame->header,
						   world.frame->header_bytes);
	return (cpu_ns() - begin) / (RUNS / 20);
}

/* --- the kernel's ------------------------------------------------------------
 */

static struct sock_filter classic[CLASSIC];
static uint32_t copies;

/* The filter @copies times: where one would end, the next begins. */
static uint32_t repeat(const struct bpf_classic *from, uint32_t count)
{
	uint32_t at = 0;

	for (uint32_t c = 0; c < copies; c++)
		for (uint32_t n = 0; n < count; n++, at++) {
			classic[at] =
				(struct sock_filter){ from[n].code, from[n].jt,
						      from[n].jf, from[n].k };
			if ((from[n].code & 7) == BPF_RET && c + 1 < copies)
				classic[at] = (struct sock_filter){
					BPF_JMP | BPF_JA, 0, 0, count - n - 1
				};
		}
	return at;
}

static double send_all(void)
{
	struct sock_fprog prog = { .filter = classic };
	struct bpf_classic *from;
	uint32_t count = (uint32_t)test_pcap_compile(expression, &from);
	uint8_t buffer[256];
	double begin;
	int fd[2];

	prog.len = (unsigned short)repeat(from, count);
	free(from);
	if (socketpair(AF_UNIX, SOCK_DGRAM, 0, fd) ||
	    setsockopt(fd[1], SOL_SOCKET, SO_ATTACH_FILTER, &prog,
		       sizeof(prog))) {
		perror("bench-filter: the kernel's filter");
		exit(1);
	}
	begin = cpu_ns();
	for (int n = 0; n < SENDS; n++) {
		if (send(fd[0], world.frame->header, world.frame->header_bytes,
			 0) < 0 ||
		    recv(fd[1], buffer, sizeof(buffer), 0) < 0) {
			perror("bench-filter");
			exit(1);
		}
	}
	begin = (cpu_ns() - begin) / SENDS;
	close(fd[0]);
	close(fd[1]);
	return begin;
}

static double kernel(uint32_t count)
{
	double once, often;
	uint32_t many = (CLASSIC - 1) / count;

	many = many > 24 ? 24 : many; /* of what a socket may keep */
	copies = 1;
	once = least(send_all);
	copies = many;
	often = least(send_all);
	return (often - once) / (many - 1);
}

static uint32_t load(void)
{
	static struct bpf_insn insn[BPF_INSNS_MAX];
	struct bpf_classic *from;
	struct bpf_fault fault;
	uint32_t count = (uint32_t)test_pcap_compile(expression, &from);
	int n = bpf_filter_translate(from, count, insn, BPF_INSNS_MAX);

	free(from);
	if (n < 0 || world_load(&world, insn, (uint32_t)n, &fault)) {
		fprintf(stderr, "bench-filter: %s does not load\n", expression);
		exit(1);
	}
	printf("%s: %u classic instructions, %u bytes of native code\n",
	       expression, count, world.program->code_bytes);
	return count;
}

int main(int argc, char **argv)
{
	bool check = argc > 1 && !strcmp(argv[1], "--check");
	uint32_t count;
	double ours, theirs;

	if (argc > 1 + check)
		expression = argv[1 + check];
	world_open(&world);
	world_reset(&world, 66, 1);
	world.view.code = world.code;
	count = load();
	ours = least(native);
	theirs = kernel(count);
	printf("compiled              %7.2f ns\n", ours);
	printf("  with the run around %7.2f ns\n", least(whole));
	printf("interpreted           %7.2f ns\n", least(interpreted));
	printf("libpcap, interpreted  %7.2f ns\n", least(libpcap));
	printf("kernel, classic BPF   %7.2f ns\n", theirs);
	printf("ours / kernel's       %7.2f\n", ours / theirs);
	world_close(&world);
	if (check && ours > 5)
		printf("FAIL: more than 5 ns\n");
	return check && ours > 5;
}
