#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
# header.sh CC CXX INCLUDE_DIR HEADER: HEADER compiles alone, and twice, as C11 and as C++.
set -euo pipefail
cc=$1 cxx=$2 dir=$3 header=$4
source=$(printf '#include <%s>\n#include <%s>\n' "$header" "$header")
flags=(-fsyntax-only -Wall -Wextra -Wundef -Wpedantic -Werror -I "$dir")

"$cc" -x c -std=c11 "${flags[@]}" - <<<"$source"
if [ -z "$cxx" ]; then
	echo "skipped C++: no compiler"
	exit 77
fi
for std in c++11 c++17; do
	"$cxx" -x c++ -std=$std "${flags[@]}" - <<<"$source"
done
