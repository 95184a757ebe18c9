/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See pcap_filter.h.
 *
 * How long libpcap takes grows with the square of what it is given, and beyond:
 * 350 ports are four seconds, in which the daemon would keep no time for
 * anybody. So it compiles in a process of its own, which ends when it has used
 * COMPILE_US, and is not waited for beyond WAIT_MS.
 */
#include "daemon/pcap_filter.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <pcap/pcap.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#define SNAPLEN	   262144
#define COMPILE_US 100000 /* of a processor */
#define WAIT_MS	   500	  /* by the clock: it may wait for somebody, too */

/*
 * libpcap looks names of hosts up as it compiles, which may take a resolver
 * seconds, and the daemon has no time to wait: these take the place of the C
 * library's in the whole daemon. Addresses are numbers there; libpcap reads
 * those of IPv6 by the same call, and names of ports, which are in a file.
 */
int getaddrinfo(const char *restrict node, const char *restrict service,
		const struct addrinfo *restrict hints,
		struct addrinfo **restrict result);

int getaddrinfo(const char *restrict node, const char *restrict service,
		const struct addrinfo *restrict hints,
		struct addrinfo **restrict result)
{
	static int (*real)(const char *, const char *, const struct addrinfo *,
			   struct addrinfo **);
	struct addrinfo numeric = { 0 };

	if (!real)
		*(void **)&real = dlsym(RTLD_NEXT, "getaddrinfo");
	if (!real)
		return EAI_NONAME;
	if (hints)
		numeric = *hints;
	numeric.ai_flags |= AI_NUMERICHOST;
	return real(node, service, &numeric, result);
}

int getnetbyname_r(const char *restrict name, struct netent *restrict net,
		   char *restrict buf, size_t bytes,
		   struct netent **restrict result, int *restrict error)
{
	(void)name, (void)net, (void)buf, (void)bytes;
	*result = NULL;
	*error = HOST_NOT_FOUND;
	return 0;
}

/* --- compiling, in a process of its own
 * ---------------------------------------
 */

/* What the compiling process says first; instructions follow. */
struct answer {
	int32_t count; /* -1: refused */
	char why[256];
};

static void write_all(int fd, const void *from, size_t bytes)
{
	const char *p = from;

	while (bytes) {
		ssize_t n = write(fd, p, bytes);

		if (n <= 0)
			return;
		p += n;
		bytes -= (size_t)n;
	}
}

static bool read_all(int fd, void *to, size_t bytes)
{
	char *p = to;

	while (bytes) {
		ssize_t n = read(fd, p, bytes);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		p += n;
		bytes -= (size_t)n;
	}
	return true;
}

static void compile(const char *expression, int to)
{
	pcap_t *p = pcap_open_dead(DLT_EN10MB, SNAPLEN);
	struct answer a = { .count = -1, .why = "out of memory" };
	struct bpf_program program;

	if (p &&
	    !pcap_compile(p, &program, expression, 1, PCAP_NETMASK_UNKNOWN)) {
		a.count = (int32_t)program.bf_len;
	} else if (p) {
		const char *said = pcap_geterr(p);
		bool name = strstr(said, "unknown host") ||
			    strstr(said, "unknown net");

		snprintf(a.why, sizeof(a.why), "%.190s%s", said,
			 name ? " (names are not looked up here: write the "
				"address)"
			      : "");
	}
	write_all(to, &a, sizeof(a));
	for (int32_t n = 0; n < a.count; n++) {
		const struct bpf_insn *i = &program.bf_insns[n];
		struct bpf_classic c = { i->code, i->jt, i->jf, i->k };

		write_all(to, &c, sizeof(c));
	}
}

/* Ends with SIGPROF when it has used up its time. */
static pid_t start(const char *expression, int from, int to)
{
	const struct itimerval limit = { .it_value.tv_usec = COMPILE_US };
	sigset_t none;
	pid_t pid = fork();

	if (pid)
		return pid;
	close(from);
	signal(SIGPROF, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	if (!setitimer(ITIMER_PROF, &limit, NULL))
		compile(expression, to);
	_exit(0);
}

static int take(int from, struct bpf_classic **insns, char *why,
		size_t why_bytes)
{
	struct pollfd said = { from, POLLIN, 0 };
	struct answer a;

	if (poll(&said, 1, WAIT_MS) != 1 || !read_all(from, &a, sizeof(a))) {
		snprintf(why, why_bytes,
			 "it takes longer than %d ms to compile: give a "
			 "shorter one",
			 COMPILE_US / 1000);
		return -1;
	}
	a.why[sizeof(a.why) - 1] = 0;
	if (a.count < 0) {
		snprintf(why, why_bytes, "%s", a.why);
		return -1;
	}
	*insns = calloc((size_t)a.count, sizeof(**insns));
	if (*insns && read_all(from, *insns, (size_t)a.count * sizeof(**insns)))
		return a.count;
	free(*insns);
	*insns = NULL;
	snprintf(why, why_bytes, "out of memory");
	return -1;
}

int pcap_filter_compile(const char *expression, struct bpf_classic **insns,
			char *why, size_t why_bytes)
{
	int pipe[2], count = -1;
	pid_t pid;

	*insns = NULL;
	snprintf(why, why_bytes, "no process can be made to compile it");
	if (pipe2(pipe, O_CLOEXEC))
		return -1;
	pid = start(expression, pipe[0], pipe[1]);
	close(pipe[1]);
	if (pid > 0)
		count = take(pipe[0], insns, why, why_bytes);
	close(pipe[0]);
	if (pid > 0) {
		kill(pid, SIGKILL);
		while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
			;
	}
	return count;
}
