/* SPDX-License-Identifier: BSD-2-Clause */
/* See find.h. */
#include "cli/find.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int try_program(const char *path)
{
	struct stat st;

	if (stat(path, &st))
		return errno == EACCES ? -EACCES : -ENOENT;
	return !S_ISREG(st.st_mode) || access(path, X_OK) ? -EACCES : 0;
}

int find_program(const char *name, char path[PATH_MAX])
{
	const char *at = getenv("PATH");
	int worst = -ENOENT;

	if (strchr(name, '/')) {
		snprintf(path, PATH_MAX, "%s", name);
		return try_program(path);
	}
	for (at = at ? at : "/usr/bin:/bin"; *name;) {
		size_t n = strcspn(at, ":");
		int err;

		/* An empty entry is the current directory. */
		snprintf(path, PATH_MAX, "%.*s%s%s", (int)n, at, n ? "/" : "",
			 name);
		err = try_program(path);
		if (!err)
			return 0;
		if (err == -EACCES)
			worst = err;
		if (!at[n])
			break;
		at += n + 1;
	}
	return worst;
}

int find_hook(char path[PATH_MAX])
{
	static const char *const beside[] = { "libtoami-hook.so",
					      "hook/libtoami-hook.so" };
	const char *env = getenv("TOAMI_HOOK_FILE");
	char exe[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", exe, sizeof(exe) - 1);

	if (env && *env) {
		snprintf(path, PATH_MAX, "%s", env);
		return access(path, R_OK) ? -ENOENT : 0;
	}
	while (n > 0 && exe[n - 1] != '/')
		n--;
	for (size_t i = 0; n > 0 && i < sizeof(beside) / sizeof(beside[0]); i++)
		if (snprintf(path, PATH_MAX, "%.*s%s", (int)n, exe, beside[i]) <
			    PATH_MAX &&
		    !access(path, R_OK))
			return 0;
	snprintf(path, PATH_MAX, "%s", TOAMI_LIBDIR "/toami/libtoami-hook.so");
	return access(path, R_OK) ? -ENOENT : 0;
}
