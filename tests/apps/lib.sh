# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=sh
# For tests with real programs: a fabric of its own, servers that are waited for, and
# an end that leaves nothing behind. Sourced; needs TOAMI_BUILD.
set -eu

toami=$TOAMI_BUILD/toami
TOAMI_DIR=$(mktemp -d)
export TOAMI_DIR
work=$(mktemp -d)
started=

# at_end: what else a test has to clean up
at_end() {
	:
}

finish() {
	status=$?
	at_end
	for pid in $started; do
		kill "$pid" 2>/dev/null || true
	done
	for pid in $started; do
		wait "$pid" 2>/dev/null || true
	done
	"$toami" down >/dev/null 2>&1 || true
	if [ $status != 0 ] && [ $status != 77 ]; then
		for f in "$work"/*.log "$TOAMI_DIR"/log; do
			[ -s "$f" ] && echo "--- $f" && tail -n 30 "$f"
		done
	fi
	rm -rf "$TOAMI_DIR" "$work"
	exit $status
}
trap finish EXIT
trap 'exit 130' INT TERM

# need PROGRAM...: skips the test where one is missing
need() {
	for p in "$@"; do
		command -v "$p" >/dev/null || {
			echo "skipped: $p is not installed"
			exit 77
		}
	done
}

# on VIF COMMAND...: runs it there
on() {
	vif=$1
	shift
	"$toami" run -v "$vif" -- "$@"
}

# start VIF COMMAND...: in the background until the test ends; output in $work/N.log
start() {
	vif=$1
	shift
	log=$work/$(echo "$started" | wc -w).log
	"$toami" run -v "$vif" -- "$@" >"$log" 2>&1 </dev/null &
	started="$started $!"
}

# until_ok COMMAND...: repeats it until it succeeds, 20 s at most
until_ok() {
	tries=0
	until "$@" >/dev/null 2>&1; do
		tries=$((tries + 1))
		if [ $tries -gt 400 ]; then
			echo "FAIL: never succeeded: $*"
			"$@" || true
			exit 1
		fi
		sleep 0.05
	done
}

# expect WANTED GOT WHAT
expect() {
	if [ "$1" != "$2" ]; then
		echo "FAIL: $3: expected '$1', got '$2'"
		exit 1
	fi
	echo "ok: $3"
}

# refuses CODE 'words of the sentence' VERB...: by toami, as user $as where that is set
refuses() {
	wanted=$1
	words=$2
	shift 2
	status=0
	${as:-} "$toami" "$@" >"$work/out" 2>"$work/err" || status=$?
	expect "$wanted" $status "toami $*"
	if ! grep -q "$words" "$work/err"; then
		echo "FAIL: not a word of '$words' in: $(cat "$work/err")"
		exit 1
	fi
}

# quiet COMMAND: nothing of the fabric may be left once its programs are gone
expect_nothing_left() {
	for pid in $started; do
		kill "$pid" 2>/dev/null || true
		wait "$pid" 2>/dev/null || true
	done
	started=
	until_ok sh -c "'$toami' status --json | python3 -c '
import json, sys
s = json.load(sys.stdin)
sys.exit(s[\"sockets\"] != 0 or s[\"programs\"] != 0)'"
	echo "ok: no socket and no program is left"
}
