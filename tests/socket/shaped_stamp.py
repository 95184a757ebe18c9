# SPDX-License-Identifier: BSD-2-Clause
# What is held up leaves later than it came to the scheduler, and is acknowledged
# later still. Usage: shaped_stamp.py HOST PORT DELAY_MS
import socket
import struct
import sys
import time

TX_SOFTWARE, SOFTWARE, OPT_ID, TX_SCHED, TX_ACK, TSONLY = (
    1 << 1, 1 << 4, 1 << 7, 1 << 8, 1 << 9, 1 << 11)
SO_TIMESTAMPING, RECVERR = 37, 11
NAMES = {0: "left", 1: "came", 2: "acknowledged"}


def notes(s, count):
    """The dates of one send, by name."""
    dates = {}
    end = time.monotonic() + 10
    while len(dates) < count and time.monotonic() < end:
        try:
            _, control, _, _ = s.recvmsg(0, 1024, socket.MSG_ERRQUEUE)
        except BlockingIOError:
            time.sleep(0.005)
            continue
        date = kind = None
        for level, name, data in control:
            if level == socket.SOL_SOCKET and name == SO_TIMESTAMPING:
                sec, nsec = struct.unpack_from("qq", data)
                date = sec + nsec * 1e-9
            if level == socket.SOL_IP and name == RECVERR:
                kind = struct.unpack_from("IBBBBII", data)[5]
        dates[NAMES[kind]] = date
    return dates


def expect(what, seconds, least, most):
    ok = least <= seconds <= most
    print(f"{'ok' if ok else 'FAIL'}: {what}: {seconds * 1e3:.1f} ms")
    return ok


host, port, delay = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]) / 1e3
flags = TX_SOFTWARE | TX_SCHED | SOFTWARE | OPT_ID | TSONLY
good = True
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
    s.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPING, flags)
    s.sendto(b"x", (host, port))
    d = notes(s, 2)
    good &= expect("a datagram is held up", d["left"] - d["came"],
                   delay * 0.9, delay + 1)
with socket.create_connection((host, port)) as s:
    s.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPING, flags | TX_ACK)
    s.send(b"x")
    d = notes(s, 3)
    good &= expect("a stream's byte is held up", d["left"] - d["came"],
                   delay * 0.9, delay + 1)
    good &= expect("and then acknowledged", d["acknowledged"] - d["left"],
                   0, 1)
sys.exit(not good)
