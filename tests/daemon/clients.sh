#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Bad clients of a daemon with few descriptors; clients.c says which.
. "$(dirname "$0")/../apps/lib.sh"

(
	ulimit -n 400
	exec "$TOAMI_BUILD/toamid" --foreground 2>"$work/daemon.log"
) &
daemon=$!
until_ok "$toami" status
i=0
while [ $i -lt 40 ]; do
	"$toami" vif add "/some-vif-with-a-long-name-$i" >/dev/null
	i=$((i + 1))
done
ulimit -n 2000
"$TOAMI_BUILD/tests/daemon/clients" "$TOAMI_DIR"
grep -q 'out of descriptors' "$work/daemon.log"
echo "ok: it was out of descriptors"
until_ok sh -c "[ \$(ls /proc/$daemon/fd | wc -l) -lt 30 ]"
echo "ok: no descriptor is left"
"$toami" down
wait $daemon
echo "ok: it ended well"
