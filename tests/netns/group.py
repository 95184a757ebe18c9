# SPDX-License-Identifier: BSD-2-Clause
"""Multicast by sockets alone, on whichever stack.

group.py hear GROUP PORT [SOURCE]   joins, says "ready", prints the first datagram
group.py say GROUP PORT WORD        sends it ten times a second for three seconds
"""
import socket
import struct
import sys
import time


def hear(group, port, source):
    six = ":" in group
    s = socket.socket(socket.AF_INET6 if six else socket.AF_INET, socket.SOCK_DGRAM)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    s.bind(("", port))
    if six:
        index = next(i for i, name in socket.if_nameindex() if name != "lo") if socket.if_nameindex() else 0
        s.setsockopt(
            socket.IPPROTO_IPV6,
            socket.IPV6_JOIN_GROUP,
            socket.inet_pton(socket.AF_INET6, group) + struct.pack("i", index),
        )
    elif source:
        # IP_ADD_SOURCE_MEMBERSHIP: group, interface, source
        s.setsockopt(socket.IPPROTO_IP, 39, socket.inet_aton(group) + bytes(4) + socket.inet_aton(source))
    else:
        s.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, socket.inet_aton(group) + bytes(4))
    print("ready", flush=True)
    s.settimeout(15)
    data, who = s.recvfrom(100)
    print(data.decode(), who[0], flush=True)


def say(group, port, word):
    six = ":" in group
    s = socket.socket(socket.AF_INET6 if six else socket.AF_INET, socket.SOCK_DGRAM)
    if six:
        s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_HOPS, 4)
    else:
        s.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, 4)
    for _ in range(30):
        s.sendto(word.encode(), (group, port))
        time.sleep(0.1)


if __name__ == "__main__":
    if sys.argv[1] == "hear":
        hear(sys.argv[2], int(sys.argv[3]), sys.argv[4] if len(sys.argv) > 4 else None)
    else:
        say(sys.argv[2], int(sys.argv[3]), sys.argv[4])
