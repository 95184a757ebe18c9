#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# capture: what is in the file is what passed, as tshark reads it; and watch.
. "$(dirname "$0")/../apps/lib.sh"
need nc tshark capinfos python3
shark() {
	tshark -n "$@" 2>/dev/null
}

"$toami" up >/dev/null
"$toami" watch >"$work/events" 2>&1 &
started="$started $!"
"$toami" watch --json >"$work/events.json" 2>&1 &
started="$started $!"
until_ok sh -c "'$toami' vif add /probe >/dev/null 2>&1; '$toami' vif rm /probe; grep -q vif-remove '$work/events' && grep -q vif-remove '$work/events.json'"

"$toami" vif add /web >/dev/null
"$toami" vif add /web/api >/dev/null
start /web/api sh -c "while nc -l -p 7000 >/dev/null; do :; done"
start /web nc -lk -p 7001
until_ok on /cli nc -z web 7001

# capture NAME ARGUMENTS...: in the background, until it runs
capture() {
	name=$1
	shift
	"$toami" capture -w "$work/$name.pcapng" "$@" 2>"$work/$name.err" &
	captures="${captures:-} $!"
	started="$started $!"
	until_ok grep -q capturing "$work/$name.err"
}
capture web /web
capture lane /web/api
capture in -d in /web tcp dst port 7000
capture all /
capture short -s 60 -c 3 /cli tcp

until_ok on /cli sh -c 'head -c 1000000 /dev/zero | nc -N web 7000'
on /cli sh -c 'head -c 100 /dev/zero | nc -N web 7001'
for pid in $captures; do
	kill -INT "$pid" 2>/dev/null || true
	wait "$pid" || { echo "FAIL: capture exits $?"; cat "$work"/*.err; exit 1; }
done

for name in web lane in all short; do
	capinfos -M "$work/$name.pcapng" >"$work/$name.info"
	grep -qi 'encapsulation.*ether' "$work/$name.info"
	echo "ok: $name: $(tail -n 1 "$work/$name.err")"
	[ $name = all ] || continue
	if shark -r "$work/$name.pcapng" -o tcp.check_checksum:TRUE -o ip.check_checksum:TRUE \
		-Y '_ws.malformed or tcp.checksum.status == 0 or ip.checksum.status == 0' |
		grep -q .; then
		echo "FAIL: $name has frames that are not right"
		exit 1
	fi
done
# Every byte of the stream is there, whoever looks; a busy machine makes TCP send some again.
bytes() {
	shark -r "$work/$1.pcapng" -Y "tcp.dstport == $2 and tcp.len > 0" \
		-T fields -e tcp.stream -e tcp.seq -e tcp.len | sort -n -k1,1 -k2,2 |
		awk '$1 != s { s = $1; end = 0 }
			$2 + $3 > end { n += $2 + $3 - ($2 > end ? $2 : end); end = $2 + $3 }
			END { print n + 0 }'
}
# Each frame once: what is sent again has an identification of its own.
twice() {
	shark -r "$work/$1.pcapng" -Y "tcp.dstport == 7000" -T fields -e ip.src -e tcp.srcport -e ip.id |
		sort | uniq -d | wc -l
}
expect 1000000 "$(bytes web 7000)" "/web saw what its lane got"
expect 100 "$(bytes web 7001)" "and its own"
expect 1000000 "$(bytes lane 7000)" "the lane its own"
expect 0 "$(bytes lane 7001)" "and no other's"
expect 1000000 "$(bytes in 7000)" "in, by a filter"
expect 0 "$(shark -r "$work/in.pcapng" -Y 'tcp.srcport == 7000' | wc -l)" "nothing that left"
expect 1000000 "$(bytes all 7000)" "the root sees every byte"
expect 0 "$(twice all)" "and every frame once"
expect "/web" "$(shark -r "$work/web.pcapng" -T fields -e frame.interface_name | sort -u)" \
	"the VIF is the interface's name"
expect "/cli /web /web/api" "$(shark -r "$work/all.pcapng" -T fields -e frame.interface_name | sort -u | grep -e cli -e web | tr '\n' ' ' | sed 's/ $//')" \
	"the one it left, seen from above"
expect "3 60" "$(shark -r "$work/short.pcapng" -T fields -e frame.cap_len | awk '{ n++; if ($1 > m) m = $1 } END { print n, m }')" \
	"so many, and so many bytes of each"
shark -r "$work/web.pcapng" -Y 'frame.packet_flags_direction == 1' | grep -q .
shark -r "$work/web.pcapng" -Y 'frame.packet_flags_direction == 2' | grep -q .
echo "ok: both ways are marked"

# A sample: so many of the frames that the VIF's property says.
"$toami" vif set /cli sample=10
captures=
capture sampled -S -d out /cli
before=$("$toami" vif show --json /cli | python3 -c 'import json, sys; print(json.load(sys.stdin)["tx"]["packets"])')
on /cli sh -c 'head -c 3000000 /dev/zero | nc -N web 7001'
kill -INT $captures
wait $captures
after=$("$toami" vif show --json /cli | python3 -c 'import json, sys; print(json.load(sys.stdin)["tx"]["packets"])')
expect "$(((after - before + 9) / 10))" "$(sed -n 's/^\([0-9]*\) frames written.*/\1/p' "$work/sampled.err")" "one frame of ten"

# Into tshark, and what is refused.
"$toami" capture -c 1 /cli 2>"$work/pipe.err" | shark -r - -c 1 >"$work/pipe" &
piped=$!
until_ok grep -q capturing "$work/pipe.err"
until_ok on /cli nc -z web 7001
wait $piped
grep -q 10.77.0 "$work/pipe"
echo "ok: through a pipe"
status=0
"$toami" capture -w "$work/x" /cli tcp prot 7 2>"$work/err" || status=$?
expect 64 $status "a bad filter"
grep -q "'tcp prot 7' is no filter" "$work/err"
status=0
"$toami" capture -w "$work/x" /nosuch 2>"$work/err" || status=$?
expect 66 $status "no such VIF"
i=0
while [ $i -lt 8 ]; do
	"$toami" capture -w "$work/many.$i" /cli 2>"$work/many$i.err" &
	started="$started $!"
	last=$!
	until_ok test -s "$work/many$i.err"
	i=$((i + 1))
done
grep -q 'no more than 7 captures' "$work/many7.err"
echo "ok: too many"
# A capture that is killed leaves nothing on.
kill -9 $(echo "$started" | tr ' ' '\n' | tail -n 8 | head -n 7)
until_ok "$toami" capture -c 1 -w "$work/again" /cli arp or tcp &
until_ok on /cli nc -z web 7001
wait $!
echo "ok: after seven have been killed there is room again"

# What has happened, in order.
"$toami" vif set /web rate=1gbit
"$toami" vif add /last >/dev/null
"$toami" vif mv /last /first
until_ok grep -q 'vif-move *//*first' "$work/events"
grep -q 'vif-set *//*web$' "$work/events" && grep -q 'join *//*web nc ([0-9]*)$' "$work/events"
python3 - "$work/events.json" <<'END'
import json, sys
events = [json.loads(line) for line in open(sys.argv[1])]
names = [(e["event"], e.get("path")) for e in events]
for wanted in [("vif-add", "/web"), ("vif-set", "/web"), ("vif-add", "/last"), ("vif-move", "/first")]:
    assert wanted in names, (wanted, names)
joins = [e for e in events if e["event"] == "join" and e["path"] == "/web"]
assert joins and joins[0]["program"] == "nc" and joins[0]["pid"] > 0, joins
assert all(a["time_ns"] <= b["time_ns"] for a, b in zip(events, events[1:]))
END
echo "ok: watch"
