/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The client's end of the control socket; include/toami/control.h is its page.
 *
 * A daemon is started under the lock "start" of its directory: of two commands
 * that find none, one starts it and the other finds it. toamid returns when it
 * answers, so nobody polls or sleeps. Only a daemon that somebody starts by
 * hand in the same moment is waited for by trying again.
 */
#include "daemon/client.h"
#include "daemon/users.h"
#include "daemon/dir.h"
#include "daemon/refusal.h"

#include <errno.h>
#include <poll.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define RUNNING_TRIES 400 /* of 5 ms: a daemon started by hand gets 2 s */

struct toami_control {
	int fd;
	char dir[DIR_MAX];
	struct refusal why;
	char *in; /* what has been read of the next reply */
	size_t in_bytes;
	size_t in_size;
	size_t in_done; /* of that, a reply that has been taken */
};

extern char **environ;

static int fail(struct toami_control *c, const char *code, int exit_code,
		const char *text)
{
	refuse(&c->why, code, exit_code, "%s", text);
	return exit_code;
}

static int fail_open(struct toami_control *c, int err)
{
	int code = err == -EACCES || err == -EPERM ? EX_NOPERM : EX_UNAVAILABLE;

	if (code == EX_NOPERM)
		refuse(&c->why, "no-permission", code,
		       "%s is not this user's: choose another directory with "
		       "TOAMI_DIR",
		       c->dir);
	else if (err == -ENOENT || err == -ECONNREFUSED)
		refuse(&c->why, "no-daemon", code,
		       "no daemon runs in %s: 'toami up' starts one", c->dir);
	else
		refuse(&c->why, "no-daemon", code,
		       "no daemon answers in %s: %s: 'toami up' starts one",
		       c->dir, strerror(-err));
	return code;
}

/*
 * Is it safe to talk to whoever listens? In /tmp anybody could have come first;
 * a directory that was asked for by name is the caller's business.
 */
static int check_server(struct toami_control *c)
{
	const char *env = getenv("TOAMI_DIR");
	struct ucred cred;
	socklen_t len = sizeof(cred);

	if (getsockopt(c->fd, SOL_SOCKET, SO_PEERCRED, &cred, &len))
		return -errno;
	if (!cred.uid || cred.uid == geteuid() || !geteuid() || (env && *env))
		return 0;
	return -EPERM;
}

static int dial(struct toami_control *c)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	int err;

	dir_file(c->dir, "control", un.sun_path, sizeof(un.sun_path));
	c->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (c->fd < 0)
		return -errno;
	err = connect(c->fd, (struct sockaddr *)&un, sizeof(un))
		      ? -errno
		      : check_server(c);
	if (err) {
		close(c->fd);
		c->fd = -1;
	}
	return err;
}

/* The daemon beside this program, else the one in the path. */
static const char *find_toamid(char path[4096])
{
	const char *env = getenv("TOAMI_DAEMON");
	ssize_t n = readlink("/proc/self/exe", path, 4000);
	char *slash;

	if (env && *env)
		return env;
	if (n > 0) {
		path[n] = 0;
		slash = strrchr(path, '/');
		strcpy(slash + 1, "toamid");
		if (!access(path, X_OK))
			return path;
	}
	return TOAMI_BINDIR "/toamid";
}

/*
 * The environment of the daemon: what puts a program on a fabric is not for the
 * one that owns it. Returns an array for free(), or NULL.
 */
static char **daemon_environ(void)
{
	static const char *const not_its[] = { "LD_PRELOAD=", "TOAMI_VIF=" };
	size_t n = 0, kept = 0;
	char **env;

	while (environ[n])
		n++;
	env = calloc(n + 1, sizeof(*env));
	for (size_t i = 0; env && i < n; i++)
		if (strncmp(environ[i], not_its[0], strlen(not_its[0])) &&
		    strncmp(environ[i], not_its[1], strlen(not_its[1])))
			env[kept++] = environ[i];
	return env;
}

/* Runs toamid, which returns when the daemon answers. Its exit code, or -errno.
 */
static int run_toamid(struct toami_control *c)
{
	char path[4096],
		*argv[] = { (char *)(uintptr_t) "toamid",
			    (char *)(uintptr_t) "--dir", c->dir, NULL };
	const char *toamid = find_toamid(path);
	char **env = daemon_environ();
	posix_spawnattr_t attr;
	sigset_t none;
	int status, err;
	pid_t pid;

	if (!env)
		return -ENOMEM;
	/* The daemon outlives us: it must not inherit what we block or ignore.
	 */
	sigemptyset(&none);
	posix_spawnattr_init(&attr);
	posix_spawnattr_setsigmask(&attr, &none);
	posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGMASK);
	err = posix_spawnp(&pid, toamid, NULL, &attr, argv, env);
	posix_spawnattr_destroy(&attr);
	free(env);
	if (err)
		return -err;
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return -errno;
	return WIFEXITED(status) ? WEXITSTATUS(status) : EX_SOFTWARE;
}

static int dial_patiently(struct toami_control *c)
{
	int err = dial(c);

	for (int i = 0; i < RUNNING_TRIES && err; i++) {
		poll(NULL, 0, 5);
		err = dial(c);
	}
	return err;
}

/* Starts a daemon, or finds the one that somebody else has started meanwhile.
 */
static int start(struct toami_control *c)
{
	int lock, err = dir_make(c->dir);

	if (err == -EPERM || err == -EACCES)
		return fail_open(c, err);
	if (err) {
		refuse(&c->why, "no-daemon", EX_CANTCREAT,
		       "cannot make %s: %s: choose another directory with "
		       "TOAMI_DIR",
		       c->dir, strerror(-err));
		return EX_CANTCREAT;
	}
	lock = dir_lock(c->dir, "start", 1);
	if (lock < 0)
		return fail_open(c, lock);
	err = dial(c);
	if (err) {
		int code = run_toamid(c);

		if (!code)
			err = dial(c);
		else if (code == EX_TEMPFAIL)
			err = dial_patiently(c);
		else {
			refuse(&c->why, "no-daemon", EX_UNAVAILABLE,
			       "the daemon could not be started in %s: %s",
			       c->dir,
			       code < 0 ? "toamid is not found: see "
					  "TOAMI_DAEMON "
					  "in toami(1)"
					: "its own words are above");
			close(lock);
			return EX_UNAVAILABLE;
		}
	}
	close(lock);
	return err ? fail_open(c, err) : 0;
}

int toami_control_open(const char *dir, int start_it,
		       struct toami_control **control)
{
	struct toami_control *c = calloc(1, sizeof(*c));
	int err;

	*control = c;
	if (!c)
		return EX_OSERR;
	c->fd = -1;
	if (dir_choose(dir, c->dir))
		return fail(
			c, "bad-request", EX_USAGE,
			"the daemon's directory must be an absolute path of "
			"less than 90 bytes: see TOAMI_DIR");
	err = dial(c);
	if (!err)
		return 0;
	if (start_it && (err == -ENOENT || err == -ECONNREFUSED))
		return start(c);
	return fail_open(c, err);
}

void toami_control_close(struct toami_control *c)
{
	if (!c)
		return;
	if (c->fd >= 0)
		close(c->fd);
	free(c->in);
	free(c);
}

const char *toami_control_dir(const struct toami_control *c)
{
	return c->dir;
}

const char *toami_control_text(const struct toami_control *c)
{
	return c ? c->why.text : "out of memory";
}

const char *toami_control_code(const struct toami_control *c)
{
	return c && c->why.code ? c->why.code : "";
}

int toami_control_fd(const struct toami_control *c)
{
	return c->fd;
}

static int lost(struct toami_control *c)
{
	refuse(&c->why, "no-daemon", EX_UNAVAILABLE,
	       "the daemon in %s has gone before it answered: see %s/log",
	       c->dir, c->dir);
	return EX_UNAVAILABLE;
}

/* Sends all. A daemon that hangs up may have said why: that is read later. */
static void send_all(struct toami_control *c, const char *text, size_t bytes)
{
	while (bytes) {
		ssize_t n = send(c->fd, text, bytes, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return;
		text += n;
		bytes -= (size_t)n;
	}
}

/* Lets go of the reply that was taken last. */
static void forget_reply(struct toami_control *c)
{
	c->in_bytes -= c->in_done;
	memmove(c->in, c->in + c->in_done, c->in_bytes);
	c->in_done = 0;
}

/* Reads more of a reply. Returns the bytes, 0 at the end. */
static size_t read_more(struct toami_control *c)
{
	ssize_t n;

	if (c->in_size - c->in_bytes < 4096) {
		size_t size = c->in_size ? c->in_size * 2 : 16384;
		char *in = realloc(c->in, size);

		if (!in)
			return 0;
		c->in = in;
		c->in_size = size;
	}
	do {
		n = recv(c->fd, c->in + c->in_bytes, c->in_size - c->in_bytes,
			 0);
	} while (n < 0 && errno == EINTR);
	if (n <= 0)
		return 0;
	c->in_bytes += (size_t)n;
	return (size_t)n;
}

/* Reads a line, which stays until the next one is read. Its bytes, without the
 * end; negative: there is none. */
static ssize_t read_line(struct toami_control *c)
{
	size_t seen = 0;
	char *end;

	if (c->in_done)
		forget_reply(c);
	while (!(end = c->in_bytes > seen
			       ? memchr(c->in + seen, '\n', c->in_bytes - seen)
			       : NULL)) {
		seen = c->in_bytes;
		if (!read_more(c))
			return -1;
	}
	c->in_done = (size_t)(end - c->in) + 1;
	return end - c->in;
}

/* Reads a line and parses it: null when it is not JSON; NULL: there is none. */
static json_t *read_reply(struct toami_control *c)
{
	ssize_t bytes = read_line(c);
	json_t *reply;

	if (bytes < 0)
		return NULL;
	reply = json_loadb(c->in, (size_t)bytes, 0, NULL);
	return reply ? reply : json_null();
}

int client_refused(struct toami_control *c, const json_t *error)
{
	const char *code, *text;
	int exit_code;

	if (json_unpack((json_t *)(uintptr_t)error, "{s:s, s:i, s:s}", "code",
			&code, "exit", &exit_code, "text", &text) ||
	    exit_code <= 0)
		return client_misread(c);
	refuse(&c->why, "", exit_code, "%s", text);
	/* Codes are static; the daemon's must outlive its reply. */
	c->why.code = client_code(code);
	return exit_code;
}

/* Takes the reply apart: its result, owned by the caller, or its error. */
static int take_reply(struct toami_control *c, const json_t *reply,
		      json_t **result)
{
	*result = json_incref(json_object_get(reply, "result"));
	return *result ? 0 : client_refused(c, json_object_get(reply, "error"));
}

int client_request(struct toami_control *c, json_t *request, json_t **result)
{
	return client_request_with(c, request, NULL, result);
}

static json_t *names_of(const struct client_files *files)
{
	json_t *names = json_array();

	for (uint32_t i = 0; i < files->count; i++)
		json_array_append_new(names, json_string(files->name[i]));
	return names;
}

/* Sends a request, consumed, with @files, which may be NULL. */
static int send_request(struct toami_control *c, json_t *request,
			const struct client_files *files)
{
	size_t given = 0;
	char *text;

	c->why = (struct refusal){ .code = "", .text = "" };
	if (c->fd < 0) {
		json_decref(request);
		return fail_open(c, -ECONNREFUSED);
	}
	users_set(request);
	json_object_set_new(request, "protocol",
			    json_integer(TOAMI_CONTROL_PROTOCOL));
	if (files && files->count)
		json_object_set_new(request, "files", names_of(files));
	text = json_dumps(request, JSON_COMPACT);
	json_decref(request);
	if (!text)
		return fail(c, "bad-request", EX_USAGE,
			    "the request is not text that JSON can carry: use "
			    "UTF-8");
	if (files)
		given = client_files_send(files, c->fd, text);
	send_all(c, text + given, strlen(text) - given);
	send_all(c, "\n", 1);
	free(text);
	return 0;
}

int client_request_with(struct toami_control *c, json_t *request,
			const struct client_files *files, json_t **result)
{
	json_t *reply;
	int err;

	*result = NULL;
	err = send_request(c, request, files);
	if (err)
		return err;
	reply = read_reply(c);
	if (!reply)
		return lost(c);
	err = take_reply(c, reply, result);
	json_decref(reply);
	return err;
}

int client_scan(struct toami_control *c, json_t *request,
		struct json_scan *result)
{
	int err = send_request(c, request, NULL);
	ssize_t bytes = err ? 0 : read_line(c);
	struct json_key key;
	json_t *reply, *other;
	const char *text;

	if (err)
		return err;
	if (bytes < 0)
		return lost(c);
	json_scan_init(result, c->in, (size_t)bytes);
	if (json_scan_open(result, '{'))
		while (json_scan_next(result, &key)) {
			if (json_scan_is(&key, "result"))
				return 0;
			json_scan_skip(result, &text);
		}
	reply = json_loadb(c->in, (size_t)bytes, 0, NULL);
	err = take_reply(c, reply, &other);
	json_decref(reply);
	json_decref(other);
	return err ? err : client_misread(c);
}

int client_misread(struct toami_control *c)
{
	return fail(c, "version", EX_PROTOCOL,
		    "the daemon's answer is not understood: end it with "
		    "'toami down'; the next command starts the right one");
}

int client_event(struct toami_control *c, json_t **event)
{
	*event = read_reply(c);
	if (!*event)
		return lost(c);
	return 0;
}

int client_fail(struct toami_control *c, const struct refusal *why)
{
	c->why = *why;
	return why->exit_code;
}

const char *client_code(const char *code)
{
	static const char *const codes[] = {
		"bad-request",	"unknown-vif",	 "bad-path",
		"bad-address",	"address-taken", "vif-exists",
		"vif-busy",	"table-full",	 "no-permission",
		"version",	"running",	 "no-daemon",
		"namespace",	"busy",		 "internal",
		"bad-value",	"guarantee",	 "quota",
		"unsupported",	"bad-line",	 "unknown-process",
		"unknown-port", "port-exists",	 "no-interface",
		"bad-program",	"no-map",	 "no-key",
		"map-full",	"no-memory",
	};

	for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++)
		if (!strcmp(code, codes[i]))
			return codes[i];
	return "unknown";
}

int toami_control_request(struct toami_control *c, const char *request,
			  char **result)
{
	json_t *rq = json_loads(request, JSON_REJECT_DUPLICATES, NULL), *rs;
	int err;

	if (!json_is_object(rq)) {
		json_decref(rq);
		return fail(c, "bad-request", EX_USAGE,
			    "the request is not a JSON object");
	}
	err = client_request(c, rq, &rs);
	if (!err && result) {
		*result = json_dumps(rs, JSON_COMPACT | JSON_ENCODE_ANY);
		if (!*result)
			err = fail(c, "internal", EX_OSERR, "out of memory");
	}
	json_decref(rs);
	return err;
}

int toami_control_wait_end(struct toami_control *c)
{
	while (read_more(c))
		c->in_bytes = c->in_done = 0;
	return 0;
}
