#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# git daemon: clone, and rsync's own daemon: copy
. "$(dirname "$0")/../lib.sh"
need git rsync

git init -q -b main "$work/repo"
head -c 2000000 /dev/urandom >"$work/repo/file"
git -C "$work/repo" add file
git -C "$work/repo" -c user.name=x -c user.email=x@x commit -qm one
start /git git -c safe.directory='*' daemon --reuseaddr --export-all --base-path="$work" "$work"
clone() {
	rm -rf "$work/clone"
	HOME=$work on /cli git clone -q git://git/repo "$work/clone"
}
until_ok clone
cmp "$work/repo/file" "$work/clone/file"
echo "ok: git clone"
printf 'use chroot = no\n[all]\npath = %s/repo\n' "$work" >"$work/rsyncd.conf"
start /rs rsync --daemon --no-detach --config="$work/rsyncd.conf"
until_ok on /cli rsync rsync://rs/all/
on /cli rsync -a --exclude .git rsync://rs/all/ "$work/copy/"
cmp "$work/repo/file" "$work/copy/file"
echo "ok: rsync daemon"
expect_nothing_left
