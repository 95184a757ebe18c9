/* SPDX-License-Identifier: BSD-2-Clause */
/* A program that would use user dispatch itself finds a kernel without it, and
 * can do as it does there. */
#include "check.h"

#include <sys/prctl.h>
#include <sys/syscall.h>

#define SET_DISPATCH 59

int main(void)
{
	static char selector;

	for (int i = 0; i < 3; i++) {
		CHECK(prctl(SET_DISPATCH, 1L, 0L, 0L, &selector) < 0 &&
		      errno == EINVAL);
		CHECK(prctl(SET_DISPATCH, 0L, 0L, 0L, 0L) < 0 &&
		      errno == EINVAL);
		CHECK(raw(SYS_prctl, SET_DISPATCH, 0, 0) == -EINVAL);
		CHECK(is_hooked());
	}
	CHECK(prctl(PR_SET_NAME, "still") == 0);
	return 0;
}
