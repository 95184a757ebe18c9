#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Random sequences of calls on the kernel and on a fabric: the same must come of them.

Usage: compare_random.py PROGRAM [--first N] [--count N] [--steps N] [--jobs N] [--only K,K,...]
                 [--most N] [--kernel]

A seed whose results differ is run again, alone and with more time after each call; if it
still differs, its steps are left out one by one as long as it does, and what is left is
printed, with what the kernel said (-) and the fabric (+), for --most seeds. --only shows one seed's steps, --kernel compares the kernel with itself. Needs
TOAMI_BUILD, and root for a network namespace.
"""

import argparse
import difflib
import os
import shutil
import subprocess
import sys
import tempfile

parser = argparse.ArgumentParser()
parser.add_argument("program")
parser.add_argument("--first", type=int, default=1)
parser.add_argument("--count", type=int, default=100)
parser.add_argument("--steps", type=int, default=30)
parser.add_argument("--jobs", type=int, default=4)
parser.add_argument("--settle", type=int, default=400)
parser.add_argument("--only")
parser.add_argument("--most", type=int, default=1)
parser.add_argument("--kernel", action="store_true")
args = parser.parse_args()

TOAMI = os.path.abspath(os.path.join(os.environ["TOAMI_BUILD"], "toami"))
PROGRAM = os.path.abspath(args.program)
# Its addresses are those of loopback, its segments of a fabric's size.
NAMESPACE = ["unshare", "-n", "sh", "-c", 'ip link set lo mtu 1500 up && exec "$@"', "sh"]


def outputs(where, first, count, jobs, settle, only):
    """What each seed told, by seed."""
    work = tempfile.mkdtemp()
    # A fabric of its own: what the last one left in TIME-WAIT is not there.
    os.environ["TOAMI_DIR"] = os.path.join(work, "fabric")
    command = [PROGRAM, str(first), str(count), "--steps", str(args.steps),
               "--jobs", str(jobs), "--settle", str(settle)]
    if only is not None:
        command += ["--only", ",".join(map(str, only))]
    if where == "kernel":
        command = NAMESPACE + command
    else:
        command = [TOAMI, "run", "-v", "/random", "--"] + command
    try:
        status = subprocess.run(command, cwd=work, check=False).returncode
        if status:
            print("ended with", status, "on the", where)
        told = {}
        for j in range(jobs):
            with open(os.path.join(work, "out%d" % j), errors="replace") as f:
                lines = f.read().splitlines()
            for line in lines:
                if line.startswith("seed "):
                    seed = int(line[5:])
                    told[seed] = []
                else:
                    told[seed].append(line)
        return told
    finally:
        if where == "fabric":
            subprocess.run([TOAMI, "down"], stdout=subprocess.DEVNULL,
                           stderr=subprocess.DEVNULL, check=False)
        shutil.rmtree(work, ignore_errors=True)


def both(first, count, jobs, settle, only):
    return (outputs("kernel", first, count, jobs, settle, only),
            outputs("kernel" if args.kernel else "fabric", first, count, jobs, settle, only))


def differ(seed, only, tries=2):
    """The first two results that differ in each of several tries, or None."""
    pair = None
    for n in range(tries):
        kernel, fabric = both(seed, 1, 1, args.settle * (4 + 4 * n), only)
        if kernel.get(seed) == fabric.get(seed):
            return None
        pair = kernel.get(seed, []), fabric.get(seed, [])
    return pair


def steps_until(pair):
    """The steps up to the first difference."""
    last = 0
    for a, b in zip(pair[0] + ["end"], pair[1] + ["end"]):
        if a[:1].isdigit():
            last = max(last, int(a.split()[0]))
        if b[:1].isdigit():
            last = max(last, int(b.split()[0]))
        if a != b:
            break
    return list(range(last + 1))


def shorten(seed, pair):
    only = steps_until(pair)
    size = len(only) // 2 or 1
    while True:
        at = 0
        while at < len(only):
            less = only[:at] + only[at + size:]
            now = differ(seed, less, 1) if less else None
            if now:
                only, pair = [k for k in less if k in steps_until(now)], now
            else:
                at += size
        if size == 1:
            return only, pair
        size //= 2


def show(seed, pair):
    print("seed %d" % seed)
    for line in difflib.unified_diff(pair[0], pair[1], n=60, lineterm=""):
        if not line.startswith(("---", "+++", "@@")):
            print(line)
    sys.stdout.flush()


def main():
    if args.only is not None:
        only = [int(k) for k in args.only.split(",")]
        kernel, fabric = both(args.first, 1, 1, args.settle * 4, only)
        show(args.first, (kernel[args.first], fabric[args.first]))
        return kernel != fabric
    found = chance = 0
    kernel, fabric = both(args.first, args.count, args.jobs, args.settle, None)
    if len(kernel) != args.count:
        print("FAIL: the kernel ran %d seeds of %d" % (len(kernel), args.count))
        return 1
    for seed in sorted(kernel):
        if kernel[seed] == fabric.get(seed):
            continue
        pair = differ(seed, None)
        if not pair:
            chance += 1
            continue
        found += 1
        only, pair = shorten(seed, pair)
        print("\n--only " + ",".join(map(str, only)), end=" --first ")
        show(seed, pair)
        if found == args.most:
            break
    calls = sum(len(v) for v in kernel.values())
    print("%s%d seeds, %d lines: %d differ (%d more did once, and not again)"
          % ("FAIL: " if found else "", args.count, calls, found, chance))
    return 1 if found else 0


if __name__ == "__main__":
    if os.geteuid():
        print("skipped: a network namespace needs root")
        sys.exit(77)
    sys.exit(main())
