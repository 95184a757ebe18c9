#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# The control library, through its example: what it does and what it prints.
. "$(dirname "$0")/../apps/lib.sh"

export TOAMI_DAEMON="$TOAMI_BUILD/toamid"
"$TOAMI_BUILD/tests/daemon/example-tree" >"$work/out"
cat >"$work/wanted" <<'END'
refused: the guarantees of the VIFs below /shop would add up to 110mbit, more than its min of 100mbit: lower one of them, or raise min of /shop
/shop/web is guaranteed 60mbit
3 the same
/shop 10.77.0.2 0 bytes sent
/shop/web /shop 0 bytes sent
/shop/post /shop 0 bytes sent
vif-add /shop
vif-set /shop
vif-add /shop/web
vif-set /shop/web
vif-add /shop/mail
vif-move /shop/post
vif-remove /shop/post
vif-remove /shop/web
vif-remove /shop
END
sort "$work/wanted" >"$work/wanted.sorted"
sort "$work/out" >"$work/out.sorted"
diff "$work/wanted.sorted" "$work/out.sorted"
echo "ok: the example does what it says"

# The header alone is enough, for C++ as well.
if command -v c++ >/dev/null; then
	echo '#include <toami/vif.h>' >"$work/x.cc"
	c++ -I"$(dirname "$0")/../../include" -Wall -Werror -fsyntax-only "$work/x.cc"
	echo "ok: C++ takes the header"
fi
