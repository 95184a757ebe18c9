/* SPDX-License-Identifier: BSD-2-Clause */
/* The decoder on instructions as objdump(1) shows them. */
#include "hook/decode.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <string.h>

static void lengths_are_right(void **state)
{
	static const struct {
		const char bytes[INSTRUCTION_MAX + 1];
		int length; /* 0: unknown */
	} cases[] = {
		{ "\x0f\x05", 2 },		       /* syscall */
		{ "\xb8\x01\x00\x00\x00", 5 },	       /* mov $1,%eax */
		{ "\x48\x89\xe5", 3 },		       /* mov %rsp,%rbp */
		{ "\x48\x8b\x44\x24\x08", 5 },	       /* mov 8(%rsp),%rax */
		{ "\x48\x3d\x00\xf0\xff\xff", 6 },     /* cmp $-4096,%rax */
		{ "\x0f\x87\x10\x00\x00\x00", 6 },     /* ja */
		{ "\x48\xc7\xc0\xff\xff\xff\xff", 7 }, /* mov $-1,%rax */
		{ "\x62\xf1\x7c\x48\x28\xc1", 0 },     /* AVX-512 */
		/* fs and more before add $imm32,disp32(%r,%r): 15 and 16 */
		{ "\x64\x66\xf2\x4f\x81\x84\x95\x64\xcc\x9b\x64\x01\x02", 13 },
		{ "\x64\x64\xf2\x4f\x81\x84\x95\x64\xcc\x9b\x64\x01\x02\x03"
		  "\x04",
		  15 },
		{ "\x64\x64\x64\xf2\x4f\x81\x84\x95\x64\xcc\x9b\x64\x01\x02"
		  "\x03",
		  0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		uint8_t p[INSTRUCTION_MAX + 1] = { 0 };
		struct instruction in;
		bool known;

		memcpy(p, cases[i].bytes, INSTRUCTION_MAX);
		known = hook_decode(p, &in);
		assert_int_equal(known ? in.next - p : 0, cases[i].length);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lengths_are_right),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
