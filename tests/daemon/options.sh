#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# --help, the manual page and bash completion name the same options of every verb.
. "$(dirname "$0")/../apps/lib.sh"
need python3 bash
here=$(cd "$(dirname "$0")/../.." && pwd)
python3 - "$toami" "$here" <<'END'
import os, re, subprocess, sys
toami, here = sys.argv[1:]
# Every code of a refusal that the protocol has is one that the library can tell.
codes = re.findall(r"`([a-z-]+)`", "\n".join(
    re.findall(r"^\| (`[a-z`, -]+`) \| [0-9, ]+ \|", open(here + "/docs/protocol.md").read(), re.M)))
assert len(codes) > 25, codes
with open(os.path.dirname(toami) + "/libtoami.so", "rb") as f:
    library = f.read()
missing = [c for c in codes if b"\0%s\0" % c.encode() not in library]
assert not missing, missing
man = open(here + "/man/toami.1").read()


def verbs(*group):
    text = subprocess.run([toami, *group, "--help"], capture_output=True, text=True).stdout
    return [group + (name,) for name in re.findall(r"^  ([a-z]+) +\S", text, re.M) if name != "toami"]


all_verbs = [v for first in verbs() for v in (verbs(*first) if first[0] in ("vif", "map", "port") else [first])]
assert len(all_verbs) > 25, all_verbs
properties = set(subprocess.run([toami, "vif", "set", "--names"], capture_output=True, text=True,
                                check=True).stdout.split())


def helped(verb):
    """Options of --help: {"--json", "-j"}; properties that may be written as options aside."""
    text = subprocess.run([toami, *verb, "--help"], capture_output=True, text=True).stdout
    assert text.startswith("usage: toami " + " ".join(verb)), (verb, text[:60])
    found = set()
    for line in text.splitlines():
        usage = line.startswith("usage:")
        line = line[len("usage: toami " + " ".join(verb)):] if usage else line
        if not usage and not re.match(r" {2,6}-", line):
            continue
        head = line if usage else re.split(r" {2,}", line.strip())[0]
        found |= set(re.findall(r"(?<![\w-])--[a-z][a-z0-9-]*", head))
        for group in re.findall(r"(?<![\w-])-([A-Za-z0-9]+)", head):
            found |= {"-" + c for c in group}
    return {o for o in found if o.lstrip("-") not in properties} - {"-h", "--help"}


def manned(verb):
    """Of the manual page: what follows Fl where the verb is described, and in the synopsis."""
    name = " ".join(verb)
    places = re.findall(r"(?:^\.It Cm|(?<=^\.Nm\n)\.Cm) %s\b.*?(?=^\.It Cm |^\.Nm$|^\.Sh |^\.El)" % name, man, re.M | re.S)
    assert places, "no '%s' in toami(1)" % name
    found = set()
    for line in "\n".join(places).splitlines():
        # Where it is defined: in the line of the verb, in its synopsis, as "-j, --json".
        if not re.match(r"\.(It Cm|Op|Cm|Fl \w , -)", line):
            continue
        for flags in re.findall(r"\bFl ((?:-?[\w-]+)(?: , -?[\w-]+)*)", line):
            for flag in flags.split(" , "):
                found |= {"-" + flag} if flag.startswith("-") else {"-" + c for c in flag}
    return {o for o in found if o.lstrip("-") not in properties} - {"-h", "--help", "--"}


def completed(verb):
    words = "toami " + " ".join(verb) + " " + ("tap " if verb == ("port", "add") else "") + "-"
    script = """source %s/cli/completion/toami.bash; compopt() { :; }
        COMP_WORDS=(%s); COMP_WORDS[0]=%s; COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
        _toami; printf '%%s\\n' "${COMPREPLY[@]}" """ % (here, words, toami)
    out = subprocess.run(["bash", "-c", script], capture_output=True, text=True).stdout.split()
    return {o for o in out if o.lstrip("-") not in properties} - {"-h", "--help", "--"}


wrong = 0
for verb in all_verbs:
    name, h, m, c = " ".join(verb), helped(verb), manned(verb), completed(verb)
    if verb == ("trace",):
        h |= helped(("run",)) - {"--stack"}
        m |= manned(("run",)) - {"--stack"}
    # The manual page may name an option by one of its names.
    longs = {o for o in h if o.startswith("--")}
    for what, extra in (("completion lacks", h - c), ("only completion has", c - h),
                        ("only the manual page has", m - h)):
        if extra:
            wrong += 1
            print("FAIL: %s: %s %s" % (name, what, " ".join(sorted(extra))))
    text = "".join(subprocess.run([toami, *v, "--help"], capture_output=True, text=True).stdout
                   for v in [verb] + [("run",)] * (verb == ("trace",)))
    for long in longs - m:
        short = re.search(r"-(\w), %s\b" % long, text)
        if not short or "-" + short.group(1) not in m:
            wrong += 1
            print("FAIL: %s: the manual page lacks %s" % (name, long))
sys.exit(wrong != 0)
END
echo "ok: help, manual page and completion agree"
