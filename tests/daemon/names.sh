#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Names: the tree's own from the gateway, all others from a resolver of the host's.
. "$(dirname "$0")/../apps/lib.sh"
need python3 getent

# A resolver that knows one name, long and short; asked over the host's own loopback.
cat >"$work/resolver.py" <<'END'
import socket, struct, sys, threading
answers = {b"\x07example\x04test\x00": [bytes([192, 0, 2, 7])],
           b"\x04many\x04test\x00": [bytes([192, 0, 2, n]) for n in range(250)]}
def answer(q, most):
    end = q.index(b"\0", 12) + 1
    name, typ = q[12:end].lower(), q[end:end + 2]
    got = answers.get(name)
    rcode = 0 if got is not None else 3
    rr = b"".join(b"\xc0\x0c\0\1\0\1\0\0\0\5\0\4" + a for a in got or []) if typ == b"\0\1" else b""
    n = len(rr) // 16
    if 12 + end + 4 + len(rr) > most:
        return q[:2] + b"\x83\x80\0\1\0\0\0\0\0\0" + q[12:end + 4]
    return q[:2] + struct.pack("!HHHHH", 0x8180 | rcode, 1, n, 0, 0) + q[12:end + 4] + rr
udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
udp.bind(("127.0.0.1", 0))
port = udp.getsockname()[1]
tcp = socket.create_server(("127.0.0.1", port))
def serve():
    while True:
        c, _ = tcp.accept()
        q = c.recv(65536)
        a = answer(q[2:], 65535)
        c.sendall(struct.pack("!H", len(a)) + a)
        c.close()
threading.Thread(target=serve, daemon=True).start()
open(sys.argv[1], "w").write(str(port))
while True:
    q, peer = udp.recvfrom(4096)
    if b"\x06silent" not in q:
        udp.sendto(answer(q, 512), peer)
END
python3 "$work/resolver.py" "$work/port" &
started="$started $!"
until_ok test -s "$work/port"
"$TOAMI_BUILD/toamid" --foreground --resolver "127.0.0.1:$(cat "$work/port")" \
	2>"$work/daemon.log" &
daemon=$!
until_ok "$toami" status

"$toami" vif add /db >/dev/null
"$toami" vif add /web/api >/dev/null

resolve() {
	on /cli getent ahostsv4 "$1" | sed -n '1s/ .*//p'
}
expect 10.77.0.2 "$(resolve db)" "db"
expect 10.77.0.2 "$(resolve db.toami)" "db.toami"
expect 10.77.0.3 "$(resolve api.web)" "a lane, by two labels"
expect 10.77.0.1 "$(resolve gateway)" "gateway"
expect "" "$(resolve nosuch)" "an unknown name"
expect 192.0.2.7 "$(resolve example.test)" "a name outside"
expect "" "$(resolve nosuch.test)" "an unknown name outside"

# The wire: over UDP and TCP, cut and whole, to a silent resolver, and nonsense.
cat >"$work/ask.py" <<'END'
import socket, struct
gw = ("10.77.0.1", 53)
def query(name, typ=1, ident=0x1234):
    labels = b"".join(bytes([len(l)]) + l.encode() for l in name.split(".") if l)
    return struct.pack("!HHHHHH", ident, 0x100, 1, 0, 0, 0) + labels + b"\0" + struct.pack("!HH", typ, 1)
def udp(q):
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.settimeout(10)
    s.sendto(q, gw)
    return s.recv(65536)
def read(s, n):
    data = b""
    while len(data) < n:
        d = s.recv(n - len(data))
        assert d, "the connection ended"
        data += d
    return data
def tcp(*queries):
    s = socket.create_connection(gw, 10)
    s.sendall(b"".join(struct.pack("!H", len(q)) + q for q in queries))
    return [read(s, struct.unpack("!H", read(s, 2))[0]) for _ in queries]
rcode = lambda a: a[3] & 15
count = lambda a: struct.unpack("!H", a[6:8])[0]
a = udp(query("db"))
assert rcode(a) == 0 and a[:2] == b"\x12\x34" and a[-4:] == bytes([10, 77, 0, 2]), a
assert rcode(udp(query("nosuch"))) == 3
assert rcode(udp(query("db", 15))) == 0 and count(udp(query("db", 15))) == 0
a = udp(query("many.test"))
assert a[2] & 2 and len(a) <= 512, "a long answer is cut over UDP"
a, b, c = tcp(query("many.test", ident=1), query("db", ident=2), query("example.test", ident=3))
assert count(a) == 250 and a[1] == 1 and b[1] == 2 and c[1] == 3, "TCP answers in order"
assert rcode(udp(query("silent.test"))) == 2, "no answer: SERVFAIL"
s = socket.create_connection(gw, 10)
s.sendall(b"\0\3abc")
assert s.recv(10) == b"", "nonsense is hung up on"
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
for junk in b"", b"x", b"\0" * 12, b"\xff" * 600:
    s.sendto(junk, gw)
assert rcode(udp(query("db"))) == 0
held = [socket.create_connection(gw, 10) for _ in range(80)]
assert rcode(udp(query("db"))) == 0, "answers beside idle connections"
print("ok: the wire")
END
on /cli python3 "$work/ask.py"
expect_nothing_left
"$toami" down
wait $daemon
echo "ok: the daemon ended well"
