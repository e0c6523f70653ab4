/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Beginning and ending to track a process, and following it. */
#ifndef WPPK_TRACKING_H
#define WPPK_TRACKING_H

#include <linux/list.h>
#include <linux/types.h>

#include <wpp/module.h>

struct wppk_proc;

int wppk_track_init(void);
void wppk_track_exit(void);
int wppk_track(const struct wpp_ko_track *how);
int wppk_untrack(pid_t pid); /* in the caller's pid namespace */

/* With wppk_lock held. The list is made up to date: forks, execs and exits so far. */
struct list_head *wppk_procs(void);
void wppk_proc_rescan(struct wppk_proc *proc);

#endif
