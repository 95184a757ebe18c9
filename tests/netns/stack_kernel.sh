#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# toami run --stack kernel: programs that are not hooked, with the same network.
. "$(dirname "$0")/lib.sh"
need curl
if ! command -v gcc >/dev/null; then
	echo "skipped: gcc is not installed"
	exit 77
fi

kernel() {
	vif=$1
	shift
	"$toami" run --stack kernel -v "$vif" -- "$@"
}

port_gone() {
	until_ok sh -c "[ \"\$('$toami' port ls -j)\" = '[]' ]"
}

expect "lo toami0" "$(kernel /k ls /proc/sys/net/ipv4/conf | grep -v -e all -e default | xargs)" \
	"its only interface"
port_gone
expect "nameserver 10.77.0.1" "$(kernel /k head -n 1 /etc/resolv.conf)" "its resolver"
expect 3 "$(kernel /k sh -c 'exit 3' || echo $?)" "its exit code"
port_gone

# Both directions, by name.
start /web python3 -m http.server --bind :: 8000
until_ok on /c curl -s -o /dev/null http://web:8000/
expect 200 "$(kernel /k curl -s -o /dev/null -w '%{http_code}' http://web:8000/)" \
	"the kernel's curl asks a hooked server"
expect 200 "$(kernel /k curl -6 -s -o /dev/null -w '%{http_code}' http://web:8000/)" \
	"likewise over IPv6"
log=$work/server.log
"$toami" run --stack kernel -v /k -- python3 -m http.server --bind :: 8001 >"$log" 2>&1 &
started="$started $!"
until_ok on /c curl -s -o /dev/null http://k:8001/
expect 200 "$(on /c curl -s -o /dev/null -w '%{http_code}' http://k:8001/)" \
	"a hooked curl asks the kernel's server"
expect 200 "$(kernel /k curl -s -o /dev/null -w '%{http_code}' http://localhost:8001/)" \
	"a second program joins the first"
expect "[toami0]" "$("$toami" vif ls /k | awk 'END { print $3 }')" "vif ls shows the port"
kill $!
wait $! 2>/dev/null || true
port_gone

# A filter of what enters says nothing of ARP and neighbour discovery: they work.
"$toami" run --stack kernel -v /f -- python3 -m http.server --bind :: 8001 >"$log" 2>&1 &
started="$started $!"
until_ok on /c curl -s -o /dev/null http://f:8001/
fetched() {
	on "$1" curl -m 3 "-$2" -s -o /dev/null -w '%{http_code}' http://f:8001/ || true
}
"$toami" vif set /f 'filter-in=tcp port 8001'
for family in 4 6; do
	expect 200 "$(fetched /fresh$family $family)" "a filter that speaks of TCP alone, IPv$family"
done
"$toami" vif set /f 'filter-in=tcp port 8001 and not arp'
expect 000 "$(fetched /third 4)" "one that speaks of ARP"
expect 200 "$(fetched /third 6)" "which is not neighbour discovery"
"$toami" vif set /f 'filter-in=tcp port 8002'
expect 000 "$(fetched /c 4)" "what is not to enter does not"
kill $!
wait $! 2>/dev/null || true
port_gone

# A daemon that outlives the program that was started keeps its network.
kernel /k sh -c 'sleep 3 >/dev/null 2>&1 & exit 0'
expect toami0 "$("$toami" port ls -j | python3 -c 'import json, sys; print(json.load(sys.stdin)[0]["name"])')" \
	"the port stays for a child"
port_gone
echo "ok: and goes with it"

# A static program, over either stack.
cat >"$work/client.c" <<'EOF'
#include <arpa/inet.h>
#include <stdio.h>
#include <unistd.h>
int main(int argc, char **argv)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(8000) };
	int s = socket(AF_INET, SOCK_STREAM, 0);
	char text[16] = "";

	to.sin_addr.s_addr = inet_addr(argv[argc - 1]);
	if (connect(s, (struct sockaddr *)&to, sizeof(to)) ||
	    write(s, "GET / HTTP/1.0\r\n\r\n", 18) != 18 || read(s, text, 12) != 12)
		return 1;
	puts(text);
	return 0;
}
EOF
gcc -static -o "$work/client" "$work/client.c"
expect "HTTP/1.0 200" "$(on /s "$work/client" "$(vif_field /web address)")" "a static program, hooked"
expect "HTTP/1.0 200" "$(kernel /k "$work/client" "$(vif_field /web address)")" "and on the kernel's"
port_gone

expect ok "$(on /sh sh -c "'$toami' run --stack kernel -v /k -- sh -c 'curl -s -o /dev/null http://web:8000/ && echo ok'")" \
	"from a shell that is hooked"
# As another user: in a user namespace. Its fabric is its own, and so is /dev/net/tun, which
# everybody may open where it is as distributions make it.
as_user="setpriv --reuid 65534 --clear-groups"
if command -v setpriv unshare >/dev/null && $as_user test -x "$toami" && $as_user unshare -Urn true &&
	mknod -m 666 "$work/tun" c 10 200; then
	mkdir "$work/user" && chown 65534 "$work/user" && chmod 755 "$work"
	cp "$work/client" "$work/user"
	cat >"$work/user.sh" <<-'EOF'
		mount --bind "$work/tun" /dev/net/tun
		export TOAMI_DIR=$work/user
		exec setpriv --reuid 65534 --regid 65534 --clear-groups sh -eu -c '
		export HOME=$TOAMI_DIR PATH=/usr/sbin:/usr/bin:/sbin:/bin
		cd "$HOME"
		k() { "$toami" run --stack kernel "$@"; }
		k -v /k -- python3 -m http.server --bind 0.0.0.0 80 >log 2>&1 &
		one=$!
		"$toami" run -v /h -- python3 -m http.server --bind 0.0.0.0 8000 >>log 2>&1 &
		two=$! tries=0
		until "$toami" run -v /c -- curl -sfo page http://k/ && k -v /u -- curl -sfo page http://h:8000/; do
			tries=$((tries + 1))
			[ $tries -lt 100 ] || break
			sleep 0.1
		done
		"$toami" run -v /c -- curl -s -o page -w "%{http_code} " http://k/
		k -v /u -- curl -s -o page -w "%{http_code} " http://h:8000/
		k -v /u -- ./client "$("$toami" vif show /h --json | sed -n "s/.*\"address\": \"\(.*\)\".*/\1/p")"
		id -u; k -v /u -- id -u
		kill $one $two
		"$toami" down >/dev/null'
	EOF
	export toami work
	expect "200 200 HTTP/1.0 200 65534 65534" "$(timeout 60 unshare -m sh "$work/user.sh" | paste -sd' ')" \
		"in a user namespace: server on port 80, clients, a static one"
else
	echo "skipped: another user, who cannot execute $toami or have namespaces here"
fi

expect 64 "$("$toami" run --stack none true 2>/dev/null || echo $?)" "a stack that is none"
expect_nothing_left
