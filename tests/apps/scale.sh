#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# What happens seldom, often: signals during socket calls, fork and exec, threads, keys,
# handshakes. Usage: scale.sh [full]: in full it takes a quarter of an hour.
. "$(dirname "$0")/lib.sh"
here=$(cd "$(dirname "$0")" && pwd)
signals=20000 forks=300 threads=2000 keys=100 handshakes=100
if [ "${1-}" = full ]; then
	signals=1000000 forks=100000 threads=10000 keys=5000 handshakes=5000
fi
scale=$TOAMI_BUILD/tests/apps/scale

start /keep sleep 10000
until_ok sh -c "'$toami' status --json | grep -q '\"programs\": 1'"
slots() {
	"$toami" status --json | python3 -c '
import json, sys
s = json.load(sys.stdin)
print(*(s[k] for k in ("programs", "sockets")))'
}
before=$(slots)
for what in "signals $signals" "forks $forks" "threads $threads"; do
	# shellcheck disable=SC2086
	said=$(on /s "$scale" $what)
	expect "$what" "$(echo "$said" | sed -n 's/^\([0-9]*\) \([a-z]*\).*/\2 \1/p' |
		sed 's/children/forks/')" "$said"
	until_ok sh -c "[ \"\$('$toami' status --json | python3 -c '
import json, sys
s = json.load(sys.stdin)
print(*(s[k] for k in (\"programs\", \"sockets\")))')\" = '$before' ]"
done
if command -v openssl >/dev/null && command -v python3 >/dev/null; then
	expect "$keys keys, 0 invalid" "$(on /s python3 "$here/crypto.py" keys $keys)" "$keys keys"
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 \
		-subj /CN=tls -keyout "$work/key" -out "$work/cert" 2>/dev/null
	cat "$work/key" "$work/cert" >"$work/both"
	start /tls python3 "$here/crypto.py" serve 443 "$work/both"
	until_ok on /s python3 "$here/crypto.py" handshakes tls 443 1
	expect "$handshakes handshakes, 0 failed" \
		"$(on /s python3 "$here/crypto.py" handshakes tls 443 $handshakes)" \
		"$handshakes handshakes"
fi
expect_nothing_left
