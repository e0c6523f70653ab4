/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include <linux/signal.h>
#include <linux/slab.h>

#include "park/pending.h"

static u32 pending_count(const struct sigpending *from)
{
	const struct sigqueue *q;
	u32 nr = hweight64(from->signal.sig[0]); /* those without an entry in the queue */

	list_for_each_entry(q, &from->list, list)
		nr++;
	return nr;
}

static void copy_queue(struct wppk_pending *to, const struct sigpending *from)
{
	const struct sigqueue *q;
	u64 bare = from->signal.sig[0];
	int signo;

	list_for_each_entry(q, &from->list, list) {
		copy_siginfo_to_external(&to->info[to->nr++], &q->info);
		bare &= ~(u64)sigmask(q->info.si_signo);
	}
	/* The kernel was short of memory for these. */
	for (signo = 1; signo <= _NSIG; signo++) {
		if (bare & sigmask(signo)) {
			memset(&to->info[to->nr], 0, sizeof(siginfo_t));
			to->info[to->nr++].si_signo = signo;
		}
	}
}

/* Room for @nr. */
static int reserve(struct wppk_pending *p, u32 nr)
{
	kvfree(p->info);
	p->cap = 0;
	p->info = kvmalloc_array(nr, sizeof(*p->info), GFP_KERNEL);
	if (!p->info)
		return -ENOMEM;
	p->cap = nr;
	return 0;
}

int wppk_pending_copy(struct wppk_pending *to, const struct sigpending *from)
{
	spinlock_t *lock = &wppk_own_sighand()->siglock;
	int err;
	u32 nr;

	for (;;) {
		spin_lock_irq(lock);
		nr = pending_count(from);
		if (nr <= to->cap) {
			to->nr = 0;
			copy_queue(to, from);
		}
		spin_unlock_irq(lock);
		if (nr <= to->cap)
			return 0;
		err = reserve(to, nr);
		if (err)
			return err;
	}
}
