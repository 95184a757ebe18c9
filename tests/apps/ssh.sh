#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# sshd: privilege separation, a sandbox before authentication, sessions by fork and exec;
# ssh, scp and rsync over it.
PATH=$PATH:/usr/sbin
. "$(dirname "$0")/lib.sh"
need sshd ssh scp ssh-keygen rsync
[ "$(id -u)" = 0 ] || {
	echo "skipped: sshd needs root for its privilege separation"
	exit 77
}

mkdir -p /run/sshd
chmod 755 "$work" "$TOAMI_DIR"
ssh-keygen -q -t ed25519 -N '' -f "$work/host"
ssh-keygen -q -t ed25519 -N '' -f "$work/key"
cat >"$work/sshd_config" <<EOF
HostKey $work/host
AuthorizedKeysFile $work/key.pub
StrictModes no
PasswordAuthentication no
UsePAM no
PidFile none
Subsystem sftp internal-sftp
SetEnv SHLVL=2
EOF
cat >"$work/ssh_config" <<EOF
IdentityFile $work/key
StrictHostKeyChecking no
UserKnownHostsFile /dev/null
LogLevel ERROR
BatchMode yes
EOF
me=$(id -un)
# SHLVL: bash reads no ~/.bashrc, whatever that may hold.
start /srv "$(command -v sshd)" -D -e -f "$work/sshd_config"
login() {
	on /cli ssh -F "$work/ssh_config" "$me@srv" "$@"
}
until_ok login true

expect "hello from 0" "$(login 'echo hello from $(id -u)')" "a command"
# What the session starts is on the server's VIF, too.
expect "SSH-2.0" "$(login "bash -c 'exec 3<>/dev/tcp/127.0.0.1/22; head -c 7 <&3'")" \
	"a connection from inside the session"
head -c 3000000 /dev/urandom >"$work/file"
expect "$(sha256sum <"$work/file")" "$(login sha256sum <"$work/file")" "3 MB through a session"
on /cli scp -q -F "$work/ssh_config" "$work/file" "$me@srv:$work/copy"
cmp "$work/file" "$work/copy"
echo "ok: scp"
mkdir "$work/tree"
for i in 1 2 3 4 5; do head -c 100000 /dev/urandom >"$work/tree/$i"; done
on /cli rsync -a -e "ssh -F $work/ssh_config" "$work/tree" "$me@srv:$work/back/"
diff -r "$work/tree" "$work/back/tree"
echo "ok: rsync over it"
# Its forwarding: two sockets that are polled with the connection's.
start /cli ssh -F "$work/ssh_config" -N -L 127.0.0.1:2222:127.0.0.1:22 "$me@srv"
tunnel() {
	on /cli ssh -F "$work/ssh_config" -p 2222 "$me@127.0.0.1" "$@"
}
until_ok tunnel true
expect tunnel "$(tunnel echo tunnel)" "a session through a forwarded port"
expect_nothing_left
