/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See log.h. A log that grew beyond LOG_MAX is moved to "log.old" when the
 * daemon starts, so that it never fills a /run.
 */
#include "daemon/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define LOG_MAX (1 << 20)

static int log_fd = STDERR_FILENO;

int log_open(const char *path)
{
	struct stat st;
	char old[256];
	int fd;

	if (!path)
		return 0;
	snprintf(old, sizeof(old), "%s.old", path);
	if (!stat(path, &st) && st.st_size > LOG_MAX)
		rename(path, old);
	fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW,
		  0600);
	if (fd < 0)
		return -errno;
	log_fd = fd;
	return 0;
}

void log_line(const char *format, ...)
{
	char line[1024];
	struct timespec now;
	struct tm tm;
	va_list ap;
	int n, m;

	clock_gettime(CLOCK_REALTIME, &now);
	localtime_r(&now.tv_sec, &tm);
	n = (int)strftime(line, 64, "%F %T", &tm);
	n += snprintf(line + n, 16, ".%03d ", (int)(now.tv_nsec / 1000000));
	va_start(ap, format);
	m = vsnprintf(line + n, sizeof(line) - (size_t)n - 1, format, ap);
	va_end(ap);
	n = m < (int)sizeof(line) - n - 1 ? n + m : (int)sizeof(line) - 2;
	line[n++] = '\n';
	/* A log that cannot be written is no reason to stop. */
	if (write(log_fd, line, (size_t)n) < 0)
		return;
}
