#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
# man.sh MANDIR: man finds and shows the pages that were installed.
set -euo pipefail
dir=$1
command -v man >/dev/null || { echo "skipped: no man"; exit 77; }

shows()
{
	local text
	text=$(MANWIDTH=80 man -M "$dir" "$1" "$2" | tr -s ' \n' ' ')
	[[ $text == *"$3"* ]] || { echo "$2($1) does not tell: $3"; exit 1; }
	echo "$2($1)"
}

shows 3 wpp_store_open 'int wpp_store_open(struct wpp_store **out,'
shows 3type wpp_medium 'uint64_t size;'
shows 1 wpp 'wpp recreate'
shows 5 wpp.conf 'wpp.conf'
