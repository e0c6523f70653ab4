/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * What happens at the trigger (thesis 5.1.2): stop the threads, plan, move, commit, kill or let go.
 *
 * All of it runs in one worker of its own, so a process may trigger itself: its system call waits
 * interruptibly, is interrupted when its thread is asked to park, and has its result by then.
 */
#include <linux/completion.h>
#include <linux/kthread.h>
#include <linux/ktime.h>
#include <linux/list.h>
#include <linux/sched.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>
#include <uapi/linux/sched/types.h>

#include <wpp/plan.h>

#include "base/counts.h"
#include "base/kerrno.h"
#include "base/klog.h"
#include "medium/kmedium.h"
#include "medium/save.h"
#include "capture/walk.h"
#include "track/events.h"
#include "track/proc.h"
#include "track/tracking.h"
#include "trigger/kpersist.h"

#define MOVES 64

struct job {
	struct kthread_work work;
	struct kref ref;
	struct completion done;
	struct pid *pid; /* NULL: all, and kill them */
	struct wpp_ko_persist how;
	int err;
};

/* One image: a tree between being parked and running on. */
struct target {
	struct list_head node;
	struct wppk_proc *proc;
	struct wppk_tree *tree;
	struct wppk_save *save;
	struct wpp_ko_persist *how;
	u64 begun_ns;
	struct wpp_medium medium;
	struct wpp_plan plan;
	struct wpp_move moves[MOVES];
};

static struct kthread_worker *worker;
static void power_work(struct kthread_work *work);
static DEFINE_KTHREAD_WORK(power, power_work);

/* ---- Pages: walk → plan → moves ------------------------------------------------------------- */

static int moves_do(struct target *t)
{
	u32 i;
	int err;

	for (i = 0; i < t->plan.nr_moves; i++) {
		const struct wpp_move *move = &t->plan.moves[i];
		const struct wppk_run run = {
			.page = move->page,
			.pfn = move->src >> PAGE_SHIFT,
			.nr = move->nr,
		};

		err = wppk_save_run(t->save, move->space, &run);
		if (err)
			return err;
		if (wppk_log_moves)
			pr_info("wpp: move space %u page %#llx pfn %#lx pages %u\n", move->space,
				run.page, run.pfn, run.nr);
	}
	wpp_plan_drain(&t->plan);
	return 0;
}

static int emit(void *arg, const struct wppk_source *source, const struct wppk_run *run)
{
	struct target *t = arg;
	struct wpp_page_run pages = {
		.src = (u64)run->pfn << PAGE_SHIFT,
		.page = run->page,
		.nr = run->nr,
		.space = source->space,
	};
	int err;

	t->how->nr_pages += run->nr;
	if (source->kind == WPPK_SOURCE_MM && source->proc->events)
		wppk_events_check(source->proc, run);
	while ((err = wpp_plan_add_run(&t->plan, &pages)) == WPP_ENOSPC) {
		err = moves_do(t);
		if (err)
			return err;
	}
	return wppk_errno(err);
}

static int settle(void *arg)
{
	struct target *t = arg;

	return moves_do(t) ?: wppk_save_settle(t->save);
}

static int plan_begin(struct target *t)
{
	struct wpp_ko_medium info;
	struct wpp_plan_cfg cfg = {
		.size = sizeof(cfg),
		.medium = &t->medium,
		.moves = t->moves,
		.max_moves = MOVES,
	};
	int err = wppk_medium_info(&info);

	if (err)
		return err;
	t->medium = (struct wpp_medium){
		.size = info.size,
		.io_align = info.io_align,
		.buf_align = info.io_align,
		.io_max = info.io_max,
		.io_best = info.io_best,
		.queue_depth = info.queue_depth,
		.caps = info.caps,
	};
	return wppk_errno(wpp_plan_begin(&t->plan, &cfg));
}

static void checks_begin(const struct wppk_tree *tree)
{
	const struct wppk_source *source;

	list_for_each_entry(source, &tree->sources, node) {
		if (source->kind == WPPK_SOURCE_MM && source->proc->events)
			wppk_events_check_begin(source->proc);
	}
}

static void checks_end(const struct wppk_tree *tree)
{
	const struct wppk_source *source;

	list_for_each_entry(source, &tree->sources, node) {
		if (source->kind == WPPK_SOURCE_MM && source->proc->events)
			atomic64_set(&source->proc->counts.drift,
				     wppk_events_check_end(source->proc));
	}
}

static int pages_save(struct target *t)
{
	const struct wppk_walk walk = { .emit = emit, .settle = settle, .arg = t };
	int err;

	checks_begin(t->tree);
	err = wppk_walk(t->tree, &walk);
	checks_end(t->tree);
	return err;
}

/* ---- One target ---------------------------------------------------------------------------- */

static int tree_park(struct target *t)
{
	int err = t->proc->mm ? wppk_tree_add(t->tree, t->proc) : -ESRCH;

	if (!err)
		err = wppk_tree_capture(t->tree);
	memcpy(t->how->notes, t->tree->notes.text, sizeof(t->how->notes));
	if (err)
		return err;
	t->how->park_ns = t->tree->park_ns;
	t->how->nr_threads = t->tree->nr_threads;
	return 0;
}

static int target_park(struct wppk_proc *proc, struct wpp_ko_persist *how, struct target **out)
{
	struct target *t = kzalloc(sizeof(*t), GFP_KERNEL);
	int err;

	if (!t)
		return -ENOMEM;
	t->proc = proc;
	t->how = how;
	t->begun_ns = ktime_get_ns();
	t->tree = wppk_tree_new();
	err = t->tree ? tree_park(t) : -ENOMEM;
	if (!err) {
		*out = t;
		return 0;
	}
	if (t->tree)
		wppk_tree_release(t->tree, false);
	kfree(t);
	return err;
}

static int target_write(struct target *t)
{
	int err;

	err = plan_begin(t);
	if (!err)
		err = wppk_save_begin(t->proc->image, &t->save);
	if (err)
		return err;
	err = pages_save(t);
	if (!err)
		err = wppk_save_stream(t->save, WPP_STREAM_REGIONS, &t->tree->regions);
	if (!err)
		err = wppk_save_stream(t->save, WPP_STREAM_PCB, &t->tree->pcb);
	if (err) {
		wppk_save_abort(t->save);
		return err;
	}
	return wppk_save_commit(t->save, &t->how->generation, &t->how->nr_moves, &t->how->bytes);
}

static int target_save(struct target *t)
{
	int err = target_write(t);

	t->how->durable_ns = ktime_get_ns() - t->begun_ns;
	if (!err) {
		t->proc->generation = t->how->generation;
		atomic64_inc(&t->proc->counts.persists);
	}
	atomic64_inc(&wppk_stats[err ? WPPK_STAT_FAILURES : WPPK_STAT_PERSISTS]);
	return err;
}

static void target_release(struct target *t, bool kill)
{
	wppk_tree_release(t->tree, kill);
	t->how->frozen_ns = ktime_get_ns() - t->begun_ns;
	kfree(t);
}

/* ---- Jobs ---------------------------------------------------------------------------------- */

static int persist_pid(struct pid *pid, struct wpp_ko_persist *how)
{
	struct wppk_proc *proc;
	struct target *t;
	int err;

	wppk_procs();
	proc = wppk_proc_find(pid);
	if (!proc)
		return -ESRCH;
	err = target_park(proc, how, &t);
	if (err)
		return err;
	err = target_save(t);
	target_release(t, !err && how->flags & WPP_KO_PERSIST_KILL);
	return err;
}

static int all_park(struct list_head *targets, struct wpp_ko_persist *how)
{
	const struct list_head *procs = wppk_procs();
	struct wppk_proc *proc;
	struct target *t;
	int err = 0, e;

	list_for_each_entry(proc, procs, node) {
		memset(how, 0, sizeof(*how));
		e = target_park(proc, how, &t);
		if (e)
			pr_err("wpp: %s can't be saved: error %d; %s\n", proc->image, e,
			       how->notes);
		else
			list_add_tail(&t->node, targets);
		err = err ?: e;
	}
	return err;
}

/* All stand still before the first is saved, so that they fit each other. */
static int persist_all(struct wpp_ko_persist *how)
{
	struct target *t, *next;
	LIST_HEAD(targets);
	int err, e;

	if (list_empty(wppk_procs()))
		return -ESRCH;
	sched_set_fifo_low(current);
	err = all_park(&targets, how);
	list_for_each_entry_safe(t, next, &targets, node) {
		struct wppk_proc *proc = t->proc;

		memset(how, 0, sizeof(*how));
		e = target_save(t);
		if (e)
			pr_err("wpp: %s was not saved: error %d; its older generation stays\n",
			       proc->image, e);
		else
			pr_info("wpp: %s: generation %llu, %llu pages in %llu moves, %llu us\n",
				proc->image, how->generation, how->nr_pages, how->nr_moves,
				how->durable_ns / NSEC_PER_USEC);
		target_release(t, !e);
		err = err ?: e;
	}
	sched_set_normal(current, MIN_NICE);
	return err;
}

static void job_release(struct kref *ref)
{
	struct job *job = container_of(ref, struct job, ref);

	put_pid(job->pid);
	kfree(job);
	atomic64_dec(&wppk_stats[WPPK_STAT_JOBS]);
}

static void job_run(struct kthread_work *work)
{
	struct job *job = container_of(work, struct job, work);

	mutex_lock(&wppk_lock);
	job->err = job->pid ? persist_pid(job->pid, &job->how) : persist_all(&job->how);
	mutex_unlock(&wppk_lock);
	complete(&job->done);
	kref_put(&job->ref, job_release);
}

static struct job *job_start(struct pid *pid, u32 flags)
{
	struct job *job = kzalloc(sizeof(*job), GFP_KERNEL);

	if (!job)
		return NULL;
	atomic64_inc(&wppk_stats[WPPK_STAT_JOBS]);
	kref_init(&job->ref);
	init_completion(&job->done);
	kthread_init_work(&job->work, job_run);
	job->pid = get_pid(pid);
	job->how.flags = flags;
	kref_get(&job->ref);
	kthread_queue_work(worker, &job->work);
	return job;
}

/* A tracked caller is interrupted by being parked; it can't know the outcome: -EINPROGRESS. */
static int job_wait(struct job *job)
{
	bool self = wppk_tracks(current);
	int err;

	err = self ? wait_for_completion_interruptible(&job->done)
		   : wait_for_completion_killable(&job->done);
	if (err)
		return self ? -EINPROGRESS : -EINTR;
	return job->err;
}

int wppk_persist_one(struct wpp_ko_persist *how)
{
	struct pid *pid;
	struct job *job;
	int err = -ENOMEM;

	if (how->flags & ~WPP_KO_PERSIST_KILL)
		return -EINVAL;
	pid = find_get_pid(how->pid);
	if (!pid)
		return -ESRCH;
	job = job_start(pid, how->flags);
	put_pid(pid);
	if (!job)
		return err;
	err = job_wait(job);
	if (err != -EINPROGRESS && err != -EINTR) {
		job->how.pid = how->pid;
		*how = job->how;
	}
	kref_put(&job->ref, job_release);
	return err;
}

int wppk_persist_all(void)
{
	struct job *job = job_start(NULL, 0);
	int err;

	if (!job)
		return -ENOMEM;
	err = job_wait(job);
	kref_put(&job->ref, job_release);
	return err == -EINPROGRESS ? 0 : err;
}

static void power_work(struct kthread_work *work)
{
	static struct wpp_ko_persist how; /* there is one such work, and memory may be short */
	int err;

	mutex_lock(&wppk_lock);
	err = persist_all(&how);
	mutex_unlock(&wppk_lock);
	if (err && err != -ESRCH)
		pr_err("wpp: power fails: error %d\n", err);
}

void wppk_power_fails(void)
{
	kthread_queue_work(worker, &power);
}

int wppk_persist_init(void)
{
	worker = kthread_create_worker(0, "wpp");
	if (IS_ERR(worker))
		return PTR_ERR(worker);
	sched_set_normal(worker->task, MIN_NICE);
	return 0;
}

void wppk_persist_exit(void)
{
	kthread_destroy_worker(worker);
}
