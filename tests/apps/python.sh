#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Python: http.server, asyncio, threads, subprocess, and select of every kind.
. "$(dirname "$0")/lib.sh"
need python3 curl

mkdir "$work/www"
echo "python" >"$work/www/index.html"
start /py python3 -m http.server 8000 --directory "$work/www"
until_ok on /cli curl -sf http://py:8000/
expect python "$(on /cli curl -s http://py:8000/)" "http.server"
expect python "$(on /cli python3 -c '
import urllib.request
print(urllib.request.urlopen("http://py:8000/").read().decode().strip())')" "urllib"

expect "1000 echoes" "$(on /loop python3 - <<'EOF'
import asyncio

async def serve(reader, writer):
    while data := await reader.read(100):
        writer.write(data)
        await writer.drain()
    writer.close()

async def talk(n):
    reader, writer = await asyncio.open_connection("127.0.0.1", 7777)
    for i in range(n):
        writer.write(b"x%d" % i)
        assert await reader.read(100) == b"x%d" % i
    writer.close()
    await writer.wait_closed()
    return n

async def main():
    async with await asyncio.start_server(serve, "127.0.0.1", 7777):
        print(sum(await asyncio.gather(*[talk(100) for _ in range(10)])), "echoes")

asyncio.run(main())
EOF
)" "asyncio on the VIF's own loopback"

expect "selectors agree" "$(on /loop python3 - <<'EOF'
import os, selectors, socket, threading

def check(kind):
    sel = kind()
    a, b = os.pipe()                      # the kernel's
    srv = socket.create_server(("127.0.0.1", 0))  # ours
    sel.register(a, selectors.EVENT_READ, "pipe")
    sel.register(srv, selectors.EVENT_READ, "accept")
    assert sel.select(0.01) == []
    threading.Timer(0.05, os.write, (b, b"x")).start()
    assert [k.data for k, _ in sel.select(5)] == ["pipe"]
    os.read(a, 1)
    c = socket.create_connection(srv.getsockname())
    assert [k.data for k, _ in sel.select(5)] == ["accept"]
    s, _ = srv.accept()
    sel.register(s, selectors.EVENT_READ, "data")
    threading.Timer(0.05, c.sendall, (b"hi",)).start()
    assert [k.data for k, _ in sel.select(5)] == ["data"]
    assert s.recv(10) == b"hi"
    c.close()
    assert [k.data for k, _ in sel.select(5)] == ["data"]
    assert s.recv(10) == b""
    for x in (s, srv): x.close()
    os.close(a); os.close(b)
    sel.close()

for kind in (selectors.SelectSelector, selectors.PollSelector, selectors.EpollSelector):
    check(kind)
print("selectors agree")
EOF
)" "select, poll and epoll over both kinds of descriptors"

expect "child on /loop" "$(on /loop python3 - <<'EOF'
import socket, subprocess, sys
srv = socket.create_server(("127.0.0.1", 0))
child = subprocess.Popen([sys.executable, "-c", """
import socket, sys
c = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
c.sendall(b"child on /loop")
""", str(srv.getsockname()[1])])
s, _ = srv.accept()
print(s.recv(100).decode())
assert child.wait() == 0
EOF
)" "subprocess"

expect "shared by fork" "$(on /loop python3 - <<'EOF'
import os, socket
srv = socket.create_server(("127.0.0.1", 0))
pid = os.fork()
if pid == 0:
    c, _ = srv.accept()            # a listener shared with the parent
    c.sendall(b"shared by fork")
    os._exit(0)
s = socket.create_connection(srv.getsockname())
got = s.recv(100)
assert os.waitpid(pid, 0)[1] == 0
assert s.recv(100) == b""          # the child's death closed its end
print(got.decode())
EOF
)" "a listener shared by fork"
expect "passed on" "$(on /loop python3 - <<'EOF'
import array, os, socket, subprocess, sys, time
def one(how):
    up, down = socket.socketpair()
    srv = socket.create_server(("127.0.0.1", 0))
    c = socket.create_connection(srv.getsockname())
    s, _ = srv.accept()
    child = subprocess.Popen([sys.executable, "-c", """
import socket, sys
up = socket.socket(fileno=int(sys.argv[1]))
_, fds, _, _ = socket.recv_fds(up, 10, 2)
s, srv = socket.socket(fileno=fds[0]), socket.socket(fileno=fds[1])
assert s.getsockname() == srv.getsockname()
s.sendall(b"passed on")
d, _ = srv.accept()
d.sendall(b"listener too")
""", str(down.fileno())], pass_fds=[down.fileno()])
    name = srv.getsockname()
    socket.send_fds(up, [b"x"], [s.fileno(), srv.fileno()])
    if how == "close":       # what is on its way outlives its sender's descriptor
        s.close()
        srv.close()
    got = c.recv(100)
    d = socket.create_connection(name)
    assert d.recv(100) == b"listener too"
    assert child.wait() == 0
    if how == "close":
        assert c.recv(100) == b""   # the child was the last
        try:
            socket.create_connection(name)
            assert False
        except ConnectionRefusedError:
            pass
    return got.decode()
assert one("keep") == "passed on"
# Sent, never received: the end of the last Unix socket ends it.
a, b = socket.socketpair()
srv = socket.create_server(("127.0.0.1", 0))
name = srv.getsockname()
socket.send_fds(a, [b"x"], [srv.fileno()])
srv.close()
socket.create_connection(name).close()
print(one("close"))
EOF
)" "sockets passed over a Unix socket"
expect "EFAULT everywhere" "$(on /loop python3 - <<'EOF'
import ctypes, errno, socket
libc = ctypes.CDLL(None, use_errno=True)
a = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
a.bind(("127.0.0.1", 0))
a.sendto(b"x", a.getsockname())
srv = socket.create_server(("127.0.0.1", 0))
c = socket.create_connection(srv.getsockname())
fresh = socket.socket()
for bad in (ctypes.c_void_p(-4096), ctypes.c_void_p(1 << 62)):
    fd = a.fileno()
    for name, args in {
        "bind": (fresh.fileno(), bad, 16), "connect": (fd, bad, 16),
        "getsockname": (fd, bad, bad), "getpeername": (c.fileno(), bad, bad),
        "send": (c.fileno(), bad, 10, 0), "recv": (fd, bad, 10, 0),
        "sendto": (fd, b"x", 1, 0, bad, 16), "write": (c.fileno(), bad, 10),
        "sendmsg": (fd, bad, 0), "recvmsg": (fd, bad, 0), "writev": (c.fileno(), bad, 2),
        "getsockopt": (fd, 1, 2, bad, bad), "setsockopt": (fd, 1, 2, bad, 4),
        "ioctl": (fd, 0x541b, bad), "accept": (srv.fileno(), bad, bad),
    }.items():
        ctypes.set_errno(0)
        if name == "accept":
            d = socket.create_connection(srv.getsockname())
        r = getattr(libc, name)(*args)
        assert r == -1 and ctypes.get_errno() == errno.EFAULT, (name, r, ctypes.get_errno())
print("EFAULT everywhere")
EOF
)" "bad pointers"
expect_nothing_left
