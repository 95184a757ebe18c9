/* SPDX-License-Identifier: BSD-2-Clause */
/* What the daemon has to say, a line each: to its log file, or to stderr. */
#ifndef TOAMI_DAEMON_LOG_H
#define TOAMI_DAEMON_LOG_H

/* log_open - @path NULL: stderr. Returns 0 or a negative errno. */
int log_open(const char *path);

void log_line(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
