#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Ports in files of save and load: written as they are, attached and set up again by the next
# daemon, and none of them left where a file is refused.
. "$(dirname "$0")/lib.sh"
need cmp setpriv

netns k
load() {
	in_ns k "$toami" load "$@"
}
# refuses EXIT WORDS LINE...: as a file, and changes nothing
refuses() {
	wanted=$1 words=$2
	shift 2
	printf '%s\n' "$@" >"$work/bad"
	"$toami" save >"$work/before"
	links=$(in_ns k ip -br link)
	status=0
	load "$work/bad" >"$work/said" 2>&1 || status=$?
	expect "$wanted" $status "load: $words"
	grep -q "$words" "$work/said" || {
		echo "FAIL: it says '$(cat "$work/said")', not '$words'"
		exit 1
	}
	"$toami" save | cmp - "$work/before"
	expect "$links" "$(in_ns k ip -br link)" "no interface has come or gone"
}

cat >"$work/tree" <<'END'
vif add -a 10.77.0.9,fd77:746f:616d::abcd /web rate=1gbit min=100mbit
vif add -a none /web/api min=60mbit
vif add -a 10.77.0.5 /host weight=2
port add tap -n host0 /host
vif add -a none /up rate=200mbit
port add tap -n up0 --uplink --gateway 10.77.255.254 --gateway6 fd77:746f:616d::ffff --no-offload --bare /up
END
expect "+ /web 10.77.0.9,fd77:746f:616d::abcd" "$("$toami" load --diff "$work/tree" | head -n 1)" "diff: a VIF"
expect "+ port host0 /host;+ port up0 /up;" \
	"$("$toami" load --diff "$work/tree" | grep port | tr '\n' ';')" "diff: ports"
expect "4 made, 0 changed, 0 moved, 0 removed, 0 the same; ports: 2 attached, 0 detached" \
	"$(load "$work/tree")" "load"
"$toami" save | cmp - "$work/tree"
echo "ok: what is saved is what was loaded"
expect "" "$("$toami" load --diff "$work/tree")" "no difference"
expect "0 made, 0 changed, 0 moved, 0 removed, 6 the same" "$(load "$work/tree")" "again"

# The interfaces are set up as 'port add' does it.
start /web python3 -m http.server --bind :: 8000
until_ok in_ns k python3 -c 'import urllib.request as r; r.urlopen("http://10.77.0.9:8000/")'
until_ok in_ns k python3 -c 'import urllib.request as r; r.urlopen("http://[fd77:746f:616d::abcd]:8000/")'
expect 1 "$(in_ns k ip -br addr show host0 | grep -c 10.77.0.5/16)" "the kernel has the VIF's address"
expect DOWN "$(in_ns k ip -br link show up0 | awk '{ print $2 }')" "a bare one is left as it is"

# Who may not set an interface up, attaches none: nothing is left half done.
in_ns k ip tuntap add dev own0 mode tap vnet_hdr user root
printf 'vif add -a none /half rate=1mbit\nport add tap -n own0 /own\n' >"$work/half"
status=0
in_ns k setpriv --bounding-set=-net_admin "$toami" load "$work/half" 2>"$work/said" || status=$?
expect 77 $status "an interface that cannot be set up"
grep -q 'interface own0 cannot be set up: .*--bare' "$work/said"
status=0
in_ns k setpriv --bounding-set=-net_admin "$toami" port add tap -n own0 /own 2>"$work/said" || status=$?
expect 77 $status "likewise, alone"
expect "" "$("$toami" vif ls -q | grep -E 'half|own')" "nothing has changed"
in_ns k setpriv --bounding-set=-net_admin "$toami" port add tap -n own0 --bare /own >/dev/null
"$toami" port rm /own
"$toami" vif rm /own
in_ns k ip tuntap del dev own0 mode tap

# Another daemon, the same file.
kill $started && wait $started || true
started=
"$toami" down
"$toami" up >/dev/null
load "$work/tree" >/dev/null
"$toami" save | cmp - "$work/tree"
echo "ok: save, load and save gives the same file"
expect false "$("$toami" port ls -j | python3 -c '
import json, sys
print(str([p for p in json.load(sys.stdin) if p["name"] == "up0"][0]["offload"]).lower())')" "with its options"

# A file that is refused at its end takes back its ports, whatever is wrong.
refuses 64 "line 3: 'fast' is no rate" 'port add tap -n new0 /new' 'vif set /web rate=2gbit' 'vif set /web/api rate=fast'
refuses 64 "line 2: 1.2.3.4 is not an address of this fabric" 'port add tap -n new0 /new' 'vif add -a 1.2.3.4 /x'
refuses 73 'line 2: the fabric has an uplink already, on VIF /up' 'vif set /web weight=9' 'port add tap -n new0 --uplink /x'
refuses 64 'not a name for a TAP' 'vif set /web weight=9' 'port add tap -n lo /x'
refuses 65 'line 2: .*needs a name here' 'vif set /web weight=9' 'port add tap /x'
refuses 65 'line 1: write' 'port add tap -n new0 --fly /x'
refuses 65 'line 2: the port of VIF /up is removed before' 'port rm /up' 'port add tap -n new0 /up'
refuses 66 'line 2: VIF /web has no port' 'port rm /up' 'port rm /web'
refuses 73 'port up0 already, of another kind' 'vif set /web weight=9' 'port add tap -n up0 --uplink /up'
refuses 64 'two addresses of one family' 'port add tap -n new0 -a 10.77.0.3,10.77.0.4 /x'
refuses 75 'line 2: port up0 is on VIF /up' 'vif add /x' 'vif rm /up'
refuses 65 'would add up to 160mbit, more than its min' 'port add tap -n new0 /y' 'vif set /web/api min=160mbit'
refuses 64 'line 1: .*beyond an uplink' 'port add tap -n new0 --gateway 10.77.255.253 /y'

# The gateways behind an uplink change in place, and come back if the file is refused.
sed 's/255.254/255.253/' "$work/tree" >"$work/other"
expect "~ port up0 gateway 10.77.255.254, fd77:746f:616d::ffff -> 10.77.255.253, fd77:746f:616d::ffff" \
	"$("$toami" load --diff "$work/other")" "diff: a gateway"
cp "$work/other" "$work/bad"
echo 'vif add /web/api rate=slow' >>"$work/bad"
load "$work/bad" >/dev/null 2>&1 && exit 1
"$toami" save | cmp - "$work/tree"
echo "ok: refused, the gateway is as before"
expect "0 made, 1 changed, 0 moved, 0 removed, 5 the same" "$(load "$work/other")" "a gateway"
"$toami" save | cmp - "$work/other"

# Removed with its VIF, in one file.
printf 'port rm /up\nvif rm /up\nport rm /host\n' >"$work/rm"
expect "- port /up;- /up;- port /host;" "$("$toami" load --diff "$work/rm" | tr '\n' ';')" "diff: removals"
expect "0 made, 0 changed, 0 moved, 1 removed, 0 the same; ports: 0 attached, 2 detached" \
	"$(load "$work/rm")" "removals"
head -n 3 "$work/tree" >"$work/left"
"$toami" save | cmp - "$work/left"
until_ok sh -c "! ip netns exec $ns-k ip link show up0"
refuses 64 "line 2: 'router' is not an IPv4 address" 'vif add /x' 'port add tap -n new0 --gateway router --uplink /y'

# What lives as long as a command is not in the file.
"$toami" run --rate 10mbit -- sleep 60 &
started="$started $!"
"$toami" run -v /guest --stack kernel -- sleep 60 &
started="$started $!"
until_ok sh -c "[ \"\$('$toami' vif ls -q | grep -c -e /sleep -e /guest)\" = 2 ]"
until_ok sh -c "'$toami' port ls | grep -q toami0"
expect "0 1 0" "$("$toami" save | grep -c /sleep || true) $("$toami" save | grep -c /guest) $("$toami" save | grep -c '^port' || true)" \
	"what passes is not saved"

# The library attaches ports, too.
cat >"$work/port.py" <<'END'
import ctypes, sys
lib = ctypes.CDLL(sys.argv[1])
text = ctypes.c_char_p


class Port(ctypes.Structure):
    _fields_ = [("interface", text), ("address", text), ("gateway", text), ("gateway6", text),
                ("uplink", ctypes.c_int), ("no_offload", ctypes.c_int), ("bare", ctypes.c_int)]


lib.toami_control_text.restype = text
control = ctypes.c_void_p()
assert lib.toami_control_open(None, 0, ctypes.byref(control)) == 0
name = ctypes.create_string_buffer(16)
port = Port(interface=b"lib0", address=b"10.77.0.44")
assert lib.toami_port_add(control, b"/lib", ctypes.byref(port), name) == 0, lib.toami_control_text(control)
assert lib.toami_port_add(control, b"/lib2", ctypes.byref(port), None) == 73
print(name.value.decode(), lib.toami_control_text(control).decode())
END
expect "lib0 interface lib0 is in use: choose another name" \
	"$(in_ns k python3 "$work/port.py" "$TOAMI_BUILD/libtoami.so")" "the library's port"
expect 1 "$(in_ns k ip -br addr show lib0 | grep -c 10.77.0.44/16)" "is set up"
"$toami" port rm /lib
until_ok sh -c "! ip netns exec $ns-k ip link show lib0"
