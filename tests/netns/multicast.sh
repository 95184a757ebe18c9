#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Groups between our stack and the kernel's: who has joined hears, both directions, and the
# kernel understands what our hosts report of it.
. "$(dirname "$0")/lib.sh"
group=$here/group.py

netns k
in_ns k "$toami" port add tap /k --name t0 >/dev/null
in_ns k ip route add 239.0.0.0/8 dev t0
"$toami" vif add /p >/dev/null
ours=$(vif_field /p address)
theirs=$(vif_field /k address)

# hears WHO GROUP SOURCE-ADDRESS: the listener says the word, and from whom
heard() {
	until_ok grep -q "word" "$log"
	expect "word $3" "$(grep word "$log")" "$1 hears $2"
}

start_in k python3 "$group" hear 239.1.2.3 5000
until_ready "$log"
on /p python3 "$group" say 239.1.2.3 5000 word &
heard "the kernel" 239.1.2.3 "$ours"
wait $!

start_in k python3 "$group" hear ff15::7 5000
until_ready "$log"
on /p python3 "$group" say ff15::7 5000 word &
heard "the kernel" ff15::7 "$(vif_field /p address6)"
wait $!

start /p python3 "$group" hear 239.1.2.3 5000
until_ready "$log"
in_ns k python3 "$group" say 239.1.2.3 5000 word &
heard "our program" 239.1.2.3 "$theirs"
wait $!

start /p python3 "$group" hear ff15::7 5000
until_ready "$log"
in_ns k ip -6 route add ff15::7/128 dev t0 table local 2>/dev/null || true
in_ns k python3 "$group" say ff15::7 5000 word &
heard "our program" ff15::7 "$(vif_field /k address6)"
wait $!

# From one source only: the kernel's word is not heard, another program's is.
start /p python3 "$group" hear 239.1.2.4 5000 "$("$toami" vif add /q | cut -d ' ' -f 2)"
until_ready "$log"
in_ns k python3 "$group" say 239.1.2.4 5000 noise
on /q python3 "$group" say 239.1.2.4 5000 word &
heard "our program" "one source of 239.1.2.4" "$(vif_field /q address)"
wait $!

# A bridge's snooping is the kernel's own reader of reports.
in_ns k ip link add br0 type bridge mcast_snooping 1 mcast_querier 1
in_ns k sysctl -qw net.ipv6.conf.br0.accept_dad=0
in_ns k "$toami" port add tap /up --uplink --name up0 >/dev/null
in_ns k ip link set up0 master br0
in_ns k ip addr add 10.77.200.1/16 dev br0
in_ns k ip link set br0 up
until_ok in_ns k sh -c "ip link show br0 | grep -q 'state UP'"
start /p python3 "$group" hear 239.1.2.5 5000
until_ready "$log"
until_ok in_ns k sh -c "bridge mdb show | grep -q 'port up0 grp 239.1.2.5'"
echo "ok: the kernel's bridge knows the group by our report"
start /p python3 "$group" hear ff15::9 5000
until_ready "$log"
until_ok in_ns k sh -c "bridge mdb show | grep -q 'port up0 grp ff15::9'"
echo "ok: and of IPv6"
expect_nothing_left
until_ok in_ns k sh -c "! bridge mdb show | grep -q 'grp 239.1.2.5'"
echo "ok: and that it was left"
