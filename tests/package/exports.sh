#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
# exports.sh CC LIBRARY INCLUDE_DIR MAP: what libwpp.so exports is what the headers mark WPP_API,
# neither more nor less, under the version of the linker map.
set -euo pipefail
cc=$1 library=$2 include=$3 map=$4
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# Preprocessed without types.h, which would expand the mark. Statements with WPP_API; the name stands
# before the first "(".
for header in "$include"/wpp/*.h; do
	"$cc" -E -P -I "$include" -DWPP_TYPES_H -DWPP_BEGIN_DECLS= -DWPP_END_DECLS= \
		-DWPP_MUST_CHECK= "$header"
done | grep -v '^#' | tr '\n' ' ' | tr ';{}' '\n' |
	sed -n 's/.*\<WPP_API\>\([^(]*\)(.*/\1/p' | grep -o '[A-Za-z0-9_]* *$' | tr -d ' ' |
	sort -u >"$work/declared"

nm -D --defined-only "$library" | awk '$2 != "A" { print $3 }' | sort -u >"$work/versioned"
sed 's/@.*//' "$work/versioned" | sort -u >"$work/exported"

[ -s "$work/declared" ] || { echo "no WPP_API found"; exit 1; }
version=$(sed -n 's/^\(WPP_[0-9.]*\) {$/\1/p' "$map" | tail -1)
if grep -v "@@$version\$" "$work/versioned"; then
	echo "above: exported without version $version"
	exit 1
fi
if ! diff -u --label "WPP_API in headers" --label "exported" "$work/declared" "$work/exported"; then
	echo "-: declared, not exported; +: exported, not declared"
	exit 1
fi
echo "$(wc -l <"$work/exported") symbols, version $version"
