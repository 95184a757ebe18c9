#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Delegation: another user rules below a VIF that was given to him, and nowhere else.
. "$(dirname "$0")/../apps/lib.sh"
need setpriv nc python3
if [ "$(id -u)" != 0 ]; then
	echo "skipped: only root can become another user"
	exit 77
fi
as() {
	setpriv --reuid=65534 --regid=65534 --clear-groups -- env "TOAMI_DIR=$TOAMI_DIR" "$@"
}
as=as
if ! as test -x "$toami"; then
	echo "skipped: user 65534 cannot reach $toami"
	exit 77
fi
# As a system's daemon makes its own.
chmod 711 "$TOAMI_DIR"
"$toami" vif add /alice rate=100mbit >/dev/null
"$toami" vif add /srv >/dev/null

# Nothing is his yet.
refuses 77 'belongs to user 0, not to user 65534' vif ls
refuses 77 'belongs to user 0, not to user 65534' run -v /alice true

"$toami" vif set /alice owner=65534 quota=children:4,depth:2,queue:100kb
refuses 77 'VIF /alice is not for user 65534 to change' vif set /alice rate=1gbit
refuses 77 'VIF /alice is not for user 65534 to change' vif rm /alice
refuses 77 'VIF /alice is not for user 65534 to change' vif mv /alice /bob
refuses 77 "VIF / is not user 65534's" vif add /mine
refuses 77 "VIF /srv is not user 65534's" vif add /srv/mine
refuses 77 "VIF /srv is not user 65534's" run -v /srv true
refuses 77 'only user 0 and root may' down
as "$toami" vif add /alice/web weight=2 limit=60kb >/dev/null
as "$toami" vif add /alice/db/x >/dev/null
as "$toami" vif set /alice/db prio=1
as "$toami" vif mv /alice/db /alice/base
expect 2 "$("$toami" vif show --json /alice/web | sed -n 's/.*"weight": \([0-9]*\).*/\1/p')" "he rules below"
refuses 77 'no more than 2 levels deep' vif add /alice/base/x/y
refuses 77 'would hold 110kb, more than its quota of 100kb' vif set /alice/base limit=50kb
as "$toami" vif add /alice/four >/dev/null
refuses 77 'no more than 4 VIFs below it, and has 4' vif add /alice/five
refuses 77 "VIF / is not user 65534's" vif mv /alice/four /four
as "$toami" vif rm /alice/four
# A file is refused as a whole.
printf 'vif set /alice/web weight=7\nvif set /alice rate=1gbit\n' >"$work/file"
chmod 755 "$work"
chmod 644 "$work/file"
refuses 77 'line 2: VIF /alice is not for user 65534' load --diff "$work/file"
refuses 77 'line 2: VIF /alice is not for user 65534' load "$work/file"
expect 2 "$("$toami" vif show --json /alice/web | sed -n 's/.*"weight": \([0-9]*\).*/\1/p')" "nothing of it was done"

# His programs join there, talk to others, and are his to move.
start /srv nc -lk -p 7000
as "$toami" run -v /alice/web -- nc -lk -p 7001 >"$work/his.log" 2>&1 &
started="$started $!"
until_ok on /srv nc -z alice 7001
echo "ok: a server of his answers"
until_ok as "$toami" run -v /alice -- nc -z srv 7000
echo "ok: he reaches others"
pid=$("$toami" vif show --json /alice/web | sed -n 's/.*"pid": \([0-9]*\).*/\1/p')
as "$toami" vif attach /alice/base/x "$pid" >/dev/null
refuses 77 "VIF /srv is not user 65534's" vif attach /srv "$pid"
other=$("$toami" vif show --json /srv | sed -n 's/.*"pid": \([0-9]*\).*/\1/p' | head -n 1)
refuses 77 "VIF /srv is not user 65534's" vif attach /alice/web "$other"
# Root moves whom it wants.
"$toami" vif attach /srv "$pid" >/dev/null

# A process that is not an owner's moves itself downward, whoever started it, and nowhere else.
"$toami" vif add /srv/low/x >/dev/null
cat >"$work/self.py" <<'END'
import json, os, socket, sys
s = socket.socket(socket.AF_UNIX)
s.connect(os.environ["TOAMI_DIR"] + "/control")
replies = s.makefile()
for path in sys.argv[1:]:
    request = {"verb": "vif.attach", "path": path, "pid": os.getpid()}
    s.send((json.dumps(request) + "\n").encode())
    print(path, "error" not in json.loads(replies.readline()))
END
chmod 644 "$work/self.py"
python=$(as sh -c 'for p in /usr/bin/python3 $(command -v python3); do [ -x "$p" ] && echo "$p"; done' | head -n 1)
if [ -n "$python" ]; then
	on /srv setpriv --reuid=65534 --regid=65534 --clear-groups "$python" "$work/self.py" \
		/srv/low /srv/low/x /srv/low /srv /alice /srv/low/x >"$work/out"
	expect "/srv/low True;/srv/low/x True;/srv/low False;/srv False;/alice False;/srv/low/x True;" \
		"$(tr '\n' ';' <"$work/out")" "a process moves itself downward"
fi
"$toami" run -v /srv/low -- setpriv --reuid=65534 --regid=65534 --clear-groups sleep 60 &
started="$started $!"
until_ok sh -c "'$toami' vif show /srv/low | grep -q 'sleep .* of nobody'"
echo "ok: whose a program is, is what it has become"

# A program is read with his rights, not with the daemon's; what it may use is bounded.
if command -v clang >/dev/null; then
	here=$(cd "$(dirname "$0")" && pwd)
	clang -O2 -target bpf -mcpu=v3 -I "$here/../../include" -c "$here/../bpf/programs/burner.c" \
		-o "$work/open.o"
	sed 's/SECTION("tx")/SECTION("rx")/' "$here/../bpf/programs/burner.c" >"$work/rx.c"
	clang -O2 -target bpf -mcpu=v3 -I "$here/../../include" -c "$work/rx.c" -o "$work/rx.o"
	cp "$work/open.o" "$work/secret.o"
	cp "$work/open.o" "$work/other.o"
	chmod 644 "$work/open.o" "$work/other.o" "$work/rx.o"
	chmod 600 "$work/secret.o"
	refuses 77 'user 65534 has to open .*secret.o himself' vif set /alice/web "program=$work/secret.o"
	printf 'vif set /alice/web program=%s\n' "$work/secret.o" >"$work/file"
	refuses 77 'user 65534 has to open .*secret.o himself' load --diff "$work/file"
	refuses 77 'user 65534 has to open .*secret.o himself' load "$work/file"
	as "$toami" vif set /alice/web "program=$work/open.o"
	as "$toami" vif set /alice/web program=none
	# Two of them in one request, and in one file.
	as "$toami" vif set /alice/web "program=$work/open.o" "program-in=$work/rx.o"
	printf 'vif set /alice/web program=%s program-in=none\nvif set /alice/base program=%s\n' \
		"$work/other.o" "$work/open.o" >"$work/file"
	expect "0 made, 2 changed, 0 moved, 0 removed, 0 the same" "$(as "$toami" load "$work/file")" "two programs, one file"
	as "$toami" vif set /alice/base program=none
	as "$toami" run -v /alice/web --program "$work/open.o" -- true
	(cd "$work" && as "$toami" run -v /alice/web --program other.o -- true)
	expect 1 "$("$toami" vif show /alice/web | grep -c "program=$work/other.o")" "run opens programs, too"
	as "$toami" vif set /alice/web "program=$work/open.o"
	# Another change does not read it again.
	as "$toami" vif set /alice/web filter='tcp port 7001'
	rm "$work/open.o"
	as "$toami" vif set /alice/web filter=none
	"$toami" vif show /alice/web | grep -q "program=$work/open.o"
	echo "ok: it stays"
	as "$toami" vif set /alice/web "program=$work/other.o"
	as "$toami" vif set /alice/web program=none
	# What he sets below a quota for programs does not give him more.
	"$toami" vif set /alice quota=children:4,program:1%
	as "$toami" vif set /alice/web "program=$work/other.o" quota=program:50%
	as "$toami" map set /alice/web:rounds 0 4000
	t0=$(date +%s%N)
	as "$toami" run -v /alice/web -- python3 -c '
import socket, time
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
for i in range(1000):
    s.sendto(b"x", ("10.77.0.3", 9))
    time.sleep(0.0003)'
	t1=$(date +%s%N)
	used=$("$toami" vif show --json /alice/web | sed -n 's/.*"instructions": \([0-9]*\).*/\1/p' | head -n 1)
	allowed=$((((t1 - t0) + 4000000) / 100 * 2 + 65536))
	[ "$used" -gt 0 ] && [ "$used" -le "$allowed" ] ||
		{ echo "FAIL: $used instructions, $allowed allowed"; exit 1; }
	echo "ok: $used instructions of $allowed, whatever he sets below"
	"$toami" vif set /alice quota=children:4,depth:2,queue:100kb
	as "$toami" vif set /alice/web program=none quota=none

	# Memory of maps: his own, shared ones, what he moves, and where nothing was said.
	cat >"$work/table.c" <<'END'
#include <toami/bpf.h>
struct row { u8 of[1024]; };
MAP(table, TOAMI_ARRAY, u32, struct row, ROWS);
SECTION("tx") int look(struct toami_packet *p)
{
	u32 row = p->length;
	return toami_map_find(&table, &row) ? TOAMI_PASS : TOAMI_DROP;
}
END
	table() {
		clang -O2 -target bpf -mcpu=v3 -I "$here/../../include" -D"MAP=$2" -D"ROWS=$3" -c "$work/table.c" \
			-o "$work/$1.o"
		chmod 644 "$work/$1.o"
	}
	table own TOAMI_MAP 2048
	table shared TOAMI_MAP_SHARED 2048
	table large TOAMI_MAP 70000
	"$toami" vif set /alice quota=children:4,maps:3mib
	as "$toami" vif set /alice/web "program=$work/own.o"
	"$toami" vif show /alice | grep -q '^maps *hold 2mib'
	echo "ok: it is shown what maps hold"
	"$toami" metrics | grep -q '^toami_vif_map_bytes{path="/alice"} 2097152$'
	echo "ok: and measured"
	refuses 77 'below VIF /alice would hold 4mib, more than its quota of 3mib' \
		vif set /alice/base "program=$work/own.o"
	refuses 77 'below VIF /alice would hold 4mib, more than its quota of 3mib' \
		vif set /alice/base "program=$work/shared.o"
	printf 'vif set /alice/base "program=%s"\n' "$work/own.o" >"$work/file"
	refuses 77 'line 1: the maps of programs below VIF /alice would hold 4mib' load --diff "$work/file"
	refuses 77 'line 1: the maps of programs below VIF /alice would hold 4mib' load "$work/file"
	expect 1 "$("$toami" map ls | grep -c :table)" "what was refused has left no map"
	as "$toami" vif set /alice/web program=none
	as "$toami" vif set /alice/web "program=$work/shared.o"
	as "$toami" vif set /alice/base "program=$work/shared.o"
	"$toami" vif show /alice | grep -q '^maps *hold 2mib'
	echo "ok: what is shared counts once"
	"$toami" vif add /bob owner=65534 quota=maps:1mib >/dev/null
	refuses 77 'below VIF /bob would hold 2mib, more than its quota of 1mib' vif mv /alice/web /bob/web
	refuses 77 'below VIF /bob would hold .*, more than its quota of 1mib' \
		run -v /bob/new --program "$work/own.o" -- true
	"$toami" vif set /bob quota=none
	as "$toami" vif mv /alice/web /bob/web
	refuses 77 'below VIF /bob would hold .*, more than its quota of 64mib' \
		vif set /bob/web "program=$work/large.o"
	"$toami" vif set /bob/web "program=$work/large.o"
	echo "ok: root is not bound"
	"$toami" vif set /bob/web program=none
	"$toami" vif set /bob quota=maps:100mib
	as "$toami" vif set /bob/web "program=$work/large.o"
	as "$toami" vif set /bob/web program=none
	as "$toami" vif mv /bob/web /alice/web
	as "$toami" vif set /alice/base program=none
	"$toami" vif rm -r /bob
	"$toami" vif set /alice quota=children:4,depth:2,queue:100kb
fi

# What was given is taken back.
"$toami" vif set /alice owner=none
refuses 77 'belongs to user 0' vif add /alice/more
