/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The classes of state and what one tells another. */
#ifndef WPPK_KSTATE_H
#define WPPK_KSTATE_H

#include "compat/kcompat.h"
#include "park/kmember.h"

extern const struct wppk_class wppk_class_machine, wppk_class_process, wppk_class_threads,
	wppk_class_signals, wppk_class_timers, wppk_class_limits, wppk_class_creds,
	wppk_class_sched, wppk_class_memory;

/* By a thread that is being stopped, of itself. */
int wppk_thread_look(struct wppk_thread *t);
void wppk_thread_free(struct wppk_thread *t);
/* What waits in @from, of the calling thread or its process. */
int wppk_pending_copy(struct wppk_pending *to, const struct sigpending *from);
/* What the sched record tells, before priorities are changed. */
void wppk_sched_look(struct wppk_thread *t);

u32 wppk_xsave_size(void);
u64 wppk_xcr0(const struct wppk_thread *t);

/* It was about to stop. */
bool wppk_stop_is_pending(const struct wppk_member *m);

/* Reads the mappings, and makes what was written through them durable. */
int wppk_sync_mappings(struct wppk_member *m);

/* It stays as long as its owner runs, who asks. */
static inline struct sighand_struct *wppk_own_sighand(void)
{
	return rcu_dereference_protected(current->sighand, true);
}

#endif
