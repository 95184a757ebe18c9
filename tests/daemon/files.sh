#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# save and load: what is saved comes back as it was, a file is done whole or not at
# all, and many VIFs at once take their time each, not for each other.
. "$(dirname "$0")/../apps/lib.sh"

# unloadable CODE 'words of the sentence': what load refuses, its diff refuses
unloadable() {
	refuses "$1" "$2" load --diff "$work/bad"
	refuses "$1" "$2" load "$work/bad"
}
need python3
cat >"$work/tree" <<'END'
# A house of three.
vif add -a 10.77.0.9 /web rate=1gbit min=100mbit limit=64kib,20ms	# beside it
vif add /web/api weight=3 min=60mbit
vif add '/web/img' "weight=2" delay=20ms jitter=5ms loss=0.1% quota=children:3,program:2.5%,maps:64kib

toami vif add -a none /people owner=0
END
"$toami" load "$work/tree" >"$work/out"
expect "4 made, 0 changed, 0 moved, 0 removed, 0 the same" "$(cat "$work/out")" "load"
"$toami" save >"$work/saved"
cat >"$work/wanted" <<'END'
vif add -a 10.77.0.9 /web rate=1gbit min=100mbit limit=64kib,20ms
vif add -a none /web/api min=60mbit weight=3
vif add -a none /web/img weight=2 delay=20ms jitter=5ms loss=0.1% quota=children:3,program:2.5%,maps:64kib
vif add -a none /people owner=root
END
cmp "$work/wanted" "$work/saved"
echo "ok: save"
expect "0 made, 0 changed, 0 moved, 0 removed, 4 the same" "$("$toami" load "$work/saved")" "again"
expect "" "$("$toami" load --diff "$work/saved")" "no difference"
"$toami" save /web/img >"$work/part"
expect 1 "$(wc -l <"$work/part")" "a part of the tree"

# A new fabric from the file.
"$toami" down
"$toami" load - <"$work/saved" >/dev/null
"$toami" save | cmp - "$work/saved" || exit 1
echo "ok: the next daemon has the same tree"

# An IPv6 address that is not the one beside the IPv4 address is saved, too.
"$toami" vif add -a fd77:746f:616d::abcd /six >/dev/null
"$toami" vif add -a 10.77.0.7,fd77:746f:616d::7 /seven >/dev/null
expect "vif add -a 10.77.0.2,fd77:746f:616d::abcd /six" "$("$toami" save /six)" "an IPv6 address"
expect "vif add -a 10.77.0.7 /seven" "$("$toami" save /seven)" "both addresses"
"$toami" save >"$work/both"
"$toami" vif rm /six /seven
"$toami" load "$work/both" >/dev/null
"$toami" save | cmp - "$work/both"
printf 'vif add -a 10.77.0.2,fd77:746f:616d::abce /six\n' >"$work/bad"
unloadable 73 'line 1: VIF /six exists with address 10.77.0.2,fd77:746f:616d::abcd'
status=0
"$toami" load --diff "$work/bad" 2>"$work/err" || status=$?
expect 73 $status "diff refuses another address, too"
"$toami" vif rm /six /seven

# A line builds on those before it.
cat >"$work/steps" <<'END'
vif mv /web /w
vif set /w rate=2gbit
vif set /w/api weight=5
vif add /web weight=7
vif set /web weight=8
vif set /web weight=8
END
cat >"$work/wanted" <<'END'
> /web /w
~ /w rate 1gbit -> 2gbit
~ /w/api weight 3 -> 5
+ /web
~ /web weight none -> 7
~ /web weight 7 -> 8
END
"$toami" load --diff "$work/steps" | cmp - "$work/wanted"
printf 'vif mv /web /w\nvif set /web/api weight=2\n' >"$work/bad"
"$toami" load --diff "$work/bad" >/dev/null 2>"$work/err" && exit 1
grep -q 'line 2: there is no VIF /web/api' "$work/err"
echo "ok: diff follows the lines"

# What a command has made for itself goes with it, and is not saved.
"$toami" run --rate 10mbit -- sleep 60 &
started="$started $!"
until_ok sh -c "'$toami' vif ls -q | grep -q sleep"
"$toami" save | cmp - "$work/saved"
kill $started
until_ok sh -c "! '$toami' vif ls -q | grep -q sleep"

# All or nothing: whatever the line that is refused.
try() {
	printf '%s\n' "$@" >"$work/bad"
}
try 'vif add /new' 'vif set /web rate=2gbit weight=9' 'vif mv /web/api /web/old' 'vif add /new/x rate=fast'
unloadable 64 "line 4: 'fast' is no rate for VIF /new/x"
try 'vif add /new' 'vif set /web min=50mbit' 'vif mv /web /w' 'vif rm /people'
unloadable 65 'would add up to 60mbit, more than its min of 50mbit'
try 'vif rm /people' 'vif add /people/x'
unloadable 65 'line 2: VIF /people/x is removed before'
try 'vif set /web weight=4' 'vif rm /web'
unloadable 75 'line 2: VIF /web has others below it'
try 'vif set /web weight=4' 'fly'
unloadable 65 "line 2: write 'vif add"
try 'vif set /web "weight=4'
unloadable 65 'line 1: a quote is not closed'
try 'vif add -a 10.77.0.9 /other'
unloadable 73 'line 1: 10.77.0.9 is taken by VIF /web'
refuses 66 'cannot read /no/such/file' load /no/such/file
"$toami" save | cmp - "$work/saved" || exit 1
echo "ok: nothing of any of them was done"

# Guarantees may change hands within a file, whatever the order.
try 'vif set /web min=60mbit' 'vif set /web/api min=30mbit' 'vif set /web/img min=30mbit'
"$toami" load "$work/bad" >/dev/null
try 'vif set /web/img min=50mbit' 'vif set /web/api min=10mbit'
"$toami" load --diff "$work/bad" >"$work/out"
expect "~ /web/img min 30mbit -> 50mbit ~ /web/api min 30mbit -> 10mbit " "$(tr '\n' ' ' <"$work/out")" "diff"
"$toami" load "$work/bad" >/dev/null
# add says all that is set, and removals come last.
try 'vif add /web/img' 'vif rm /people' 'vif mv /web/api /api' 'vif add /new rate=1mbit'
expect "1 made, 1 changed, 1 moved, 1 removed, 0 the same" "$("$toami" load "$work/bad")" "one of each"
"$toami" save >"$work/saved"
cat >"$work/wanted" <<'END'
vif add -a 10.77.0.9 /web rate=1gbit min=60mbit limit=64kib,20ms
vif add -a none /web/img
vif add -a none /api min=10mbit weight=3
vif add -a 10.77.0.2 /new rate=1mbit
END
cmp "$work/wanted" "$work/saved"
echo "ok: as the file says"

# Many at once: the time of the daemon's processor, which the machine's load spares.
n=${MANY:-20000}
python3 - "$n" >"$work/many" <<'END'
import sys
print("vif add -a none /many")
groups = 64
for i in range(groups):
    print(f"vif add /many/g{i} weight=2")
for i in range(int(sys.argv[1]) - groups - 1):
    print(f"vif add /many/g{i % groups}/leaf{i} rate={i % 1000 + 10}kbit weight=3")
END
sed 's/rate=/rate=1/' "$work/many" >"$work/changed"
daemon=$(cat "$TOAMI_DIR/lock")
ticks() {
	awk '{ print $14 + $15 }' "/proc/$daemon/stat"
}
# each VERB...: prints microseconds of the daemon for each VIF
each() {
	t0=$(ticks)
	"$toami" "$@" >"$work/out"
	t1=$(ticks)
	echo "$(((t1 - t0) * 10000 / n))"
}
made=$(each load "$work/many")
changed=$(each load "$work/changed")
listed=$(each vif ls --json)
compared=$(each load --diff "$work/many")
expect "$((n - 65))" "$(wc -l <"$work/out")" "a line for each that would change"
echo "$n VIFs: $made us to make one, $changed us to change one, $listed us to list one, $compared us to compare one"
expect "$((n + 5))" "$("$toami" vif ls -q | wc -l)" "all are there"
for us in $made $changed $listed $compared; do
	[ "$us" -le 40 ] || { echo "FAIL: a VIF costs $us us"; exit 1; }
done
"$toami" vif rm -r /many
expect 5 "$("$toami" vif ls -q | wc -l)" "and gone again"
