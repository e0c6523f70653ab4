#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
# check_man.sh EXAMPLE MAN_PAGE: every key of the example file is in the man page.
set -euo pipefail
status=0
for key in $(sed -n 's/^;\([a-z]*\) = .*/\1/p' "$1"); do
	grep -q "^\.B[IR] $key " "$2" || { echo "$2: $key is missing"; status=1; }
done
exit $status
