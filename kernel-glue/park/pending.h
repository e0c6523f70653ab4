/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Signals that wait for a thread or the process, in their order. */
#ifndef WPPK_PENDING_H
#define WPPK_PENDING_H

#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/signal_types.h>

struct wppk_pending {
	siginfo_t *info;
	u32 nr, cap;
};

/* What waits in @from, of the calling thread or its process. */
int wppk_pending_copy(struct wppk_pending *to, const struct sigpending *from);

/* It stays as long as its owner runs, who asks. */
static inline struct sighand_struct *wppk_own_sighand(void)
{
	return rcu_dereference_protected(current->sighand, true);
}

#endif
