#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# shellcheck disable=SC2016
# bash and netcat: pipelines through sockets, /dev/tcp and /dev/udp, coprocesses, process
# substitution, redirections kept by exec.
. "$(dirname "$0")/../lib.sh"
need bash nc tar gzip rev

# A directory through a pipeline of four programs and a connection.
mkdir "$work/tree"
for i in 1 2 3 4 5 6 7 8; do head -c 1000000 /dev/urandom >"$work/tree/$i"; done
start /sink bash -c "nc -l 7000 | gzip -d | tar x -C '$work' --transform 's/^tree/copy/'; echo done"
sink=$log
until_ok on /sink bash -c "ss -Htln 2>/dev/null | grep -q ':7000 ' || grep -qi ':1B58 ' /proc/net/tcp /proc/net/tcp6"
on /src bash -c "tar c -C '$work' tree | gzip -1 | nc -N sink 7000"
until_ok grep -q done "$sink"
diff -r "$work/tree" "$work/copy"
echo "ok: tar, gzip, nc, gzip, tar: 8 MB"

mkfifo "$work/fifo"
start /tcp bash -c "while :; do nc -l 7001 <'$work/fifo' | while read -r l; do rev <<<\"\$l\"; done >'$work/fifo'; done"
ask='exec 3<>/dev/tcp/tcp/7001 && echo hello >&3 && read -t 5 -r l <&3 && echo "$l"'
says() { [ "$(on /cli bash -c "$ask" 2>/dev/null)" = olleh ]; }
until_ok says
until_ok says
echo "ok: /dev/tcp to a loop of pipelines"
coproc='coproc nc tcp 7001 && echo hello >&"${COPROC[1]}" && read -t 5 -r l <&"${COPROC[0]}" && echo "$l"
	kill "$COPROC_PID"'
says() { [ "$(on /cli bash -c "$coproc" 2>/dev/null)" = olleh ]; }
until_ok says
echo "ok: a coprocess"
start /udp bash -c 'while :; do nc -u -l -W 1 7002; done'
udp=$log
send() { on /cli bash -c 'echo datagram >/dev/udp/udp/7002'; grep -q datagram "$udp"; }
until_ok send
echo "ok: /dev/udp"
# The connection is made in a subshell, and read by what that executes.
talk() {
	on /cli bash -c 'exec 3<>/dev/tcp/tcp/7001 || exit 1; echo abc >&3
		exec bash -c "paste -d, <(head -n 1 <&3) <(echo x | tr x y)"'
}
works() { [ "$(talk 2>/dev/null)" = cba,y ]; }
until_ok works
echo "ok: process substitution, after exec"
expect "3 0 7" "$(on /cli bash -c 'set -o pipefail; x=$( (exit 3) | cat; echo ${PIPESTATUS[0]}); y=$?
	(exit 7) | cat; echo $x $y $?')" "statuses of pipelines"
# What the loops have just started ends with the fabric.
