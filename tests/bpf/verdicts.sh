#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# What programs may say of a packet, end to end: mark, sample, redirect; what they may use; and
# an exchange of programs under load.
. "$(dirname "$0")/../apps/lib.sh"
need python3

# shown PATH WORD...: a figure of vif show
shown() {
	"$toami" vif show --json "$1" | python3 -c '
import functools, json, sys
print(functools.reduce(lambda v, k: v.get(k, {}), sys.argv[1:], json.load(sys.stdin)) or 0)' $2
}
cat >"$work/send.py" <<'END'
import socket, sys, time
host, port, count = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
for i in range(count):
    s.sendto(b"x" * 100, (host, port))
    if sys.argv[4:]:
        time.sleep(float(sys.argv[4]))
END
# Counts what arrives on ports 7001 to 7009.
cat >"$work/count.py" <<'END'
import selectors, socket, sys
sel, seen = selectors.DefaultSelector(), {}
for port in range(7001, 7010):
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
    s.bind(("", port))
    sel.register(s, selectors.EVENT_READ, port)
while True:
    for key, _ in sel.select():
        key.fileobj.recv(2000)
        seen[key.data] = seen.get(key.data, 0) + 1
        with open(sys.argv[1], "w") as f:
            f.write(" ".join("%d:%d" % i for i in sorted(seen.items())))
END
for v in /srv /other /cli; do "$toami" vif add $v >/dev/null; done
address() { "$toami" vif show --json "$1" | sed -n 's/.*"address": "\([0-9.]*\)".*/\1/p'; }
srv=$(address /srv)
start /srv python3 "$work/count.py" "$work/srv"
start /other python3 "$work/count.py" "$work/other"
until_ok sh -c "'$toami' ss -an /srv 2>/dev/null | grep -q 7009 && '$toami' ss -an /other | grep -q 7009"
send() {
	vif=$1
	shift
	on "$vif" python3 "$work/send.py" "$@"
}

# mark: the class of a packet is what its program says, packet by packet.
"$toami" vif add -a none /cli/one mark=1 >/dev/null
"$toami" vif add -a none /cli/two mark=2 loss=100% >/dev/null
"$toami" vif set /cli program="$OBJECTS/marker.o"
send /cli "$srv" 7001 10
send /cli "$srv" 7002 20
send /cli "$srv" 7003 30
until_ok grep -q '7001:10 7003:30' "$work/srv"
expect 10 "$(shown /cli/one "tx packets")" "marked 1: one lane"
expect 20 "$(shown /cli/two "queue tx drops loss")" "marked 2: the other, which loses all"
expect 0 "$(grep -c 7002 "$work/srv")" "as nobody has seen"
"$toami" vif set /cli/two mark=3 loss=none
send /cli "$srv" 7003 5
until_ok grep -q '7003:35' "$work/srv"
expect 5 "$(shown /cli/two "tx packets")" "another mark"
status=0
"$toami" vif set /other mark=4 2>"$work/err" || status=$?
expect 64 $status "a VIF with an address takes nobody's"
"$toami" save /cli | grep -q "vif add -a none /cli/two mark=3"
echo "ok: saved"

# sample: a copy of what a program asks for, dropped or not; nothing else.
"$toami" capture -S -w "$work/sampled.pcapng" /cli 2>"$work/sampled.err" &
pid=$!
started="$started $pid"
until_ok grep -q capturing "$work/sampled.err"
send /cli "$srv" 7001 10
send /cli "$srv" 7007 7
expect 7 "$(shown /cli "hooks tx sampled")" "seven were sampled"
kill -INT $pid
wait $pid
expect 7 "$(sed -n 's/^\([0-9]*\) frames written.*/\1/p' "$work/sampled.err")" "and written"
expect 7 "$(shown /cli "hooks tx dropped")" "and dropped"

# redirect: what enters /srv for one port leaves for another VIF.
"$toami" vif set /srv program="$OBJECTS/turner.o"
"$toami" map set /srv:vif 0 vif:/other
"$toami" map set /srv:address 0 "$(address /other)"
send /cli "$srv" 7009 12
until_ok grep -q '7009:12' "$work/other"
expect 0 "$(grep -c 7009 "$work/srv")" "/srv itself saw nothing of it"
expect 12 "$(shown /srv "hooks rx redirected")" "twelve were redirected"
status=0
"$toami" map set /srv:vif 0 vif:/nosuch 2>"$work/err" || status=$?
expect 66 $status "a VIF that is not there"
"$toami" vif set /srv program=none

# A budget for each run, and for the second.
"$toami" vif set /cli program="$OBJECTS/burner.o" quota=program:1%
"$toami" map set /cli:rounds 0 12000
send /cli "$srv" 7004 3
[ "$(shown /cli "hooks tx over_run")" -ge 1 ] || { echo "FAIL: no run was ended"; exit 1; }
[ "$(shown /cli "hooks tx instructions")" -le $((3 * 65536)) ] || { echo "FAIL: over budget"; exit 1; }
echo "ok: a run ends at its budget"
"$toami" map set /cli:rounds 0 4000
before=$(shown /cli "hooks tx instructions")
t0=$(date +%s%N)
send /cli "$srv" 7004 1500 0.0003
t1=$(date +%s%N)
used=$(($(shown /cli "hooks tx instructions") - before))
# One percent of a core, 2 ms ahead, one run beyond; half a nanosecond an instruction.
allowed=$(((t1 - t0) / 100 * 2 + 4000000 / 100 * 2 + 65536))
[ "$used" -le "$allowed" ] && [ "$used" -ge $((allowed / 5)) ] || { echo "FAIL: $used instructions, $allowed allowed"; exit 1; }
[ "$(shown /cli "hooks tx over_time")" -gt 0 ] || { echo "FAIL: nothing was out of time"; exit 1; }
echo "ok: $used instructions of $allowed in $(((t1 - t0) / 1000000)) ms"
"$toami" vif set /cli program=none quota=none

# Exchanged under load: each packet meets the one or the other, and none is lost.
cp "$OBJECTS/marker.o" "$work/a.o"
cp "$OBJECTS/burner.o" "$work/b.o"
"$toami" vif rm -r /cli/one
"$toami" vif rm -r /cli/two
"$toami" vif set /cli program="$work/b.o"
packets=$(shown /cli "tx packets")
dropped=$(shown /cli "tx drops")
runs=$(shown /cli "hooks tx runs")
on /cli python3 - "$srv" "$work/go" "$work/done" <<'END' &
import os, socket, sys
host, go, done = sys.argv[1:]
u = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
sent = 0
open(go, "w").close()
while not os.path.exists(done):
    for i in range(50):
        u.sendto(b"y", (host, 7008))
        sent += 1
open(done + ".sent", "w").write(str(sent))
END
sender=$!
until_ok test -e "$work/go"
python3 - "$work" "${SWAPS:-100}" <<'END'
import json, os, socket, sys
work, swaps = sys.argv[1], int(sys.argv[2])
s = socket.socket(socket.AF_UNIX)
s.connect(os.environ["TOAMI_DIR"] + "/control")
f = s.makefile("rw")
for i in range(swaps):
    name = "ab"[i % 2]
    f.write(json.dumps({"verb": "vif.set", "path": "/cli",
                        "set": {"program": "%s/%s.o" % (work, name)}}) + "\n")
    f.flush()
    reply = json.loads(f.readline())
    assert "result" in reply, reply
END
touch "$work/done"
wait $sender
sent=$(cat "$work/done.sent")
expect "$dropped" "$(shown /cli "tx drops")" "no packet was dropped by ${SWAPS:-100} exchanges"
expect "$sent" "$(($(shown /cli "tx packets") - packets))" "all of $sent that were sent have left"
expect "$sent" "$(($(shown /cli "hooks tx runs") - runs))" "one program has seen each"
