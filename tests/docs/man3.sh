#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
# man3.sh LIBRARY MAN3 MAN: each function that LIBRARY exports has a page in MAN3, and no page there
# is of another; groff and mandoc find nothing wrong with any of both folders.
set -euo pipefail
library=$1 pages=$2 written=$3
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

nm -D --defined-only "$library" | awk '$2 == "T" { sub(/@.*/, "", $3); print $3 }' |
	sort -u >"$work/functions"
(cd "$pages" && printf '%s\n' *.3) | sed 's/\.3$//' | sort >"$work/pages"
[ -s "$work/functions" ] || { echo "no functions in $library"; exit 1; }
diff -u --label exported --label pages "$work/functions" "$work/pages"
echo "$(wc -l <"$work/pages") pages of functions, $(ls "$pages" | grep -c 3type) of types"

skipped=
if command -v mandoc >/dev/null; then
	mandoc -T lint -W warning "$pages"/* "$written"/*
else
	skipped="mandoc"
fi
if command -v groff >/dev/null; then
	groff -man -Tutf8 -ww -z -t "$pages"/* "$written"/* 2>"$work/warnings"
	[ ! -s "$work/warnings" ] || { cat "$work/warnings"; exit 1; }
else
	skipped+=" groff"
fi
[ -z "$skipped" ] || { echo "skipped: no $skipped"; exit 77; }
