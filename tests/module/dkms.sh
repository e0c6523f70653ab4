#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
# dkms.sh BUILD HEADERS: what is installed for DKMS builds by itself, as its dkms.conf says.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cmake --install "$1" --component dkms --prefix "$dir" >/dev/null
cd "$dir"/src/wpp-*
kernel_source_dir=$2
. ./dkms.conf
[ "$PWD" = "$dir/src/$PACKAGE_NAME-$PACKAGE_VERSION" ]
eval "${MAKE[0]} -j2" >"$dir/log" 2>&1 || { cat "$dir/log" && exit 1; }
ls -l "${BUILT_MODULE_LOCATION[0]}/${BUILT_MODULE_NAME[0]}.ko"
