/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#ifndef WPP_PAGES_H
#define WPP_PAGES_H

#include "capture.h"

struct run {
	uint64_t first, nr; /* pages */
};

struct runs {
	struct run *v;
	size_t nr, cap;
	uint64_t nr_pages;
};

/*
 * Pages with contents in [start, end) of the process behind a /proc/PID/pagemap, added to @out.
 * @own_only: without those that still are the mapped file's.
 */
int wppi_pages_scan(int pagemap, uint64_t start, uint64_t end, bool own_only, struct runs *out);
int wppi_pages_of_process(struct capture *c, struct runs *out);
int wppi_pages_of_object(const struct memobj *o, struct runs *out);
void wppi_runs_free(struct runs *r);

#endif
