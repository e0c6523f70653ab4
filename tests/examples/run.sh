#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
# run.sh EXAMPLE LIST_GENERATIONS: EXAMPLE makes and fills a medium twice, LIST_GENERATIONS finds both
# generations sound.
set -euo pipefail
if [ "$(basename "$1")" = persist_child ] && [ "$(id -u)" != 0 ]; then
	echo "skipped: to choose a pid takes root"
	exit 77
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
printf '[wpp]\nsize = 64M\n' >"$work/wpp.conf"
export WPP_CONF=$work/wpp.conf

for generation in 1 2; do
	"$1" "$work/medium" | tee "$work/out"
	grep -q "generation $generation: " "$work/out"
done
"$2" "$work/medium" | tee "$work/out"
grep -q 'generation 1: ' "$work/out"
grep -q 'generation 2: ' "$work/out"
grep -q 'pages, sound' "$work/out"
