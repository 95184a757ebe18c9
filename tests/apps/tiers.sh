#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# What a machine allows decides how programs are hooked: each tier on request and by itself,
# without the right to address 0, without the kernel's help; what toami doctor says of it.
. "$(dirname "$0")/lib.sh"
need python3 setpriv
old="$TOAMI_BUILD/tests/apps/no-dispatch"
"$old" true || exit 77

"$toami" up >/dev/null
hook() { # as toami doctor --json has it: verdict and text
	"$@" "$toami" doctor --json | python3 -c '
import json, sys
f = [f for f in json.load(sys.stdin) if f["name"] == "hook"][0]
print(f["verdict"], f["text"].split(":")[0], "|", f.get("remedy", ""))'
}
cat >"$work/talk.py" <<'EOF'
import socket, threading
srv = socket.create_server(("127.0.0.1", 7000))
threading.Thread(target=lambda: srv.accept()[0].sendall(b"through shared memory")).start()
print(socket.create_connection(("127.0.0.1", 7000)).recv(100).decode())
EOF
talks() { # what runs first...
	"$@" "$toami" run -v /t -- python3 "$work/talk.py" 2>&1
}
for tier in auto jump dispatch; do
	expect "through shared memory" "$(TOAMI_HOOK=$tier talks)" "tier $tier"
done
no_rights=
[ "$(id -u)" != 0 ] || no_rights="setpriv --bounding-set -all --inh-caps -all"
# shellcheck disable=SC2086
expect "through shared memory" "$(talks $no_rights)" "without the right to address 0: by itself"
# shellcheck disable=SC2086
expect "good jump" "$(hook $no_rights | sed 's/ |.*//')" "and what doctor says"
if [ "$(cat /proc/sys/vm/mmap_min_addr)" != 0 ]; then
	status=0
	# shellcheck disable=SC2086
	said=$(TOAMI_HOOK=page0 talks $no_rights) || status=$?
	expect "69 1" "$status $(echo "$said" | grep -c '^toami: TOAMI_HOOK asks for address 0, which cannot be mapped')" \
		"page0 on request: a sentence"
fi

# A kernel that does not bring us calls: nothing can be hooked, and nothing runs beside the hook.
status=0
said=$(talks "$old") || status=$?
expect "69 1" "$status $(echo "$said" | wc -l)" "without user dispatch: one line"
expect 1 "$(echo "$said" | grep -c '^toami: programs cannot be hooked here.*: try --stack kernel')" "that says why"
expect "bad none" "$(hook "$old" | sed 's/ |.*//')" "and what doctor says"
expect 1 "$(hook "$old" | grep -c 'toami run --stack kernel')" "and what to do"
status=0
"$old" "$toami" doctor >/dev/null || status=$?
expect 69 $status "doctor's exit code"
if [ "$(id -u)" = 0 ] && [ -w /dev/net/tun ]; then
	expect "through shared memory" "$("$old" "$toami" run --stack kernel -v /k -- python3 "$work/talk.py")" \
		"--stack kernel works there"
fi
expect_nothing_left
