#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
# outside.sh HOW PREFIX: build and run outside/ against the tree installed in PREFIX.
# pkgconfig-examples: build each example with the command that stands in it.
# pkgconfig-readme: build and run the C block of README.md with outside/readme_main.c as its user.
# HOW: pkgconfig-shared pkgconfig-static pkgconfig-examples pkgconfig-readme cmake-shared cmake-static.
set -euo pipefail
how=$1 prefix=$2
here=$(dirname "$(realpath "$0")")/outside
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
libdir=$(dirname "$(find "$prefix" -name libwpp.a)")
read -ra cflags <<<"${CFLAGS:-}"

pkgconfig()
{
	local flags
	flags=$(PKG_CONFIG_PATH=$libdir/pkgconfig pkg-config --cflags --libs "$@" wpp)
	case " $* " in *" --static "*) flags=${flags/-lwpp/-l:libwpp.a} ;; esac
	echo "flags: $flags"
	# shellcheck disable=SC2086 # flags are words
	${CC:-cc} -std=c11 -Wall -Wextra -Werror "${cflags[@]}" -o "$work/outside" "$here/main.c" $flags
}

with_cmake()
{
	cmake -S "$here" -B "$work/build" -DCMAKE_PREFIX_PATH="$prefix" -DWPP_TARGET="$1" \
		-DCMAKE_C_COMPILER="${CC:-cc}" >"$work/log" || { cat "$work/log"; exit 1; }
	cmake --build "$work/build" >"$work/log" || { cat "$work/log"; exit 1; }
	cp "$work/build/outside" "$work/outside"
}

examples()
{
	local source command nr=0
	export PKG_CONFIG_PATH=$libdir/pkgconfig
	for source in "$here"/../../../examples/*.c; do
		command=$(sed -n 's/^ \* Build: cc \(.*\)$/\1/p' "$source")
		[ -n "$command" ] || continue
		echo "cc $command"
		(cd "$(dirname "$source")" && eval "${CC:-cc} ${CFLAGS:-} -o '$work/example' $command")
		nr=$((nr + 1))
	done
	[ $nr -ge 3 ] || { echo "only $nr examples tell how they are built"; exit 1; }
}

readme()
{
	local flags
	sed -n '/^```c$/,/^```$/{/^```/d;p}' "$here/../../../README.md" >"$work/readme.c"
	grep -q wpp_process_persist "$work/readme.c" || { echo "README.md has no C block"; exit 1; }
	flags=$(PKG_CONFIG_PATH=$libdir/pkgconfig pkg-config --cflags --libs wpp)
	# shellcheck disable=SC2086 # flags are words
	${CC:-cc} -std=c11 -Wall -Wextra -Werror "${cflags[@]}" -o "$work/readme" "$work/readme.c" \
		"$here/readme_main.c" $flags
	printf '[wpp]\npath = %s/medium\nsize = 32M\n' "$work" >"$work/wpp.conf"
	LD_LIBRARY_PATH=$libdir WPP_CONF=$work/wpp.conf "$work/readme" </dev/null
}

# Does the program need libwpp.so at run time?
needs_shared()
{
	readelf -d "$work/outside" | grep -q 'NEEDED.*\[libwpp\.so\.0\]'
}

case $how in
pkgconfig-shared) pkgconfig ;;
pkgconfig-static) pkgconfig --static ;;
pkgconfig-examples) examples ;;
pkgconfig-readme) readme ;;
cmake-shared) with_cmake wpp::wpp ;;
cmake-static) with_cmake wpp::wpp_static ;;
*) echo "unknown way $how" >&2; exit 2 ;;
esac

case $how in
*-shared)
	needs_shared || { echo "not linked with libwpp.so.0"; exit 1; }
	LD_LIBRARY_PATH=$libdir "$work/outside"
	;;
*-static)
	! needs_shared || { echo "linked with libwpp.so.0"; exit 1; }
	"$work/outside"
	;;
esac
