#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# mariadb: a server with threads, its client, mariadb-slap with 8 threads
PATH=$PATH:/usr/sbin
. "$(dirname "$0")/../lib.sh"
need mariadbd mariadb mariadb-install-db mariadb-slap

chmod 711 "$work" "$TOAMI_DIR"
mariadb-install-db --no-defaults --user=root --datadir="$work/data" --skip-test-db \
	--auth-root-authentication-method=normal >/dev/null 2>&1
start /db mariadbd --no-defaults --user=root --datadir="$work/data" --port=3306 \
	--socket="$work/sock" --skip-grant-tables --skip-networking=0 --bind-address=0.0.0.0
ask() {
	on /cli mariadb --no-defaults --skip-ssl -h db -u root -N -e "$1"
}
until_ok ask "select 1"
expect 42 "$(ask 'select 6 * 7')" "a query"
on /cli mariadb-slap --no-defaults --skip-ssl -h db -u root --auto-generate-sql --concurrency=8 \
	--number-of-queries=800 >"$work/slap.log"
expect 1 "$(grep -c 'Average number of seconds' "$work/slap.log")" "mariadb-slap, 8 threads"
expect 1000000 "$(ask "select length(repeat('x', 1000000))")" "a megabyte's length"
