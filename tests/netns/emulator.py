# SPDX-License-Identifier: BSD-2-Clause
"""A bad link between two interfaces of one network namespace, from a seed.

emulator.py A B [--seed N] [--loss P] [--delay MS] [--jitter MS] [--duplicate P]
            [--corrupt P] [--black-hole BYTES] [--rate MBIT]
emulator.py --plain IF     switches an interface's offloads off

Frames of A go to B and back, each with its own fate. With jitter they overtake
each other. A black hole swallows larger ones without a word. Prints counts when
it is told to end.
"""
import argparse
import fcntl
import heapq
import random
import select
import signal
import socket
import struct
import sys
import time

SIOCETHTOOL = 0x8946
# Checksums in and out, scatter-gather, TSO, GSO, GRO: each "set", to 0.
OFFLOADS = (0x15, 0x17, 0x19, 0x1F, 0x24, 0x2C)
PACKET_OUTGOING = 4


def plain(name):
    import array

    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    for command in OFFLOADS:
        value = array.array("B", struct.pack("II", command, 0))
        request = struct.pack("16sP", name.encode(), value.buffer_info()[0])
        try:
            fcntl.ioctl(s, SIOCETHTOOL, request)
        except OSError:
            pass  # not every driver has each


def raw(name):
    s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
    s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 << 20)
    s.bind((name, 3))
    s.setblocking(False)
    return s


def main():
    p = argparse.ArgumentParser()
    p.add_argument("interface", nargs="+")
    p.add_argument("--plain", action="store_true")
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--loss", type=float, default=0)
    p.add_argument("--duplicate", type=float, default=0)
    p.add_argument("--corrupt", type=float, default=0)
    p.add_argument("--delay", type=float, default=0)
    p.add_argument("--jitter", type=float, default=0)
    p.add_argument("--rate", type=float, default=0)
    p.add_argument("--black-hole", type=int, default=0)
    o = p.parse_args()
    if o.plain:
        plain(o.interface[0])
        return 0
    ends = [raw(n) for n in o.interface]
    dice = random.Random(o.seed)
    waiting, order, counts = [], 0, dict(passed=0, lost=0, doubled=0, corrupted=0, swallowed=0)
    free_at = [0.0, 0.0]

    def end(*_):
        print("seed %d: %s" % (o.seed, counts), flush=True)
        sys.exit(0)

    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGINT, end)
    print("ready", flush=True)
    while True:
        now = time.monotonic()
        while waiting and waiting[0][0] <= now:
            _, _, to, frame = heapq.heappop(waiting)
            try:
                ends[to].send(frame)
                counts["passed"] += 1
            except OSError:
                counts["lost"] += 1
        wait = max(0, waiting[0][0] - now) if waiting else None
        ready, _, _ = select.select(ends, [], [], wait)
        now = time.monotonic()
        for s in ready:
            to = 1 - ends.index(s)
            for _ in range(64):
                try:
                    frame, who = s.recvfrom(70000)
                except BlockingIOError:
                    break
                if who[2] == PACKET_OUTGOING:
                    continue
                if o.black_hole and len(frame) > o.black_hole:
                    counts["swallowed"] += 1
                    continue
                if dice.random() < o.loss:
                    counts["lost"] += 1
                    continue
                if len(frame) > 60 and dice.random() < o.corrupt:
                    at = dice.randrange(34, len(frame))
                    frame = frame[:at] + bytes([frame[at] ^ 1 << dice.randrange(8)]) + frame[at + 1 :]
                    counts["corrupted"] += 1
                at = now + (o.delay + o.jitter * dice.random()) / 1000
                if o.rate:
                    free_at[to] = max(free_at[to], now) + len(frame) * 8 / (o.rate * 1e6)
                    at += free_at[to] - now
                copies = 1
                if dice.random() < o.duplicate:
                    copies = 2
                    counts["doubled"] += 1
                for _ in range(copies):
                    order += 1
                    heapq.heappush(waiting, (at, order, to, frame))


if __name__ == "__main__":
    sys.exit(main())
