/* SPDX-License-Identifier: BSD-2-Clause */
/* See dir.h. */
#include "daemon/dir.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

static int choose(const char *given, char path[DIR_MAX])
{
	const char *env = getenv("TOAMI_DIR"), *xdg = getenv("XDG_RUNTIME_DIR");

	if (given)
		return snprintf(path, DIR_MAX, "%s", given);
	if (env && *env)
		return snprintf(path, DIR_MAX, "%s", env);
	if (!geteuid())
		return snprintf(path, DIR_MAX, "/run/toami");
	if (xdg && *xdg == '/')
		return snprintf(path, DIR_MAX, "%s/toami", xdg);
	return snprintf(path, DIR_MAX, "/tmp/toami-%u", geteuid());
}

int dir_choose(const char *given, char path[DIR_MAX])
{
	int n = choose(given, path);

	if (n >= DIR_MAX)
		return -ENAMETOOLONG;
	if (*path != '/')
		return -EINVAL;
	while (n > 1 && path[n - 1] == '/')
		path[--n] = 0;
	return 0;
}

int dir_check(const char *path)
{
	struct stat st;

	/* Not through a link: in /tmp anybody could have put one there. */
	if (lstat(path, &st))
		return -errno;
	if (!S_ISDIR(st.st_mode))
		return -ENOTDIR;
	if (st.st_uid != geteuid() || st.st_mode & (S_IWGRP | S_IWOTH))
		return -EPERM;
	return 0;
}

int dir_make(const char *path)
{
	/* Programs of members that have changed their user must get through. */
	if (!mkdir(path, 0711))
		chmod(path, 0711);
	else if (errno != EEXIST)
		return -errno;
	return dir_check(path);
}

int dir_file(const char *dir, const char *name, char *path, size_t size)
{
	return snprintf(path, size, "%s/%s", dir, name);
}

int dir_lock(const char *dir, const char *name, int wait)
{
	char path[DIR_MAX + 16];
	int fd, err;

	dir_file(dir, name, path, sizeof(path));
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return -errno;
	while (flock(fd, wait ? LOCK_EX : LOCK_EX | LOCK_NB)) {
		if (errno == EINTR)
			continue;
		err = -errno;
		close(fd);
		return err;
	}
	return fd;
}
