/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The classes of state and what one tells another. */
#ifndef WPPK_KSTATE_H
#define WPPK_KSTATE_H

#include "compat/kcompat.h"
#include "state/kmember.h"

extern const struct wppk_class wppk_class_machine, wppk_class_process, wppk_class_threads,
	wppk_class_signals, wppk_class_timers, wppk_class_limits, wppk_class_creds,
	wppk_class_sched, wppk_class_memory;

/* It was about to stop. */
bool wppk_stop_is_pending(const struct wppk_member *m);

/* Reads the mappings, and makes what was written through them durable. */
int wppk_sync_mappings(struct wppk_member *m);

#endif
