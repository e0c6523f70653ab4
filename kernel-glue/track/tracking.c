/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Beginning and ending to track, and following a process from one address space to the next.
 * Tracepoints and the notifier only say that something happened; the list itself is changed by a
 * worker, or by who needs it to be up to date.
 */
#include <linux/ctype.h>
#include <linux/module.h>
#include <linux/rculist.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/sched/task.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/workqueue.h>

#include "base/counts.h"
#include "base/knotes.h"
#include "medium/kmedium.h"
#include "track/births.h"
#include "track/events.h"
#include "track/proc.h"
#include "track/procfs.h"
#include "track/tracking.h"

#define BATCH_MAX 4096

static struct workqueue_struct *queue;

static void refresh(struct work_struct *work);
static DECLARE_WORK(refresh_work, refresh);

/* ---- The notifier -------------------------------------------------------------------------- */

static void notify_release(struct mmu_notifier *notifier, struct mm_struct *mm)
{
	queue_work(queue, &refresh_work);
}

static void notify_end(struct mmu_notifier *notifier, const struct mmu_notifier_range *range)
{
	struct wppk_proc *proc = container_of(notifier, struct wppk_proc, notifier);

	atomic64_inc(&proc->counts.invalidations);
	if (!proc->events || range->event == MMU_NOTIFY_PROTECTION_VMA ||
	    range->event == MMU_NOTIFY_PROTECTION_PAGE || range->event == MMU_NOTIFY_SOFT_DIRTY)
		return;
	wppk_events_range(proc, range->start, range->end, range->event == MMU_NOTIFY_UNMAP);
}

static const struct mmu_notifier_ops notifier_ops = {
	.release = notify_release,
	.invalidate_range_end = notify_end,
};

/* ---- Following a process from one address space to the next --------------------------------- */

static void mm_leave(struct wppk_proc *proc)
{
	struct mm_struct *mm = proc->mm;

	if (!mm)
		return;
	mmu_notifier_unregister(&proc->notifier, mm);
	WRITE_ONCE(proc->mm, NULL);
	if (proc->events)
		wppk_events_reset(proc, NULL);
	mmdrop(mm);
	atomic64_dec(&wppk_stats[WPPK_STAT_MMS]);
}

static int mm_follow(struct wppk_proc *proc, struct mm_struct *mm)
{
	int err;

	proc->notifier = (struct mmu_notifier){ .ops = &notifier_ops };
	err = mmu_notifier_register(&proc->notifier, mm);
	if (err)
		return err;
	mmgrab(mm);
	atomic64_inc(&wppk_stats[WPPK_STAT_MMS]);
	WRITE_ONCE(proc->mm, mm);
	if (proc->events)
		wppk_events_reset(proc, mm);
	return 0;
}

static bool mm_is_tracked(const struct mm_struct *mm)
{
	struct wppk_proc *proc;

	list_for_each_entry(proc, &wppk_proc_list, node) {
		if (proc->mm == mm)
			return true;
	}
	return false;
}

/* A child of vfork() has no address space of its own until it calls exec. */
static int proc_update(struct wppk_proc *proc, bool *alive)
{
	struct mm_struct *mm = wppk_proc_mm(proc, alive);
	int err = 0;

	if (mm != proc->mm) {
		mm_leave(proc);
		if (mm && !mm_is_tracked(mm))
			err = mm_follow(proc, mm);
	}
	if (mm)
		mmput(mm);
	return err;
}

/* ---- The list ------------------------------------------------------------------------------ */

static void proc_drop(struct wppk_proc *proc)
{
	wppk_status_remove(proc);
	list_del_rcu(&proc->node);
	mm_leave(proc);
	synchronize_rcu(); /* no probe adds to the events any more */
	wppk_events_free(proc);
	wppk_proc_put(proc);
	module_put(THIS_MODULE);
	if (list_empty(&wppk_proc_list))
		wppk_medium_disarm();
}

static int proc_fill(struct wppk_proc *proc)
{
	int err = 0;

	if (proc->flags & WPP_KO_TRACK_EAGER)
		err = wppk_events_create(proc);
	if (!err)
		err = wppk_status_add(proc);
	return err;
}

/* The first one opens the store; the module can't be unloaded while there is one. */
static int proc_add(struct pid *pid, u32 flags, u32 batch, const char *image)
{
	struct wppk_notes notes = { .len = 0 };
	struct wppk_proc *proc;
	bool alive;
	int err;

	proc = wppk_proc_alloc(pid, flags, batch, image);
	if (!proc)
		return -ENOMEM;
	err = try_module_get(THIS_MODULE) ? 0 : -ENODEV;
	if (err)
		goto put;
	err = list_empty(&wppk_proc_list) ? wppk_medium_arm(&notes) : 0;
	if (notes.len)
		pr_warn("wpp: %s", notes.text);
	if (err)
		goto put_module;
	list_add_tail_rcu(&proc->node, &wppk_proc_list);
	err = proc_fill(proc);
	if (!err)
		err = proc_update(proc, &alive);
	if (!err && !alive)
		err = -ESRCH;
	if (err)
		proc_drop(proc);
	return err;
put_module:
	module_put(THIS_MODULE);
put:
	wppk_proc_put(proc);
	return err;
}

void wppk_proc_rescan(struct wppk_proc *proc)
{
	struct mm_struct *mm = proc->mm;

	if (!proc->events || !mm || !mmget_not_zero(mm))
		return;
	wppk_events_reset(proc, mm);
	mmput(mm);
}

static bool image_is_valid(const char *image)
{
	size_t i, len = strnlen(image, WPP_KO_IMAGE_LEN);

	if (!len || len == WPP_KO_IMAGE_LEN || image[0] == '.' || image[0] == '-')
		return false;
	for (i = 0; i < len; i++) {
		if (!isascii(image[i]) || (!isalnum(image[i]) && !strchr("._-", image[i])))
			return false;
	}
	return true;
}

int wppk_track(const struct wpp_ko_track *how)
{
	const u32 known = WPP_KO_TRACK_INHERIT | WPP_KO_TRACK_EAGER;
	struct task_struct *task;
	struct pid *pid;
	int err = -EEXIST;

	if (how->flags & ~known || how->batch > BATCH_MAX || how->reserved ||
	    !image_is_valid(how->image))
		return -EINVAL;
	pid = find_get_pid(how->pid);
	task = get_pid_task(pid, PIDTYPE_TGID);
	if (!task || task->flags & PF_KTHREAD) {
		err = -ESRCH;
		goto put;
	}
	mutex_lock(&wppk_lock);
	wppk_procs();
	if (!wppk_proc_find(pid) && !wppk_proc_has_image(how->image))
		err = proc_add(pid, how->flags, how->batch, how->image);
	mutex_unlock(&wppk_lock);
put:
	if (task)
		put_task_struct(task);
	put_pid(pid);
	return err;
}

int wppk_untrack(pid_t nr)
{
	struct pid *pid = find_get_pid(nr);
	struct wppk_proc *proc;

	mutex_lock(&wppk_lock);
	proc = wppk_proc_find(pid);
	if (proc)
		proc_drop(proc);
	mutex_unlock(&wppk_lock);
	put_pid(pid);
	return proc ? 0 : -ESRCH;
}

/* ---- Births and deaths --------------------------------------------------------------------- */

/* The child's image has the parent's name and its own number. */
static void birth_take(struct wppk_birth *birth)
{
	const struct wppk_proc *parent = birth->parent;
	char image[WPP_KO_IMAGE_LEN], suffix[16];
	int len = snprintf(suffix, sizeof(suffix), ".%d", pid_nr(birth->pid));
	int err;

	snprintf(image, sizeof(image), "%.*s%s", (int)sizeof(image) - 1 - len, parent->image,
		 suffix);
	if (wppk_proc_find(birth->pid))
		return;
	err = wppk_proc_has_image(image)
		      ? -EEXIST
		      : proc_add(birth->pid, parent->flags, parent->batch, image);
	if (err && err != -ESRCH)
		pr_warn("wpp: child %d is not tracked: error %d\n", pid_nr(birth->pid), err);
}

struct list_head *wppk_procs(void)
{
	struct wppk_proc *proc, *next;
	struct wppk_birth *birth;
	bool alive;
	int err;

	while ((birth = wppk_births_pop())) {
		birth_take(birth);
		wppk_birth_free(birth);
	}
	list_for_each_entry_safe(proc, next, &wppk_proc_list, node) {
		err = proc_update(proc, &alive);
		if (err)
			pr_warn("wpp: %s can't be followed: error %d\n", proc->image, err);
		if (!alive)
			proc_drop(proc);
	}
	return &wppk_proc_list;
}

static void refresh(struct work_struct *work)
{
	mutex_lock(&wppk_lock);
	wppk_procs();
	mutex_unlock(&wppk_lock);
}

static void changed(void)
{
	queue_work(queue, &refresh_work);
}

int wppk_track_init(void)
{
	int err;

	queue = alloc_ordered_workqueue("wpp_track", WQ_HIGHPRI);
	if (!queue)
		return -ENOMEM;
	err = wppk_births_init(changed);
	if (err)
		destroy_workqueue(queue);
	return err;
}

/* Nothing is tracked any more: each tracked process holds the module. */
void wppk_track_exit(void)
{
	wppk_births_exit();
	destroy_workqueue(queue);
	wppk_events_exit();
	mmu_notifier_synchronize();
	rcu_barrier();
}
