#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Our stack against the kernel's over a TAP: both directions, both families, whole links and
# bad ones. Usage: interop.sh [LINK...]; without any, all. SEED chooses the bad luck.
. "$(dirname "$0")/lib.sh"
seed=${SEED:-1}
peer=$here/peer.py
port=4000

everything="many requests half-close bulk-up bulk-down reset-by-peer reset-by-us
	zero-window refused datagrams small-segments"
bad="requests half-close bulk-up bulk-down datagrams"

# direct OPTION...: the kernel in namespace k is the host of VIF /k
direct() {
	in_ns k "$toami" port add tap /k --name t0 "$@" >/dev/null
}

# emulated OPTION...: likewise, behind a link of emulator.py
emulated() {
	netns e
	in_ns e "$toami" port add tap /k --name t0 --bare --no-offload >/dev/null
	in_ns e ip link set t0 up
	ip -n "$ns-e" link add v0 type veth peer name v1 netns "$ns-k"
	in_ns e python3 "$here/emulator.py" --plain v0
	in_ns k python3 "$here/emulator.py" --plain v1
	in_ns e sysctl -qw net.ipv6.conf.all.disable_ipv6=1
	in_ns k sysctl -qw net.ipv6.conf.v1.accept_dad=0
	in_ns e ip link set v0 up
	in_ns k ip link set v1 address "$(vif_field /k mac)" up
	in_ns k ip addr add "$(vif_field /k address)/16" dev v1
	in_ns k ip addr add "$(vif_field /k address6)/64" dev v1
	start_in e python3 "$here/emulator.py" t0 v0 --seed "$seed" "$@"
	until_ready "$log"
}

# both SCENARIO...: with the kernel as server, then ours
both() {
	# shellcheck disable=SC2048,SC2086
	for address in address address6; do
		on /u python3 "$peer" ask "$(vif_field /k $address)" $port $*
		in_ns k python3 "$peer" ask "$(vif_field /s $address)" $port $*
	done
}

link() {
	echo "== $1"
	netns k
	case $1 in
	whole)
		direct
		in_ns k sysctl -qw net.ipv4.tcp_ecn=1
		;;
	cut) direct --no-offload ;;
	jumbo)
		direct
		in_ns k ip link set t0 mtu 9000
		;;
	loss) emulated --loss 0.01 --delay 2 ;;
	disorder) emulated --delay 2 --jitter 3 --duplicate 0.01 ;;
	hole)
		emulated --black-hole 1400 --delay 1
		in_ns k sysctl -qw net.ipv4.tcp_mtu_probing=1
		;;
	corrupt) emulated --corrupt 0.005 --delay 1 ;;
	*)
		echo "there is no link $1"
		exit 64
		;;
	esac
	start /s python3 "$peer" serve $port
	until_ready "$log"
	start_in k python3 "$peer" serve $port
	until_ready "$log"
	until_ok in_ns k ping -c 1 -W 1 "$(vif_field /s address)"
	until_ok in_ns k ping -c 1 -W 1 "$(vif_field /s address6)"
	case $1 in
	whole) both "$everything" ;;
	# Whoever sends much finds out by himself what passes.
	hole) both "half-close bulk-up bulk-down" ;;
	cut | jumbo) both "$bad small-segments reset-by-us" ;;
	*) both "$bad" ;;
	esac
	if [ "$1" = whole ]; then
		in_ns k python3 "$peer" ask "$(vif_field /s address)" $port ecn
	fi
	for pid in $started; do
		kill "$pid" 2>/dev/null || true
		wait "$pid" 2>/dev/null || true
	done
	started=
	"$toami" port rm /k
	forget_namespaces
	namespaces=
}

# shellcheck disable=SC2048
for l in ${*:-whole cut jumbo loss disorder corrupt hole}; do
	link "$l"
done
expect_nothing_left
