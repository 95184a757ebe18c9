#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# static programs: refused with a sentence
. "$(dirname "$0")/../lib.sh"
need busybox
file -L "$(command -v busybox)" 2>/dev/null | grep -q 'statically linked' || {
	echo "skipped: this busybox is linked dynamically"
	exit 77
}
status=0
on /st busybox true 2>"$work/err" || status=$?
expect 126 $status "exit code"
expect 1 "$(grep -c 'statically linked' "$work/err")" "the sentence"
