/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See run_kernel.h.
 *
 * Namespaces of network and mounts, as root; anybody else gets a user namespace
 * around them, in which he is himself. The TAP is made inside and handed to the
 * daemon, which removes the port when the namespace's last process has gone.
 * Nothing stays between the shell and the program here either.
 */
#include "cli/run_kernel.h"
#include "cli/cli.h"
#include "daemon/client_port.h"
#include "port/netif.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define INTERFACE "toami0"

void run_kernel_leave_hook(char **argv)
{
	const char *vif = getenv("TOAMI_VIF");
	char self[4096];
	ssize_t n;

	if (vif && *vif) {
		n = readlink("/proc/self/exe", self, sizeof(self) - 1);
		/* Empty, the hook leaves the program alone. */
		if (n > 0 && !setenv("TOAMI_VIF", "", 1)) {
			self[n] = 0;
			execv(self, argv);
		}
	}
	unsetenv("TOAMI_VIF");
	unsetenv("LD_PRELOAD");
}

static int write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC), err = 0;

	if (fd < 0)
		return -errno;
	if (write(fd, text, strlen(text)) < 0)
		err = -errno;
	close(fd);
	return err;
}

/* In a user namespace of his own, the user is who he was. */
static int keep_ids(uid_t uid, gid_t gid)
{
	char text[64];
	int err;

	snprintf(text, sizeof(text), "%u %u 1", uid, uid);
	err = write_file("/proc/self/uid_map", text);
	if (!err)
		err = write_file("/proc/self/setgroups", "deny");
	snprintf(text, sizeof(text), "%u %u 1", gid, gid);
	return err ? err : write_file("/proc/self/gid_map", text);
}

static int leave_host(void)
{
	uid_t uid = geteuid();
	gid_t gid = getegid();
	int err = 0;

	if (!unshare(CLONE_NEWNET | CLONE_NEWNS))
		return 0;
	if (errno != EPERM)
		err = -errno;
	else if (unshare(CLONE_NEWUSER | CLONE_NEWNET | CLONE_NEWNS))
		err = -errno;
	else
		err = keep_ids(uid, gid);
	if (!err)
		return 0;
	return cli_complain(EX_NOPERM,
			    "no network namespace is to be had: %s: run this "
			    "as root, or let users make namespaces (sysctl "
			    "kernel.unprivileged_userns_clone, "
			    "user.max_user_namespaces)",
			    strerror(-err));
}

/* Puts a file with @text over @path; false: that file is not there. */
static bool cover(const char *path, const char *text)
{
	char name[] = "/tmp/toami-XXXXXX";
	int fd = mkstemp(name);
	bool ok;

	if (fd < 0)
		return false;
	ok = !fchmod(fd, 0644) && write(fd, text, strlen(text)) > 0 &&
	     !mount(name, path, NULL, MS_BIND, NULL);
	close(fd);
	unlink(name);
	return ok;
}

/* Names are the fabric's, as for hooked programs. */
static void cover_names(const json_t *setup)
{
	const char *server =
		json_string_value(json_object_get(setup, "nameserver"));
	char text[128];

	if (mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL) || !server ||
	    !*server)
		return;
	snprintf(text, sizeof(text), "nameserver %s\nsearch toami\n", server);
	if (!cover("/etc/resolv.conf", text))
		cli_complain(0, "names are not the fabric's here: there is no "
				"/etc/resolv.conf that could be covered");
	/* Many servers listen on IPv4 alone. Without the file, it may do. */
	cover("/etc/gai.conf", "precedence ::ffff:0:0/96 100\n");
}

static int attach(struct toami_control *c, const char *path)
{
	struct port_order order = { .path = path,
				    .name = INTERFACE,
				    .offload = true };
	struct stat netns = { 0 };
	json_t *setup;
	int err;

	if (stat("/proc/self/ns/net", &netns))
		return cli_complain(EX_OSERR, "/proc/self/ns/net: %s",
				    strerror(errno));
	order.netns = netns.st_ino;
	/* Nobody else is on this VIF: its ports are all the program's, whoever
	 * it runs as, as they are a hooked one's. */
	write_file("/proc/sys/net/ipv4/ip_unprivileged_port_start", "0");
	err = netif_up("lo");
	if (err)
		return cli_complain(EX_OSERR,
				    "interface lo cannot be switched on: %s",
				    strerror(-err));
	err = client_port_add(c, &order, &setup);
	if (setup)
		cover_names(setup);
	json_decref(setup);
	return err ? cli_complain(err, "%s", toami_control_text(c)) : 0;
}

/* The process that the port at @path was made for, or 0. */
static pid_t inhabitant(struct toami_control *c, const char *path)
{
	json_t *result, *p;
	pid_t pid = 0;
	size_t i;

	if (client_request(c, json_pack("{s:s}", "verb", "port.ls"), &result))
		return 0;
	json_array_foreach(json_object_get(result, "ports"), i, p)
	{
		const char *at = json_string_value(json_object_get(p, "path"));

		if (at && !strcmp(at, path))
			pid = (pid_t)json_integer_value(
				json_object_get(p, "pid"));
	}
	json_decref(result);
	return pid;
}

static int join(struct toami_control *c, const char *path, const char *port)
{
	pid_t pid = inhabitant(c, path);
	int all = CLONE_NEWNET | CLONE_NEWNS, fd, err = 0;
	struct stat ours, theirs;
	char cwd[4096];

	if (!pid)
		return cli_complain(EX_TEMPFAIL,
				    "VIF %s is behind port %s, which is not of "
				    "'toami run': choose another VIF, or "
				    "remove the port with 'toami port rm %s'",
				    path, port, path);
	snprintf(cwd, sizeof(cwd), "/proc/%d/ns/net", pid);
	if (!stat("/proc/self/ns/net", &ours) && !stat(cwd, &theirs) &&
	    ours.st_ino == theirs.st_ino)
		return 0;
	if (!getcwd(cwd, sizeof(cwd)))
		strcpy(cwd, "/");
	fd = (int)syscall(SYS_pidfd_open, pid, 0);
	if (fd < 0 || (setns(fd, all) && setns(fd, all | CLONE_NEWUSER)))
		err = errno;
	if (fd >= 0)
		close(fd);
	if (!err && chdir(cwd) && chdir("/"))
		err = errno;
	if (err)
		return cli_complain(EX_OSERR,
				    "the network of process %d on VIF %s "
				    "cannot be joined: %s",
				    pid, path, strerror(err));
	return 0;
}

int run_kernel_enter(const char *vif, const char *address, json_t *set,
		     const struct client_files *files, const char *program)
{
	struct toami_control *c;
	struct toami_vif got;
	const char *port;
	json_t *result;
	int err = cli_open(true, &c);

	if (err)
		return err;
	err = client_request_with(
		c,
		json_pack("{s:s, s:s?, s:s, s:s, s:b, s:O*, s:b}", "verb",
			  "run.prepare", "path", vif, "address",
			  address ? address : "auto", "program", program,
			  "kernel", 1, "set", set, "anonymous", set && !vif),
		files, &result);
	if (err) {
		cli_complain(err, "%s", toami_control_text(c));
		goto out;
	}
	client_vif(result, &got);
	port = json_string_value(json_object_get(result, "port"));
	if (port) {
		err = join(c, got.path, port);
	} else {
		err = leave_host();
		if (!err)
			err = attach(c, got.path);
	}
	json_decref(result);
	if (!err && setenv("TOAMI_DIR", toami_control_dir(c), 1))
		err = cli_complain(EX_OSERR, "out of memory");
out:
	toami_control_close(c);
	return err;
}
