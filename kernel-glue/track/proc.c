/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The list of tracked processes. A mark belongs to the process (its thread group), as in the
 * thesis: it survives exec and ends with exit.
 */
#include <linux/rculist.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/sched/task.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "base/counts.h"
#include "track/proc.h"

#define BATCH_DEFAULT 256

DEFINE_MUTEX(wppk_lock);
LIST_HEAD(wppk_proc_list);

/* ---- One ---- */

static void proc_release(struct kref *ref)
{
	struct wppk_proc *proc = container_of(ref, struct wppk_proc, ref);

	put_pid(proc->pid);
	kfree_rcu(proc, rcu);
	atomic64_dec(&wppk_stats[WPPK_STAT_PROCS]);
}

void wppk_proc_put(struct wppk_proc *proc)
{
	kref_put(&proc->ref, proc_release);
}

struct wppk_proc *wppk_proc_alloc(struct pid *pid, u32 flags, u32 batch, const char *image)
{
	struct wppk_proc *proc = kzalloc(sizeof(*proc), GFP_KERNEL_ACCOUNT);

	if (!proc)
		return NULL;
	kref_init(&proc->ref);
	proc->pid = get_pid(pid);
	proc->flags = flags;
	proc->batch = batch ?: BATCH_DEFAULT;
	strscpy(proc->image, image, sizeof(proc->image));
	atomic64_inc(&wppk_stats[WPPK_STAT_PROCS]);
	return proc;
}

/* The address space of a process, perhaps of another thread than the first, which may be gone. */
struct mm_struct *wppk_proc_mm(const struct wppk_proc *proc, bool *alive)
{
	struct task_struct *leader, *thread, *found = NULL;
	struct mm_struct *mm = NULL;

	*alive = false;
	rcu_read_lock();
	leader = pid_task(proc->pid, PIDTYPE_TGID);
	if (leader) {
		*alive = atomic_read(&leader->signal->live) > 0;
		for_each_thread(leader, thread) {
			if (READ_ONCE(thread->mm)) {
				found = thread;
				get_task_struct(found);
				break;
			}
		}
	}
	rcu_read_unlock();
	if (found) {
		mm = get_task_mm(found);
		put_task_struct(found);
	}
	return mm;
}

/* ---- Who is on the list ---- */

struct wppk_proc *wppk_proc_find(struct pid *pid)
{
	struct wppk_proc *proc;

	list_for_each_entry(proc, &wppk_proc_list, node) {
		if (proc->pid == pid)
			return proc;
	}
	return NULL;
}

struct wppk_proc *wppk_proc_of_mm(const struct mm_struct *mm)
{
	struct wppk_proc *proc;

	list_for_each_entry_rcu(proc, &wppk_proc_list, node) {
		if (READ_ONCE(proc->mm) == mm)
			return proc;
	}
	return NULL;
}

bool wppk_proc_has_image(const char *image)
{
	struct wppk_proc *proc;

	list_for_each_entry(proc, &wppk_proc_list, node) {
		if (!strcmp(proc->image, image))
			return true;
	}
	return false;
}

u32 wppk_nr_tracked(void)
{
	struct wppk_proc *proc;
	u32 nr = 0;

	rcu_read_lock();
	list_for_each_entry_rcu(proc, &wppk_proc_list, node)
		nr++;
	rcu_read_unlock();
	return nr;
}

struct wppk_proc *wppk_proc_of_task(struct task_struct *task)
{
	struct pid *pid = task_tgid(task);
	struct wppk_proc *proc;

	list_for_each_entry_rcu(proc, &wppk_proc_list, node) {
		if (proc->pid == pid)
			return proc;
	}
	return NULL;
}

bool wppk_tracks(struct task_struct *task)
{
	bool tracked;

	rcu_read_lock();
	tracked = wppk_proc_of_task(task) != NULL;
	rcu_read_unlock();
	return tracked;
}
