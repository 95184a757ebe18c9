#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# apache2: event and prefork, pages, 5 MB, ab with and without keep-alive, graceful restart
PATH=$PATH:/usr/sbin
. "$(dirname "$0")/../lib.sh"
need apache2 ab curl

chmod 755 "$work"
mkdir "$work/www"
echo page >"$work/www/index.html"
head -c 5000000 /dev/urandom >"$work/www/big"
modules=/usr/lib/apache2/modules
for mpm in event prefork; do
	cat >"$work/$mpm.conf" <<-CONF
		ServerRoot $work
		ServerName ap
		PidFile $work/$mpm.pid
		Listen 80
		LoadModule mpm_${mpm}_module $modules/mod_mpm_$mpm.so
		LoadModule authz_core_module $modules/mod_authz_core.so
		LoadModule dir_module $modules/mod_dir.so
		DocumentRoot $work/www
		DirectoryIndex index.html
		ErrorLog $work/$mpm.log
		<Directory $work/www>
			Require all granted
		</Directory>
	CONF
	# It ends its workers by its process group, which must not be ours.
	start "/ap-$mpm" setsid apache2 -f "$work/$mpm.conf" -D FOREGROUND
	until_ok on /cli curl -sf "http://ap-$mpm/"
	expect page "$(on /cli curl -s "http://ap-$mpm/")" "$mpm: a page"
	on /cli curl -s -o "$work/back" "http://ap-$mpm/big"
	cmp "$work/www/big" "$work/back"
	echo "ok: $mpm: 5 MB"
	for options in "" -k; do
		# shellcheck disable=SC2086
		on /cli ab -q $options -n 1000 -c 10 "http://ap-$mpm/" >"$work/ab.log" 2>&1
		expect 0 "$(sed -n 's/Failed requests: *//p' "$work/ab.log")" "$mpm: ab $options"
	done
	on "/ap-$mpm" apache2 -f "$work/$mpm.conf" -k graceful
	until_ok on /cli curl -sf "http://ap-$mpm/"
	expect page "$(on /cli curl -s "http://ap-$mpm/")" "$mpm: after a graceful restart"
done
expect_nothing_left
