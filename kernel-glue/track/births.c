/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Births, execs and deaths of tracked processes. Tracepoints only say that something happened; who
 * needs the list to be up to date takes the births in.
 */
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/string.h>
#include <linux/tracepoint.h>

#include "base/counts.h"
#include "track/births.h"
#include "track/proc.h"

static LIST_HEAD(births);
static DEFINE_SPINLOCK(births_lock);
static void (*tell_changed)(void);

/* ---- The queue ---- */

void wppk_birth_free(struct wppk_birth *birth)
{
	put_pid(birth->pid);
	wppk_proc_put(birth->parent);
	kfree(birth);
}

struct wppk_birth *wppk_births_pop(void)
{
	struct wppk_birth *birth;

	spin_lock_irq(&births_lock);
	birth = list_first_entry_or_null(&births, struct wppk_birth, node);
	if (birth)
		list_del(&birth->node);
	spin_unlock_irq(&births_lock);
	return birth;
}

/* ---- Tracepoints: preemption is off ---- */

static void probe_fork(void *data, struct task_struct *parent, struct task_struct *child)
{
	struct wppk_proc *proc;
	struct wppk_birth *birth;
	unsigned long flags;

	if (list_empty(&wppk_proc_list) || same_thread_group(parent, child))
		return;
	rcu_read_lock();
	proc = wppk_proc_of_task(parent);
	if (proc && (!(proc->flags & WPP_KO_TRACK_INHERIT) || !kref_get_unless_zero(&proc->ref)))
		proc = NULL;
	rcu_read_unlock();
	if (!proc)
		return;
	birth = kmalloc(sizeof(*birth), GFP_ATOMIC);
	if (!birth) {
		atomic64_inc(&wppk_stats[WPPK_STAT_FORKS_LOST]);
		wppk_proc_put(proc);
		return;
	}
	birth->pid = get_pid(task_tgid(child));
	birth->parent = proc;
	spin_lock_irqsave(&births_lock, flags);
	list_add_tail(&birth->node, &births);
	spin_unlock_irqrestore(&births_lock, flags);
	tell_changed();
}

static void probe_exec(void *data, struct task_struct *task)
{
	if (!list_empty(&wppk_proc_list) && wppk_tracks(task))
		tell_changed();
}

static void probe_exit(void *data, struct task_struct *task)
{
	if (!atomic_read(&task->signal->live)) /* its last thread */
		probe_exec(data, task);
}

static struct probe {
	const char *name;
	void *fn;
	struct tracepoint *tp;
} probes[] = {
	{ "sched_process_fork", probe_fork },
	{ "sched_process_exec", probe_exec },
	{ "sched_process_exit", probe_exit },
};

static void probe_match(struct tracepoint *tp, void *data)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(probes); i++) {
		if (!strcmp(tp->name, probes[i].name))
			probes[i].tp = tp;
	}
}

static void probes_remove(void)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(probes); i++) {
		if (probes[i].tp)
			tracepoint_probe_unregister(probes[i].tp, probes[i].fn, NULL);
	}
	tracepoint_synchronize_unregister();
}

static int probes_add(void)
{
	size_t i;
	int err;

	for_each_kernel_tracepoint(probe_match, NULL)
		;
	for (i = 0; i < ARRAY_SIZE(probes); i++) {
		err = probes[i].tp ? tracepoint_probe_register(probes[i].tp, probes[i].fn, NULL)
				   : -ENOENT;
		if (err) {
			pr_err("wpp: no tracepoint %s: error %d\n", probes[i].name, err);
			return err;
		}
	}
	return 0;
}

int wppk_births_init(void (*changed)(void))
{
	int err;

	tell_changed = changed;
	err = probes_add();
	if (err)
		wppk_births_exit();
	return err;
}

void wppk_births_exit(void)
{
	struct wppk_birth *birth;

	probes_remove();
	while ((birth = wppk_births_pop()))
		wppk_birth_free(birth);
}
