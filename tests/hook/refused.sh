#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# A program that cannot be attached does not run; without an environment it runs as it is.
hook=$1 there=$2
out=$(TOAMI_DIR=/x TOAMI_VIF='/!' LD_PRELOAD=$hook /bin/echo ran 2>&1)
[ $? = 69 ] || { echo "exit code, and: $out"; exit 1; }
case $out in
*ran*) echo "it ran: $out"; exit 1 ;;
*"toami: "*"no such VIF"*) ;;
*) echo "no sentence: $out"; exit 1 ;;
esac
out=$(unset TOAMI_DIR TOAMI_VIF; LD_PRELOAD=$hook /bin/echo ran 2>&1)
[ "$out" = ran ] || { echo "passive: $out"; exit 1; }

# A program linked to where the hook lies in the filter's tier, and only there.
there() { # TIER, exit code, what it says
	out=$(TOAMI_DIR=/x TOAMI_VIF=/t TOAMI_HOOK=$1 LD_PRELOAD=$hook /usr/bin/env "$there" 2>&1)
	status=$?
	[ $status = "$2" ] || { echo "$1: exit $status, not $2: $out"; exit 1; }
	case $out in
	*"$3"*) ;;
	*) echo "$1: no sentence: $out"; exit 1 ;;
	esac
}
there auto 3 ""
there seccomp 126 "cannot be hooked: its addresses are taken"
