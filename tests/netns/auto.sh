#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Addresses found on an uplink's network: DHCP and router advertisements of dnsmasq.
. "$(dirname "$0")/lib.sh"
need dnsmasq curl

netns r
in_ns r "$toami" port add tap /up --uplink --name up0 >/dev/null
in_ns r sysctl -qw net.ipv6.conf.up0.accept_dad=0 net.ipv6.conf.all.forwarding=1
in_ns r ip addr add 192.0.2.1/24 dev up0
in_ns r ip addr add 2001:db8:7::1/64 dev up0
# Addresses beyond, so that the gateways are needed.
in_ns r ip addr add 198.51.100.1/32 dev lo
in_ns r ip addr add 2001:db8:8::1/128 dev lo
start_in r dnsmasq -k -C /dev/null -p 0 -i up0 --bind-interfaces -l "$work/leases" \
	--log-dhcp --log-facility=- --pid-file= \
	--dhcp-range=192.0.2.50,192.0.2.59,2m --dhcp-authoritative --no-ping \
	--enable-ra --dhcp-range=2001:db8:7::,ra-only,64,10m --user=root
until_ok grep -q "DHCP, IP range" "$log"
dnsmasq=$!
dhcplog=$log
start_in r python3 -m http.server --bind :: 8000

fetch="curl -s -g --max-time 20 -o /dev/null -w %{http_code}"
said=$("$toami" vif add -a dhcp /d)
echo "$said" | grep -q '^/d 192\.0\.2\.5[0-9]' || {
	echo "FAIL: vif add -a dhcp says '$said'"
	exit 1
}
echo "ok: vif add waits for $said"
expect 1 "$(grep -c 192.0.2.5 "$work/leases")" "the server's leases"
until_ok sh -c "'$toami' vif show -j /d | grep -q 2001:db8:7:"
expect 200 "$(on /d $fetch http://198.51.100.1:8000/)" "beyond the router"
expect 200 "$(on /d $fetch 'http://[2001:db8:8::1]:8000/')" "likewise over IPv6"
start /d python3 -m http.server --bind :: 8001
until_ok in_ns r $fetch "http://$(vif_field /d address):8001/"
expect 200 "$(in_ns r $fetch "http://$(vif_field /d address):8001/")" "the router asks a program"
expect 200 "$(in_ns r $fetch "http://[$(vif_field /d address6)]:8001/")" "likewise over IPv6"
expect "vif add -a dhcp /d" "$("$toami" save | grep ' /d')" "save"
# Only IPv6.
"$toami" vif add -a slaac /s >"$work/slaac"
grep -q '^/s - 2001:db8:7:' "$work/slaac" || {
	echo "FAIL: vif add -a slaac says '$(cat "$work/slaac")'"
	exit 1
}
echo "ok: SLAAC"
expect 200 "$(on /s $fetch 'http://[2001:db8:8::1]:8000/')" "from there"

# An address that somebody else has already is declined.
free=$(python3 - "$work/leases" <<'EOF'
import sys
taken = open(sys.argv[1]).read()
print(" ".join("192.0.2.%d" % i for i in range(50, 60) if "192.0.2.%d " % i not in taken))
EOF
)
for address in $free; do
	in_ns r ip addr add "$address/32" dev lo
done
in_ns r sysctl -qw net.ipv4.conf.up0.arp_ignore=0
"$toami" vif add -a dhcp /e >"$work/said" 2>&1 &
adding=$!
until_ok grep -q DHCPDECLINE "$dhcplog"
echo "ok: an address in use is declined"
for address in $free; do
	in_ns r ip addr del "$address/32" dev lo
done
wait $adding || true
until_ok sh -c "'$toami' vif show -j /e | grep -q 192.0.2.5"
echo "ok: and another one taken later"
kill $dnsmasq
expect_nothing_left
