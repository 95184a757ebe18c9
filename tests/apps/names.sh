#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# dnsmasq answers dig on UDP and TCP, from the address that was asked; ping, traceroute
# and ip see the fabric.
PATH=$PATH:/usr/sbin:/sbin
. "$(dirname "$0")/lib.sh"
need dnsmasq dig ping traceroute ip

chmod 755 "$work" "$TOAMI_DIR"
start /ns dnsmasq -d --no-resolv --no-hosts --user=root --pid-file= --port=53 \
	--address=/answer.test/192.0.2.7 --address=/answer.test/2001:db8::7 \
	--txt-record=long.test,"$(head -c 200 /dev/zero | tr '\0' x)" --log-queries
asks() {
	on /cli dig +time=2 +tries=1 +short "$@"
}
until_ok asks @ns answer.test
expect 192.0.2.7 "$(asks @ns answer.test)" "dig by UDP"
expect 192.0.2.7 "$(asks @ns +tcp answer.test)" "dig by TCP"
expect 2001:db8::7 "$(asks @ns answer.test aaaa)" "dig for IPv6"
ns6=$(on /ns getent ahostsv6 ns | awk '{ print $1; exit }')
expect 192.0.2.7 "$(asks "@$ns6" answer.test)" "dig over IPv6"

expect "3 received" "$(on /cli ping -c 3 -i 0.05 ns | grep -o '3 received')" "ping"
expect "2 received" "$(on /cli ping -6 -c 2 -i 0.05 ns | grep -o '2 received')" "ping over IPv6"
expect 1 "$(on /cli ping -c 1 -W 1 10.77.200.200 2>&1 | grep -c -E '100% packet loss|[Uu]nreachable|No route')" \
	"ping to nobody"
ns4=$(on /ns ip -4 -o addr show eth0 | awk '{ sub("/.*", "", $4); print $4 }')
expect " 1  $ns4" "$(on /cli traceroute -n -q 1 ns | sed -n 's/  [0-9.]* ms//; $p')" "traceroute"
expect " 1  $ns4" "$(on /cli traceroute -I -n -q 1 ns | sed -n 's/  [0-9.]* ms//; $p')" \
	"traceroute by echo"
expect "$ns4" "$(on /ns hostname -I | cut -d ' ' -f 1)" "the address that getifaddrs() names"
expect "lo eth0" "$(on /ns ip -o link | awk -F ': ' '{ print $2 }' | paste -s -d ' ')" "ip link"
expect "dev eth0" "$(on /ns ip route get 10.77.0.1 | grep -o 'dev eth0')" "ip route get"
expect "0.0.0.0:53" "$(on /ns ss -Huln 2>/dev/null | awk '{ print $4 }' | grep '0:53$')" \
	"ss lists the fabric's sockets"
expect 1 "$(on /ns grep -c ' 00000000:0035 00000000:0000 0A ' /proc/net/tcp)" "so does /proc/net"
expect 1 "$(on /ns ip link set eth0 down 2>&1 | grep -c 'not permitted')" "nothing can be changed"
expect 0 "$(on /ns ip link set lo up >&2; echo $?)" "but lo may be set up, as it is"
expect_nothing_left
