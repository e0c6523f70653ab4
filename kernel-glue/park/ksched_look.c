/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * How a thread is scheduled: policy, nice, I/O priority, timer slack.
 */
#include <linux/iocontext.h>
#include <linux/ioprio.h>
#include <linux/prctl.h>
#include <linux/sched.h>
#include <linux/sched/deadline.h>
#include <linux/sched/rt.h>
#include <linux/sched/task.h>
#include <uapi/linux/sched.h>

#include "compat/kcompat.h"
#include "park/look.h"

static u64 io_priority(struct task_struct *task)
{
	u64 ioprio = IOPRIO_DEFAULT;

	task_lock(task);
	if (task->io_context)
		ioprio = task->io_context->ioprio;
	task_unlock(task);
	return ioprio;
}

static u64 mce_kill(const struct task_struct *task)
{
	if (!(task->flags & PF_MCE_PROCESS))
		return PR_MCE_KILL_DEFAULT;
	return task->flags & PF_MCE_EARLY ? PR_MCE_KILL_EARLY : PR_MCE_KILL_LATE;
}

void wppk_sched_look(struct wppk_thread *t)
{
	struct task_struct *task = t->task;
	struct wpp_rec_sched *rec = &t->sched;

	rec->policy = task->policy;
	rec->flags = task->sched_reset_on_fork ? SCHED_FLAG_RESET_ON_FORK : 0;
	rec->ioprio = io_priority(task);
	rec->timer_slack_ns = task->timer_slack_ns;
	rec->mce_kill = mce_kill(task);
	if (task->policy == SCHED_DEADLINE) {
		rec->flags |= task->dl.flags & SCHED_FLAG_ALL;
		rec->priority = task->rt_priority;
		rec->runtime_ns = task->dl.dl_runtime;
		rec->deadline_ns = task->dl.dl_deadline;
		rec->period_ns = task->dl.dl_period;
	} else if (task->policy == SCHED_FIFO || task->policy == SCHED_RR) {
		rec->priority = task->rt_priority;
	} else {
		rec->nice = (s64)task_nice(task);
		rec->runtime_ns = wppk_sched_slice(task);
	}
}
