#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# postgresql: a process for each client, as another user; pgbench with 8 clients
. "$(dirname "$0")/../lib.sh"
bin=$(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | tail -n 1)
PATH=$PATH:$bin
need postgres initdb psql pgbench setpriv
id postgres >/dev/null 2>&1 || {
	echo "skipped: there is no user postgres"
	exit 77
}

chmod 711 "$work" "$TOAMI_DIR"
mkdir "$work/data" && chown postgres "$work/data" && chmod 700 "$work/data"
as="setpriv --reuid postgres --regid postgres --clear-groups"
$as initdb -D "$work/data" -A trust >/dev/null
echo "host all all 10.77.0.0/16 trust" >>"$work/data/pg_hba.conf"
# It is not the daemon's user, but comes from a program that is a member.
start /pg $as postgres -D "$work/data" -h 0.0.0.0 -k "$work/data"
until_ok on /cli psql -h pg -U postgres -c "select 1"
expect 42 "$(on /cli psql -h pg -U postgres -Atc 'select 6 * 7')" "a query"
on /cli pgbench -q -i -s 1 -h pg -U postgres postgres >/dev/null 2>&1
on /cli pgbench -n -c 8 -j 2 -T 3 -h pg -U postgres postgres >"$work/bench.log" 2>&1
expect "0 (0.000%)" "$(sed -n 's/number of failed transactions: *//p' "$work/bench.log")" "pgbench"
expect 100000 "$(on /cli psql -h pg -U postgres -Atc 'select count(*) from generate_series(1, 100000)')" \
	"100,000 rows"
