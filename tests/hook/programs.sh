#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Ordinary programs, with processes, threads, handlers and compilers of their own.
set -e
export LD_PRELOAD=$1
check() {
	[ "$2" = "$3" ] || { echo "$1: got '$2', not '$3'"; exit 1; }
}
check pipeline "$(sh -c 'printf "b\na\n" | sort | tr a-z A-Z | paste -sd,')" A,B
check cleared "$(env -i sh -c 'echo ${TOAMI_VIF:-gone}')" /t
if command -v python3 >/dev/null; then
	check subprocess "$(python3 -c '
import subprocess, threading
print(subprocess.run(["sh", "-c", "echo $((6*7))"], capture_output=True).stdout)
try:
    subprocess.run(["/nowhere"])
except FileNotFoundError:
    print("none")
t = [threading.Thread(target=lambda: subprocess.run(["true"], check=True)) for i in range(4)]
[x.start() for x in t]
[x.join() for x in t]
' | paste -sd,)" "b'42\\n',none"
fi
if command -v perl >/dev/null; then
	check perl "$(perl -e '$SIG{ALRM}=sub{die "alarm\n"}; eval{alarm 1; sleep 9}; print $@')" alarm
fi
if command -v node >/dev/null; then
	check node "$(node -e 'require("fs").readFile("/dev/null",()=>console.log("read"))')" read
fi
