#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Usage: exec.sh PROGRAM COUNT: exec among threads inside the fabric, COUNT times.
. "$(dirname "$0")/../apps/lib.sh"
expect ok "$(on /exec timeout 100 "$1" "$2")" "$2 programs, each started among busy threads"
expect_nothing_left
until_ok sh -c "'$toami' status --json | python3 -c '
import json, sys
s = json.load(sys.stdin)
sys.exit(s[\"frames\"] != 0 or s[\"chunks\"] != 0)'"
echo "$(grep -c "died inside" "$TOAMI_DIR/log" || true) of them found threads cut off inside"
