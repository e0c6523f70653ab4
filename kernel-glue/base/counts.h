/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* What /proc/wpp/stats tells. */
#ifndef WPPK_COUNTS_H
#define WPPK_COUNTS_H

#include <linux/atomic.h>

/* The lower half must be 0 when nothing is tracked. */
enum wppk_stat {
	WPPK_STAT_PERSISTS,
	WPPK_STAT_FAILURES,
	WPPK_STAT_FORKS_LOST, /* children that were not tracked for lack of memory */
	WPPK_STAT_PROCS,
	WPPK_STAT_MMS,
	WPPK_STAT_PAGES, /* references to pages of the target */
	WPPK_STAT_JOBS,
	WPPK_STATS,
};

extern atomic64_t wppk_stats[WPPK_STATS];

#endif
