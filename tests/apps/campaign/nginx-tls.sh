#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# nginx with TLS: workers, HTTP/2, a proxy to itself, reload under load, wrk
PATH=$PATH:/usr/sbin
. "$(dirname "$0")/../lib.sh"
need nginx curl openssl wrk

chmod 755 "$work"
openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=web -keyout "$work/key" \
	-out "$work/cert" 2>/dev/null
echo page >"$work/index.html"
cat >"$work/nginx.conf" <<CONF
worker_processes 2;
pid $work/pid;
error_log $work/nginx.log;
daemon off;
events { }
http {
	access_log off;
	server {
		listen 80 reuseport;
		root $work;
	}
	server {
		listen 443 ssl http2;
		ssl_certificate $work/cert;
		ssl_certificate_key $work/key;
		location / { proxy_pass http://127.0.0.1:80; }
	}
}
CONF
start /web nginx -p "$work" -e "$work/nginx.log" -c "$work/nginx.conf"
until_ok on /cli curl -skf https://web/
expect page "$(on /cli curl -sk https://web/)" "TLS, proxied to itself"
expect 2 "$(on /cli curl -sk -o /dev/null -w '%{http_version}' --http2 https://web/)" "HTTP/2"
on /cli wrk -t 2 -c 20 -d 3 http://web/ >"$work/wrk.log" &
load=$!
for i in 1 2 3; do
	sleep 0.5
	kill -HUP "$(cat "$work/pid")"
done
wait $load
# Old workers close idle connections, which wrk counts as errors of reading.
expect "" "$(grep -E 'Non-2xx|Socket errors' "$work/wrk.log" | grep -v 'connect 0,.*timeout 0' || true)" \
	"reload three times under wrk"
expect page "$(on /cli curl -sk https://web/)" "after the reloads"
expect_nothing_left
