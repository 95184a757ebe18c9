#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# A program that cannot be attached does not run; without an environment it runs as it is.
hook=$1
out=$(TOAMI_DIR=/x TOAMI_VIF='/!' LD_PRELOAD=$hook /bin/echo ran 2>&1)
[ $? = 69 ] || { echo "exit code, and: $out"; exit 1; }
case $out in
*ran*) echo "it ran: $out"; exit 1 ;;
*"toami: "*"no such VIF"*) ;;
*) echo "no sentence: $out"; exit 1 ;;
esac
out=$(unset TOAMI_DIR TOAMI_VIF; LD_PRELOAD=$hook /bin/echo ran 2>&1)
[ "$out" = ran ] || { echo "passive: $out"; exit 1; }
