#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# toami trace: the calls of a program and of its child, to standard error or to a file.
. "$(dirname "$0")/lib.sh"
need python3

cat >"$work/talk.py" <<'EOF'
import os, socket, sys
srv = socket.create_server(("127.0.0.1", 7000))
if os.fork() == 0:
    c, _ = srv.accept()
    c.sendall(b'say "hi"\n')
    os._exit(0)
c = socket.create_connection(("127.0.0.1", 7000))
print(c.recv(100).decode(), end="")
try:
    socket.create_connection(("127.0.0.1", 7001))
except ConnectionRefusedError:
    pass
os.wait()
sys.exit(3)
EOF
status=0
"$toami" trace -v /t -- python3 "$work/talk.py" >"$work/out" 2>"$work/trace" || status=$?
expect 3 $status "the program's exit code"
expect 'say "hi"' "$(cat "$work/out")" "its output, alone"
has() {
	grep -qE "^[0-9]+ $1 <[0-9]+\.[0-9]{6}>\$" "$2" || {
		echo "FAIL: no line like $1 in:"
		cat "$2"
		exit 1
	}
	echo "ok: $1"
}
has 'bind\([0-9]+, 127.0.0.1:7000, 16\) = 0' "$work/trace"
has 'accept4?\([0-9]+, 127.0.0.1:[0-9]+, 0x[0-9a-f]+, SOCK_CLOEXEC\) = [0-9]+' "$work/trace"
has 'sendto\([0-9]+, "say \\"hi\\"\\n", 9, 0, NULL, 0\) = 9' "$work/trace"
has 'recvfrom\([0-9]+, "say \\"hi\\"\\n", 100, 0, NULL, NULL\) = 9' "$work/trace"
has 'connect\([0-9]+, 127.0.0.1:7001, 16\) = -1 ECONNREFUSED' "$work/trace"
expect 2 "$(grep -E 'accept|recvfrom' "$work/trace" | cut -d ' ' -f 1 | sort -u | wc -l)" \
	"two processes in one trace"
"$toami" trace -o "$work/file" -v /t -- python3 "$work/talk.py" >/dev/null 2>"$work/err" || true
expect "" "$(cat "$work/err")" "nothing on standard error with -o"
has 'listen\([0-9]+, [0-9]+\) = 0' "$work/file"
expect_nothing_left
