#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# socat: a process for each connection and for each datagram.
. "$(dirname "$0")/lib.sh"
need socat python3

start /tcp socat TCP-LISTEN:7000,fork,reuseaddr EXEC:cat
start /udp socat UDP-RECVFROM:7001,fork EXEC:rev
tcp() { echo hi | on /cli socat -t 2 - TCP:tcp:7000; }
udp() { echo hi | on /cli socat -t 1 - UDP:udp:7001; }
works() { [ "$($1)" = "$2" ]; }
until_ok works tcp hi
expect hi "$(tcp)" "TCP"
until_ok works udp ih
expect ih "$(udp)" "UDP"
expect "10.77" "$(on /cli getent ahosts tcp | head -n 1 | cut -c 1-5)" "IPv4 comes first"
expect_nothing_left
