#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Accounting: what a monitoring system reads, and toami top on a terminal.
. "$(dirname "$0")/../apps/lib.sh"
need nc python3 curl tmux

"$toami" down 2>/dev/null || true
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
"$TOAMI_BUILD/toamid" --metrics "127.0.0.1:$port"
"$toami" vif add /web/api rate=20mbit limit=20kb loss=1% >/dev/null
"$toami" vif add /cli >/dev/null
start /cli nc -lk -p 7000
until_ok on /web nc -z cli 7000
start /web/api sh -c 'while :; do head -c 2000000 /dev/zero | nc -N cli 7000; done'
until_ok sh -c "'$toami' vif show /web/api | grep -q 'dropped: loss'"
"$toami" vif show /web/api >"$work/show"
grep -q 'queue out  [0-9]* packets, [0-9]* bytes wait; half of them less than [0-9.]*[mu]s' "$work/show"
grep -q 'throttled for [0-9.]*m*s' "$work/show"
echo "ok: what waits is shown"
until_ok sh -c "'$toami' vif show /web | grep -q 'TCP segments sent again'"
echo "ok: retransmissions count for the VIF above, too"

# OpenMetrics, wherever it is asked for, by its rules.
cat >"$work/check.py" <<'END'
import os, re, sys
text = sys.stdin.read()
assert text.endswith("# EOF\n"), text[-100:]
types, seen, samples = {}, set(), {}
family = None
for line in text.splitlines()[:-1]:
    m = re.fullmatch(r'# (TYPE|UNIT|HELP) (\w+) (.+)', line)
    if m:
        if m[1] == "TYPE":
            family = m[2]
            assert family not in seen, family
            seen.add(family)
            types[family] = m[3]
        assert m[2] == family
        if m[1] == "UNIT":
            assert family.endswith("_" + m[3]), line
        continue
    m = re.fullmatch(r'(\w+)\{([^}]*)\} (\S+)', line)
    assert m, line
    name = m[1]
    if types[family] == "counter":
        assert name == family + "_total", line
    else:
        assert name == family, line
    key = (name, m[2])
    assert key not in samples, line
    samples[key] = float(m[3])
def get(name, **labels):
    return samples[(name, ",".join(f'{k}="{v}"' for k, v in labels.items()))]
assert get("toami_vif_bytes_total", path="/web/api", direction="tx") > 10000
assert get("toami_vif_drops_total", path="/web/api", direction="tx", reason="loss") > 0
assert get("toami_vif_retransmits_total", path="/web/api", direction="tx") > 0
assert get("toami_vif_ceiling_bps", path="/web/api", direction="tx") == 20e6
assert get("toami_vif_throttled_seconds_total", path="/web/api", direction="tx") > 0
assert get("toami_vif_delay_seconds", path="/web/api", direction="tx", quantile="0.99") > 0
assert get("toami_vif_programs", path="/cli") == 1
assert get("toami_vif_user_programs", path="/cli", uid=os.getuid()) == 1
assert get("toami_vif_packets_total", path="/", direction="tx") == 0
END
"$toami" metrics | python3 "$work/check.py"
echo "ok: toami metrics"
curl -sf --unix-socket "$TOAMI_DIR/metrics" http://toami/metrics | python3 "$work/check.py"
echo "ok: the socket"
curl -sf "http://127.0.0.1:$port/metrics" | python3 "$work/check.py"
echo "ok: the port"
curl -sI "http://127.0.0.1:$port/metrics" | grep -qi '^content-type: application/openmetrics-text; version=1.0.0'
echo "ok: its kind"
# Half a request, and nobody who reads: others are served beside them.
python3 - "$port" "$TOAMI_DIR/metrics" <<'END'
import socket, sys, urllib.request
held = []
for i in range(8):
    s = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
    s.sendall(b"GET / HT" if i % 2 else b"GET / HTTP/1.1\r\n\r\n")
    held.append(s)
body = urllib.request.urlopen(f"http://127.0.0.1:{sys.argv[1]}/").read()
assert body.endswith(b"# EOF\n")
END
echo "ok: beside clients that do not ask"
for bad in 127.0.0.1 127.0.0.1:x :9 1.2.3.4.5:80; do
	status=0
	TOAMI_DIR=$work/other "$TOAMI_BUILD/toamid" --metrics "$bad" 2>"$work/err" || status=$?
	expect 64 $status "toamid --metrics $bad"
done
status=0
TOAMI_DIR=$work/other "$TOAMI_BUILD/toamid" --metrics "127.0.0.1:$port" 2>"$work/err" || status=$?
expect 71 $status "a port that is taken"
grep -q "cannot serve metrics on 127.0.0.1:$port" "$work/err"

# top without a screen.
"$toami" top -b -n 2 -i 0.3 >"$work/top"
expect 2 "$(grep -c '^PATH' "$work/top")" "two tables"
grep -q '^  /api .*20mbit' "$work/top"
echo "ok: top --batch"
status=0
"$toami" top >"$work/out" 2>"$work/err" </dev/null || status=$?
expect 64 $status "top without a terminal"
status=0
"$toami" top -b /nosuch 2>"$work/err" || status=$?
expect 66 $status "top of no VIF"

# And with one: a person sorts, filters and changes a rate in place.
tm() {
	tmux -S "$work/tmux" "$@"
}
tm -f /dev/null new-session -d -x 150 -y 24 "TOAMI_DIR=$TOAMI_DIR '$toami' top -i 0.2; echo ended \$?; cat"
screen() {
	tm capture-pane -p >"$work/screen"
	grep -q "$1" "$work/screen"
}
until_ok screen '^  /api .*M .*20mbit'
echo "ok: the tree on a screen"
tm send-keys o
until_ok screen 'VIFs, by TX'
tm send-keys t
until_ok screen 'VIFs, by tree'
tm send-keys / web Enter
until_ok screen 'with web'
until_ok sh -c "! grep -q '^/cli' '$work/screen'"
tm send-keys End r
until_ok screen 'rate of /web/api: _'
tm send-keys 7mbit Enter
until_ok screen '/web/api has rate=7mbit now'
"$toami" vif show /web/api | grep -q 'rate=7mbit$'
echo "ok: a rate changed in place"
tm send-keys r
until_ok screen 'rate of /web/api: _'
tm send-keys fast Enter
until_ok screen "'fast' is no rate for VIF /web/api"
echo "ok: a refusal is told"
tm send-keys q
until_ok screen 'ended 0'
tm kill-server
