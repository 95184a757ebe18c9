#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Redis's own tests, servers and clients on one VIF. TOAMI_REDIS names its source tree, of
# the version that is installed; the programs are the installed ones. Usage: redis-suite.sh
# [kernel]: without Toami, in a network namespace of its own
. "$(dirname "$0")/../lib.sh"

need redis-server tclsh
[ -d "${TOAMI_REDIS:-}/tests" ] || {
	echo "skipped: TOAMI_REDIS names no source tree of redis"
	exit 77
}
cp -r "$TOAMI_REDIS/tests" "$TOAMI_REDIS/redis.conf" "$TOAMI_REDIS/sentinel.conf" "$work"
mkdir -p "$work/src" "$work/utils"
cp -r "$TOAMI_REDIS/utils/." "$work/utils"
for p in server cli benchmark check-aof check-rdb; do
	ln -s "$(command -v redis-$p)" "$work/src/redis-$p"
done
units=
for u in auth protocol keyspace info type/string type/list type/hash expire other multi quit \
	aofrw acl pubsub scripting introspection limits obuf-limits tracking; do
	units="$units --single unit/$u"
done
cd "$work"
if [ "${1:-}" = kernel ]; then
	set -- unshare -n sh -c 'ip link set lo up && exec "$@"' sh
else
	set -- "$toami" run -v /redis --
fi
# shellcheck disable=SC2086
timeout 200 "$@" tclsh tests/test_helper.tcl $units --clients 4 \
	--tags "-large-memory -slow" >"$work/redis.log" 2>&1 </dev/null || status=$?
grep -a '\[err\]\|exception' "$work/redis.log" && exit 1
expect 0 "${status:-0}" "the suite ends well"
tests=$(grep -ac '\[.*ok.*\]:' "$work/redis.log")
[ "$tests" -gt 300 ]
echo "ok: $tests tests of redis pass"
cd /
