/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The directory of this boot: one small file a name. As wppc_track_*() of control/tracked.h. */
#ifndef WPP_CONTROL_ENTRIES_H
#define WPP_CONTROL_ENTRIES_H

#include "control/tracked.h"

int wppc_entry_add(const char *name, pid_t pid);
int wppc_entry_remove(const char *name);
int wppc_entry_find(const char *name, struct wppc_tracked *out);
int wppc_entry_list(struct wppc_tracked **out, size_t *nr);

#endif
