/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Scheduling of each thread, and on which processors.
 */
#include <linux/cpumask.h>
#include <linux/sched.h>
#include <linux/slab.h>

#include "state/kstate.h"

/* May it run on every CPU of this machine? Then it is not bound to any. */
static bool is_unbound(const struct cpumask *mask)
{
	return cpumask_subset(cpu_present_mask, mask);
}

static int sched_collect(struct wppk_member *m)
{
	const struct wppk_thread *t;
	cpumask_var_t mask;

	if (!alloc_cpumask_var(&mask, GFP_KERNEL))
		return -ENOMEM;
	wppk_for_each(t, m->group) {
		cpumask_and(mask, &t->task->cpus_mask, cpu_active_mask);
		WPPK_REC_THREAD(m, t, SCHED, 0, &t->sched, cpumask_bits(mask),
				is_unbound(mask) ? 0 : cpumask_size());
	}
	free_cpumask_var(mask);
	return 0;
}

const struct wppk_class wppk_class_sched = { .collect = sched_collect };
