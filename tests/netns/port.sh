#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# toami port: a host behind a TAP, an uplink to a routed network, what is refused, and what
# is left when interfaces and namespaces go.
. "$(dirname "$0")/lib.sh"
need curl ping

# fails WANTED-EXIT WORDS COMMAND...
fails() {
	want=$1 words=$2
	shift 2
	status=0
	"$@" >"$work/said" 2>&1 || status=$?
	expect "$want" $status "exit of: $*"
	grep -q "$words" "$work/said" || {
		echo "FAIL: it says '$(cat "$work/said")', not '$words'"
		exit 1
	}
}

# get NS-OR-VIF URL: the status of an HTTP request
fetch="curl -s -g --max-time 20 -o /dev/null -w %{http_code}"

netns k
"$toami" vif add /web >/dev/null
start_in k python3 -m http.server --bind :: 8000
start /web python3 -m http.server --bind :: --directory "$work" 8000
head -c 300000 /dev/zero >"$work/big"
expect "/k t0 10.77.0.3" "$(in_ns k "$toami" port add tap /k --name t0)" "port add"
until_ok in_ns k $fetch "http://10.77.0.2:8000/"
expect 200 "$(on /c $fetch http://k:8000/)" "a program asks the kernel"
expect 200 "$(on /c $fetch "http://[$(vif_field /k address6)]:8000/")" "likewise over IPv6"
expect 200 "$(in_ns k $fetch http://10.77.0.2:8000/)" "the kernel asks a program"
expect 200 "$(in_ns k $fetch "http://[$(vif_field /web address6)]:8000/")" "likewise over IPv6"
expect t0 "$("$toami" port ls -j | python3 -c 'import json, sys; print(json.load(sys.stdin)[0]["name"])')" \
	"port ls"
fails 75 "is behind port t0" on /k true
fails 75 "is behind port t0" on /k/below true
fails 75 "remove it first" "$toami" vif rm /k
fails 75 "is behind port" in_ns k "$toami" port add tap /k
fails 75 "python3 (process" in_ns k "$toami" port add tap /web
fails 73 "in use" in_ns k "$toami" port add tap /other --name t0
fails 64 "takes a kind" "$toami" port add veth /x
fails 64 "beyond an uplink" "$toami" port add tap /x --gateway 10.77.0.9
fails 64 "root of the tree" in_ns k "$toami" port add tap /
fails 66 "has no port" "$toami" port rm /web
fails 64 "descriptor" python3 - <<EOF
import json, os, socket, sys
s = socket.socket(socket.AF_UNIX)
s.connect(os.environ["TOAMI_DIR"] + "/control")
f = open("/dev/null")
socket.send_fds(s, [b'{"verb": "port.add", "path": "/x"}\n'], [f.fileno()])
r = json.loads(s.makefile().readline())
print(r["error"]["text"].replace("what came with", "descriptor"))
sys.exit(r["error"]["exit"])
EOF

# The kernel behind a port speaks for nobody else.
in_ns k ip addr add 10.77.9.9/16 dev t0
fails 1 "100% packet loss" in_ns k ping -q -c 1 -W 1 -I 10.77.9.9 10.77.0.2
in_ns k ip addr del 10.77.9.9/16 dev t0

# An interface that goes takes its port along; the VIF is free for programs.
in_ns k ip link del t0
until_ok sh -c "[ \"\$('$toami' port ls -j)\" = '[]' ]"
expect 10.77.0.3 "$(vif_field /k address)" "the VIF stays"
on /k true
echo "ok: programs may be on it"

# An uplink: fabric - r (router) - x, with its own addresses beyond.
netns r
netns x
in_ns r "$toami" port add tap /up --uplink --name up0 --gateway 10.77.255.254 \
	--gateway6 fd77:746f:616d::ffff >/dev/null
fails 73 "an uplink already, on VIF /up" in_ns k "$toami" port add tap /up2 --uplink
in_ns r sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1 \
	net.ipv6.conf.up0.accept_dad=0 net.ipv6.conf.default.accept_dad=0
in_ns x sysctl -qw net.ipv6.conf.default.accept_dad=0
in_ns r ip addr add 10.77.255.254/16 dev up0
in_ns r ip addr add fd77:746f:616d::ffff/64 dev up0
ip -n "$ns-r" link add v0 type veth peer name v1 netns "$ns-x"
in_ns r ip addr add 192.0.2.1/24 dev v0
in_ns r ip addr add 2001:db8::1/64 dev v0
in_ns r ip link set v0 up
in_ns x ip addr add 192.0.2.2/24 dev v1
in_ns x ip addr add 2001:db8::2/64 dev v1
in_ns x ip link set v1 up
in_ns x ip route add default via 192.0.2.1
in_ns x ip route add default via 2001:db8::1
start_in x python3 -m http.server --bind :: 8000
until_ok in_ns r $fetch http://192.0.2.2:8000/
expect 200 "$(on /c $fetch http://192.0.2.2:8000/)" "beyond the gateway"
expect 200 "$(on /c $fetch 'http://[2001:db8::2]:8000/')" "likewise over IPv6"
expect 200 "$(in_ns x $fetch http://10.77.0.2:8000/)" "from beyond the gateway"
expect 200 "$(in_ns x $fetch "http://[$(vif_field /web address6)]:8000/")" "likewise over IPv6"
# A narrow link beyond: the router says so, and we send less at a time.
in_ns r ip link set v0 mtu 1300
in_ns x ip link set v1 mtu 1300
expect "200 300000" "$(in_ns x $fetch'+%{size_download}' http://10.77.0.2:8000/big | tr + ' ')" \
	"over a narrow link"
expect "200 300000" "$(in_ns x $fetch'+%{size_download}' "http://[$(vif_field /web address6)]:8000/big" |
	tr + ' ')" "likewise over IPv6"
expect 000 "$(on /c $fetch http://10.77.200.1:8000/ || true)" "a neighbour nobody has"
expect "EHOSTUNREACH" "$(on /c python3 -c '
import errno, socket
try:
    socket.create_connection(("10.77.200.2", 80))
except OSError as e:
    print(errno.errorcode[e.errno])')" "what connect says then"
"$toami" port rm /up
expect "ENETUNREACH" "$(on /c python3 -c '
import errno, socket
try:
    socket.create_connection(("192.0.2.2", 80))
except OSError as e:
    print(errno.errorcode[e.errno])')" "without the uplink"
"$toami" vif rm /up
expect_nothing_left
