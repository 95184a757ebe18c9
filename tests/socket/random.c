/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See random.h. Usage: random FIRST COUNT [--steps N] [--only K,K,...]
 * [--settle US] [--jobs N]; in a directory for its own
 */
#include "random.h"

#include <netinet/udp.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>

#define WAIT_US	   15000
#define SEED_S	   20
#define PORTS	   4
#define FIRST_PORT 2048
#define EPHEMERAL  64
#define STEPS_MOST 1000

struct slot slots[SLOTS];
struct shared *shared;
unsigned int seed_port;
char buf[BUF_SIZE];

static unsigned int steps = 30, settle_us = 400, jobs = 1;
static bool wanted[STEPS_MOST];
static struct {
	unsigned int port[EPHEMERAL], count;
} chosen; /* ports that were not asked for, in the order they were seen */

static bool is_child; /* has none of its own */

static volatile sig_atomic_t signals[65];

/* --- chance ------------------------------------------------------------------
 */

static uint64_t mix(uint64_t x)
{
	x += UINT64_C(0x9e3779b97f4a7c15);
	x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
	return x ^ (x >> 31);
}

unsigned int roll(struct dice *d, unsigned int n)
{
	d->state = mix(d->state);
	return (unsigned int)((d->state >> 33) % n);
}

/* --- what is told ------------------------------------------------------------
 */

void say(const char *form, ...)
{
	int saved = errno;
	size_t room = sizeof(shared->text) - shared->told;
	va_list list;
	int n;

	va_start(list, form);
	n = vsnprintf(shared->text + shared->told, room, form, list);
	va_end(list);
	if (n > 0 && (size_t)n < room)
		shared->told += (size_t)n;
	errno = saved;
}

long told(long ret)
{
	if (ret < 0)
		say(" = %s",
		    strerrorname_np(errno) ? strerrorname_np(errno) : "?");
	else
		say(" = %ld", ret);
	return ret;
}

static void port_say(unsigned int port)
{
	unsigned int i;

	if (port >= seed_port && port < seed_port + PORTS) {
		say(":P%u", port - seed_port);
		return;
	}
	if (port < 1024) {
		say(":%u", port);
		return;
	}
	for (i = 0; i < chosen.count; i++)
		if (chosen.port[i] == port)
			break;
	if (i == chosen.count && i < EPHEMERAL)
		chosen.port[chosen.count++] = port;
	say(":e%u", i);
}

void address_say(const union address *a, socklen_t len)
{
	char text[64];

	if (len < sizeof(sa_family_t)) {
		say("(%u bytes)", len);
	} else if (a->any.sa_family == AF_INET && len >= 8) {
		say("%s",
		    inet_ntop(AF_INET, &a->in.sin_addr, text, sizeof(text)));
		port_say(ntohs(a->in.sin_port));
	} else if (a->any.sa_family == AF_INET6 && len >= 24) {
		say("%s",
		    inet_ntop(AF_INET6, &a->in6.sin6_addr, text, sizeof(text)));
		port_say(ntohs(a->in6.sin6_port));
		if (len >= sizeof(a->in6) && a->in6.sin6_scope_id)
			say("%%%u", a->in6.sin6_scope_id);
	} else if (a->any.sa_family == AF_UNIX) {
		if (len > 2 && !a->un.sun_path[0])
			say("unix:auto");
		else
			say("unix:%.*s", (int)len - 2, a->un.sun_path);
	} else {
		say("family %u", a->any.sa_family);
	}
	say("/%u", len);
}

/* --- descriptors -------------------------------------------------------------
 */

int slot_pick(struct dice *d, unsigned int kinds)
{
	unsigned int from = roll(d, SLOTS);

	if (odds(d, 40))
		return -1;
	for (unsigned int i = 0; i < SLOTS; i++) {
		unsigned int at = (from + i) % SLOTS;

		if (slots[at].fd >= 0 && (slots[at].kind & kinds))
			return (int)at;
	}
	return -2;
}

int slot_fd(int slot)
{
	if (slot < 0) {
		say("none");
		return -1;
	}
	say("s%d", slot);
	return slots[slot].fd;
}

void slot_put(long fd, unsigned int kind, bool inet6)
{
	if (fd < 0)
		return;
	for (int i = 0; i < SLOTS; i++) {
		if (slots[i].fd >= 0)
			continue;
		slots[i] = (struct slot){ .fd = (int)fd,
					  .kind = kind,
					  .inet6 = inet6 };
		say(" s%d", i);
		return;
	}
	say(" no room");
	close((int)fd);
}

void slot_closed(int slot)
{
	slots[slot].fd = -1;
	slots[slot].kind = 0;
}

/* --- time and signals --------------------------------------------------------
 */

static void on_signal(int nr)
{
	signals[nr]++;
}

static void timer_set(long us)
{
	struct itimerval t = { { 0, us }, { 0, us } };

	setitimer(ITIMER_REAL, &t, NULL);
}

void timer_start(void)
{
	timer_set(WAIT_US);
}

void timer_stop(void)
{
	int saved = errno;

	timer_set(0);
	errno = saved;
}

/* --- arguments ---------------------------------------------------------------
 */

static void draw_in(struct dice *d, struct sockaddr_in *a, bool own)
{
	static const uint32_t other[] = { 0x7f000002, INADDR_ANY, INADDR_ANY,
					  0x7f090909 };

	a->sin_family = AF_INET;
	a->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (odds(d, 6))
		a->sin_addr.s_addr = htonl(other[roll(d, 4)]);
	a->sin_port = htons((uint16_t)(seed_port + roll(d, PORTS)));
	if (odds(d, own ? 4 : 30))
		a->sin_port = 0;
}

static void draw_in6(struct dice *d, struct sockaddr_in6 *a, bool own)
{
	struct sockaddr_in in = { 0 };

	draw_in(d, &in, own);
	a->sin6_family = AF_INET6;
	a->sin6_port = in.sin_port;
	a->sin6_addr = odds(d, 4) ? in6addr_any : in6addr_loopback;
	if (odds(d, 4)) {
		a->sin6_addr = in6addr_any;
		memset(a->sin6_addr.s6_addr + 10, 0xff, 2);
		memcpy(a->sin6_addr.s6_addr + 12, &in.sin_addr, 4);
	}
}

const struct sockaddr *address_draw(struct dice *d, int slot, bool own,
				    union address *a, socklen_t *len)
{
	unsigned int kind = slot < 0 ? KIND_TCP : slots[slot].kind;
	bool inet6 = slot >= 0 && slots[slot].inet6;

	memset(a, 0, sizeof(*a));
	if (odds(d, 40))
		inet6 = !inet6;
	if (odds(d, 40))
		kind = odds(d, 2) ? KIND_TCP : KIND_UNIX;
	if (kind == KIND_UNIX) {
		a->un.sun_family = AF_UNIX;
		snprintf(a->un.sun_path, sizeof(a->un.sun_path), "u%u",
			 roll(d, 3));
		*len = (socklen_t)(2 + strlen(a->un.sun_path) + odds(d, 2));
	} else if (inet6) {
		draw_in6(d, &a->in6, own);
		*len = sizeof(a->in6);
	} else {
		draw_in(d, &a->in, own);
		*len = sizeof(a->in);
	}
	if (odds(d, 40))
		a->any.sa_family = (sa_family_t)one(d, AF_UNSPEC, AF_INET,
						    AF_INET6, AF_UNIX, 99);
	if (!own && odds(d, 15))
		a->any.sa_family = AF_UNSPEC;
	if (odds(d, 25))
		*len = (socklen_t)one(d, 0, 1, 2, 3, 8, 15, 16, 24, 27, 28, 110,
				      128, 129, 1000, -1, INT32_MIN);
	address_say(a, *len > sizeof(*a) ? (socklen_t)sizeof(*a) : *len);
	if (*len > sizeof(*a))
		say("/%d", (int)*len);
	return pointer_draw(d, a);
}

void *pointer_draw(struct dice *d, void *good)
{
	if (!odds(d, 60))
		return good;
	say("(bad)");
	return odds(d, 2) ? NULL : (void *)64;
}

size_t length_draw(struct dice *d)
{
	return (size_t)one(d, 0, 1, 2, 5, 10, 20, 50, 100, 300, 1000, 1400,
			   3000, 1, 5, 20, 8000);
}

void fill(void *to, size_t n)
{
	unsigned char *p = to;

	for (size_t i = 0; i < n; i++)
		p[i] = (unsigned char)mix(shared->sent++);
}

unsigned int digest(const void *from, size_t n)
{
	const unsigned char *p = from;
	unsigned int h = 2166136261u;

	for (size_t i = 0; i < n; i++)
		h = (h ^ p[i]) * 16777619u;
	return h;
}

/* --- what has changed --------------------------------------------------------
 */

/* FIN-WAIT is one: an acknowledgement may be delayed. */
static const char *state_name(int fd)
{
	static const char *const names[] = {
		"",	      "established", "syn-sent",  "syn-received",
		"fin-wait",   "fin-wait",    "time-wait", "closed",
		"close-wait", "last-ack",    "listen",	  "closing"
	};
	struct tcp_info info;
	socklen_t len = sizeof(info);

	if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len))
		return strerrorname_np(errno);
	return info.tcpi_state < 12 ? names[info.tcpi_state] : "?";
}

static void look_at(struct slot *s, int number)
{
	struct pollfd p = { s->fd,
			    POLLIN | POLLOUT | POLLPRI | POLLRDHUP |
				    POLLRDNORM | POLLRDBAND | POLLWRNORM |
				    POLLWRBAND | POLLMSG,
			    0 };
	char now[sizeof(s->seen)];
	int at, queued = -1;

	poll(&p, 1, 0);
	at = snprintf(now, sizeof(now), "%x", (unsigned int)p.revents);
	if (s->kind == KIND_TCP)
		at += snprintf(now + at, sizeof(now) - (size_t)at, " %s",
			       state_name(s->fd));
	if ((s->kind & KIND_DATA) && !ioctl(s->fd, FIONREAD, &queued) && queued)
		snprintf(now + at, sizeof(now) - (size_t)at, " %d queued",
			 queued);
	if (!strcmp(now, s->seen))
		return;
	say("\t\ts%d: %s\n", number, now);
	strcpy(s->seen, now);
}

void settle(void)
{
	usleep(settle_us);
	for (int i = 1; i < 65; i++) {
		if (i == SIGALRM || !signals[i])
			continue;
		say("\t\tsignal %s\n", sigabbrev_np(i));
		signals[i] = 0;
	}
	for (int i = 0; i < SLOTS; i++)
		if (slots[i].fd >= 0)
			look_at(&slots[i], i);
}

/* --- processes ---------------------------------------------------------------
 */

/* The next calls are a child's; then it ends, or stays with what it holds. */
static unsigned int step_fork(uint64_t seed, unsigned int k, unsigned int last,
			      struct dice *d)
{
	unsigned int n = 1 + roll(d, 5);
	bool stays = odds(d, 2);
	int at = shared->children;
	pid_t pid;

	if (at == 8)
		return 1;
	say("%u fork, %u steps, then it %s\n", k, n, stays ? "stays" : "ends");
	shared->children++;
	atomic_store(&shared->turn, 1);
	pid = fork();
	if (!pid) {
		unsigned int end = k + 1 + n;

		is_child = true;
		for (unsigned int i = k + 1; i < end && i < last;)
			i += step_run(seed, i, end < last ? end : last);
		if (stays) {
			atomic_store(&shared->turn, 0);
			for (;;)
				pause();
		}
		_exit(0);
	}
	shared->child[at] = stays ? pid : 0;
	if (stays)
		while (atomic_load(&shared->turn))
			usleep(200);
	else
		waitpid(pid, NULL, 0);
	say("%u the parent goes on\n", k);
	settle();
	return 1 + n;
}

static void step_kill(struct dice *d)
{
	int at = (int)roll(d, 8);

	for (int i = 0; i < 8; i++) {
		pid_t *pid = &shared->child[(at + i) % 8];

		/* A child's child is not ours to wait for, and stays. */
		if (*pid <= 0 || kill(*pid, 0) || waitpid(*pid, NULL, WNOHANG))
			continue;
		kill(*pid, SIGKILL);
		waitpid(*pid, NULL, 0);
		say("a child is killed");
		*pid = 0;
		return;
	}
	say("no child");
}

/* --- sequences ---------------------------------------------------------------
 */

static const struct {
	unsigned int weight;
	void (*run)(struct dice *);
} calls[] = {
	{ 50, random_socket },	   { 50, random_pairs },
	{ 40, random_bind },	   { 25, random_listen },
	{ 60, random_connect },	   { 40, random_accept },
	{ 20, random_name },	   { 30, random_shutdown },
	{ 40, random_close },	   { 15, random_dup },
	{ 15, random_fcntl },	   { 8, random_file },
	{ 60, random_send },	   { 40, random_sendmsg },
	{ 70, random_recv },	   { 50, random_recvmsg },
	{ 20, random_several },	   { 15, random_splice },
	{ 12, random_rights },	   { 20, random_poll },
	{ 15, random_select },	   { 30, random_epoll_ctl },
	{ 25, random_epoll_wait }, { 40, random_set },
	{ 30, random_get },	   { 20, random_ioctl },
	{ 8, step_kill },
};
#define FORK_WEIGHT 12

unsigned int step_run(uint64_t seed, unsigned int k, unsigned int last)
{
	struct dice d = { mix(seed) ^ mix(k) };
	unsigned int sum = FORK_WEIGHT, at;
	size_t i = 0;

	if (!wanted[k])
		return 1;
	for (i = 0; i < sizeof(calls) / sizeof(*calls); i++)
		sum += calls[i].weight;
	at = roll(&d, sum);
	for (i = 0; i < sizeof(calls) / sizeof(*calls); i++) {
		if (at < calls[i].weight)
			break;
		at -= calls[i].weight;
	}
	if (i == sizeof(calls) / sizeof(*calls))
		return is_child ? 1 : step_fork(seed, k, last, &d);
	say("%u ", k);
	calls[i].run(&d);
	say("\n");
	settle();
	return 1;
}

static void seed_run(uint64_t seed)
{
	static const int caught[] = { SIGALRM, SIGPIPE, SIGURG, SIGIO };
	struct sigaction sa = { .sa_handler = on_signal };
	char name[32];

	for (size_t i = 0; i < sizeof(caught) / sizeof(*caught); i++)
		sigaction(caught[i], &sa, NULL);
	snprintf(name, sizeof(name), "seed%lu", seed);
	if (mkdir(name, 0700) || chdir(name))
		say("no directory\n");
	seed_port = FIRST_PORT + (unsigned int)(seed % 7000) * PORTS;
	for (int i = 0; i < SLOTS; i++)
		slots[i].fd = -1;
	for (unsigned int k = 0; k < steps;)
		k += step_run(seed, k, steps);
}

static void seed_watch(uint64_t seed)
{
	char line[64];
	int status = 0;
	pid_t pid;

	memset(shared->child, 0, sizeof(shared->child));
	shared->children = 0;
	shared->told = 0;
	shared->sent = 0;
	say("seed %lu\n", seed);
	pid = fork();
	if (!pid) {
		setpgid(0, 0);
		seed_run(seed);
		_exit(0);
	}
	for (int i = 0; i < SEED_S * 1000; i++) {
		if (waitpid(pid, &status, WNOHANG))
			break;
		usleep(1000);
		if (i == SEED_S * 1000 - 1) {
			say("does not end\n");
			kill(-pid, SIGKILL);
			waitpid(pid, &status, 0);
		}
	}
	kill(-pid, SIGKILL); /* children that stayed */
	if (status)
		say("ended with status %x\n", (unsigned int)status);
	snprintf(line, sizeof(line), "rm -rf seed%lu", seed);
	if (system(line))
		say("cannot: %s\n", line);
	say("end\n");
	/* In one piece: others write, too. */
	for (size_t at = 0; at < shared->told;) {
		ssize_t n = write(1, shared->text + at, shared->told - at);

		if (n <= 0)
			_exit(1);
		at += (size_t)n;
	}
}

static void worker(uint64_t first, uint64_t count, unsigned int job)
{
	char name[32];
	int null = open("/dev/null", O_RDWR), out;

	snprintf(name, sizeof(name), "out%u", job);
	out = open(name, O_CREAT | O_TRUNC | O_WRONLY | O_APPEND, 0600);
	dup2(null, 0);
	dup2(out, 1);
	dup2(null, 2);
	close(null);
	close(out);
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (shared == MAP_FAILED)
		_exit(1);
	for (uint64_t i = job; i < count; i += jobs)
		seed_watch(first + i);
	_exit(0);
}

static void only(char *list)
{
	memset(wanted, 0, sizeof(wanted));
	for (char *p = strtok(list, ","); p; p = strtok(NULL, ","))
		if (strtoul(p, NULL, 10) < STEPS_MOST)
			wanted[strtoul(p, NULL, 10)] = true;
}

int main(int argc, char **argv)
{
	uint64_t first = argc > 1 ? strtoull(argv[1], NULL, 10) : 1;
	uint64_t count = argc > 2 ? strtoull(argv[2], NULL, 10) : 1;
	int status, worst = 0;

	memset(wanted, 1, sizeof(wanted));
	for (int i = 3; i + 1 < argc; i += 2) {
		if (!strcmp(argv[i], "--steps"))
			steps = (unsigned int)atoi(argv[i + 1]);
		else if (!strcmp(argv[i], "--settle"))
			settle_us = (unsigned int)atoi(argv[i + 1]);
		else if (!strcmp(argv[i], "--jobs"))
			jobs = (unsigned int)atoi(argv[i + 1]);
		else if (!strcmp(argv[i], "--only"))
			only(argv[i + 1]);
		else
			return 2;
	}
	if (steps > STEPS_MOST || !jobs)
		return 2;
	for (unsigned int j = 0; j < jobs; j++)
		if (!fork())
			worker(first, count, j);
	while (wait(&status) > 0)
		worst |= status;
	return worst ? 1 : 0;
}
