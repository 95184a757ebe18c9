# SPDX-License-Identifier: BSD-2-Clause
"""What campaigns of other people's test suites share: each case runs on the kernel, in a
network namespace of its own that has nothing but a loopback, and on a fabric of its own;
only where the two differ is there something to say.

A result is a tuple (key, what, text): key names the case and is the same on both sides,
what is one of WORDS, text is the last line of what it said.
"""

import collections
import difflib
import json
import os
import signal
import subprocess
import sys
import tempfile

LIMIT = 0.02  # of the cases may fail on the fabric alone
AGAIN = 2  # further runs on either side of what differs

# How good a result is; a case is worse where the fabric's is less than the kernel's. What
# did not get its turn is not known to fail on the kernel, but has failed on the fabric.
WORDS = {"ok": 2, "skip": 1, "not run": 0, "fail": 0, "error": 0, "hang": 0, "crash": 0}

Worse = collections.namedtuple("Worse", "key there here text")


class Sides:
    """The two places. `with Sides("/name") as sides`: the fabric ends with it."""

    KERNEL = ["unshare", "-n", "sh", "-c", 'ip link set lo up && exec "$@"', "sh"]

    def __init__(self, vif):
        self.toami = os.path.abspath(os.path.join(os.environ.get("TOAMI_BUILD", "build"), "toami"))
        self.dir = tempfile.TemporaryDirectory()
        self.env = dict(os.environ, TOAMI_DIR=self.dir.name)
        self.prefix = {"kernel": self.KERNEL, "fabric": [self.toami, "run", "-v", vif, "--"]}

    def __enter__(self):
        # Ended from outside, it ends what it started.
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
        return self

    def __exit__(self, *_):
        subprocess.run([self.toami, "down"], env=self.env, stdout=subprocess.DEVNULL,
                       stderr=subprocess.DEVNULL)
        self.dir.cleanup()

    def missing(self):
        """Why nothing can be run, or None."""
        if os.geteuid() != 0:
            return "network namespaces, and most of the suites, need root"
        if not os.access(self.toami, os.X_OK):
            return "TOAMI_BUILD names no build with toami in it"
        return None


def end(p):
    """Ends a process that was started in a session of its own, and what it started there."""
    try:
        os.killpg(p.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    p.wait()


def output(command, seconds, **how):
    """Runs @command; returns its status (None: it took too long) and what it said."""
    with tempfile.TemporaryFile() as said:
        p = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=said,
                             stderr=subprocess.STDOUT, start_new_session=True, **how)
        try:
            status = p.wait(seconds)
        except subprocess.TimeoutExpired:
            status = None
        finally:
            end(p)
        said.seek(0)
        return status, said.read().decode(errors="replace")


def last_line(text):
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1][:200] if lines else ""


def compare(there, here):
    """Two lists of results in the order of running. What only one of them has stands
    beside what the other has in its place, or beside nothing; where a skip is in place of
    several, they are all skipped."""
    match = difflib.SequenceMatcher(None, [r[0] for r in there], [r[0] for r in here], False)
    for _, a, b, c, d in match.get_opcodes():
        for i in range(max(b - a, d - c)):
            k = there[a + i] if a + i < b else None
            f = here[c + i] if c + i < d else None
            rest = here[d - 1][1:] if d > c and here[d - 1][1] == "skip" else ("not run", "")
            yield k or (f[0], "not run", ""), f or (k[0], *rest)


def worse(there, here):
    found = []
    for k, f in compare(there, here):
        if f[1] != k[1] and WORDS[f[1]] < max(WORDS[k[1]], k[1] == "not run"):
            found.append(Worse(k[0], k[1], f[1], f[2]))
    return found


class Tally:
    """Counts the results of one suite, and says what is worse."""

    def __init__(self, suite, quiet=False):
        self.suite = suite
        self.quiet = quiet
        self.sides = collections.Counter()
        self.cases = 0
        self.better = 0
        self.flaky = []
        self.found = []

    def progress(self, done, total, name):
        if not self.quiet and sys.stderr.isatty():
            print(f"\r\033[K{self.suite} {done}/{total} {name[:60]}", end="", file=sys.stderr,
                  flush=True)

    def say(self, line):
        if not self.quiet:
            if sys.stderr.isatty():
                print("\r\033[K", end="", file=sys.stderr, flush=True)
            print(line, flush=True)

    def take(self, there, here, again):
        """Counts a run of each side. Where the fabric's is worse, again(side, i) runs it once
        more, the i-th time: what fails on the kernel, too, now and then, is flaky and not
        counted. None: it takes too long for that."""
        for k, f in compare(there, here):
            self.cases += 1
            self.sides["kernel", k[1]] += 1
            self.sides["fabric", f[1]] += 1
            self.better += WORDS[f[1]] > WORDS[k[1]]
        found = worse(there, here)
        if not found:
            return
        flaky, times = set(), collections.Counter(w.key for w in found)
        once = collections.Counter(times)
        runs = AGAIN if again else 0
        for i in range(1, runs + 1):
            flaky |= {w.key for w in worse(there, again("kernel", i))}
            times.update(w.key for w in worse(there, again("fabric", i)))
        for w in found:
            kernel_too = w.key in flaky
            (self.flaky if kernel_too else self.found).append(w)
            rare = "" if times[w.key] >= once[w.key] * (1 + runs) else ", not in every run"
            self.say(f"{self.suite} {w.key}: kernel {w.there}, fabric {w.here}"
                     f"{', but the kernel now and then, too' if kernel_too else rare}: {w.text}")

    def fails(self):
        return [w for w in self.found if WORDS[w.here] == 0]

    def skips(self):
        return [w for w in self.found if WORDS[w.here] == 1]

    def summary(self):
        return (f"{self.suite}: {self.cases} cases; the kernel passes {self.sides['kernel', 'ok']} "
                f"and skips {self.sides['kernel', 'skip'] + self.sides['kernel', 'not run']}; "
                f"on the fabric {len(self.fails())} fail "
                f"({100 * len(self.fails()) / max(self.cases, 1):.1f} %) and "
                f"{len(self.skips())} are skipped that do not there, {self.better} are better, "
                f"{len(self.flaky)} flaky")

    def json(self):
        return {"suite": self.suite, "cases": self.cases, "better": self.better,
                "kernel": {w: n for (s, w), n in self.sides.items() if s == "kernel"},
                "fabric": {w: n for (s, w), n in self.sides.items() if s == "fabric"},
                "worse": [w._asdict() for w in self.found],
                "flaky": [w._asdict() for w in self.flaky]}


def judge(tallies, as_json=False):
    """Says the totals; returns the exit status: 0 where each suite keeps to LIMIT."""
    if as_json:
        print(json.dumps([t.json() for t in tallies], indent=1))
    else:
        for t in tallies:
            t.say(t.summary())
    return 0 if all(t.cases and len(t.fails()) <= LIMIT * t.cases for t in tallies) else 1


class Kept:
    """Results of the kernel, kept in a file between runs; None: not kept."""

    def __init__(self, path):
        self.path = path
        self.results = {}
        if path and os.path.exists(path):
            with open(path) as f:
                self.results = json.load(f)

    def get(self, name, run, side):
        """What run() gives; the kernel's is kept from now on, and not run if it is kept."""
        if side != "kernel":
            return run()
        if name not in self.results:
            self.results[name] = run()
            if self.path:
                with open(self.path, "w") as f:
                    json.dump(self.results, f)
        return [tuple(r) for r in self.results[name]]
