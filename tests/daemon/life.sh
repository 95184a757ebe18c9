#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# toamid's life: started by whoever comes first, ended cleanly, replaced after a crash.
. "$(dirname "$0")/../apps/lib.sh"
toamid=$TOAMI_BUILD/toamid

pid_of() {
	"$toami" status --json | sed -n 's/.*"pid": \([0-9]*\).*/\1/p'
}

# fails WANTED COMMAND...: it exits so, and says one sentence
fails() {
	wanted=$1
	shift
	status=0
	"$@" >"$work/out" 2>"$work/err" || status=$?
	expect "$wanted" $status "exit code of: ${*#"$TOAMI_BUILD"/}"
	expect 1 "$(grep -c '^toami' "$work/err")" "one sentence: $(cat "$work/err")"
}

# Verbs that only look do not start a daemon; neither does down.
fails 69 "$toami" status
fails 69 "$toami" vif ls
fails 69 "$toami" down
"$toami" version | grep -q 'no daemon runs'
echo "ok: version without a daemon"

# Ten commands at once start one daemon.
i=0
while [ $i -lt 10 ]; do
	"$toami" vif add "/v$i" >"$work/add$i" 2>&1 &
	eval "add$i=$!"
	i=$((i + 1))
done
i=0
while [ $i -lt 10 ]; do
	eval "wait \$add$i" || {
		cat "$work/add$i"
		exit 1
	}
	i=$((i + 1))
done
expect 11 "$("$toami" vif ls -q | wc -l)" "ten commands at once, one tree"
expect 1 "$(grep -c 'fabric in' "$TOAMI_DIR/log")" "one daemon was started"
expect "$(pid_of)" "$(cat "$TOAMI_DIR/lock")" "its process id is in the lock"

# It keeps nothing open of whoever started it: this pipe ends although it lives on.
"$toami" down
expect "started" "$( (exec 9>&1 && "$toami" up >/dev/null && echo started) | cat)" \
	"it holds no descriptor of its starter"

# Another daemon in the same place is refused.
fails 75 "$toamid" --foreground
fails 75 "$toamid"
fails 75 "$toami" up --subnet 10.1.0.0/16

# Down returns when everything is gone: the next one starts at once.
i=0
while [ $i -lt 20 ]; do
	"$toami" down
	[ -e "$TOAMI_DIR/control" ] || [ -e "$TOAMI_DIR/attach" ] && exit 1
	"$toami" up >/dev/null
	i=$((i + 1))
done
echo "ok: down and up, 20 times"

# What is set where nothing is sent is read all the same, and then the daemon sleeps.
"$toami" vif add /shaped rate=1mbit >/dev/null
"$toami" vif set /shaped rate=2mbit
busy() {
	cut -d' ' -f1 "/proc/$(pid_of)/schedstat"
}
t0=$(busy)
sleep 1
t1=$(busy)
[ $((t1 - t0)) -lt 20000000 ] || { echo "FAIL: idle, and $((t1 - t0)) ns in a second"; exit 1; }
"$toami" vif rm /shaped
echo "ok: idle after a change"

# A crash leaves sockets behind, which the next daemon replaces.
pid=$(pid_of)
kill -9 "$pid"
until_ok sh -c "! kill -0 $pid 2>/dev/null"
expect 1 "$(find "$TOAMI_DIR" -name control | wc -l)" "a crash leaves its socket"
fails 69 "$toami" status
"$toami" vif add /again >/dev/null
expect 2 "$("$toami" vif ls -q | wc -l)" "the next command starts anew"

# A signal ends it as cleanly.
pid=$(pid_of)
kill -TERM "$pid"
until_ok sh -c "! kill -0 $pid 2>/dev/null"
expect "" "$(find "$TOAMI_DIR" -type s)" "no socket is left after SIGTERM"

# In the foreground, with a subnet of choice.
"$toamid" --foreground --subnet 192.168.7.0/24 --subnet6 none 2>"$work/fg.log" &
started="$started $!"
until_ok "$toami" status
expect "/a 192.168.7.2 " "$("$toami" vif add /a)" "a subnet of choice, no IPv6"
"$toami" down

# What toamid itself refuses.
"$toami" up >/dev/null
expect "$(stat -c %a "$TOAMI_DIR")" 700 "the directory that was given is left as it is"
fails 64 "$toamid" --subnet 10.77.0.0
fails 64 "$toamid" --dir relative
fails 64 "$toamid" extra
"$toamid" --help | grep -q -- --subnet6
echo "ok: toamid --help"
