# SPDX-License-Identifier: BSD-2-Clause
"""Both ends of the interop tests, on sockets alone: whichever stack is under them.

peer.py serve PORT           a server of both families, TCP and UDP
peer.py ask ADDR PORT NAME.. scenarios against it; each prints "ok: NAME" or fails
"""
import hashlib
import random
import select
import socket
import struct
import sys
import threading
import time

BULK = 4 << 20
LIMIT = 60  # seconds that anything may take


def pattern(seed, size):
    return random.Random(seed).randbytes(size)


def read_line(s):
    line = b""
    while not line.endswith(b"\n"):
        c = s.recv(1)
        if not c:
            raise EOFError(line)
        line += c
    return line.decode().split()


def read_exactly(s, size):
    """Up to @size bytes, fewer only at the end. (With a timeout Python's sockets do not
    block, so MSG_WAITALL would not wait.)"""
    data = b""
    while len(data) < size:
        part = s.recv(size - len(data))
        if not part:
            break
        data += part
    return data


def read_all(s):
    digest, size = hashlib.sha256(), 0
    while True:
        part = s.recv(65536)
        if not part:
            return digest.hexdigest(), size
        digest.update(part)
        size += len(part)


def stream(family):
    """A socket with the congestion control that both stacks have: a machine's default may be
    one that takes no notice of losses, and times are looked at side by side."""
    s = socket.socket(family, socket.SOCK_STREAM)
    s.setsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, b"cubic")
    return s


# --- server -------------------------------------------------------------------

seen_reset = threading.Event()


def serve_one(s):
    s.settimeout(LIMIT)
    try:
        what, *args = read_line(s)
        if what == "echo":
            left = int(args[0])
            while left:
                part = s.recv(min(left, 65536))
                if not part:
                    break
                s.sendall(part)
                left -= len(part)
        elif what in ("sink", "slow"):
            if what == "slow":
                time.sleep(float(args[0]))
            s.sendall(("%s %d" % read_all(s)).encode())
        elif what == "source":
            s.sendall(pattern(int(args[0]), int(args[1])))
            s.shutdown(socket.SHUT_WR)
            read_all(s)
        elif what == "reset":
            s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        elif what == "await-reset":
            s.sendall(b"x")
            try:
                s.recv(1)
            except ConnectionResetError:
                seen_reset.set()
        elif what == "was-reset":
            s.sendall(b"yes" if seen_reset.wait(5) else b"no")
    except (OSError, EOFError) as e:
        print("server:", repr(e), flush=True)
    finally:
        s.close()


def serve(port):
    s = stream(socket.AF_INET6)
    s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    s.bind(("::", port))
    s.listen(64)
    u = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
    u.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
    u.bind(("::", port))
    print("ready", flush=True)
    while True:
        ready, _, _ = select.select([s, u], [], [])
        if u in ready:
            data, who = u.recvfrom(65536)
            u.sendto(data, who)
        if s in ready:
            c, _ = s.accept()
            threading.Thread(target=serve_one, args=(c,), daemon=True).start()


# --- client -------------------------------------------------------------------


def tcp(addr, port, first=None, before=None):
    family = socket.AF_INET6 if ":" in addr else socket.AF_INET
    s = stream(family)
    s.settimeout(LIMIT)
    if before:
        before(s)
    s.connect((addr, port))
    if first:
        s.sendall(first.encode() + b"\n")
    return s


def check(got, want, what):
    if got != want:
        if isinstance(got, bytes) and len(got) + len(want) > 400:
            got, want = len(got), len(want)
        raise AssertionError("%s: expected %r, got %r" % (what, want, got))


def bulk_up(addr, port):
    data = pattern(1, BULK)
    with tcp(addr, port, "sink") as s:
        s.sendall(data)
        s.shutdown(socket.SHUT_WR)
        got = read_exactly(s, 200).decode()
    check(got, "%s %d" % (hashlib.sha256(data).hexdigest(), BULK), "what arrived")


def bulk_down(addr, port):
    want = hashlib.sha256(pattern(2, BULK)).hexdigest()
    with tcp(addr, port, "source 2 %d" % BULK) as s:
        check(read_all(s), (want, BULK), "what arrived")


def requests(addr, port):
    sizes = [1, 2, 100, 1447, 1448, 1449, 5000] * 8
    with tcp(addr, port, "echo %d" % sum(sizes)) as s:
        s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for i, size in enumerate(sizes):
            data = pattern(i, size)
            s.sendall(data)
            check(read_exactly(s, size), data, "echo %d" % i)
        check(s.recv(1), b"", "the end")


def half_close(addr, port):
    with tcp(addr, port, "sink") as s:
        s.sendall(b"abc")
        s.shutdown(socket.SHUT_WR)
        want = "%s 3" % hashlib.sha256(b"abc").hexdigest()
        check(read_exactly(s, 200).decode(), want, "answer")


def reset_by_peer(addr, port):
    with tcp(addr, port, "reset") as s:
        try:
            check(s.recv(1), "ECONNRESET", "recv after a reset")
        except ConnectionResetError:
            pass


def reset_by_us(addr, port):
    with tcp(addr, port, "await-reset") as s:
        check(s.recv(1), b"x", "the first byte")
        s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    with tcp(addr, port, "was-reset") as s:
        check(read_exactly(s, 3), b"yes", "the peer's word")


def zero_window(addr, port):
    data = pattern(3, 8 << 20)
    with tcp(addr, port, "slow 1.2") as s:
        begin = time.monotonic()
        s.sendall(data)
        s.shutdown(socket.SHUT_WR)
        got = read_exactly(s, 200).decode()
        check(time.monotonic() - begin > 1.1, True, "the pause")
    check(got, "%s %d" % (hashlib.sha256(data).hexdigest(), len(data)), "what arrived")


def refused(addr, port):
    try:
        tcp(addr, port + 1)
    except ConnectionRefusedError:
        pass
    else:
        raise AssertionError("TCP to a closed port was accepted")
    u = udp(addr, port + 1)
    for _ in range(20):
        try:
            u.send(b"x")
            time.sleep(0.1)
        except ConnectionRefusedError:
            return
    raise AssertionError("UDP to a closed port gave no error")


def udp(addr, port):
    u = socket.socket(socket.AF_INET6 if ":" in addr else socket.AF_INET, socket.SOCK_DGRAM)
    u.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
    u.settimeout(1)
    u.connect((addr, port))
    return u


def datagrams(addr, port):
    """With loss, again until it has come; larger than the link: fragments."""
    u = udp(addr, port)
    for size in (0, 1, 1400, 1472, 1473, 4000, 9000, 30000):
        data = pattern(size, size)
        for attempt in range(40):
            u.send(data)
            try:
                got = u.recv(65536)
                while got != data:
                    got = u.recv(65536)
                break
            except socket.timeout:
                pass
        else:
            raise AssertionError("%d bytes never came back" % size)


def many(addr, port):
    for i in range(100):
        with tcp(addr, port, "echo 5") as s:
            s.sendall(b"%5d" % i)
            check(read_exactly(s, 5), b"%5d" % i, "connection %d" % i)


def ecn(addr, port):
    with tcp(addr, port, "echo 1") as s:
        info = s.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 104)
        check(bool(info[5] & 8), True, "TCPI_OPT_ECN")
        s.sendall(b"x")
        check(s.recv(1), b"x", "echo")


def small_segments(addr, port):
    def before(s):
        s.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, 536)

    data = pattern(4, 300000)
    with tcp(addr, port, "sink", before) as s:
        s.sendall(data)
        s.shutdown(socket.SHUT_WR)
        got = read_exactly(s, 200).decode()
    check(got, "%s %d" % (hashlib.sha256(data).hexdigest(), len(data)), "what arrived")


def ask(addr, port, names):
    for name in names:
        begin = time.monotonic()
        try:
            globals()[name.replace("-", "_")](addr, port)
        except (OSError, AssertionError) as e:
            print("FAIL: %s with %s: %r" % (name, addr, e), flush=True)
            return 1
        print("ok: %s with %s, %.2f s" % (name, addr, time.monotonic() - begin), flush=True)
    return 0


if __name__ == "__main__":
    if sys.argv[1] == "serve":
        serve(int(sys.argv[2]))
    sys.exit(ask(sys.argv[2], int(sys.argv[3]), sys.argv[4:]))
