/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Which processes are tracked. A mark belongs to the process (its thread group), as in the thesis:
 * it survives exec and ends with exit. Tracepoints and the notifier only say that something
 * happened; the list itself is changed by a worker, or by who needs it to be up to date.
 */
#include <linux/ctype.h>
#include <linux/kthread.h>
#include <linux/module.h>
#include <linux/rculist.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/sched/task.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/string.h>
#include <linux/tracepoint.h>
#include <linux/workqueue.h>

#include "base/wppk.h"

#define BATCH_DEFAULT 256
#define BATCH_MAX     4096

DEFINE_MUTEX(wppk_lock);
atomic64_t wppk_stats[WPPK_STATS];
static LIST_HEAD(procs);

/* A child of a tracked process that is to be tracked as well. */
struct birth {
	struct list_head node;
	struct pid *pid;
	struct wppk_proc *parent;
};
static LIST_HEAD(births);
static DEFINE_SPINLOCK(births_lock);
static struct workqueue_struct *queue;

static void refresh(struct work_struct *work);
static DECLARE_WORK(refresh_work, refresh);

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

	list_for_each_entry(proc, &procs, node)
	{
		if (proc->mm == mm)
			return true;
	}
	return false;
}

/* The address space of a process, perhaps of another thread than the first, which may be gone. */
static struct mm_struct *mm_of(struct pid *pid, bool *alive)
{
	struct task_struct *leader, *thread, *found = NULL;
	struct mm_struct *mm = NULL;

	*alive = false;
	rcu_read_lock();
	leader = pid_task(pid, PIDTYPE_TGID);
	if (leader) {
		*alive = atomic_read(&leader->signal->live) > 0;
		for_each_thread(leader, thread)
		{
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

struct mm_struct *wppk_proc_mm(const struct wppk_proc *proc)
{
	bool alive;

	return mm_of(proc->pid, &alive);
}

/* A child of vfork() has no address space of its own until it calls exec. */
static int proc_update(struct wppk_proc *proc, bool *alive)
{
	struct mm_struct *mm = mm_of(proc->pid, alive);
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
	if (list_empty(&procs))
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

static struct wppk_proc *proc_alloc(struct pid *pid, u32 flags, u32 batch, const char *image)
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

/* The first one opens the store; the module can't be unloaded while there is one. */
static int proc_add(struct pid *pid, u32 flags, u32 batch, const char *image)
{
	struct wppk_notes notes = { .len = 0 };
	struct wppk_proc *proc;
	bool alive;
	int err;

	proc = proc_alloc(pid, flags, batch, image);
	if (!proc)
		return -ENOMEM;
	err = try_module_get(THIS_MODULE) ? 0 : -ENODEV;
	if (err)
		goto put;
	err = list_empty(&procs) ? wppk_medium_arm(&notes) : 0;
	if (notes.len)
		pr_warn("wpp: %s", notes.text);
	if (err)
		goto put_module;
	list_add_tail_rcu(&proc->node, &procs);
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

struct wppk_proc *wppk_proc_find(struct pid *pid)
{
	struct wppk_proc *proc;

	list_for_each_entry(proc, &procs, node)
	{
		if (proc->pid == pid)
			return proc;
	}
	return NULL;
}

struct wppk_proc *wppk_proc_of_mm(const struct mm_struct *mm)
{
	struct wppk_proc *proc;

	list_for_each_entry_rcu(proc, &procs, node)
	{
		if (READ_ONCE(proc->mm) == mm)
			return proc;
	}
	return NULL;
}

void wppk_proc_rescan(struct wppk_proc *proc)
{
	struct mm_struct *mm = proc->mm;

	if (!proc->events || !mm || !mmget_not_zero(mm))
		return;
	wppk_events_reset(proc, mm);
	mmput(mm);
}

static bool image_is_taken(const char *image)
{
	struct wppk_proc *proc;

	list_for_each_entry(proc, &procs, node)
	{
		if (!strcmp(proc->image, image))
			return true;
	}
	return false;
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
	if (!wppk_proc_find(pid) && !image_is_taken(how->image))
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

u32 wppk_nr_tracked(void)
{
	struct wppk_proc *proc;
	u32 nr = 0;

	rcu_read_lock();
	list_for_each_entry_rcu(proc, &procs, node) nr++;
	rcu_read_unlock();
	return nr;
}

/* Under RCU. */
static struct wppk_proc *proc_of(struct task_struct *task)
{
	struct pid *pid = task_tgid(task);
	struct wppk_proc *proc;

	list_for_each_entry_rcu(proc, &procs, node)
	{
		if (proc->pid == pid)
			return proc;
	}
	return NULL;
}

bool wppk_tracks_current(void)
{
	bool tracked;

	rcu_read_lock();
	tracked = proc_of(current) != NULL;
	rcu_read_unlock();
	return tracked;
}

/* ---- Births and deaths --------------------------------------------------------------------- */

static void birth_free(struct birth *birth)
{
	put_pid(birth->pid);
	wppk_proc_put(birth->parent);
	kfree(birth);
}

/* The child's image has the parent's name and its own number. */
static void birth_take(struct birth *birth)
{
	const struct wppk_proc *parent = birth->parent;
	char image[WPP_KO_IMAGE_LEN], suffix[16];
	int len = snprintf(suffix, sizeof(suffix), ".%d", pid_nr(birth->pid));
	int err;

	snprintf(image, sizeof(image), "%.*s%s", (int)sizeof(image) - 1 - len, parent->image,
		 suffix);
	if (wppk_proc_find(birth->pid))
		return;
	err = image_is_taken(image) ? -EEXIST
				    : proc_add(birth->pid, parent->flags, parent->batch, image);
	if (err && err != -ESRCH)
		pr_warn("wpp: child %d is not tracked: error %d\n", pid_nr(birth->pid), err);
}

static struct birth *births_pop(void)
{
	struct birth *birth;

	spin_lock_irq(&births_lock);
	birth = list_first_entry_or_null(&births, struct birth, node);
	if (birth)
		list_del(&birth->node);
	spin_unlock_irq(&births_lock);
	return birth;
}

struct list_head *wppk_procs(void)
{
	struct wppk_proc *proc, *next;
	struct birth *birth;
	bool alive;
	int err;

	while ((birth = births_pop())) {
		birth_take(birth);
		birth_free(birth);
	}
	list_for_each_entry_safe(proc, next, &procs, node)
	{
		err = proc_update(proc, &alive);
		if (err)
			pr_warn("wpp: %s can't be followed: error %d\n", proc->image, err);
		if (!alive)
			proc_drop(proc);
	}
	return &procs;
}

static void refresh(struct work_struct *work)
{
	mutex_lock(&wppk_lock);
	wppk_procs();
	mutex_unlock(&wppk_lock);
}

/* Tracepoints: preemption is off. */
static void probe_fork(void *data, struct task_struct *parent, struct task_struct *child)
{
	struct wppk_proc *proc;
	struct birth *birth;
	unsigned long flags;

	if (list_empty(&procs) || same_thread_group(parent, child))
		return;
	rcu_read_lock();
	proc = proc_of(parent);
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
	queue_work(queue, &refresh_work);
}

static void probe_exec(void *data, struct task_struct *task)
{
	bool tracked;

	if (list_empty(&procs))
		return;
	rcu_read_lock();
	tracked = proc_of(task) != NULL;
	rcu_read_unlock();
	if (tracked)
		queue_work(queue, &refresh_work);
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

	for_each_kernel_tracepoint(probe_match, NULL);
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

int wppk_track_init(void)
{
	int err;

	queue = alloc_ordered_workqueue("wpp_track", WQ_HIGHPRI);
	if (!queue)
		return -ENOMEM;
	err = probes_add();
	if (err)
		wppk_track_exit();
	return err;
}

/* Nothing is tracked any more: each tracked process holds the module. */
void wppk_track_exit(void)
{
	struct birth *birth;

	probes_remove();
	destroy_workqueue(queue);
	while ((birth = births_pop()))
		birth_free(birth);
	wppk_events_exit();
	mmu_notifier_synchronize();
	rcu_barrier();
}
