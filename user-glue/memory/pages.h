/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#ifndef WPP_PAGES_H
#define WPP_PAGES_H

#include "base/tree.h"

struct run {
	uint64_t first, nr; /* pages */
};

struct runs {
	struct run *v;
	size_t nr, cap;
	uint64_t nr_pages;
};

/* Pages of the address space that no file and no memory object holds, added to @out. */
int wppi_pages_of_process(const struct member *m, struct runs *out);
/* Pages of a mapping that MADV_GUARD_INSTALL has made inaccessible. */
int wppi_guards_of(const struct member *m, const struct vma *v, struct runs *out);
/* Pages of a memory object with data. */
int wppi_pages_of_object(const struct memobj *o, struct runs *out);
void wppi_runs_free(struct runs *r);

#endif
