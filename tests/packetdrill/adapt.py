# SPDX-License-Identifier: BSD-2-Clause
"""Makes scripts written for FreeBSD's fork of packetdrill readable to the original.

What is particular to that system goes, by rule, not by script: commands (sysctl),
calls about SO_RCVBUF, and blocks of code about its TCP_INFO; of two ways the
standard's is kept. What our stack and theirs
may choose freely in an outbound packet, its options, is not compared. Nothing else
is touched: flags, numbers, windows, times and results of calls stay as they are."""

import os
import re
import shutil

TIME = r'^\s*(?:\*|[+]?[0-9.]+(?:~[+]?[0-9.]+)?(?:\.\.\.[0-9.]+)?)?\s*'


def join_blocks(lines):
    """Events that span lines, as one line each: code, commands and calls."""
    out, open_event = [], ''
    for line in lines:
        bare = re.sub(r'//.*', '', line).rstrip()
        open_event = (open_event + ' ' + bare.strip()) if open_event else bare
        pending = (open_event.count('%{') > open_event.count('}%') or
                   open_event.count('`') % 2 or
                   open_event.count('(') > open_event.count(')'))
        if not pending:
            out.append(open_event)
            open_event = ''
    if open_event:
        out.append(open_event)
    return out


def adapt_line(line):
    """The line as it is to be, or None."""
    if '`' in line or '%{' in line or 'SO_RCVBUF' in line:
        return None
    if re.match(TIME + r'>', line):
        line = re.sub(r'<[^<>]*>\s*$', '<...>', line.rstrip())
    return line


def choose(lines):
    """Where a script knows the standard and FreeBSD's own way: the standard."""
    keep = True
    for line in lines:
        if line.startswith('#ifdef'):
            keep = line.split()[1] == 'STANDARD'
        elif line.startswith('#endif'):
            keep = True
        elif keep:
            yield line


def adapt(text):
    out = []
    for line in join_blocks(list(choose(text.splitlines()))):
        new = adapt_line(line)
        if new is not None:
            out.append(new)
    return '\n'.join(out) + '\n'


def adapt_tree(top, folder):
    """Adapts every IPv4 script below @top into @folder, which is made anew."""
    shutil.rmtree(folder, ignore_errors=True)
    for here, _, names in os.walk(top):
        for name in sorted(names):
            path = os.path.join(here, name)
            if not name.endswith('.pkt'):
                continue
            with open(path) as script:
                text = script.read()
            if not re.search(r'^--ip_version=ipv4\s*$', text, re.M):
                continue
            to = os.path.join(folder, os.path.relpath(path, top))
            os.makedirs(os.path.dirname(to), exist_ok=True)
            with open(to, 'w') as script:
                script.write(adapt(text))
    return folder
