#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# ns a hooked call, per tier. Usage: bench/hook_call.sh [build directory]
build=${1:-build}
env -u LD_PRELOAD -u TOAMI_HOOK "$build/bench/hook-call"
for tier in dispatch page0 jump auto; do
	LD_PRELOAD=$build/tests/hook/libtoami-hook-stub.so TOAMI_DIR=/x \
		TOAMI_VIF=/t TOAMI_HOOK=$tier "$build/bench/hook-call"
done
