#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# nginx with workers: curl, wrk, a large file, keep-alive and reload.
. "$(dirname "$0")/lib.sh"
need nginx curl wrk

mkdir -p "$work/www"
chmod 755 "$work" "$work/www"
echo "hello from the fabric" >"$work/www/index.html"
head -c 20000000 /dev/urandom >"$work/www/big"
cat >"$work/nginx.conf" <<EOF
worker_processes 2;
pid $work/nginx.pid;
error_log $work/error.log;
events { worker_connections 512; }
http {
	access_log off;
	client_body_temp_path $work/body;
	proxy_temp_path $work/proxy;
	fastcgi_temp_path $work/fastcgi;
	uwsgi_temp_path $work/uwsgi;
	scgi_temp_path $work/scgi;
	sendfile on;
	server { listen 80; root $work/www; }
}
EOF
"$toami" run -v /web -a 10.77.0.9 -- nginx -g 'daemon off;' -c "$work/nginx.conf" \
	>"$work/nginx.log" 2>&1 </dev/null &
started=$!
until_ok on /cli curl -sf http://web/

expect "hello from the fabric" "$(on /cli curl -s http://web/)" "curl by name"
expect "hello from the fabric" "$(on /cli curl -s http://10.77.0.9/)" "curl by the address chosen"
on /cli curl -s http://web/big -o "$work/back"
cmp "$work/www/big" "$work/back"
echo "ok: 20 MB by sendfile"
expect 404 "$(on /cli curl -s -o /dev/null -w '%{http_code}' http://web/none)" "not found"

on /cli wrk -t 2 -c 50 -d 2 http://web/ >"$work/wrk.log" 2>&1
grep -q 'Requests/sec' "$work/wrk.log"
if grep -Eq 'Socket errors|Non-2xx' "$work/wrk.log"; then
	cat "$work/wrk.log"
	exit 1
fi
echo "ok: wrk, $(sed -n 's/Requests.sec: *//p' "$work/wrk.log") requests/s"

workers() { pgrep -P "$started" | sort | tr '\n' ' '; }
before=$(workers)
kill -HUP "$started"
until_ok sh -c "[ \"\$(pgrep -P $started | sort | tr '\n' ' ')\" != '$before' ]"
expect "hello from the fabric" "$(on /cli curl -s http://web/)" "after a reload"
expect_nothing_left
