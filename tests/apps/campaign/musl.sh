#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# darkhttpd, linked statically to musl: pages, ranges, 5 MB, ab; hooked and on the kernel's stack.
# TOAMI_DARKHTTPD names its source, darkhttpd.c.
. "$(dirname "$0")/../lib.sh"
need musl-gcc curl ab
[ -r "${TOAMI_DARKHTTPD:-}" ] || {
	echo "skipped: TOAMI_DARKHTTPD names no source of darkhttpd"
	exit 77
}
musl-gcc -O2 -static -o "$work/darkhttpd" "$TOAMI_DARKHTTPD"
chmod 755 "$work"
mkdir "$work/www"
echo page >"$work/www/index.html"
head -c 5000000 /dev/urandom >"$work/www/big"

start /web "$work/darkhttpd" "$work/www" --port 80
until_ok on /cli curl -sf http://web/
expect page "$(on /cli curl -s http://web/)" "a page"
expect ge "$(on /cli curl -s -r 2-3 http://web/)" "a range"
expect 404 "$(on /cli curl -s -o "$work/none" -w '%{http_code}' http://web/none)" "not found"
on /cli curl -s -o "$work/back" http://web/big
cmp "$work/www/big" "$work/back"
echo "ok: 5 MB by sendfile"
for options in "" -k; do
	# shellcheck disable=SC2086
	on /cli ab -q $options -n 2000 -c 20 http://web/ >"$work/ab.log" 2>&1
	expect 0 "$(sed -n 's/Failed requests: *//p' "$work/ab.log")" "ab $options"
done
"$toami" run --stack kernel -v /kern -- "$work/darkhttpd" "$work/www" --port 80 >"$work/kern.log" 2>&1 &
started="$started $!"
until_ok on /cli curl -sf http://kern/
expect page "$(on /cli curl -s http://kern/)" "on the kernel's stack"
expect_nothing_left
