/* SPDX-License-Identifier: BSD-2-Clause */
/* A program stays hooked through exec, with no environment, and with one of its
 * own. */
#include "check.h"

#include <fcntl.h>

extern char **environ;

static int has(const char *name, const char *part)
{
	const char *v = getenv(name);

	return v && strstr(v, part);
}

int main(int argc, char **argv)
{
	char *none[] = { NULL };
	char preload[] = "LD_PRELOAD=/nowhere.so", vif[] = "TOAMI_VIF=/other";
	char a[] = "A=B", *own[] = { preload, vif, a, NULL };
	char *step1[] = { argv[0], (char *)"1", NULL },
	     *step2[] = { argv[0], (char *)"2", NULL };
	char *step3[] = { argv[0], (char *)"3", NULL };
	int fd;

	CHECK(is_hooked());
	switch (argc > 1 ? atoi(argv[1]) : 0) {
	case 0:
		execve("/proc/self/exe", step1, none);
		break;
	case 1:
		CHECK(has("TOAMI_VIF", "/") && has("TOAMI_DIR", "/"));
		close(2); /* the loader complains about nowhere.so */
		execve("/proc/self/exe", step2, own);
		break;
	case 2:
		/* Started by toami-load, it has the hook already. */
		CHECK(is_filtered() || has("LD_PRELOAD", "hook"));
		CHECK(has("LD_PRELOAD", "nowhere"));
		CHECK(has("TOAMI_VIF", "/other") && has("A", "B"));
		fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
		fexecve(fd, step3, none);
		break;
	default:
		CHECK(execve("/nowhere", step1, none) < 0 && errno == ENOENT);
		CHECK(execve("/etc/passwd", step1, none) < 0 &&
		      errno == EACCES);
		return 0;
	}
	return 1;
}
