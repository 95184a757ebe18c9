#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Changing the tree while programs are on it: set, mv, attach, detach, a VIF for one
# command, one socket of a program.
. "$(dirname "$0")/../apps/lib.sh"
need python3 nc

# field PATH PYTHON: of a VIF's JSON, as v
field() {
	"$toami" vif show --json "$1" | python3 -c "import json, sys; v = json.load(sys.stdin); print($2)"
}

# Properties: kept, changed one by one, taken away, refused as a whole.
"$toami" vif add /web rate=1gbit min=10mbit limit=64kib,20ms >/dev/null
"$toami" vif set /web weight=2 loss=0.1%
"$toami" vif show /web >"$work/show"
for word in rate=1gbit min=10mbit weight=2 limit=64kib,20ms loss=0.1%; do
	grep -q "^set  *$word$" "$work/show" || { cat "$work/show"; exit 1; }
done
echo "ok: what is set is shown"
expect 1000000000 "$(field /web 'v["set"]["rate"]')" "in bits per second"
refuses 64 "'5' is no rate for VIF /web: write it as 100mbit" vif set /web prio=1 rate=5
refuses 64 "'fast' is no property of a VIF" vif set /web fast=yes
refuses 64 "'rate' for VIF /web is no property: write NAME=VALUE" vif set /web rate
refuses 65 'add up to 11mbit, more than its min of 10mbit' vif add /web/a min=11mbit
refuses 66 'no VIF /web/a' vif show /web/a
refuses 66 'no VIF /nosuch' vif set /nosuch rate=1mbit
"$toami" vif set /web rate=none min=none weight=none limit=none loss=none
expect '{}' "$(field /web 'v["set"]')" "taken away again"

# A program stays on its VIF while that moves and is renamed.
start /web nc -lk -p 7000
until_ok on /cli nc -z web 7000
"$toami" vif add -a none /org >/dev/null
"$toami" vif mv /web /org/shop
expect nc "$(field /org/shop 'v["programs"][0]["name"]')" "moved with its program"
until_ok on /cli nc -z shop.org 7000
expect /org/shop "$("$toami" vif ls -q /org | tail -n 1)" "by its new path"
refuses 66 'no VIF /web' vif show /web
refuses 64 'below it or deeper' vif mv /org /org/shop/x
refuses 73 'VIF /cli exists' vif mv /org/shop /cli
refuses 66 'no VIF /nowhere' vif mv /org/shop /nowhere/x
refuses 64 'root of the tree stays' vif mv / /x

# A running program from lane to lane: its listener's traffic is charged there.
"$toami" vif add /org/shop/a >/dev/null
"$toami" vif add /org/shop/b >/dev/null
pid=$(field /org/shop 'v["programs"][0]["pid"]')
"$toami" vif attach /org/shop/a "$pid" >"$work/attached"
expect "$pid: 1 socket moved" "$(cat "$work/attached")" "attach says what moved"
expect 0 "$(field /org/shop/a 'v["rx"]["bytes"]')" "nothing has come there"
on /cli sh -c 'head -c 5000 /dev/zero | nc -N shop.org 7000'
until_ok sh -c "'$toami' vif show /org/shop/a | grep -q 'received  *[0-9]* packets, [5-9][0-9][0-9][0-9] bytes'"
echo "ok: charged to its lane"
expect "$pid" "$(field /org/shop/a 'v["programs"][0]["pid"]')" "shown on its lane"
refuses 75 'nc (process [0-9]*) is on VIF /org/shop/a' vif rm /org/shop/a
refuses 75 'has the address of the VIF above it' vif mv /org/shop/a /org/a
"$toami" vif mv /org/shop/a /org/shop/b/a
"$toami" vif detach "$pid" >/dev/null
expect "$pid" "$(field /org/shop 'v["programs"][0]["pid"]')" "detach: to the VIF with its address"
# To a VIF of another address: what is open stays.
"$toami" vif add /other >/dev/null
expect "$pid: 0 sockets moved, 1 stays where they have their address" \
	"$("$toami" vif attach /other "$pid")" "attach to another host"
until_ok on /cli nc -z shop.org 7000
"$toami" vif attach /org/shop "$pid" >/dev/null
refuses 66 'process 1 is not on the fabric' vif attach /other 1
refuses 64 'is not the number of a process' vif attach /other x
refuses 64 'PATH and processes' vif attach /other

# What enters a lane counts there whatever it carries: acknowledgements, too.
"$toami" vif add /up/lane >/dev/null
start /sink nc -lk -p 7009
until_ok on /up/lane nc -z sink 7009
head -c 3000000 /dev/zero | on /up/lane nc -N sink 7009
expect True "$(field /up 'v["rx"]["packets"] > 20')" "acknowledgements have come"
same_rx() {
	[ "$(field /up 'v["rx"]')" = "$(field /up/lane 'v["rx"]')" ]
}
until_ok same_rx
echo "ok: a lane counts what enters it as its host does"
"$toami" vif rm -r /up

# One socket of a program, downward only; a lane that goes leaves its sockets above.
cat >"$work/one.py" <<'END'
import socket, sys
s = socket.socket()
def bind(path):
    try:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, path.encode() + b"\0")
        return "ok"
    except OSError as e:
        import errno
        return errno.errorcode[e.errno]
print(bind("/org/shop/b"), bind("/other"), bind("/nosuch"), bind("wlan7"), bind("/org/shop"), bind("/org/shop/b"))
print(s.getsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, 256).decode())
s.connect(("cli", 7001))
s.sendall(b"x" * 1000)
sys.stdin.readline()
s.sendall(b"y" * 1000)
s.close()
END
start /cli nc -lk -p 7001
until_ok on /x nc -z cli 7001
mkfifo "$work/go"
on /org/shop python3 -u "$work/one.py" <"$work/go" >"$work/one.out" &
one=$!
exec 9>"$work/go"
until_ok test -s "$work/one.out" || true
until_ok sh -c "[ \$('$toami' vif show --json /org/shop/b | python3 -c 'import json,sys; print(json.load(sys.stdin)[\"tx\"][\"bytes\"])') -ge 1000 ]"
echo "ok: the socket's bytes are charged to its lane"
"$toami" vif rm -r /org/shop/b
echo go >&9
exec 9>&-
wait $one
expect "ok EPERM ENODEV ENODEV ok ok" "$(head -n 1 "$work/one.out")" "SO_BINDTODEVICE"
expect /org/shop/b "$(sed -n 2p "$work/one.out" | tr -d '\0')" "getsockopt tells the path"
expect True "$(field /org/shop 'v["tx"]["bytes"] >= 1000')" "a lane that goes leaves its sockets above"

# A VIF for one command, which goes with it.
expect 1 "$("$toami" run --rate 10mbit --weight 3 -- "$toami" vif ls -q | grep -c '^/toami-[0-9]*$')" \
	"an anonymous VIF"
until_ok sh -c "! '$toami' vif ls -q | grep -q '^/toami-'"
echo "ok: gone with its command"
on /org/shop "$toami" run --rate 5mbit -- sh -c 'echo "$TOAMI_VIF"' >"$work/name"
grep -q '^/org/shop/sh-[0-9]*$' "$work/name"
echo "ok: below the VIF it was started on"
refuses 64 "'5' is no rate" run --rate 5 true
"$toami" run -v /named --rate 5mbit true
expect 5000000 "$(field /named 'v["set"]["rate"]')" "a VIF with a name stays, and has its rate"
# What was sent arrives, although the VIF goes at once.
start /sink sh -c "nc -l -p 7002 | wc -c >'$work/count'"
until_ok sh -c "'$toami' vif ls -q | grep -q /sink"
until_ok "$toami" run --weight 2 -- sh -c 'head -c 3000000 /dev/zero | nc -N sink 7002'
until_ok test -s "$work/count"
expect 3000000 "$(tr -d ' ' <"$work/count")" "nothing is lost at its end"

# Flows: what a filter takes of a program's traffic is on a lane, the rest is not.
"$toami" vif add /site >/dev/null
"$toami" vif add /site/bulk >/dev/null
"$toami" vif attach --flow 'tcp dst port 7001 and not udp' /site/bulk
expect 'tcp dst port 7001 and not udp' "$(field /site/bulk 'v["set"]["flow"]')" "a flow is a property"
start /cli nc -lk -p 7003
until_ok on /site nc -z cli 7003
sent() {
	field "$1" 'v["tx"]["bytes"]'
}
before=$(sent /site)
on /site sh -c 'head -c 50000 /dev/zero | nc -N cli 7001'
on /site sh -c 'head -c 20000 /dev/zero | nc -N cli 7003'
expect True "$(field /site/bulk 'v["tx"]["bytes"] >= 50000')" "its bytes are the lane's"
expect True "$(field /site/bulk 'v["tx"]["bytes"] < 60000')" "and no others"
expect True "$(python3 -c "print($(sent /site) - $before >= 70000)")" "all are the VIF's"
expect True "$(field /site/bulk 'v["rx"]["packets"] >= 0')" "both ways"
refuses 64 'has an address of its own, so it takes no flow' vif attach -f tcp /site
refuses 64 "is no filter for /site/bulk" vif attach -f 'tcp porrt 1' /site/bulk
"$toami" save >"$work/saved"
grep -q '^vif add -a none /site/bulk flow="tcp dst port 7001 and not udp"$' "$work/saved"
"$toami" load --diff "$work/saved" >"$work/diff"
expect "" "$(grep site "$work/diff")" "a flow is saved and loaded"
"$toami" vif mv /site/bulk /site/moved
on /site sh -c 'head -c 5000 /dev/zero | nc -N cli 7001'
expect True "$(field /site/moved 'v["tx"]["bytes"] >= 55000')" "it goes along"
"$toami" vif detach --flow /site/moved
was=$(sent /site/moved)
on /site sh -c 'head -c 5000 /dev/zero | nc -N cli 7001'
expect "$was" "$(sent /site/moved)" "detached"
