#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Relays that splice: every byte arrives, a killed one leaves nothing, haproxy does it, too.
PATH=$PATH:/usr/sbin
. "$(dirname "$0")/lib.sh"
need haproxy python3
relay=$TOAMI_BUILD/bench/bench-relay

start /sink "$relay" sink 5000 check
until_ok on /source "$relay" source sink 5000 1
start /relay "$relay" relay 5001 sink 5000 splice
start /relay "$relay" relay 5002 sink 5000 bare
for port in 5001 5002; do
	until_ok on /source "$relay" source relay $port 1
	echo "ok: 256 MB, port $port: $(on /source "$relay" source relay $port 256)"
done

# Several at once, some of them slow.
"$toami" vif add /slow rate=200mbit >/dev/null
kids=
for i in 1 2 3; do
	on /source "$relay" source relay 5001 60 >"$work/fast.$i" &
	kids="$kids $!"
	on /slow "$relay" source relay 5001 4 >"$work/slow.$i" &
	kids="$kids $!"
done
for pid in $kids; do
	wait "$pid" || {
		echo "FAIL: one of several relayed at once"
		exit 1
	}
done
echo "ok: six at once"

# haproxy, asked to splice whatever it can.
cat >"$work/haproxy.cfg" <<EOF
global
	maxpipes 100
defaults
	mode tcp
	timeout connect 2s
	timeout client 20s
	timeout server 20s
	option splice-request
	option splice-response
frontend front
	bind :5003
	default_backend back
backend back
	server sink sink:5000
EOF
start /ha setsid haproxy -db -f "$work/haproxy.cfg"
until_ok on /source "$relay" source ha 5003 1
echo "ok: 256 MB through haproxy: $(on /source "$relay" source ha 5003 256)"

# Whoever relays is killed in the middle of it, again and again.
python3 - "$toami" "$relay" <<'EOF'
import random, subprocess, sys, time
toami, relay = sys.argv[1:]
rng = random.Random(5)
def run(vif, *argv):
    return subprocess.Popen([toami, "run", "-v", vif, "--", relay, *argv], text=True,
                            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
for i in range(25):
    r = run("/mortal", "relay", "5004", "sink", "5000", "splice")
    assert r.stdout.readline() == "ready\n", "a relay does not start"
    sources = [run("/source", "source", "mortal", "5004", "100000") for _ in range(2)]
    time.sleep(0.1 + rng.random() / 5)
    r.kill()
    r.wait()
    for s in sources:
        assert s.wait() != 0, "a source did not notice"
EOF
echo "ok: 25 relays killed"
expect "" "$(cat "$work"/*.log | grep wrong || true)" "no wrong byte"
echo "ok: 16 MB after that: $(on /source "$relay" source relay 5001 16)"
expect_nothing_left
until_ok sh -c "'$toami' status --json | python3 -c '
import json, sys
s = json.load(sys.stdin)
sys.exit(s[\"frames\"] != 0 or s[\"chunks\"] != 0)'"
echo "ok: every frame and chunk has come home"
