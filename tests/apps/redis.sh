#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# redis: requests, pipelines, large values, a snapshot by fork, a blocked client.
. "$(dirname "$0")/lib.sh"
need redis-server redis-cli redis-benchmark

start /db redis-server --save '' --protected-mode no --dir "$work"
until_ok on /cli redis-cli -h db ping

expect PONG "$(on /cli redis-cli -h db ping)" "ping by name"
expect PONG "$(on /cli redis-cli -h db.toami ping)" "ping by the long name"
expect OK "$(on /cli redis-cli -h db set k hello)" "set"
expect hello "$(on /cli redis-cli -h db get k)" "get"

head -c 3000000 /dev/urandom | base64 -w0 >"$work/big"
on /cli redis-cli -h db -x set big <"$work/big" >/dev/null
on /cli redis-cli -h db get big | tr -d '\n' >"$work/back"
cmp "$work/big" "$work/back"
echo "ok: 4 MB there and back"

on /cli redis-cli -h db bgsave >/dev/null
until_ok sh -c "'$toami' run -v /cli -- redis-cli -h db info persistence |
	grep -q 'rdb_last_bgsave_status:ok' &&
	test -s '$work/dump.rdb'"
echo "ok: snapshot by fork"

(on /cli redis-cli -h db blpop queue 20 >"$work/popped") &
blocked=$!
until_ok sh -c "'$toami' run -v /cli -- redis-cli -h db info clients | grep -q 'blocked_clients:1'"
on /cli redis-cli -h db rpush queue job >/dev/null
wait $blocked
expect job "$(tail -n 1 "$work/popped")" "a blocked client wakes"

for options in "-c 50" "-c 50 -P 16" "-c 1" "-c 200 -d 10000"; do
	# shellcheck disable=SC2086
	on /cli redis-benchmark -h db -n 20000 -t set,get -q $options >"$work/bench.log" 2>&1
	expect 2 "$(tr '\r' '\n' <"$work/bench.log" | grep -c 'requests per second')" \
		"redis-benchmark $options"
done
expect_nothing_left
