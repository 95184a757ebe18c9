#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# The control library, through its example: what it does and what it prints.
. "$(dirname "$0")/../apps/lib.sh"

export TOAMI_DAEMON="$TOAMI_BUILD/toamid"
"$TOAMI_BUILD/tests/daemon/example-tree" >"$work/out"
cat >"$work/wanted" <<'END'
refused: the guarantees of the VIFs below /shop would add up to 110mbit, more than its min of 100mbit: lower one of them, or raise min of /shop
/shop/web is guaranteed 60mbit
3 the same
/shop 10.77.0.2 0 bytes sent
/shop/web /shop 0 bytes sent
/shop/post /shop 0 bytes sent
vif-add /shop
vif-set /shop
vif-add /shop/web
vif-set /shop/web
vif-add /shop/mail
vif-move /shop/post
vif-remove /shop/post
vif-remove /shop/web
vif-remove /shop
END
sort "$work/wanted" >"$work/wanted.sorted"
sort "$work/out" >"$work/out.sorted"
diff "$work/wanted.sorted" "$work/out.sorted"
echo "ok: the example does what it says"

# The counters are those that the command shows, and maps are at hand.
need nc python3
"$toami" vif add /sink >/dev/null
"$toami" vif add /slow rate=20mbit >/dev/null
start /sink nc -lk -p 7000
until_ok on /slow nc -z sink 7000
head -c 500000 /dev/zero | on /slow nc -N sink 7000
until_ok sh -c "'$toami' vif show -j /slow | grep -q '\"backlog_bytes\": 0'"
example="$TOAMI_BUILD/tests/daemon/example-account"
"$example" /slow >"$work/account"
"$toami" vif show -j /slow | python3 -c '
import json, sys
v = json.load(sys.stdin)
for way, label in ("tx", "out"), ("rx", "in"):
    w, q = v[way], v["queue"][way]
    print("%s: %d packets, %d bytes, %d dropped, %d sent again" % (
        label, w["packets"], w["bytes"], w["drops"], w.get("retransmits", 0)))
    print("%s: %d bytes wait, 99 of 100 less than %d us; throttled for %d ms" % (
        label, q["backlog_bytes"], q["delay_p99_ns"] // 1000, q["throttled_ns"] // 1000000))
' >"$work/shown"
cmp "$work/account" "$work/shown"
grep -q 'out: .* throttled for [1-9]' "$work/account"
echo "ok: the library counts as the command does"
status=0
"$example" /nosuch 2>"$work/err" || status=$?
expect 66 $status "its errors are the command's"
grep -q 'there is no VIF /nosuch' "$work/err"
if command -v clang >/dev/null; then
	clang -O2 -target bpf -mcpu=v3 -I "$(dirname "$0")/../../include" \
		-c "$(dirname "$0")/../../examples/bpf/firewall.c" -o "$work/firewall.o"
	"$toami" vif set /sink "program=$work/firewall.o"
	expect "80 of /sink:open is 1" "$("$example" /sink /sink:open 80 1 | tail -n 1)" "a map"
	status=0
	"$toami" map get /sink:open 80 2>/dev/null || status=$?
	expect 69 $status "its entry is removed again"
	"$toami" vif set /sink program=none
fi

# What the manual pages show compiles.
if command -v cc >/dev/null; then
	for page in libtoami.3 toami_vif.3; do
		python3 - "$(dirname "$0")/../../man/$page" "$work" <<'END'
import re, sys
text = open(sys.argv[1]).read()
blocks = re.findall(r"^\.Bd -literal.*?\n(.*?)^\.Ed", text, re.M | re.S)
assert blocks
for i, block in enumerate(blocks):
    block = block.replace("\\en", "\\n").replace("\\&", "")
    includes = "\n".join(re.findall(r"^#include.*", block, re.M))
    body = re.sub(r"^#include.*\n", "", block, flags=re.M)
    known = "" if "struct toami_control *c;" in body else "struct toami_control *c = 0;"
    open("%s/man%d.c" % (sys.argv[2], i), "w").write(
        "#include <err.h>\n#include <stdio.h>\n#include <stdlib.h>\n#include <toami/vif.h>\n"
        "%s\nint main(void)\n{\n%s\n%s\nreturn 0;\n}\n" % (includes, known, body))
END
		for file in "$work"/man*.c; do
			cc -Wall -Wextra -Werror -I"$(dirname "$0")/../../include" -fsyntax-only "$file"
		done
		rm "$work"/man*.c
		echo "ok: examples of $page"
	done
fi

# The header alone is enough, for C++ as well.
if command -v c++ >/dev/null; then
	echo '#include <toami/vif.h>' >"$work/x.cc"
	c++ -I"$(dirname "$0")/../../include" -Wall -Werror -fsyntax-only "$work/x.cc"
	echo "ok: C++ takes the header"
fi
