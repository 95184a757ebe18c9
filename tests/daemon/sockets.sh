#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# toami ss and toami nstat: what programs hold is listed, filtered, and gone with them.
. "$(dirname "$0")/../apps/lib.sh"
need python3

"$toami" vif add /srv >/dev/null
"$toami" vif add /cli >/dev/null
"$toami" vif add /idle >/dev/null
start /srv python3 -c '
import socket, time
l = socket.create_server(("", 8080), backlog=16)
u = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
u.bind(("", 5353))
six = socket.socket(socket.AF_INET6)
six.bind(("::", 8081))
six.listen(4)
c, _ = l.accept()
c.sendall(b"x" * 5000)
time.sleep(60)'
until_ok sh -c "'$toami' ss -ltnH /srv | grep -q :8081"
start /cli python3 -c '
import socket, time
s = socket.create_connection(("srv", 8080))
s.recv(1000, socket.MSG_WAITALL)
time.sleep(60)'
until_ok sh -c "'$toami' ss -tnH /cli | grep -q ' 4000 '"

expect "tcp ESTAB 4000 0 10.77.0.3" \
	"$("$toami" ss -tnH /cli | sed 's/  */ /g; s/^\(\S* \S* \S* \S* [0-9.]*\).*/\1/')" \
	"an established connection, its unread bytes"
"$toami" ss -tnH /cli | grep -Eq '10\.77\.0\.2:8080 +/cli +users:\(\("python3",pid=[0-9]+,fd=3\)\)$' &&
	echo "ok: peer, VIF and program"
expect 1 "$("$toami" ss -tnH /srv | wc -l)" "listening ones are left out"
expect 2 "$("$toami" ss -ltnH /srv | wc -l)" "or asked for"
"$toami" ss -ltnH /srv | grep -q 'LISTEN *0 *16 *0\.0\.0\.0:8080 '
echo "ok: a backlog"
expect 1 "$("$toami" ss -uanH /srv | wc -l)" "UDP only"
expect 1 "$("$toami" ss -6lnH /srv | wc -l)" "IPv6 only"
expect 4 "$("$toami" ss -anH /srv | wc -l)" "all of a VIF"
expect 0 "$("$toami" ss -anH /idle | wc -l)" "none of another"
"$toami" ss -ti /cli | grep -q 'cubic wscale:7,.* bytes_received:5000'
echo "ok: TCP info"
"$toami" ss -le /srv | grep -q 'skmem:(rb'
echo "ok: buffers"
"$toami" ss --json /cli | python3 -c '
import json, sys
(s,) = json.load(sys.stdin)
assert s["proto"] == "tcp" and s["state"] == "ESTAB" and s["recv_q"] == 4000, s
assert s["peer"] == {"address": "10.77.0.2", "port": 8080} and s["vif"] == "/cli", s
assert s["programs"][0]["fd"] == 3 and s["info"]["bytes_received"] == 5000, s
'
echo "ok: ss --json"

nstat() {
	"$toami" nstat -z "$2" | sed -n "s/^$1  *//p"
}
expect 1 "$(nstat TcpActiveOpens /cli)" "one connection opened"
expect 1 "$(nstat TcpPassiveOpens /srv)" "one accepted"
expect 1 "$(nstat TcpCurrEstab /srv)" "one established"
expect 0 "$(nstat TcpInSegs /idle)" "nothing at an idle host"
expect 2 "$(nstat TcpCurrEstab /)" "the sum"
[ "$(nstat IpOutRequests /cli)" -ge "$(nstat TcpOutSegs /cli)" ]
echo "ok: segments are packets"
"$toami" nstat --json -e | python3 -c '
import json, sys
hosts = {h["vif"]: h["counters"] for h in json.load(sys.stdin)}
assert hosts["/cli"]["Tcp"]["ActiveOpens"] == 1, hosts["/cli"]
assert "TCPTimeouts" in hosts["/srv"]["TcpExt"]
'
echo "ok: nstat --json"
expect 66 "$("$toami" ss /none 2>/dev/null || echo $?)" "a VIF that is not there"
expect 64 "$("$toami" nstat --none 2>/dev/null || echo $?)" "an option that is not there"

expect_nothing_left
expect 0 "$("$toami" ss -anH /srv | grep -vc TIME-WAIT)" "gone with their programs"
