#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# haproxy in front of lighttpd, asked by wget and ab.
PATH=$PATH:/usr/sbin
. "$(dirname "$0")/lib.sh"
need haproxy lighttpd wget ab

chmod 755 "$work"
mkdir "$work/www"
echo page >"$work/www/index.html"
head -c 5000000 /dev/urandom >"$work/www/big"
cat >"$work/lighttpd.conf" <<EOF
server.document-root = "$work/www"
server.port = 80
server.max-worker = 2
index-file.names = ( "index.html" )
EOF
cat >"$work/haproxy.cfg" <<EOF
defaults
	mode http
	timeout connect 2s
	timeout client 5s
	timeout server 5s
frontend front
	bind :80
	default_backend back
backend back
	server lt lt:80 check inter 100ms
EOF
# It ends its workers by its process group, which must not be ours.
start /lt setsid lighttpd -D -f "$work/lighttpd.conf"
until_ok on /cli wget -qO- http://lt/
start /ha haproxy -W -db -f "$work/haproxy.cfg"
until_ok on /cli wget -qO- http://ha/

expect page "$(on /cli wget -qO- http://lt/)" "wget from lighttpd"
expect page "$(on /cli wget -qO- http://ha/)" "wget through haproxy"
on /cli wget -qO "$work/back" http://ha/big
cmp "$work/www/big" "$work/back"
echo "ok: 5 MB through haproxy"
for options in "" -k; do
	# shellcheck disable=SC2086
	on /cli ab -q $options -n 2000 -c 20 http://ha/ >"$work/ab.log" 2>&1
	expect 0 "$(sed -n 's/Failed requests: *//p' "$work/ab.log")" "ab $options"
	expect "" "$(grep Non-2xx "$work/ab.log" || true)" "every answer is a page"
done
expect_nothing_left
