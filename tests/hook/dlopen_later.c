/* SPDX-License-Identifier: BSD-2-Clause */
/* A library that comes later is hooked from its constructor on, whether it is
 * kept or comes and goes. */
#include "check.h"

#include <dlfcn.h>

int main(int argc, char **argv)
{
	CHECK(argc == 2);
	for (int i = 0; i < 50; i++) {
		void *lib = dlopen(argv[1], RTLD_NOW);
		int (*at_start)(void), (*now)(void);

		CHECK(lib);
		*(void **)&at_start = dlsym(lib, "library_hooked_at_start");
		*(void **)&now = dlsym(lib, "library_hooked_now");
		CHECK(at_start && now);
		CHECK(at_start() && now() && now());
		CHECK(!dlclose(lib));
	}
	return 0;
}
