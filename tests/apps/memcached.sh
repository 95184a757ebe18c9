#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# memcached with threads, asked by netcat.
. "$(dirname "$0")/lib.sh"
need memcached nc

start /mc memcached -u nobody -t 4
ask() { printf "$1\r\nquit\r\n" | on /cli nc -w 5 mc 11211 | tr -d '\r'; }
until_ok on /cli nc -z mc 11211
expect STORED "$(ask 'set k 0 0 5\r\nhello')" "set"
expect "VALUE k 0 5 hello END" "$(ask 'get k' | tr '\n' ' ' | sed 's/ $//')" "get"
expect_nothing_left
