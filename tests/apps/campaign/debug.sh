#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# strace and gdb: a program traced and debugged from inside the fabric
. "$(dirname "$0")/../lib.sh"
need strace gdb curl python3

echo page >"$work/index.html"
start /srv python3 -m http.server 80 --directory "$work"
until_ok on /cli curl -sf http://srv/
expect page "$(on /cli strace -f -o "$work/strace" curl -s http://srv/)" "strace -f curl"
expect page "$(on /cli timeout 60 gdb -q -batch -ex 'handle SIGSYS nostop noprint pass' -ex run \
	--args curl -s http://srv/ 2>/dev/null | grep -x page)" "gdb --args curl"
expect_nothing_left
