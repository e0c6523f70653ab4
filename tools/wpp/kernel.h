/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The kernel module at work for wpp (backend = module): it tracks and saves what wpp names. */
#ifndef WPP_TOOL_KERNEL_H
#define WPP_TOOL_KERNEL_H

#include <wpp/module.h>

#include "tool.h"

/* Does the configuration say that the module tracks and saves? */
bool kernel_is_used(const struct tool *t);

/*
 * Sees to it that the module is there, has the medium of the configuration and that there is a
 * store on it. Complains itself. Returns 0 or an exit code.
 */
int kernel_prepare(struct tool *t);

/* Marks a process; the [module] keys say how, @inherit adds its children. 0 or a wpp_err. */
int kernel_track(const struct tool *t, const char *name, pid_t pid, bool inherit);
void kernel_untrack(const char *name);

/* What the module tracks, as track_find() and track_list(). */
bool kernel_tracks(pid_t pid);
int kernel_find(const char *name, struct tracked *out);
int kernel_list(struct tracked **out, size_t *nr);

/* What the module tells of a tracked process now: {"mode": "walk", "private_pages": 7, ...} */
json_t *kernel_live(pid_t pid);

/* Saves one process, tracked or not; notes go to how->report. As wpp_process_persist(). */
int kernel_persist(const struct tool *t, const char *image, pid_t pid,
		   const struct wpp_persist *how, struct wpp_persisted *done);

/* Power fails: all stand still together, are saved and killed. -EREMOTEIO ...: not all. */
int kernel_trigger(void);

/* For wpp doctor: a sentence; false: what is configured can't work so. */
bool kernel_describe(const struct tool *t, char *text, size_t size);

#endif
