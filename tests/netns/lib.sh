# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=sh
# For tests with network namespaces: what is made is named after this process, and
# removed at the end. Sourced; needs TOAMI_BUILD.
here=$(dirname "$0")
# shellcheck source=tests/apps/lib.sh
. "$here/../apps/lib.sh"

need ip python3
namespaces=
ns=toami$$
if [ "$(id -u)" != 0 ]; then
	echo "skipped: only root makes network namespaces here"
	exit 77
fi
if ! ip netns add $ns 2>/dev/null || ! ip netns del $ns || [ ! -w /dev/net/tun ]; then
	echo "skipped: no network namespaces or no /dev/net/tun here"
	exit 77
fi

# The daemon belongs into the programs' namespace, whoever asks first.
"$toami" up >/dev/null

forget_namespaces() {
	for n in $namespaces; do
		ip netns del "$n" 2>/dev/null || true
	done
}
at_end() {
	forget_namespaces
}

# netns NAME: makes $ns-NAME, its loopback up
netns() {
	ip netns add "$ns-$1"
	namespaces="$namespaces $ns-$1"
	ip -n "$ns-$1" link set lo up
}

# in_ns NAME COMMAND...
in_ns() {
	n=$1
	shift
	ip netns exec "$ns-$n" "$@"
}

# start_in NAME COMMAND...: in the background until the test ends
start_in() {
	n=$1
	shift
	log=$work/$(echo "$started" | wc -w).log
	ip netns exec "$ns-$n" "$@" >"$log" 2>&1 </dev/null &
	started="$started $!"
}

# vif_field PATH FIELD: of toami vif show
vif_field() {
	"$toami" vif show -j "$1" | python3 -c "import json, sys; print(json.load(sys.stdin)['$2'] or '')"
}

# until_ready FILE: a server's log says so
until_ready() {
	until_ok grep -q ready "$1"
}
