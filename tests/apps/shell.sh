#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Exec chains: whatever a program starts is on its VIF.
. "$(dirname "$0")/lib.sh"
need nc python3

start /echo sh -c 'exec python3 -c "
import socket
s = socket.create_server((\"\", 5000))
while True:
    c, _ = s.accept()
    while True:
        d = c.recv(4096)
        if not d: break
        c.sendall(d)
    c.close()
"'
talk='echo hi | nc -N -w 5 echo 5000'
until_ok on /cli sh -c "[ \"\$($talk)\" = hi ]"
expect hi "$(on /cli sh -c "$talk")" "sh, pipe, nc"
expect hi "$(on /cli sh -c "sh -c \"sh -c '$talk'\"")" "three shells deep"
expect hi "$(on /cli env -i sh -c "$talk")" "with an empty environment"
expect hi "$(on /cli sh -c "echo \$($talk)")" "command substitution"
expect 3 "$(on /cli sh -c 'exit 3' || echo $?)" "exit code"
expect "" "$(on /cli sh -c 'nc -N -w 2 127.0.0.1 5000 </dev/null 2>/dev/null || true')" \
	"loopback of the VIF is its own"
on /a/b sh -c "$talk" >"$work/out"
expect hi "$(cat "$work/out")" "from a VIF made below another"
expect_nothing_left
