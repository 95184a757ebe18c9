#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# The same calls on the kernel and on a fabric: what they return must be the same.
# Usage: same.sh PROGRAM [GROUP...]; on the kernel in a network namespace of its own
# shellcheck source=tests/apps/lib.sh
. "$(dirname "$0")/../apps/lib.sh"
same=$1
shift

[ "$(id -u)" = 0 ] || {
	echo "skipped: raw sockets need root"
	exit 77
}
unshare -n sh -c 'ip link set lo up && exec "$@"' sh "$same" "$@" >"$work/kernel"
on /same "$same" "$@" >"$work/fabric" || echo "ended with $?" >>"$work/fabric"
diff -U 2 "$work/kernel" "$work/fabric" || {
	echo "FAIL: the lines with - are the kernel's"
	exit 1
}
grep -q '^  ' "$work/kernel" || {
	echo "FAIL: nothing was tried"
	exit 1
}
echo "ok: $(grep -c '^  ' "$work/kernel") results, all as the kernel's"
