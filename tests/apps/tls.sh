#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# TLS: openssl's server, asked by its client, by curl, and for many handshakes.
. "$(dirname "$0")/lib.sh"
need openssl curl

openssl req -x509 -newkey rsa:2048 -nodes -keyout "$work/key" -out "$work/cert" \
	-days 2 -subj /CN=tls 2>/dev/null
start /tls openssl s_server -accept 443 -key "$work/key" -cert "$work/cert" -www
until_ok on /cli curl -skf https://tls/
expect "Verification: OK" "$(echo | on /cli openssl s_client -connect tls:443 \
	-CAfile "$work/cert" 2>/dev/null | grep Verification)" "s_client"
on /cli openssl s_time -connect tls:443 -new -time 2 >"$work/time.log" 2>&1
grep -q 'connections in .* real seconds' "$work/time.log"
echo "ok: $(grep 'real seconds' "$work/time.log")"
expect_nothing_left
