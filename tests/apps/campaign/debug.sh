#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# strace and gdb: programs traced and debugged from inside the fabric, linked dynamically and
# statically: breakpoints, what a waiting program waits for
. "$(dirname "$0")/../lib.sh"
need strace gdb curl python3 gcc

echo page >"$work/index.html"
start /srv python3 -m http.server 80 --directory "$work"
until_ok on /cli curl -sf http://srv/
expect page "$(on /cli strace -f -o "$work/strace" curl -s http://srv/)" "strace -f curl"
expect page "$(on /cli timeout 60 gdb -q -batch -ex 'handle SIGSYS nostop noprint pass' -ex run \
	--args curl -s http://srv/ 2>/dev/null | grep -x page)" "gdb --args curl"
cat >"$work/client.c" <<'EOF'
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
__attribute__((noinline)) int port(int n)
{
	return n * 2;
}
int main(int argc, char **argv)
{
	struct sockaddr_in to = { .sin_family = AF_INET };
	int s = socket(AF_INET, SOCK_STREAM, 0);
	char text[1];

	to.sin_port = htons(port(atoi(argv[argc - 1])));
	to.sin_addr.s_addr = inet_addr(argv[1]);
	puts(connect(s, (struct sockaddr *)&to, sizeof(to)) ? "refused" : "connected");
	fflush(stdout);
	return (int)read(s, text, 1);
}
EOF
address=$("$toami" vif show /srv --json | sed -n 's/.*"address": "\(.*\)".*/\1/p')
debug() {
	on /cli timeout 60 gdb -q -batch -ex 'handle SIGSYS nostop noprint pass' "$@" 2>&1 </dev/null
}
for kind in "" -static -static-pie; do
	# shellcheck disable=SC2086
	gcc -g -O1 $kind -o "$work/client" "$work/client.c"
	for shell in on off; do
		debug -ex "set startup-with-shell $shell" -ex 'break port' -ex run -ex bt -ex 'set var n = 40' \
			-ex delete -ex 'break read' -ex c -ex kill --args "$work/client" "$address" 1 >"$work/gdb.log"
		expect "main connected" "$(grep -oE '^#1 .* in main |^connected' "$work/gdb.log" |
			sed 's/.* in main /main/' | paste -sd' ')" "gdb, shell $shell, program ${kind:--dynamic}"
	done
	expect connected "$(on /cli timeout 20 strace -f -o "$work/strace" \
		sh -c "'$work/client' $address 40 & sleep 1; kill \$!")" "strace -f, program ${kind:--dynamic}"
done
# From outside, what it waits for: through the hook's stack to its own.
start /cli python3 -c 'import socket; socket.create_server(("", 99)).accept()'
until_ok on /cli nc -z srv 80
until_ok sh -c "gdb -q -batch -p ${started##* } -ex bt 2>/dev/null | grep -E '^#.* accept4? \(' &&
	gdb -q -batch -p ${started##* } -ex bt 2>/dev/null | grep -E '^#.* in __libc_start_call_main '"
echo "ok: gdb -p: from the hook to main"
expect_nothing_left
