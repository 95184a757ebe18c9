/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * toamid: options, and going to the background.
 *
 * In the background, the process that was started waits until the daemon
 * answers (a byte in a pipe) or has failed (the pipe ends), and exits
 * accordingly: when `toamid` returns 0, the fabric is there.
 */
#include "daemon/daemon.h"
#include "daemon/log.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

static const char usage[] =
	"usage: toamid [options]\n"
	"\n"
	"Owns a Toami fabric: addresses, names, time, and the dead. Commands "
	"of\n"
	"toami(1) start it where it is missing.\n"
	"\n"
	"  -d, --dir DIR       live in DIR (default: $TOAMI_DIR; /run/toami "
	"for\n"
	"                      root; $XDG_RUNTIME_DIR/toami; /tmp/toami-UID)\n"
	"  -f, --foreground    stay in the foreground, log to standard error\n"
	"  -s, --subnet NET    IPv4 addresses to hand out (" POOL_SUBNET4 ")\n"
	"      --subnet6 NET   IPv6 addresses, or 'none' (" POOL_SUBNET6 ")\n"
	"      --resolver ADDR[:PORT][,...]  ask these for names outside the "
	"fabric\n"
	"                      (default: as /etc/resolv.conf says)\n"
	"      --metrics ADDR:PORT           serve OpenMetrics on this port of "
	"the host,\n"
	"                      as on the socket 'metrics' in DIR\n"
	"  -h, --help          show this\n"
	"  -V, --version       show the version\n";

enum { OPT_SUBNET6 = 256, OPT_RESOLVER, OPT_METRICS, OPT_MAX_VIFS };

static const struct option long_options[] = {
	{ "dir", required_argument, NULL, 'd' },
	{ "foreground", no_argument, NULL, 'f' },
	{ "subnet", required_argument, NULL, 's' },
	{ "subnet6", required_argument, NULL, OPT_SUBNET6 },
	{ "resolver", required_argument, NULL, OPT_RESOLVER },
	{ "metrics", required_argument, NULL, OPT_METRICS },
	{ "max-vifs", required_argument, NULL, OPT_MAX_VIFS }, /* for tests */
	{ "help", no_argument, NULL, 'h' },
	{ "version", no_argument, NULL, 'V' },
	{ 0 },
};

static int complain(const struct refusal *why)
{
	fprintf(stderr, "toamid: %s\n", why->text);
	return why->exit_code;
}

/* Reads the table's size: a hidden option, so that a test need not make 131072.
 */
static uint32_t read_max_vifs(const char *text)
{
	char *end;
	unsigned long n = strtoul(text, &end, 10);

	return *end || n < 2 || n >= VIF_CAPACITY ? 0 : (uint32_t)n + 1;
}

/* Returns -1 to go on, or an exit code. */
static int read_options(int argc, char **argv, struct options *o,
			const char **dir)
{
	int c;

	while ((c = getopt_long(argc, argv, "d:fs:hV", long_options, NULL)) !=
	       -1) {
		switch (c) {
		case 'd':
			*dir = optarg;
			break;
		case 'f':
			o->foreground = true;
			break;
		case 's':
			o->subnet4 = optarg;
			break;
		case OPT_SUBNET6:
			o->subnet6 = optarg;
			break;
		case OPT_RESOLVER:
			o->resolver = optarg;
			break;
		case OPT_METRICS:
			o->metrics = optarg;
			break;
		case OPT_MAX_VIFS:
			o->max_vifs = read_max_vifs(optarg);
			if (!o->max_vifs)
				return EX_USAGE;
			break;
		case 'h':
			fputs(usage, stdout);
			return 0;
		case 'V':
			puts("toamid " TOAMI_VERSION);
			return 0;
		default:
			fputs("See 'toamid --help'.\n", stderr);
			return EX_USAGE;
		}
	}
	if (optind == argc)
		return -1;
	fprintf(stderr,
		"toamid: it takes no argument '%s': see 'toamid --help'\n",
		argv[optind]);
	return EX_USAGE;
}

/* Tells a service manager that asked for it (sd_notify(3)). */
static void notify_manager(void)
{
	const char *path = getenv("NOTIFY_SOCKET");
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	static const char ready[] = "READY=1";
	int fd;

	if (!path || (*path != '/' && *path != '@') ||
	    strlen(path) >= sizeof(un.sun_path))
		return;
	memcpy(un.sun_path, path, strlen(path));
	if (*path == '@')
		un.sun_path[0] = 0;
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return;
	if (sendto(fd, ready, sizeof(ready) - 1, MSG_NOSIGNAL,
		   (struct sockaddr *)&un,
		   (socklen_t)(offsetof(struct sockaddr_un, sun_path) +
			       strlen(path))) < 0)
		fprintf(stderr, "toamid: cannot notify %s: %s\n", path,
			strerror(errno));
	close(fd);
}

/* The log, and nothing of the terminal that started us. */
static int leave_terminal(const struct options *o, struct refusal *why)
{
	char path[DIR_MAX + 16];
	int null, err;

	dir_file(o->dir, "log", path, sizeof(path));
	err = log_open(path);
	if (err)
		return refuse(why, "no-permission", EX_NOPERM,
			      "cannot write %s: %s", path, strerror(-err));
	null = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (null < 0 || dup2(null, 0) < 0 || dup2(null, 1) < 0 ||
	    dup2(null, 2) < 0 || chdir("/"))
		return refuse(why, "internal", EX_OSERR,
			      "cannot go to the background: %s",
			      strerror(errno));
	close(null);
	return 0;
}

/* @ready: a pipe to whoever waits for us; -1: nobody does. Returns the exit
 * code. */
static int live(const struct options *o, int ready)
{
	struct refusal why;
	struct daemon *d = daemon_new(o, &why);

	if (!d)
		return complain(&why);
	if (!o->foreground && leave_terminal(o, &why)) {
		daemon_free(d);
		return complain(&why);
	}
	notify_manager();
	if (ready >= 0) {
		/* Whoever waited may have been killed; the daemon lives on. */
		if (write(ready, "r", 1) < 0)
			log_line("nobody waited for the daemon");
		close(ready);
	}
	/* Whoever keeps time for others goes before them, where it may. */
	setpriority(PRIO_PROCESS, 0, -10);
	daemon_run(d);
	daemon_free(d);
	log_line("toamid (%d): ended", getpid());
	return 0;
}

/* Parent of a daemon in the background: its first word is ours. */
static int wait_ready(pid_t child, int pipe)
{
	int status;
	char byte;

	if (read(pipe, &byte, 1) == 1)
		return 0;
	while (waitpid(child, &status, 0) < 0)
		if (errno != EINTR)
			return EX_OSERR;
	return WIFEXITED(status) ? WEXITSTATUS(status) : EX_SOFTWARE;
}

int main(int argc, char **argv)
{
	const char *env4 = getenv("TOAMI_SUBNET"),
		   *env6 = getenv("TOAMI_SUBNET6");
	struct options o = { .subnet4 = env4 ? env4 : POOL_SUBNET4,
			     .subnet6 = env6 ? env6 : POOL_SUBNET6,
			     .max_vifs = VIF_CAPACITY };
	const char *given = NULL;
	char dir[DIR_MAX];
	int code = read_options(argc, argv, &o, &given), ready[2];
	pid_t child;

	if (code >= 0)
		return code;
	if (dir_choose(given, dir)) {
		fprintf(stderr,
			"toamid: the directory must be an absolute path of "
			"less "
			"than %d bytes: see --dir and TOAMI_DIR\n",
			DIR_MAX);
		return EX_USAGE;
	}
	o.dir = dir;
	umask(0022);
	if (o.foreground)
		return live(&o, -1);

	/* What a shell or a make had open is not kept open for as long as we
	 * live. */
	close_range(3, ~0u, 0);
	if (pipe2(ready, O_CLOEXEC) || (child = fork()) < 0) {
		perror("toamid");
		return EX_OSERR;
	}
	if (!child) {
		close(ready[0]);
		setsid();
		return live(&o, ready[1]);
	}
	close(ready[1]);
	return wait_ready(child, ready[0]);
}
