#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# A program that captures its own VIF, as tcpdump would, from inside: the frames of its own
# connection are in the file, and it needs no right to do so.
. "$(dirname "$0")/../lib.sh"

need nc tshark curl python3
start /web python3 -m http.server 80
until_ok on /me nc -z web 80
on /me sh -c '
	"$1" capture -w "$2/me.pcapng" /me 2>"$2/err" &
	until grep -q capturing "$2/err"; do sleep 0.05; done
	curl -s -o /dev/null http://web/
	kill -INT $!
	wait $!
' sh "$toami" "$work" || true
shark() {
	tshark -n -r "$work/me.pcapng" "$@" 2>/dev/null
}
expect "GET / HTTP/1.1" "$(shark -Y http.request -T fields -e http.request.method \
	-e http.request.uri -e http.request.version | tr '\t' ' ')" "the request is in the file"
expect "200" "$(shark -Y http.response -T fields -e http.response.code)" "so is the answer"
expect "" "$(shark -Y tcp.analysis.retransmission)" "and nothing twice"
