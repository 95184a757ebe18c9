#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Static programs: brought in by toami-load. busybox serves and fetches, starts itself
# anew, is a script's interpreter; without a privilege, and on the kernel's stack.
. "$(dirname "$0")/lib.sh"
need busybox file
busybox=$(readlink -f "$(command -v busybox)")
file "$busybox" | grep -q 'statically linked' || {
	echo "skipped: this busybox is linked dynamically"
	exit 77
}
echo "a static page" >"$work/page"
chmod 755 "$work"
start /web "$busybox" httpd -f -p 80 -h "$work"
get() {
	on /cli "$busybox" wget -q -O- http://web/page
}
until_ok get
expect "a static page" "$(get)" "busybox to busybox"
expect "a static page" "$(on /cli wget -q -O- http://web/page)" "a preloaded program's request"
# A shell without a loader, which starts itself and others.
expect "a static page" "$(on /cli "$busybox" sh -c \
	"$busybox wget -q -O- http://web/page | cat")" "its shell's pipeline"
printf '#!%s sh\nwget -q -O- http://web/page && echo $0\n' "$busybox" >"$work/script"
chmod 755 "$work/script"
expect "a static page $work/script" "$(on /cli "$work/script" | paste -sd' ')" "as interpreter"
expect "a static page" "$(on /cli "$busybox" env -i "$busybox" wget -q -O- http://web/page)" \
	"without an environment"
expect "$busybox" "$(on /cli "$busybox" readlink /proc/self/exe)" "/proc/self/exe"
expect /cli/in "$(on /cli "$toami" run -v /cli/in -- "$busybox" sh -c 'echo $TOAMI_VIF')" "started by a hooked toami"
status=0
on /cli "$busybox" sh -c 'exit 9' || status=$?
expect 9 $status "exit code"
if [ "$(id -u)" = 0 ] && command -v setpriv >/dev/null; then
	expect "$busybox" "$(on /cli setpriv --bounding-set -all --inh-caps -all \
		"$busybox" readlink /proc/self/exe)" "/proc/self/exe without a capability"
	expect "a static page" "$(on /cli setpriv --bounding-set -all --inh-caps -all \
		"$busybox" sh -c 'exec -a wget /proc/self/exe -q -O- http://web/page')" "and started"
fi
address=$("$toami" vif show /web --json | sed -n 's/.*"address": "\(.*\)".*/\1/p')
expect "a static page" "$("$toami" run --stack kernel -v /k -- \
	"$busybox" wget -q -O- "http://$address/page")" "on the kernel's stack"
expect_nothing_left
