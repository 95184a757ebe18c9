#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Runs every scenario of a real program and writes the table in docs/compatibility.md.

Usage: programs.py [--write] [NAME]...     names as in the first column; default: all

Without --write it prints the table. A scenario is a script of tests/apps (those in the
check) or of this directory; it skips where its program is not installed. Needs
TOAMI_BUILD. The exit status says how many fail.
"""

import os
import re
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
DOC = os.path.join(HERE, "../../../docs/compatibility.md")
SECONDS = 240

# Program, what is done with it, script (in tests/apps, or below it), arguments.
TABLE = [
    ("redis", "requests, pipelines, snapshot by fork, blocked client", "redis"),
    ("redis's own tests", "19 of its files: types, transactions, scripts, rewriting, pub/sub",
     "campaign/redis-suite"),
    ("nginx", "workers, sendfile, reload", "nginx"),
    ("nginx with TLS", "HTTP/2, a proxy to itself, reload under wrk", "campaign/nginx-tls"),
    ("apache2, event and prefork", "pages, 5 MB, ab with and without keep-alive, graceful "
     "restart", "campaign/apache"),
    ("haproxy, lighttpd", "master and worker, health checks, two workers, 5 MB", "web"),
    ("memcached", "four threads, set and get", "memcached"),
    ("postgresql", "a process a client, as another user; pgbench with 8 clients",
     "campaign/postgresql"),
    ("mariadb", "threads, client, mariadb-slap with 8 threads", "campaign/mariadb"),
    ("curl, openssl", "TLS, 200 handshakes in parallel and more", "tls"),
    ("wget, ab", "in the row of haproxy: pages, 5 MB, with and without keep-alive", "web"),
    ("wrk", "in the row of nginx: 2 threads, 20 connections, during reloads", "campaign/nginx-tls"),
    ("iperf3", "TCP both ways, parallel, UDP", "iperf3"),
    ("netcat, shells", "exec chains, pipes, substitutions, an empty environment", "shell"),
    ("bash", "pipelines of tar, gzip and nc; `/dev/tcp`, `/dev/udp`, coprocesses", "campaign/bash"),
    ("socat", "a process a connection", "socat"),
    ("openssh, rsync over it", "privilege separation, sandbox, session, scp, tunnel", "ssh"),
    ("git daemon, rsync daemon", "clone, copy", "campaign/git"),
    ("python3", "http.server, asyncio, selectors, subprocess, fork, bad pointers", "python"),
    ("python3: requests, multiprocessing", "sessions, threads, 3 MB; managers, pools, passed sockets",
     "campaign/python-more"),
    ("node", "http server, fetch, ab", "campaign/languages", "node"),
    ("perl", "a process a connection, client, ab", "campaign/languages", "perl"),
    ("ruby", "a thread a connection, Net::HTTP, ab", "campaign/languages", "ruby"),
    ("php", "its own server, file_get_contents, ab", "campaign/languages", "php"),
    ("java", "HttpServer with threads, HttpClient, ab", "campaign/languages", "java"),
    ("Go, linked to libc", "net/http server and client, ab", "campaign/languages", "go"),
    ("Go, static", "the same without a C library; `--stack kernel`, `toami trace`", "campaign/languages", "go-static"),
    ("Go, static, position-independent", "the same", "campaign/languages", "go-pie"),
    ("busybox, static", "httpd and wget, shell, interpreter of a script, `--stack kernel`", "static"),
    ("darkhttpd, static, musl", "pages, ranges, 5 MB, ab, `--stack kernel`", "campaign/musl"),
    ("dnsmasq, dig", "UDP, TCP, IPv6", "names"),
    ("ping, traceroute", "both families; UDP and echo", "names"),
    ("ip, hostname", "interfaces, addresses, routes", "names"),
    ("toami capture", "a program captures its own VIF, as tcpdump would", "campaign/capture"),
    ("strace, gdb", "dynamic and static programs traced and debugged inside; `gdb -p`",
     "campaign/debug"),
]


def run(script, args):
    p = subprocess.run(["timeout", str(SECONDS), os.path.join(HERE, "..", script + ".sh"), *args],
                       stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                       stdin=subprocess.DEVNULL, text=True, errors="replace",
                       start_new_session=True)
    lines = p.stdout.splitlines()
    oks = sum(line.startswith("ok: ") for line in lines)
    if p.returncode == 0:
        return True, f"works ({oks} checks)"
    if p.returncode == 77:
        why = [line for line in lines if line.startswith("skipped: ")]
        return None, "not tried: " + (why[-1][9:] if why else "skipped")
    why = [line for line in lines if line.startswith("FAIL: ")]
    return False, "**fails**: " + (why[-1][6:] if why else f"status {p.returncode}")


def main():
    write = "--write" in sys.argv
    wanted = [a for a in sys.argv[1:] if not a.startswith("--")]
    rows, bad, done = [], 0, {}
    for name, what, script, *args in TABLE:
        if wanted and not any(w in name for w in wanted):
            continue
        key = (script, *args)
        if key not in done:
            done[key] = run(script, args)
        good, result = done[key]
        bad += good is False
        test = " ".join([os.path.basename(script), *args])
        row = f"| {name} | {what} | {result} | {test} |"
        print(row, flush=True)
        rows.append(row)
    if write and not wanted:
        with open(DOC) as f:
            text = f.read()
        head = "| program | what is done | result | test |\n|---|---|---|---|\n"
        text = re.sub(r"(<!-- table -->\n).*?(<!-- end -->)",
                      lambda m: m[1] + head + "\n".join(rows) + "\n" + m[2], text, flags=re.S)
        with open(DOC, "w") as f:
            f.write(text)
    return min(bad, 100)


if __name__ == "__main__":
    sys.exit(main())
