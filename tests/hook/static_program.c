/* SPDX-License-Identifier: BSD-2-Clause */
/* Linked statically, for exec_static.c: says what it was given. */
#include "check.h"

#include <fcntl.h>

int main(int argc, char **argv)
{
	const char *vif = getenv("TOAMI_VIF"), *preload = getenv("LD_PRELOAD");
	char exe[300];
	ssize_t n = readlink("/proc/self/exe", exe, sizeof(exe) - 1);

	exe[n > 0 ? n : 0] = '\0';
	printf("%s|%s|%s|%s", is_hooked() ? "hooked" : "not", vif ? vif : "",
	       strrchr(exe, '/') ? strrchr(exe, '/') + 1 : "",
	       preload && strstr(preload, "hook") ? "preload" : "");
	for (int i = 0; i < argc; i++)
		printf("|%s", argv[i]);
	/* Nothing of the loader's is left open. */
	for (int fd = 3; fd < 20; fd++) {
		if (fcntl(fd, F_GETFD) >= 0)
			printf("|fd %d", fd);
	}
	return argc;
}
