#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# The four worked examples of examples/bpf, attached to VIFs with real programs on them.
set -eu
toami=$TOAMI_BUILD/toami
export TOAMI_DIR=$(mktemp -d)
pids=
cleanup() {
	for p in $pids; do kill "$p" 2>/dev/null || true; done
	"$toami" down >/dev/null 2>&1 || true
	rm -rf "$TOAMI_DIR"
}
trap cleanup EXIT

fail() {
	echo "FAIL: $*" >&2
	exit 1
}

address() { "$toami" vif show "$1" --json | sed -n 's/.*"address": *"\([0-9.]*\)".*/\1/p' | head -1; }

# serve VIF PORT WORD: an HTTP server that answers WORD.
serve() {
	mkdir -p "$TOAMI_DIR/www$1"
	echo "$3" >"$TOAMI_DIR/www$1/index.html"
	(cd "$TOAMI_DIR/www$1" && exec "$toami" run -v "$1" -- \
		python3 -m http.server "$2" >/dev/null 2>&1) &
	pids="$pids $!"
}

# get VIF URL: what is answered, or nothing.
get() { "$toami" run -v "$1" -- curl -s -m 2 "$2" 2>/dev/null || true; }

# until a server answers
wait_for() {
	n=0
	while [ "$(get "$1" "$2")" = "" ]; do
		n=$((n + 1))
		[ $n -lt 20 ] || fail "$2 does not answer"
	done
}

for v in /web /web/a /web/b /cli; do "$toami" vif add $v >/dev/null; done
