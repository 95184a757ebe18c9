#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Bad clients of a daemon with few descriptors; clients.c says which.
. "$(dirname "$0")/../apps/lib.sh"

(
	ulimit -n 400
	"$toami" up
)
i=0
while [ $i -lt 40 ]; do
	"$toami" vif add "/some-vif-with-a-long-name-$i" >/dev/null
	i=$((i + 1))
done
ulimit -n 2000
"$TOAMI_BUILD/tests/daemon/clients" "$TOAMI_DIR"
grep -q 'out of descriptors' "$TOAMI_DIR/log" && echo "ok: it was out of descriptors"
pid=$("$toami" status --json | sed -n 's/.*"pid": \([0-9]*\).*/\1/p')
until_ok sh -c "[ \$(ls /proc/$pid/fd | wc -l) -lt 30 ]"
echo "ok: no descriptor is left"
