#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# The four worked examples of examples/bpf, attached to VIFs with real programs on them.
set -eu
toami=$TOAMI_BUILD/toami
export TOAMI_DIR=$(mktemp -d)
pids=
cleanup() {
	for p in $pids; do kill "$p" 2>/dev/null || true; done
	"$toami" down >/dev/null 2>&1 || true
	rm -rf "$TOAMI_DIR"
}
trap cleanup EXIT

fail() {
	echo "FAIL: $*" >&2
	exit 1
}

address() { "$toami" vif show "$1" --json | sed -n 's/.*"address": *"\([0-9.]*\)".*/\1/p' | head -1; }

# serve VIF PORT WORD: an HTTP server that answers WORD.
serve() {
	mkdir -p "$TOAMI_DIR/www$1"
	echo "$3" >"$TOAMI_DIR/www$1/index.html"
	(cd "$TOAMI_DIR/www$1" && exec "$toami" run -v "$1" -- \
		python3 -m http.server "$2" >/dev/null 2>&1) &
	pids="$pids $!"
}

# get VIF URL: what is answered, or nothing.
get() { "$toami" run -v "$1" -- curl -s -m 2 "$2" 2>/dev/null || true; }

# until a server answers
wait_for() {
	n=0
	while [ "$(get "$1" "$2")" = "" ]; do
		n=$((n + 1))
		[ $n -lt 60 ] || fail "$2 does not answer"
		sleep 0.2
	done
}

for v in /web /cli; do "$toami" vif add $v >/dev/null; done
a=$(address /web) cli=$(address /cli)
[ -n "$a" ] && [ -n "$cli" ] || fail "no addresses"
serve /web 80 front
wait_for /cli "http://$a/"

echo "1..5"

# --- firewall: only open ports may be reached, answers come back
"$toami" vif set /web program="$OBJECTS/firewall.o"
[ -z "$(get /cli "http://$a/")" ] || fail "the firewall lets a closed port be reached"
"$toami" map set /web:open 80 1
[ "$(get /cli "http://$a/")" = front ] || fail "the firewall closes an open port"
[ "$("$toami" map get /web:refused 6)" -ge 1 ] || fail "nothing was counted as refused"
serve /cli 81 client
wait_for /cli "http://$cli:81/"
[ "$(get /web "http://$cli:81/")" = client ] || fail "the firewall keeps answers out"
# A program that is refused leaves the one that is there.
printf 'nonsense' >"$TOAMI_DIR/bad.o"
if "$toami" vif set /web program="$TOAMI_DIR/bad.o" 2>"$TOAMI_DIR/err"; then
	fail "nonsense is taken for a program"
fi
grep -q "no packet program" "$TOAMI_DIR/err" || fail "no reason: $(cat "$TOAMI_DIR/err")"
"$toami" map rm /web:open 80
[ -z "$(get /cli "http://$a/")" ] || fail "the old program is gone"
"$toami" vif set /web program=none
[ "$(get /cli "http://$a/")" = front ] || fail "a program stays after none"
[ -z "$("$toami" map ls)" ] || fail "maps stay without their program"
echo "ok 1 - firewall"

# --- port translation, both ways
"$toami" vif set /web program="$OBJECTS/nat.o"
"$toami" map set /web:forward 8000 80
[ "$(get /cli "http://$a:8000/")" = front ] || fail "the port is not translated"
[ -z "$(get /cli "http://$a:8001/")" ] || fail "another port answers"
"$toami" vif set /web program=none
echo "ok 2 - nat"

# --- load balancer: the address of /lb in front of two servers below it
"$toami" vif add /lb >/dev/null
"$toami" vif add -a auto /lb/a >/dev/null
"$toami" vif add -a auto /lb/b >/dev/null
front=$(address /lb) sa=$(address /lb/a) sb=$(address /lb/b)
serve /lb/a 80 from-a
serve /lb/b 80 from-b
wait_for /cli "http://$sa/"
wait_for /cli "http://$sb/"
"$toami" vif set /lb program="$OBJECTS/balancer.o"
"$toami" map set /lb:servers 0 "$sa"
"$toami" map set /lb:servers 1 "$sb"
"$toami" map set /lb:count 0 2
n=0
while [ $n -lt 16 ]; do
	get /cli "http://$front/" >>"$TOAMI_DIR/answers"
	n=$((n + 1))
done
[ "$(wc -l <"$TOAMI_DIR/answers")" = 16 ] || fail "$(wc -l <"$TOAMI_DIR/answers") of 16 answers"
grep -q from-a "$TOAMI_DIR/answers" || fail "server a was never asked"
grep -q from-b "$TOAMI_DIR/answers" || fail "server b was never asked"
[ "$("$toami" map get --ip /lb:servers 0)" = "$sa" ] || fail "an address is not read back"
echo "ok 3 - balancer"

# --- what each client sends, exchanged for itself: the map stays
"$toami" vif set /web program-in="$OBJECTS/counter.o"
"$toami" map set /web:networks 10.77.0.0/16 3
[ "$(get /cli "http://$a/")" = front ] || fail "the counter drops"
packets() { "$toami" map get /web:sums 3 | cut -d, -f1; }
before=$(packets)
[ "$before" -ge 3 ] || fail "$before packets of a connection"
[ "$("$toami" map get /web:clients "$cli" | cut -d, -f3)" -ge 500 ] ||
	fail "the announced segment size is not seen"
cp "$OBJECTS/counter.o" "$TOAMI_DIR/again.o"
"$toami" vif set /web program-in="$TOAMI_DIR/again.o"
[ "$(packets)" -ge "$before" ] || fail "the map is empty after an exchange"
[ "$(get /cli "http://$a/")" = front ] || fail "the counter drops"
[ "$(packets)" -gt "$before" ] || fail "the exchanged program does not count"
echo "ok 4 - counter"

# --- a lane without an address: what enters it is found out late, and judged
"$toami" vif set /web program-in=none
"$toami" vif add /web/lane >/dev/null
serve /web/lane 90 lane
wait_for /cli "http://$a:90/"
"$toami" vif set /web/lane filter-in="not tcp dst port 90"
[ -z "$(get /cli "http://$a:90/")" ] || fail "a lane's filter lets everything in"
[ "$(get /cli "http://$a/")" = front ] || fail "a lane's filter hits its host"
"$toami" vif set /web/lane filter-in=none filter="tcp src port 91"
[ -z "$(get /cli "http://$a:90/")" ] || fail "a lane's filter lets everything out"
"$toami" vif set /web/lane filter=none
[ "$(get /cli "http://$a:90/")" = lane ] || fail "a filter stays after none"
echo "ok 5 - lanes"
