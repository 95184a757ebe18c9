#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""CPython's own tests of sockets, on the kernel and on a fabric, case by case.

Usage: cpython.py [--python PYTHON] [--module NAME]... [--match TEXT] [--list] [--keep FILE]
       [--json]

Each class of cases runs in a process of its own, once in a network namespace with nothing
but a loopback and once under `toami run`; a case that hangs is ended with its process, and
the rest of its class goes on. Prints every case that is worse on the fabric, with the last
line of what it said, then the totals. What differs is run twice more on either side: a case
that fails on the kernel now and then is flaky, not worse. The exit status is 0 if in each
module at most 2 % of the cases fail on the fabric alone.

Needs root, CPython's test package (Debian: libpython3.11-testsuite) and TOAMI_BUILD.
"""

import argparse
import json
import subprocess
import sys
import tempfile

import pairs

MODULES = ["test.test_socket", "test.test_selectors", "test.test_asyncio", "test.test_ssl"]
CLASS_SECONDS = 90  # a class that says nothing for so long hangs

# Runs in the tested interpreter: names cases, or runs those on standard input.
RUNNER = r"""
import json, sys, unittest
try:
    from test import support
    support.use_resources = ["network", "cpu"]
except ImportError:
    pass
import warnings
warnings.simplefilter("ignore")

def flat(suite):
    for t in suite:
        if isinstance(t, unittest.TestSuite):
            yield from flat(t)
        else:
            yield t

module, mode, out = sys.argv[1:4]
load = unittest.defaultTestLoader
if mode == "list":
    if module == "test.test_asyncio":
        import os, test.test_asyncio as pkg
        names = sorted("test.test_asyncio." + f[:-3] for f in os.listdir(os.path.dirname(pkg.__file__))
                       if f.startswith("test_") and f.endswith(".py"))
    else:
        names = [module]
    with open(out, "w") as f:
        for n in names:
            try:
                for t in flat(load.loadTestsFromName(n)):
                    f.write(t.id() + "\n")
            except unittest.SkipTest:
                pass  # for another system
    sys.exit(0)

class Result(unittest.TestResult):
    def say(self, test, what, text=""):
        self.out.write(json.dumps([test.id(), what, text]) + "\n")
        self.out.flush()
    def startTest(self, test):
        super().startTest(test)
        self.bad = False
        self.say(test, "start")
    def addSuccess(self, test):
        if not self.bad:
            self.say(test, "ok")
    def last(self, err):
        return self._exc_info_to_string(err, self.current).strip().splitlines()[-1][:200]
    current = None
    def addError(self, test, err):
        self.current = test
        self.bad = True
        self.say(test, "error", self.last(err))
    def addFailure(self, test, err):
        self.current = test
        self.bad = True
        self.say(test, "fail", self.last(err))
    def addSubTest(self, test, sub, err):
        if err is not None:
            self.current = test
            self.bad = True
            self.say(test, "fail", self.last(err))
    def addSkip(self, test, why):
        self.bad = True
        self.say(test, "skip", why)
    def addExpectedFailure(self, test, err):
        self.say(test, "ok")
    def addUnexpectedSuccess(self, test):
        self.say(test, "fail", "succeeds")

r = Result()
r.out = open(out, "a")
suite = unittest.TestSuite(load.loadTestsFromName(n) for n in sys.stdin.read().split())
suite.run(r)
"""


def of_class(case):
    return case.rsplit(".", 1)[0]


def run_some(python, prefix, module, cases, env):
    """Runs @cases; yields (case, what, text). What hangs is left out in the next try."""
    left = list(cases)
    while left:
        with tempfile.NamedTemporaryFile("r", suffix=".jsonl") as out, \
                tempfile.TemporaryDirectory() as cwd:
            p = subprocess.Popen(prefix + [python, "-c", RUNNER, module, "run", out.name],
                                 stdin=subprocess.PIPE, stdout=subprocess.DEVNULL,
                                 stderr=subprocess.DEVNULL, cwd=cwd, env=env,
                                 start_new_session=True, text=True)
            hung = ended = False
            try:
                p.communicate("\n".join(left), timeout=CLASS_SECONDS)
                ended = True
            except subprocess.TimeoutExpired:
                hung = True
                pairs.end(p)
            said = [json.loads(line) for line in out if line.endswith("\n")]
        open_case, seen = None, {}
        for case, what, text in said:
            if what == "start":
                open_case = case
            else:
                seen[case] = (what, text)
                open_case = None
        for case, (what, text) in seen.items():
            yield case, what, text
        if open_case and open_case not in seen:
            seen[open_case] = None
            yield open_case, "hang" if hung else "crash", f"status {p.returncode}"
        before = len(left)
        left = [c for c in left if c not in seen]
        if len(left) == before or (ended and p.returncode == 0):
            # setUpClass skipped or failed: none of them ran.
            for c in left:
                yield c, "not run", ""
            return


def results(python, prefix, module, cases, env):
    """What each of @cases came to, in their order."""
    said = {case: (what, text) for case, what, text in run_some(python, prefix, module, cases, env)}
    return [(c, *said.get(c, ("not run", ""))) for c in cases]


def names_of(python, module, env):
    """The cases of a module by class; None where it is not installed."""
    with tempfile.NamedTemporaryFile("r") as names:
        if subprocess.run([python, "-c", RUNNER, module, "list", names.name],
                          env=env).returncode:
            return None
        classes = {}
        for c in names.read().split():
            classes.setdefault(of_class(c), []).append(c)
        return classes


def main():
    ap = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    ap.add_argument("--python", default="/usr/bin/python3")
    ap.add_argument("--module", action="append")
    ap.add_argument("--match", default="", help="only cases whose name has this in it")
    ap.add_argument("--keep", help="results of the kernel, kept there between runs")
    ap.add_argument("--list", action="store_true", help="name the cases only")
    ap.add_argument("--json", action="store_true", help="the results as JSON, at the end")
    args = ap.parse_args()
    tallies = []
    with pairs.Sides("/py") as sides:
        why = None if args.list else sides.missing()
        if why:
            print(f"skipped: {why}")
            return 77
        env = dict(sides.env, PYTHONWARNINGS="ignore")
        kept = pairs.Kept(args.keep)
        for module in args.module or MODULES:
            classes = names_of(args.python, module, env)
            if classes is None:
                print(f"skipped: {module} is not installed")
                return 77
            classes = {n: [c for c in cs if args.match in c] for n, cs in classes.items()}
            if args.list:
                print("\n".join(c for cs in classes.values() for c in cs))
                continue
            tally = pairs.Tally(module, args.json)
            tallies.append(tally)
            for done, (name, cases) in enumerate(classes.items()):
                tally.progress(done, len(classes), name)

                if not cases:
                    continue

                def run(side, i=0, name=name, cases=cases, module=module):
                    def once():
                        return results(args.python, sides.prefix[side], module, cases, env)
                    return kept.get(f"{name} {args.match} {i}", once, side)
                tally.take(run("kernel"), run("fabric"), run)
    return pairs.judge(tallies, args.json) if tallies else 0


if __name__ == "__main__":
    sys.exit(main())
