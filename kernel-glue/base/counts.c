/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "base/counts.h"

atomic64_t wppk_stats[WPPK_STATS];
