/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* A list of tracked processes that grows. Start with zeros; free(@at) is the caller's. */
#ifndef WPP_CONTROL_LIST_H
#define WPP_CONTROL_LIST_H

#include <stdlib.h>

#include "control/tracked.h"

struct wppc_list {
	struct wppc_tracked *at;
	size_t nr;
};

static inline int wppc_list_append(struct wppc_list *list, const struct wppc_tracked *one)
{
	struct wppc_tracked *bigger = realloc(list->at, (list->nr + 1) * sizeof(*bigger));

	if (!bigger)
		return WPP_ENOMEM;
	list->at = bigger;
	list->at[list->nr++] = *one;
	return 0;
}

#endif
