#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
# exports.sh CC LIBRARY INCLUDE_DIR MAP SYMBOLS: what libwpp.so exports is what the headers mark
# WPP_API and what the linker map lists by version, neither more nor less; and nothing of SYMBOLS,
# which programs may have been linked to, is gone.
set -euo pipefail
cc=$1 library=$2 include=$3 map=$4 symbols=$5
export LC_ALL=C
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

# The map as symbol@version.
awk '$2 == "{" { version = $1 } /^\t\twpp_/ { sub(";", ""); print $1 "@" version }' "$map" |
	sort -u >"$work/mapped"
sed 's/@.*//' "$work/mapped" >"$work/listed"

[ -s "$work/declared" ] || { echo "no WPP_API found"; exit 1; }
# label, label, file, file, what to do
same() {
	diff -u --label "$1" --label "$2" "$3" "$4" && return
	echo "exports: $5" >&2
	exit 1
}
same "WPP_API in headers" "libwpp.map" "$work/declared" "$work/listed" \
	"list what is new in libwpp/libwpp.map, under the newest version; take out what no header has"
same "libwpp.map" "libwpp.so" "$work/mapped" <(sed 's/@@*/@/' "$work/versioned") \
	"the library lacks what the map lists, or exports it under another version"
grep -v '^#' "$symbols" | sort >"$work/released"
if gone=$(comm -13 "$work/mapped" "$work/released") && [ -n "$gone" ]; then
	printf '%s\nexports: above: was exported before, and programs may need it: it can not go\n' "$gone" >&2
	exit 1
fi
if new=$(comm -23 "$work/mapped" "$work/released") && [ -n "$new" ]; then
	printf '%s\nexports: above: new; add each line to tests/package/symbols, so that it stays\n' "$new" >&2
	exit 1
fi
echo "$(wc -l <"$work/mapped") symbols"
