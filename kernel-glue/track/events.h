/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Eager mode: the thesis' PTE events. */
#ifndef WPPK_EVENTS_H
#define WPPK_EVENTS_H

#include <linux/types.h>

struct mm_struct;
struct wppk_proc;
struct wppk_run;

void wppk_events_exit(void);
int wppk_events_create(struct wppk_proc *proc);
void wppk_events_free(struct wppk_proc *proc);

/* The table starts anew from what is mapped in @mm now; NULL: nothing. May sleep. */
void wppk_events_reset(struct wppk_proc *proc, struct mm_struct *mm);

/* From the notifier: [@start, @end) changed; @gone: unmapped for good. */
void wppk_events_range(struct wppk_proc *proc, unsigned long start, unsigned long end, bool gone);

/* At the trigger, target parked: compare with what the walk finds, count differences. */
void wppk_events_check_begin(struct wppk_proc *proc);
void wppk_events_check(struct wppk_proc *proc, const struct wppk_run *run);
u64 wppk_events_check_end(struct wppk_proc *proc);
u64 wppk_events_count(struct wppk_proc *proc);

#endif
