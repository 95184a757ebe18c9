#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Every refusal: one sentence that names the object and the remedy, and its exit code.
. "$(dirname "$0")/../apps/lib.sh"
toamid=$TOAMI_BUILD/toamid

"$toamid" --max-vifs 6
"$toami" vif add -a 10.77.0.9 /web >/dev/null

refuses 64 "unknown host 'www.invalid' (names are not looked up here" vif set /web 'filter=host www.invalid'
# Four seconds of libpcap, if the daemon were to wait for them.
refuses 64 "it takes longer than 100 ms to compile" vif set /web \
	"filter=$(seq -s ' or ' -f 'port %g' 1 350)"
"$toami" vif set /web 'filter=host fd77::1 or tcp port http'
"$toami" vif set /web 'filter=udp[8:4] = 0x61626364'
refuses 64 'it loops' vif set /web 'filter=ip6 protochain 6'
"$toami" vif set /web filter=none
refuses 66 'no VIF /nosuch: .*toami vif add' vif show /nosuch
refuses 66 'no VIF /nosuch' vif rm /nosuch
refuses 66 'no VIF /nosuch' vif ls /nosuch
refuses 73 'VIF /web exists' vif add /web
refuses 73 '10.77.0.9 is taken by VIF /web: choose another' vif add -a 10.77.0.9 /other
refuses 73 'exists with address 10.77.0.9: .*toami vif rm /web' run -v /web -a 10.77.0.10 true
refuses 64 "'10.77.0' is not an IP address: give one of 10.77.0.0/16" vif add -a 10.77.0 /x
refuses 64 '10.78.0.1 is not an address of this fabric' vif add -a 10.78.0.1 /x
refuses 64 '10.77.255.255 is not an address' vif add -a 10.77.255.255 /x
refuses 64 "'x' is not a VIF's path: write /NAME" vif add x
refuses 64 "'/a b' is not a VIF's path" vif add '/a b'
refuses 64 "'/a//b' is not a VIF's path" vif add /a//b
refuses 64 "too long\|not a VIF's path" vif add "/$(printf 'x%.0s' $(seq 60))"
refuses 64 'the root of the tree stays' vif rm -r /
"$toami" vif add /web/a/b >/dev/null
refuses 75 'VIF /web has others below it: .*vif rm -r /web' vif rm /web
refuses 73 'no more than 6 VIFs' vif add /p/q/r
expect 4 "$("$toami" vif ls -q | wc -l)" "what was refused left nothing behind"

refuses 127 "no program 'no-such-program' in PATH" run no-such-program
refuses 127 "no program '/no/such'" run /no/such
refuses 126 "'/etc/passwd' is not a program" run /etc/passwd
refuses 126 "'/etc' is not a program" run /etc
refuses 64 'needs a program' run
refuses 64 'needs a program' run -v /x --
refuses 64 "'fly' is not a verb" fly
refuses 64 "'fly' is not a verb" vif fly
refuses 64 'at most one PATH' vif ls / /
refuses 64 'toami vif rm --help' vif rm
refuses 64 "toami run --help" run --no-such-option true

# Without a hook nothing runs: not on the host's network either.
TOAMI_HOOK_FILE=$work/none refuses 69 'libtoami-hook.so is not found' run true
: >"$work/a hook"
TOAMI_HOOK_FILE="$work/a hook" refuses 69 'LD_PRELOAD cannot carry the name' run true

# A program's exit code is its own.
status=0
on /web sh -c 'exit 7' || status=$?
expect 7 $status "the program's own exit code"

# A program on the VIF keeps it.
start /web sleep 60
until_ok sh -c "'$toami' vif show /web | grep -q sleep"
refuses 75 'sleep (process [0-9]*) is on VIF /web: end it first' vif rm -r /web
kill "${started##* }"
until_ok "$toami" vif rm -r /web
expect 1 "$("$toami" vif ls -q | wc -l)" "removed once its program is gone"

# A daemon of another version, or something else that answers.
if command -v python3 >/dev/null; then
	cat >"$work/other.py" <<'END'
import os, socket, sys
s = socket.socket(socket.AF_UNIX)
s.bind(sys.argv[1])
s.listen()
for answer in sys.argv[2:]:
    c, _ = s.accept()
    c.recv(4096)
    c.sendall(answer.encode() + b"\n")
    c.close()
os.unlink(sys.argv[1])
END
	mkdir "$work/other"
	python3 "$work/other.py" "$work/other/control" \
		'{"error": {"code": "version", "exit": 76, "text": "too old: toami down"}}' \
		'nonsense' '{"error": 7}' '' &
	started="$started $!"
	until_ok test -S "$work/other/control"
	TOAMI_DIR=$work/other refuses 76 'too old: toami down' vif ls
	TOAMI_DIR=$work/other refuses 76 'not understood: end it' vif ls
	TOAMI_DIR=$work/other refuses 76 'not understood: end it' vif ls
	TOAMI_DIR=$work/other refuses 76 'not understood: end it' vif ls
fi

# Places that cannot be.
"$toami" down
TOAMI_DIR=relative refuses 64 'absolute path' up
TOAMI_DIR=/proc/nosuch/d refuses 73 'cannot make /proc/nosuch/d: .*TOAMI_DIR' up
mkdir "$work/open" && chmod 777 "$work/open"
TOAMI_DIR=$work/open refuses 77 "$work/open is not this user" up
if [ "$(id -u)" = 0 ]; then
	"$toami" up >/dev/null
	chmod 711 "$TOAMI_DIR"
	status=0
	setpriv --reuid 65534 --regid 65534 --clear-groups \
		"$toami" status >/dev/null 2>"$work/err" || status=$?
	expect 77 $status "another user's command: $(cat "$work/err")"
	"$toami" down
else
	echo "ok: (another user's command: only as root)"
fi
