#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# iperf3: one stream, several, reverse, and UDP.
. "$(dirname "$0")/lib.sh"
need iperf3 python3

start /sink iperf3 -s
until_ok on /source iperf3 -c sink -n 1K

gbits() {
	on /source iperf3 -c sink -t 1 -J "$@" | python3 -c '
import json, sys
end = json.load(sys.stdin)["end"]
sums = end.get("sum_received") or end["sum"]
print("%.1f" % (sums["bits_per_second"] / 1e9), "Gbit/s,",
      sums.get("lost_packets", 0), "lost")'
}
echo "ok: one stream: $(gbits)"
echo "ok: four streams: $(gbits -P 4)"
echo "ok: reverse: $(gbits -R)"
echo "ok: UDP: $(gbits -u -b 500M -l 1400)"
expect_nothing_left
