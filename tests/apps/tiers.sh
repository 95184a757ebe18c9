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
for tier in auto jump dispatch seccomp; do
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

# Where a program would be started without its hook, it is not started.
if [ "$(id -u)" = 0 ] && unshare -m true 2>/dev/null; then
	for tier in auto seccomp; do
		# shellcheck disable=SC2016
		expect 1 "$(TOAMI_HOOK=$tier "$toami" run -v /t -- unshare -m sh -c 'mount -t tmpfs none "$1"; exec /usr/bin/env true' \
			sh "$TOAMI_BUILD/hook" 2>&1 | grep -c "^toami: /usr/bin/env cannot be hooked: there is no $TOAMI_BUILD/hook/")" \
			"$tier, its files out of reach: a sentence"
	done
fi

# A kernel that does not bring us calls by itself does so by a filter.
filters() { # how many a program is under
	"$@" sed -n 's/^Seccomp_filters:[[:space:]]*//p' /proc/self/status
}
before=$(filters "$old")
expect "through shared memory" "$(talks "$old")" "without user dispatch: by itself"
if [ -n "$before" ]; then
	# shellcheck disable=SC2016
	expect $((before + 1)) "$(filters "$old" "$toami" run -v /t -- sh -c 'env -i "$@"' sh)" \
		"by one filter for all that it starts"
fi
expect "worse seccomp" "$(hook "$old" | sed 's/ |.*//')" "and what doctor says"
expect 1 "$(hook "$old" | grep -c 'seccomp=unconfined\|apt-get install')" "and what to do"
status=0
said=$(TOAMI_HOOK=dispatch talks "$old") || status=$?
expect "69 1" "$status $(echo "$said" | grep -c '^toami: programs cannot be hooked here.*user dispatch')" \
	"dispatch on request there: a sentence"

# What is started under the filter cannot leave it, but finds what it needs there.
under="$old $toami run -v /t --"
for vif in /t /u; do
	# shellcheck disable=SC2086
	expect "through shared memory" "$($under "$toami" run -v $vif -- python3 "$work/talk.py")" "run inside, on $vif"
done
# shellcheck disable=SC2086
expect "through shared memory" "$($under env TOAMI_VIF= python3 "$work/talk.py")" "off the fabric"
cat >"$work/inner.sh" <<'EOF'
export TOAMI_VIF= TOAMI_DIR=$1
"$2" up >/dev/null && "$2" run -v /t -- python3 "$3"
"$2" down
EOF
inner=$(mktemp -d)
# shellcheck disable=SC2086
expect "through shared memory" "$($under sh "$work/inner.sh" "$inner" "$toami" "$work/talk.py")" "a daemon of its own"
rm -rf "$inner"
privileged=$(find /usr/bin -perm -4001 -user root 2>/dev/null | head -n 1)
if [ "$(id -u)" = 0 ] && [ -n "$privileged" ]; then
	# shellcheck disable=SC2086
	expect 1 "$($under setpriv --reuid 65534 --clear-groups "$privileged" 2>&1 |
		grep -c "^toami: $privileged has privileges of its own")" "set-user-ID there: a sentence"
fi

# Neither: nothing can be hooked, and nothing runs beside the hook.
status=0
said=$(talks "$old" --no-filters) || status=$?
expect "69 1" "$status $(echo "$said" | wc -l)" "without filters, too: one line"
expect 1 "$(echo "$said" | grep -c '^toami: programs cannot be hooked here.*: try --stack kernel')" "that says why"
expect "bad none" "$(hook "$old" --no-filters | sed 's/ |.*//')" "and what doctor says"
expect 1 "$(hook "$old" --no-filters | grep -c 'toami run --stack kernel')" "and what to do"
status=0
"$old" --no-filters "$toami" doctor >/dev/null || status=$?
expect 69 $status "doctor's exit code"
if [ "$(id -u)" = 0 ] && [ -w /dev/net/tun ]; then
	for how in "$old --no-filters" "$under"; do
		# shellcheck disable=SC2086
		expect "through shared memory" "$($how "$toami" run --stack kernel -v /k -- python3 "$work/talk.py")" \
			"--stack kernel works there"
	done
fi
expect_nothing_left
