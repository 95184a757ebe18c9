#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Real programs killed with SIGKILL at random instants, under toamid.

Two survivors, a server and a client, exchange messages the whole time. Beside them,
redis and its benchmark run at full load, and either end is killed again and again. The
survivors must not stop, toamid must not end, and when everything has ended nothing may be
left in the fabric. A failure prints the seed and the command that repeats it.

With --objects DIR, every VIF has a filter and a packet program (counter.o, which changes maps;
marker.o) that whoever dies was likely to run; they are exchanged meanwhile.
"""
import argparse
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time

BUILD = os.environ.get("TOAMI_BUILD", "build")
TOAMI = os.path.join(BUILD, "toami")

SERVER = """
import socket
s = socket.create_server(("", 4000))
print("ready", flush=True)
c = s.accept()[0]
while data := c.recv(65536):
    c.sendall(data)
"""

# Counts rounds in a file that the test maps; every byte is checked.
CLIENT = """
import mmap, random, socket, struct, sys
f = open(sys.argv[1], "r+b")
m = mmap.mmap(f.fileno(), 8)
c = socket.create_connection(("survivor-server", 4000))
rng, n = random.Random(1), 0
while True:
    out = rng.randbytes(rng.choice((1, 64, 1500, 20000)))
    c.sendall(out)
    got = bytearray()
    while len(got) < len(out):
        data = c.recv(65536)
        if not data:
            sys.exit("the survivor's connection ended")
        got += data
    if got != out:
        sys.exit("the survivor received wrong bytes")
    n += 1
    m[:] = struct.pack("<Q", n)
"""


class Failure(Exception):
    pass


started = []


def run(vif, argv, **kw):
    p = subprocess.Popen([TOAMI, "run", "-v", vif, "--"] + argv,
                         stdin=subprocess.DEVNULL, **kw)
    started[:] = [q for q in started if q.poll() is None] + [p]
    return p


def status():
    r = subprocess.run([TOAMI, "status", "--json"], capture_output=True, text=True,
                       timeout=10)
    if r.returncode:
        raise Failure("toami status: " + r.stderr)
    return json.loads(r.stdout)


class Survivors:
    def __init__(self, work):
        self.path = os.path.join(work, "rounds")
        with open(self.path, "wb") as f:
            f.write(bytes(8))
        self.server = run("/survivor-server", [sys.executable, "-c", SERVER],
                          stdout=subprocess.PIPE, text=True)
        self.server.stdout.readline()
        self.client = run("/survivor-client",
                          [sys.executable, "-c", CLIENT, self.path],
                          stderr=subprocess.PIPE, text=True)

    def rounds(self):
        with open(self.path, "rb") as f:
            return int.from_bytes(f.read(8), "little")

    def expect_progress(self, when):
        before, end = self.rounds(), time.monotonic() + 5
        while self.rounds() < before + 2:
            if self.client.poll() is not None:
                raise Failure("%s: %s" % (when, self.client.stderr.read().strip()))
            if time.monotonic() > end:
                raise Failure("%s: the survivors stop" % when)
            time.sleep(0.001)

    def stop(self):
        for p in (self.client, self.server):
            p.kill()
            p.wait()


def start_redis():
    p = run("/db", ["redis-server", "--save", "", "--protected-mode", "no"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    end = time.monotonic() + 10
    while subprocess.run([TOAMI, "run", "-v", "/cli", "--", "redis-cli", "-h", "db",
                          "ping"], stdout=subprocess.DEVNULL,
                         stderr=subprocess.DEVNULL).returncode:
        if p.poll() is not None:
            raise Failure("redis ends with %d instead of coming up" % p.returncode)
        if time.monotonic() > end:
            raise Failure("redis does not answer within 10 s")
        time.sleep(0.005)
    return p


def start_load(rng):
    options = rng.choice((["-c", "50"], ["-c", "5", "-P", "16"],
                          ["-c", "20", "-d", "20000"]))
    return run("/cli", ["redis-benchmark", "-h", "db", "-n", "100000000", "-t",
                        "set,get"] + options,
               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


class Hooks:
    """Packet programs on the VIFs; nothing where there are no objects."""

    def __init__(self, objects, work):
        self.files = []
        if not objects:
            return
        for i in range(2):
            self.files.append(os.path.join(work, "counter%d.o" % i))
            shutil.copy(os.path.join(objects, "counter.o"), self.files[i])
        for vif in ("/survivor-server", "/survivor-client", "/db", "/cli"):
            self.toami("vif", "add", vif, "filter=tcp or udp or arp or icmp6",
                       "program=" + os.path.join(objects, "marker.o"),
                       "program-in=" + self.files[0])

    @staticmethod
    def toami(*words):
        r = subprocess.run([TOAMI, *words], capture_output=True, text=True, timeout=10)
        if r.returncode:
            raise Failure("toami %s: %s" % (" ".join(words), r.stderr.strip()))
        return r.stdout

    def exchange(self, rng):
        if self.files:
            self.toami("vif", "set", rng.choice(("/db", "/cli", "/survivor-server")),
                       "program-in=" + rng.choice(self.files))

    def check(self):
        """The programs have run, nothing went over its budget, maps are whole."""
        for vif in ("/db", "/cli") if self.files else ():
            hooks = json.loads(self.toami("vif", "show", "--json", vif))["hooks"]
            for way in ("tx", "rx"):
                n = hooks[way]
                if not n["runs"] or n["over_run"] or n["dropped"]:
                    raise Failure("%s of %s: %s" % (way, vif, n))
            lines = self.toami("map", "dump", "--ip", vif + ":clients").splitlines()
            clients = {line.split()[0]: int(line.split()[1].split(",")[0]) for line in lines}
            # The other end, and the gateway for names: each once.
            if len(clients) != len(lines) or len(lines) > 2 or max(clients.values()) < 100:
                raise Failure("clients of %s: %s" % (vif, lines))


def campaign(kills, rng, work, objects):
    daemon = status()["pid"]
    hooks = Hooks(objects, work)
    survivors = Survivors(work)
    survivors.expect_progress("at the start")
    redis = load = None
    for i in range(kills):
        if redis is None:
            redis = start_redis()
        if load is None:
            load = start_load(rng)
        time.sleep(0.01 + rng.random() * 0.03)
        if rng.random() < 0.2:
            redis.kill()
            redis.wait()
            redis = None
        # The benchmark of a killed server ends by itself, or is killed as well.
        load.kill()
        load.wait()
        load = None
        survivors.expect_progress("death %d" % (i + 1))
        if rng.random() < 0.3:
            hooks.exchange(rng)
        if (i + 1) % 100 == 0:
            if status()["pid"] != daemon:
                raise Failure("toamid has been started anew")
            print("%d deaths, %d rounds of the survivors" % (i + 1, survivors.rounds()),
                  flush=True)
    if redis:
        redis.kill()
        redis.wait()
    hooks.check()
    survivors.stop()

    end = time.monotonic() + 10
    while True:
        s = status()
        left = {k: s[k] for k in ("programs", "sockets", "frames", "chunks")}
        if not any(v for v in left.values()):
            break
        if time.monotonic() > end:
            raise Failure("left behind: %s" % left)
        time.sleep(0.05)
    if s["pid"] != daemon:
        raise Failure("toamid has been started anew")


def main():
    p = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    p.add_argument("--kills", type=int, default=1000)
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--objects", help="where counter.o and marker.o are")
    args = p.parse_args()
    if not shutil.which("redis-server") or not shutil.which("redis-benchmark"):
        print("skipped: redis is not installed")
        return 77
    os.environ["TOAMI_DIR"] = tempfile.mkdtemp(prefix="toami-faults-")
    work = tempfile.mkdtemp(prefix="toami-faults-")
    try:
        subprocess.run([TOAMI, "up"], check=True, stdout=subprocess.DEVNULL)
        campaign(args.kills, random.Random(args.seed), work, args.objects)
        print("passed: %d deaths, seed %d" % (args.kills, args.seed))
        return 0
    except Failure as e:
        print("FAIL: %s\nrepeat with: tests/faults/programs.py --kills %d --seed %d"
              % (e, args.kills, args.seed) +
              (" --objects " + args.objects if args.objects else ""))
        with open(os.path.join(os.environ["TOAMI_DIR"], "log")) as f:
            print(f.read()[-2000:])
        return 1
    finally:
        for q in started:
            q.kill()
            q.wait()
        subprocess.run([TOAMI, "down"], stdout=subprocess.DEVNULL,
                       stderr=subprocess.DEVNULL)
        shutil.rmtree(os.environ["TOAMI_DIR"], ignore_errors=True)
        shutil.rmtree(work, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
