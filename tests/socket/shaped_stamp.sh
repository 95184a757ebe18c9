#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# SO_TIMESTAMPING of what a VIF holds up.
# shellcheck source=tests/apps/lib.sh
. "$(dirname "$0")/../apps/lib.sh"
need python3
here=$(cd "$(dirname "$0")" && pwd)

start /srv python3 -c '
import socket, threading
u = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
u.bind(("", 4000))
s = socket.create_server(("", 4000))
print("ready", flush=True)
while True:
    c, _ = s.accept()
    while c.recv(100): pass
    c.close()'
until_ok grep -q ready "$log"
"$toami" vif add /p >/dev/null
"$toami" vif set /p delay=50ms
on /p python3 "$here/shaped_stamp.py" srv 4000 50
