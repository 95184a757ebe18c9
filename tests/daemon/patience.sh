#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# The daemon waits for nobody: not for a directory of users, nor for a file, nor for
# whoever stands behind a descriptor that comes with a request.
. "$(dirname "$0")/../apps/lib.sh"
need python3 timeout

env LD_PRELOAD="$TOAMI_BUILD/tests/daemon/libslow-names.so" "$TOAMI_BUILD/toamid"
# quick COMMAND...: within the time that nothing that waits would take
quick() {
	timeout 5 "$@" || { echo "FAIL: $* ends with $?"; exit 1; }
}
quick "$toami" vif add /a owner=nobody >/dev/null
quick "$toami" vif set /a owner=daemon
quick "$toami" vif show /a >"$work/show"
grep -q '^set *owner=daemon$' "$work/show"
quick "$toami" save >"$work/tree"
grep -q '^vif add -a [0-9.a-f:,]* /a owner=daemon$' "$work/tree"
sed -i 's/owner=daemon/owner=nobody/' "$work/tree"
expect '~ /a owner daemon -> nobody' "$(quick "$toami" load --diff "$work/tree")" "names in what changes"
quick "$toami" load "$work/tree" >/dev/null
expect 65534 "$("$toami" vif show --json /a | sed -n 's/.*"owner": \([0-9]*\).*/\1/p')" "names in a file"
refuses 64 "there is no user 'no-such-user'" vif set /a owner=no-such-user
# This one libpcap looks up, in a process of its own.
start=$(date +%s)
refuses 64 'it takes longer' vif set /a 'filter=ip proto nosuchprotocol'
[ $(($(date +%s) - start)) -lt 5 ]
quick "$toami" status >/dev/null
echo "ok: nobody is waited for who knows names"

mkfifo "$work/fifo"
refuses 66 'a file of at most' vif set /a "program=$work/fifo"
refuses 66 'a file of at most' vif set /a "program=$work"
head -c 5000000 /dev/zero >"$work/large"
refuses 66 'a file of at most 4194304 bytes' vif set /a "program=$work/large"

cat >"$work/give.py" <<'END'
import array, json, os, socket, struct, sys
control = socket.socket(socket.AF_UNIX)
control.settimeout(5)
control.connect(os.environ["TOAMI_DIR"] + "/control")
def ask(fd, **request):
    control.sendmsg([json.dumps(request).encode()],
                    [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [fd]))])
    # The daemon is the last one to have it.
    os.close(fd)
    control.send(b"\n")
    return control.recv(65536).decode()
file = os.open(sys.argv[1], os.O_RDONLY)
said = ask(file, verb="vif.set", path="/a", set={"program": "/x.o"}, files=["/x.o"])
assert "has to come in sealed memory" in said, said
# A socket with something to say, to nobody who listens: to close it takes half a minute.
server = socket.create_server(("127.0.0.1", 0))
for verb in "version", "port.add":
    lingers = socket.create_connection(server.getsockname())
    lingers.setblocking(False)
    try:
        while True:
            lingers.send(bytes(65536))
    except BlockingIOError:
        pass
    lingers.setblocking(True)
    lingers.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 30))
    said = ask(lingers.detach(), verb=verb, path="/a", name="x", files=["x"])
    assert ("no-interface" if verb == "port.add" else "protocol") in said, said
END
head -c 100 /dev/zero >"$work/plain"
quick python3 "$work/give.py" "$work/plain"
quick "$toami" status >/dev/null
echo "ok: what came along is let go of beside the loop"
