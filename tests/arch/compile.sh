#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
# compile.sh COMPILER TOP: all of user-glue with arch/stub, so that nothing of one machine stands
# outside of its folder.
set -euo pipefail
cc=$1 top=$2
command -v "$cc" >/dev/null || { echo "skipped: no $cc"; exit 77; }
flags=(-std=gnu11 -O1 -Wall -Wextra -Wshadow -Werror -D_GNU_SOURCE -DWPP_ARCH_STUB
	-I"$top/user-glue" -I"$top/libwpp" -I"$top/libwpp/include")
find "$top/user-glue" -name '*.c' ! -path "$top/user-glue/arch/*" -print0 -o \
	-path "$top/user-glue/arch/stub/*.c" -print0 |
	xargs -0 -n1 -P2 "$cc" "${flags[@]}" -S -o /dev/null
left=$(grep -rlE '\b(r?[abcd]x|rip|rsp|r[sd]i|orig_rax|xmm[0-9])\b|<sys/user.h>|<cpuid.h>|NT_X86' \
	"$top/user-glue" --include='*.[chS]' | grep -v "^$top/user-glue/arch/x86_64/" || true)
[ -z "$left" ] || { printf 'of x86, but not in arch/x86_64:\n%s\n' "$left"; exit 1; }
