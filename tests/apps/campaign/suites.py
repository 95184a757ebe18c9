#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Tests of libevent, libuv and the Linux Test Project, on the kernel and on a fabric.

Usage: suites.py [--list] [--only TEXT]... [--keep FILE] [--json] [SUITE]...
       suites: libevent, libuv, ltp; default: all

Each test is a process of its own, with a time limit, once in a network namespace with
nothing but a loopback and once under `toami run`. Prints every case that is worse on the
fabric, with the last line of what it said, then the totals. What differs is run twice more
on either side: a case that fails on the kernel now and then is flaky, not worse. The exit
status is 0 if in each suite at most 2 % of the cases fail on the fabric alone; those that
a test skips there are named and counted beside them. --keep remembers the kernel's results.

Needs root, TOAMI_BUILD, and trees with the tests built in them: TOAMI_LIBEVENT
(test/regress), TOAMI_LIBUV (uv_run_tests, there or in build/), TOAMI_LTP (the programs of
testcases/kernel/syscalls; those that are not built are left out).
"""

import argparse
import os
import re
import sys
import tempfile

import pairs

# The system calls of LTP whose programs concern sockets, waiting, splicing and descriptors.
CALLS = """accept accept4 bind connect getpeername getsockname getsockopt listen recv recvfrom
    recvmmsg recvmsg send sendfile sendmmsg sendmsg sendto setsockopt shutdown socket socketcall
    socketpair sockioctl poll ppoll select pselect epoll_create epoll_create1 epoll_ctl
    epoll_pwait epoll_wait splice tee vmsplice dup dup2 dup3 close close_range fcntl pipe
    pipe2""".split()


class Suite:
    """A suite's tests, in a tree that the environment names."""

    seconds = 60  # a test that takes longer hangs
    long = ()  # what takes minutes by design, and is not run again
    env = {}

    def __init__(self):
        self.tree = os.path.abspath(os.environ.get(self.variable) or "/nonexistent")

    def need(self, path):
        """The sentence for when @path is not in the tree, or None."""
        if os.access(os.path.join(self.tree, path), os.R_OK):
            return None
        return f"{self.variable} names no tree with {path} in it"

    def directory(self, _):
        """Where a test is run, and finds programs; None: in an empty directory of its own."""
        return None

    def judge(self, name, status, said):
        """The results of a test that ended by itself."""
        raise NotImplementedError

    def run(self, sides, side, name):
        with tempfile.TemporaryDirectory() as empty:
            where = self.directory(name) or empty
            env = dict(sides.env, TMPDIR=empty, **self.env)
            env["PATH"] = f"{where}:{env['PATH']}"
            status, said = pairs.output(sides.prefix[side] + self.command(name), self.seconds,
                                        cwd=where, env=env)
        if status is None:
            return self.parts(name, said) + [(name, "hang", pairs.last_line(said))]
        return self.judge(name, status, said)

    def parts(self, name, said):
        """What a test with several cases said before it hung."""
        return []


class Libevent(Suite):
    variable = "TOAMI_LIBEVENT"
    program = "test/regress"

    def missing(self):
        return self.need(self.program)

    def path(self):
        return os.path.join(self.tree, self.program)

    def tests(self):
        _, said = pairs.output([self.path(), "--list-tests"], 30)
        return [line.split()[0] for line in said.splitlines()
                if re.match(r" {4}\S+/\S+$", line.rstrip())]

    def command(self, name):
        return [self.path(), name]

    def judge(self, name, status, said):
        skips = re.findall(r"(?m)\((\d+) skipped\)$", said)
        if status == 0 and skips:
            return [(name, "skip" if skips[-1] != "0" else "ok", pairs.last_line(said))]
        # The line with the reason comes before the totals.
        why = [line for line in said.splitlines() if "FAIL" in line]
        return [(name, "fail" if skips else "crash", why[0].strip() if why else f"status {status}")]


class Libuv(Suite):
    variable = "TOAMI_LIBUV"
    seconds = 120
    # Its own limit is 5 s a test, which a busy machine exceeds.
    env = {"UV_RUN_AS_ROOT": "1", "UV_TEST_TIMEOUT_MULTIPLIER": "4"}

    def missing(self):
        return None if os.path.exists(self.path()) else self.need("uv_run_tests")

    def path(self):
        inner = os.path.join(self.tree, "build", "uv_run_tests")
        return inner if os.path.exists(inner) else os.path.join(self.tree, "uv_run_tests")

    def directory(self, _):
        # Some tests open test/fixtures below the directory of the sources.
        return self.tree

    def tests(self):
        _, said = pairs.output([self.path(), "--list"], 30, env=dict(os.environ, **self.env))
        return list(dict.fromkeys(line.strip() for line in said.splitlines()
                                  if re.fullmatch(r"\w+", line.strip())))

    def command(self, name):
        return [self.path(), name]

    def judge(self, name, status, said):
        line = re.search(r"(?m)^(not )?ok \d+ - \S+(.*)", said)
        if not line:
            return [(name, "crash", f"status {status}: {pairs.last_line(said)}")]
        if line.group(1):
            return [(name, "fail", pairs.last_line(said))]
        return [(name, "skip" if "# SKIP" in line.group(2) else "ok", line.group(2).strip())]


class Ltp(Suite):
    variable = "TOAMI_LTP"
    seconds = 480
    long = ("bind06", "setsockopt06", "setsockopt07")  # try to lose a race for 150 s or more
    words = {"TPASS": "ok", "TCONF": "skip", "TFAIL": "fail", "TBROK": "fail", "TWARN": "fail"}

    def __init__(self):
        super().__init__()
        # Tests that try for a fixed time whether something goes wrong: a tenth of it.
        self.env = {"LTP_RUNTIME_MUL": "0.1", "LTPROOT": self.tree, "LTP_COLORIZE_OUTPUT": "0"}
        self.commands = {}

    def missing(self):
        return self.need("runtest/syscalls")

    def tests(self):
        built = {}
        for call in CALLS:
            there = os.path.join(self.tree, "testcases/kernel/syscalls", call)
            for f in os.listdir(there) if os.path.isdir(there) else []:
                path = os.path.join(there, f)
                if os.path.isfile(path) and os.access(path, os.X_OK):
                    built[f] = path
        with open(os.path.join(self.tree, "runtest/syscalls")) as lines:
            for words in (line.split() for line in lines if not line.startswith("#")):
                if len(words) > 1 and words[1] in built:
                    self.commands[words[0]] = [built[words[1]]] + words[2:]
        return sorted(self.commands)

    def command(self, name):
        return self.commands[name]

    def directory(self, name):
        # A program looks there, and in PATH, for others that it starts.
        return os.path.dirname(self.commands[name][0])

    def parts(self, name, said):
        found = []
        for line in said.splitlines():
            m = re.search(r"\b(TPASS|TCONF|TFAIL|TBROK|TWARN)\b\s*:?\s*(.*)", line)
            if m:
                # Numbers, names of files and of errors change from run to run.
                text = re.sub(r"0x[0-9a-f]+|\d+|\(nil\)|/\S+|\bE[A-Z]+\b", "N", m.group(2))
                found.append((f"{name}: {text[:100]}", self.words[m.group(1)],
                              m.group(2)[:200]))
        return found

    def judge(self, name, status, said):
        found = self.parts(name, said)
        # The status is a set of bits: fails 1, breaks 2, warns 4, skips 32.
        if status == 0 and not found:  # old ones only say in which block they are
            found.append((name, "ok", pairs.last_line(said)))
        elif status < 0 or status & ~39 or not found:
            found.append((name, "crash", f"status {status}: {pairs.last_line(said)}"))
        return found


SUITES = {"libevent": Libevent, "libuv": Libuv, "ltp": Ltp}


def main():
    ap = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    ap.add_argument("suite", nargs="*", metavar="SUITE", help=", ".join(SUITES))
    ap.add_argument("--only", action="append", help="tests whose name has this in it")
    ap.add_argument("--keep", help="results of the kernel, kept there between runs")
    ap.add_argument("--list", action="store_true", help="name the tests only")
    ap.add_argument("--json", action="store_true", help="the results as JSON, at the end")
    args = ap.parse_args()
    for name in args.suite:
        if name not in SUITES:
            ap.error(f"there is no suite {name}, but {', '.join(SUITES)}")
    tallies = []
    with pairs.Sides("/suites") as sides:
        why = None if args.list else sides.missing()
        if why:
            print(f"skipped: {why}")
            return 77
        kept = pairs.Kept(args.keep)
        for name in args.suite or SUITES:
            suite = SUITES[name]()
            if suite.missing():
                print(f"skipped: {name}: {suite.missing()}", file=sys.stderr)
                continue
            tests = [t for t in suite.tests() if not args.only or any(o in t for o in args.only)]
            if args.list:
                print("\n".join(f"{name} {t}" for t in tests))
                continue
            tally = pairs.Tally(name, args.json)
            tallies.append(tally)
            for done, test in enumerate(tests):
                tally.progress(done, len(tests), test)

                def run(side, i=0, suite=suite, name=name, test=test):
                    return kept.get(f"{name} {test} {i}", lambda: suite.run(sides, side, test),
                                    side)
                tally.take(run("kernel"), run("fabric"), None if test in suite.long else run)
    if args.list:
        return 0
    return pairs.judge(tallies, args.json) if tallies else 77


if __name__ == "__main__":
    sys.exit(main())
