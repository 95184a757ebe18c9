#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Whether campaigns see what differs: results of two sides as tables, and what suites say."""

import os
import tempfile
import unittest

import pairs
import suites


def results(words):
    """'a:ok b:fail' as a list of results."""
    return [(*w.split(":"), "") for w in words.split()]


class Worse(unittest.TestCase):
    TABLE = [  # kernel, fabric, what is worse there
        ("a:ok b:skip", "a:ok b:skip", ""),
        ("a:ok b:ok", "a:ok b:fail", "b:fail"),
        ("a:fail b:skip", "a:ok b:ok", ""),
        ("a:skip", "a:fail", "a:fail"),
        ("a:ok", "a:skip", "a:skip"),
        ("a:fail", "a:skip", ""),
        ("a:fail", "a:crash", ""),
        # another text in its place; what comes after lines up again
        ("a:ok b:ok c:ok", "a:ok x:fail c:ok", "b:fail"),
        # an end in the middle has failed what did not get its turn
        ("a:ok b:ok c:ok", "a:ok x:crash", "b:crash c:not run"),
        ("a:ok b:ok", "a:ok", "b:not run"),
        ("a:ok", "", "a:not run"),
        # unless it was skipped
        ("a:ok b:ok c:ok", "x:skip", "a:skip b:skip c:skip"),
        ("a:ok b:ok c:ok d:ok", "a:ok x:skip d:ok", "b:skip c:skip"),
        # failures that the kernel does not even try
        ("a:ok", "a:ok b:fail", "b:fail"),
        ("a:ok", "a:ok b:ok c:skip", ""),
        # a class that is skipped as a whole
        ("a:not run b:not run", "a:not run b:not run", ""),
    ]

    def test_table(self):
        for there, here, wanted in self.TABLE:
            got = " ".join(f"{w.key}:{w.here}" for w in pairs.worse(results(there), results(here)))
            self.assertEqual(got, wanted, (there, here))


class Tally(unittest.TestCase):
    def tally(self, there, here, again):
        t = pairs.Tally("suite", quiet=True)
        t.take(results(there), results(here), lambda side, _: results(again[side]))
        return t

    def test_ours(self):
        t = self.tally("a:ok b:ok", "a:ok b:fail",
                       {"kernel": "a:ok b:ok", "fabric": "a:ok b:ok"})
        self.assertEqual([w.key for w in t.found], ["b"])
        self.assertEqual((t.cases, len(t.fails()), len(t.flaky)), (2, 1, 0))

    def test_flaky_on_the_kernel(self):
        t = self.tally("a:ok b:ok", "a:fail b:fail",
                       {"kernel": "a:ok b:fail", "fabric": "a:fail b:fail"})
        self.assertEqual([w.key for w in t.found], ["a"])
        self.assertEqual([w.key for w in t.flaky], ["b"])

    def test_run_once_only(self):
        t = pairs.Tally("suite", quiet=True)
        t.take(results("a:ok"), results("a:fail"), None)
        self.assertEqual([w.key for w in t.found], ["a"])

    def test_limit(self):
        for failing, status in ((0, 0), (2, 0), (3, 1)):
            here = " ".join(f"{i}:{'fail' if i < failing else 'ok'}" for i in range(100))
            there = " ".join(f"{i}:ok" for i in range(100))
            t = self.tally(there, here, {"kernel": there, "fabric": here})
            self.assertEqual(pairs.judge([t]), status)

    def test_nothing_ran(self):
        self.assertEqual(pairs.judge([pairs.Tally("suite", quiet=True)]), 1)


class Output(unittest.TestCase):
    def test_ends(self):
        self.assertEqual(pairs.output(["sh", "-c", "echo a; exit 3"], 30), (3, "a\n"))

    def test_hangs_with_a_child_that_holds_its_output(self):
        status, said = pairs.output(["sh", "-c", "echo a; sleep 600 & wait"], 0.2)
        self.assertEqual((status, said), (None, "a\n"))

    def test_kept(self):
        with tempfile.TemporaryDirectory() as d:
            path = os.path.join(d, "kept")
            pairs.Kept(path).get("a", lambda: [("a", "ok", "")], "kernel")
            again = pairs.Kept(path).get("a", lambda: self.fail("it runs once more"), "kernel")
            self.assertEqual(again, [("a", "ok", "")])
            other = pairs.Kept(path).get("a", lambda: [("a", "fail", "")], "fabric")
            self.assertEqual(other, [("a", "fail", "")])


class Said(unittest.TestCase):
    """What the suites' tests say, as results."""

    def words(self, suite, status, said):
        return [what for _, what, _ in suite().judge("t", status, said)]

    def test_libevent(self):
        for status, said, wanted in [
                (0, "a/b: OK\n1 tests ok.  (0 skipped)\n", "ok"),
                (0, "a/b: SKIPPED\n0 tests ok.  (1 skipped)\n", "skip"),
                (1, "a/b: \n  FAIL x.c:1: no\n  [b FAILED]\n1/1 TESTS FAILED. (0 skipped)\n", "fail"),
                (-11, "a/b: ", "crash")]:
            self.assertEqual(self.words(suites.Libevent, status, said), [wanted])

    def test_libuv(self):
        for status, said, wanted in [
                (0, "1..1\nok 1 - t\n", "ok"),
                (0, "1..1\nok 1 - t # SKIP no such thing\n", "skip"),
                (1, "1..1\nnot ok 1 - t\n# exit code 134\n", "fail"),
                (-11, "1..1\n", "crash")]:
            self.assertEqual(self.words(suites.Libuv, status, said), [wanted])

    def test_ltp(self):
        new = "a.c:1: TINFO: x\na.c:2: TPASS: bind(3) : EBADF (9)\na.c:3: TCONF: no\n"
        self.assertEqual(self.words(suites.Ltp, 32, new), ["ok", "skip"])
        old = "a01    1  TPASS  :  fine\na01    2  TFAIL  :  a.c:3: not\n"
        self.assertEqual(self.words(suites.Ltp, 1, old), ["ok", "fail"])
        blocks = "a01    0  TINFO  :  Enter block 1\n"
        self.assertEqual(self.words(suites.Ltp, 0, blocks), ["ok"])
        self.assertEqual(self.words(suites.Ltp, 1, blocks), ["crash"])
        self.assertEqual(self.words(suites.Ltp, -11, new), ["ok", "skip", "crash"])
        # Descriptors and processes have other numbers from run to run.
        a, b = (suites.Ltp().parts("t", f"a.c:2: TPASS: fd {n} of 0x{n} in /tmp/{n}")
                for n in (3, 77))
        self.assertEqual(a[0][0], b[0][0])


if __name__ == "__main__":
    unittest.main()
