/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Stopping all threads of a process: each gets a piece of task work, in which
 * it copies its registers and sleeps until it is released or killed. A thread
 * that does not come may run its work long after we have given up: the group
 * lives until the last work has run, and each work holds the module.
 */
#include <linux/completion.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/sched/signal.h>
#include <linux/sched/task.h>
#include <linux/slab.h>

#include "park/group.h"
#include "park/look.h"

#define COME_TIMEOUT (2 * HZ)

/* A function that a standing thread runs for us. */
struct wppk_job {
	int (*run)(void *arg);
	void *arg;
	int err;
	struct completion done;
};

/* ---- Lifetime ---- */

static void thread_free(struct wppk_thread *t)
{
	wppk_thread_free(t);
	put_task_struct(t->task);
	kvfree(t);
}

static void group_free(struct kref *ref)
{
	struct wppk_group *group = container_of(ref, struct wppk_group, ref);
	struct wppk_thread *t, *next;

	list_for_each_entry_safe(t, next, &group->threads, node)
		thread_free(t);
	kfree(group);
}

static struct wppk_group *group_new(struct mm_struct *mm)
{
	struct wppk_group *group = kzalloc(sizeof(*group), GFP_KERNEL);

	if (!group)
		return NULL;
	kref_init(&group->ref);
	INIT_LIST_HEAD(&group->threads);
	init_waitqueue_head(&group->arrived);
	spin_lock_init(&group->lock);
	group->mm = mm;
	return group;
}

/* ---- Priority ---- */

/* Only from where the way back is exact. */
static void boost(struct wppk_thread *t)
{
	struct task_struct *task = t->task;

	if (task->policy != SCHED_NORMAL || task->sched_reset_on_fork)
		return;
	sched_set_fifo_low(task);
	t->boosted = true;
}

static void unboost(struct wppk_thread *t)
{
	if (!t->boosted)
		return;
	sched_set_normal(t->task, (int)t->sched.nice);
	t->task->timer_slack_ns = t->sched.timer_slack_ns; /* real-time threads have none */
	t->boosted = false;
}

/* ---- In the thread ---- */

static void arrive(struct wppk_group *group)
{
	if (atomic_dec_and_test(&group->nr_coming))
		wake_up(&group->arrived);
}

/* The job that it is to do now, or NULL: it may go. */
static struct wppk_job *next_job(struct wppk_thread *t)
{
	struct wppk_group *group = t->group;
	struct wppk_job *job;

	wait_event_killable(t->wake, READ_ONCE(t->job) || READ_ONCE(group->released));
	spin_lock(&group->lock);
	job = t->job;
	t->job = NULL;
	if (fatal_signal_pending(current) || !job)
		t->state = WPPK_LEFT;
	spin_unlock(&group->lock);
	return job;
}

static void stand(struct wppk_thread *t)
{
	struct wppk_job *job;

	while ((job = next_job(t))) {
		job->err = t->state == WPPK_LEFT ? -ESRCH : job->run(job->arg);
		complete(&job->done);
		if (t->state == WPPK_LEFT)
			return;
	}
}

static bool is_to_stand(const struct wppk_thread *t)
{
	return !(current->flags & PF_EXITING) && !fatal_signal_pending(current) &&
	       !READ_ONCE(t->group->released);
}

/*
 * Newer work comes first, and files that the thread has just closed are let go by work: what is
 * behind ours in the queue has its turn before, so that the end of a pipe is not seen as open.
 */
static bool is_later(struct callback_head *work)
{
	return work->next && !task_work_add(current, work, TWA_NONE);
}

static void park_work(struct callback_head *work)
{
	struct wppk_thread *t = container_of(work, struct wppk_thread, work);
	struct wppk_group *group = t->group;
	bool stands;

	if (is_later(work))
		return;
	stands = is_to_stand(t);
	if (stands)
		t->err = current->mm == group->mm ? wppk_thread_look(t) : -ESRCH;
	spin_lock(&group->lock);
	t->state = stands ? WPPK_STANDING : WPPK_LEFT;
	spin_unlock(&group->lock);
	arrive(group);
	if (stands)
		stand(t);
	kref_put(&group->ref, group_free);
	module_put(THIS_MODULE);
}

/* ---- Stopping ---- */

static bool is_known(const struct wppk_group *group, const struct task_struct *task)
{
	const struct wppk_thread *t;

	wppk_for_each(t, group) {
		if (t->task == task)
			return true;
	}
	return false;
}

/* A thread that we have not asked yet, with a reference. */
static struct task_struct *find_new(const struct wppk_group *group, struct task_struct *leader)
{
	struct task_struct *task, *found = NULL;

	rcu_read_lock();
	for_each_thread(leader, task) {
		if (!(task->flags & PF_EXITING) && !is_known(group, task)) {
			found = task;
			get_task_struct(found);
			break;
		}
	}
	rcu_read_unlock();
	return found;
}

/* Takes over the reference to @task. */
static int ask(struct wppk_group *group, struct task_struct *task, u32 xsave_len)
{
	struct wppk_thread *t = kvzalloc(struct_size(t, xsave, xsave_len), GFP_KERNEL);
	int err;

	if (!t) {
		put_task_struct(task);
		return -ENOMEM;
	}
	t->task = task;
	t->tid = task_pid_nr(task);
	t->group = group;
	t->xsave_len = xsave_len;
	init_waitqueue_head(&t->wake);
	init_task_work(&t->work, park_work);
	wppk_sched_look(t);
	kref_get(&group->ref);
	__module_get(THIS_MODULE);
	atomic_inc(&group->nr_coming);
	err = task_work_add(task, &t->work, TWA_SIGNAL);
	if (err) { /* it exits */
		atomic_dec(&group->nr_coming);
		module_put(THIS_MODULE);
		kref_put(&group->ref, group_free);
		thread_free(t);
		return 0;
	}
	list_add_tail(&t->node, &group->threads);
	group->nr_threads++;
	boost(t);
	return 0;
}

/* Asks all threads that are new; *@nr: how many those were. */
static int ask_new(struct wppk_group *group, struct task_struct *leader, u32 *nr)
{
	u32 xsave_len = wppk_arch_xstate_len();
	struct task_struct *task;
	int err = 0;

	for (*nr = 0; !err && (task = find_new(group, leader)); (*nr)++)
		err = ask(group, task, xsave_len);
	return err;
}

static void refuse_stuck(struct wppk_group *group, struct wppk_notes *notes)
{
	const struct wppk_thread *t;

	wppk_for_each(t, group) {
		if (READ_ONCE(t->state) == WPPK_COMING)
			wppk_refuse(notes, "thread-stuck",
				    "thread %d does not stop: it waits in the kernel or is stopped",
				    t->tid);
	}
}

static int wait_coming(struct wppk_group *group, struct wppk_notes *notes)
{
	if (wait_event_timeout(group->arrived, !atomic_read(&group->nr_coming), COME_TIMEOUT))
		return 0;
	refuse_stuck(group, notes);
	return -EREMOTEIO;
}

/* One that exited before it could stop is forgotten; one that met an error ends it. */
static int look_at_all(struct wppk_group *group)
{
	struct wppk_thread *t, *next;

	list_for_each_entry_safe(t, next, &group->threads, node) {
		if (t->err)
			return t->err;
		if (READ_ONCE(t->state) == WPPK_STANDING)
			continue;
		list_del(&t->node);
		group->nr_threads--;
		thread_free(t);
	}
	return group->nr_threads ? 0 : -ESRCH;
}

static int stop_all(struct wppk_group *group, struct task_struct *leader, struct wppk_notes *notes)
{
	u32 nr;
	int err;

	do {
		err = ask_new(group, leader, &nr);
		if (!err)
			err = wait_coming(group, notes);
	} while (!err && nr);
	return err ? err : look_at_all(group);
}

int wppk_group_stop(struct task_struct *leader, struct mm_struct *mm, struct wppk_notes *notes,
		    struct wppk_group **out)
{
	struct wppk_group *group = group_new(mm);
	int err;

	if (!group)
		return -ENOMEM;
	err = stop_all(group, leader, notes);
	if (!err && wppk_leader(group)->task != leader)
		err = -ESRCH;
	if (err)
		wppk_group_release(group);
	else
		*out = group;
	return err;
}

void wppk_group_release(struct wppk_group *group)
{
	struct wppk_thread *t;

	WRITE_ONCE(group->released, true);
	wppk_for_each(t, group) {
		unboost(t);
		wake_up(&t->wake);
	}
	kref_put(&group->ref, group_free);
}

int wppk_group_run(struct wppk_group *group, int (*run)(void *arg), void *arg)
{
	struct wppk_thread *t = wppk_leader(group);
	struct wppk_job job = { .run = run, .arg = arg };
	bool stands;

	init_completion(&job.done);
	spin_lock(&group->lock);
	stands = t->state == WPPK_STANDING;
	if (stands)
		t->job = &job;
	spin_unlock(&group->lock);
	if (!stands)
		return -ESRCH;
	wake_up(&t->wake);
	wait_for_completion(&job.done);
	return job.err;
}
