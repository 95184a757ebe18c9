/* SPDX-License-Identifier: BSD-2-Clause */
/* See probe.h. */
#include "cli/probe.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

/* What a fabric takes of the address space, roughly. */
#define FABRIC_BYTES (UINT64_C(4) << 30)

bool probe_kernel(int major, int minor, char release[65])
{
	struct utsname u;
	int a = 0, b = 0;

	if (uname(&u) || sscanf(u.release, "%d.%d", &a, &b) != 2)
		return false;
	snprintf(release, 65, "%s", u.release);
	return a > major || (a == major && b >= minor);
}

int probe_memfd(void)
{
	int fd = memfd_create("toami-probe", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	int err = 0;
	void *at;

	if (fd < 0)
		return -errno;
	at = MAP_FAILED;
	if (!ftruncate(fd, FABRIC_BYTES) &&
	    !fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL))
		at = mmap(NULL, FABRIC_BYTES, PROT_READ | PROT_WRITE,
			  MAP_SHARED | MAP_NORESERVE, fd, 0);
	if (at == MAP_FAILED)
		err = -errno;
	else
		munmap(at, FABRIC_BYTES);
	close(fd);
	return err;
}

int probe_pidfd(void)
{
	long fd = syscall(SYS_pidfd_open, getpid(), 0);

	if (fd < 0)
		return -errno;
	close((int)fd);
	return 0;
}

/* Reads the first bytes of a file as text. */
static bool read_text(const char *path, char *text, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return false;
	n = read(fd, text, size - 1);
	close(fd);
	text[n > 0 ? n : 0] = 0;
	return n > 0;
}

bool probe_tsc(void)
{
	char text[64];

	return read_text("/sys/devices/system/clocksource/clocksource0/"
			 "current_clocksource",
			 text, sizeof(text)) &&
	       !strncmp(text, "tsc", 3);
}

long probe_cores(void)
{
	cpu_set_t set;

	return sched_getaffinity(0, sizeof(set), &set) ? 1 : CPU_COUNT(&set);
}

long probe_number(const char *path)
{
	char text[64];

	return read_text(path, text, sizeof(text)) ? strtol(text, NULL, 10)
						   : -1;
}

bool probe_choice(const char *path, char *word, size_t size)
{
	char text[256], *open, *close;

	if (!read_text(path, text, sizeof(text)))
		return false;
	open = strchr(text, '[');
	close = open ? strchr(open, ']') : NULL;
	if (!close)
		return false;
	*close = 0;
	snprintf(word, size, "%s", open + 1);
	return true;
}
