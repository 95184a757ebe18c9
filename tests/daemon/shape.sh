#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# What scripts read: JSON of the promised shape, columns that align, no colour in a pipe.
. "$(dirname "$0")/../apps/lib.sh"
need python3

"$toami" vif add /web/api >/dev/null
"$toami" vif add -a none /group >/dev/null
on /web true

"$toami" vif ls --json | python3 -c '
import json, sys
vifs = json.load(sys.stdin)
assert [v["path"] for v in vifs] == ["/", "/web", "/web/api", "/group"], vifs
keys = {"path": str, "uid": int, "programs": list, "tx": dict, "rx": dict}
for v in vifs:
    for k, t in keys.items():
        assert isinstance(v[k], t), (k, v)
    for way in "tx", "rx":
        assert set(v[way]) - {"retransmits"} == {"packets", "bytes", "drops"}, v
    assert v["set"] == {} and "queue" not in v, v
assert vifs[1]["address"] == "10.77.0.2" and vifs[1]["lane_of"] is None
assert vifs[1]["mac"] == "02:74:6f:00:00:02"
assert vifs[2]["address"] is None and vifs[2]["lane_of"] == "/web"
assert vifs[3]["lane_of"] == "/"
'
echo "ok: vif ls --json"
"$toami" vif show --json /web | python3 -c 'import json, sys; assert json.load(sys.stdin)["path"] == "/web"'
echo "ok: vif show --json"
"$toami" status --json | python3 -c '
import json, sys
s = json.load(sys.stdin)
for k in "pid uptime_ms programs vifs max_vifs hosts connections sockets frames chunks".split():
    assert isinstance(s[k], int), (k, s)
assert s["vifs"] == 4 and s["programs"] == 0 and s["sockets"] == 0, s
assert s["subnet"] == "10.77.0.0/16" and s["gateway"] == "10.77.0.1", s
assert s["names"] is True, s
'
echo "ok: status --json"
"$toami" doctor --json | python3 -c '
import json, sys
for f in json.load(sys.stdin):
    assert f["verdict"] in ("good", "worse", "bad") and f["text"], f
'
echo "ok: doctor --json"

"$toami" vif ls >"$work/ls"
expect 0 "$(grep -c "$(printf '\033')" "$work/ls")" "no colour in a pipe"
expect 0 "$(grep -c ' $' "$work/ls")" "no blanks at a line's end"
expect 5 "$(wc -l <"$work/ls")" "a line for each VIF, and the head"
grep -q '^/web/api *(10.77.0.2)' "$work/ls"
echo "ok: a lane's address is in brackets"

# Unnamed programs get a VIF of their own, and the same one again.
"$toami" run true
"$toami" run true
expect "/true" "$("$toami" vif ls -q | grep true)" "/NAME, again and again"
start /unused true
"$toami" run sleep 60 &
one=$!
"$toami" run sleep 60 &
two=$!
started="$started $one $two"
until_ok sh -c "'$toami' vif ls -q | grep -q '^/sleep-2$'"
echo "ok: /sleep and /sleep-2 side by side"

# In a shell on the fabric, another run moves to its own VIF. (A toami with sanitizers comes
# behind the hook there, and cannot look for leaks.)
export ASAN_OPTIONS=verify_asan_link_order=0:detect_leaks=0
expect "/inner" "$(on /outer "$toami" run -v /inner -- sh -c '
	"$0" vif show --json "$TOAMI_VIF" | sed -n "s/.*\"path\": \"\(.*\)\".*/\1/p"' \
	"$toami")" "run inside run"
"$toami" vif rm /outer
echo "ok: nothing is left on /outer"
