/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * For bench/hook: zpoline's hook (LIBZPHOOK) that answers as
 * tests/hook/socket_stub.c does. Not built with Toami; HACKING.md says how.
 */
typedef long (*call_fn)(long nr, long a, long b, long c, long d, long e,
			long f);

#define NR_PLUS 500
#define NR_OWN	505

static call_fn kernel;
static long own = -1;

static long hook(long nr, long a, long b, long c, long d, long e, long f)
{
	if (nr == NR_PLUS)
		return a + 1;
	if (nr == NR_OWN) {
		own = a;
		return 0;
	}
	if (nr <= 1 && a == own)
		return c + 1;
	return kernel(nr, a, b, c, d, e, f);
}

int __hook_init(long unused, call_fn *slot);
int __hook_init(long unused, call_fn *slot)
{
	(void)unused;
	kernel = *slot;
	*slot = hook;
	return 0;
}
