/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Interval timers and POSIX timers, as the time that remains. The leader looks
 * at them while no thread can make or delete one.
 */
#include <linux/alarmtimer.h>
#include <linux/hrtimer.h>
#include <linux/posix-timers.h>
#include <linux/sched/cputime.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/sort.h>

#include "park/pending.h"
#include "state/kstate.h"

#define NR_ITIMERS 3

struct posix_timer {
	int id;
	struct wpp_rec_timer rec;
};

struct wppk_timers {
	struct wpp_rec_itimer itimer[NR_ITIMERS];
	u32 nr;
	struct posix_timer timer[];
};

/* ---- Interval timers ---- */

/* What is due at once still has a moment. */
static u64 real_left(struct hrtimer *timer)
{
	ktime_t left;

	if (!hrtimer_active(timer))
		return 0;
	left = hrtimer_get_remaining(timer);
	return left > NSEC_PER_USEC ? ktime_to_us(left) : 1;
}

static u64 group_sample(const struct signal_struct *signal, int which)
{
	const struct task_cputime_atomic *at = &signal->cputimer.cputime_atomic;

	switch (which) {
	case CPUCLOCK_PROF:
		return atomic64_read(&at->utime) + atomic64_read(&at->stime);
	case CPUCLOCK_VIRT:
		return atomic64_read(&at->utime);
	default:
		return atomic64_read(&at->sum_exec_runtime);
	}
}

static u64 cpu_left(const struct signal_struct *signal, int which)
{
	u64 expires = signal->it[which].expires, now;

	if (!expires)
		return 0;
	now = group_sample(signal, which);
	return (expires > now ? expires - now : TICK_NSEC) / NSEC_PER_USEC;
}

static void look_at_itimers(struct wpp_rec_itimer *rec)
{
	struct signal_struct *signal = current->signal;

	spin_lock_irq(&wppk_own_sighand()->siglock);
	rec[ITIMER_REAL].value_us = real_left(&signal->real_timer);
	rec[ITIMER_REAL].interval_us = ktime_to_us(signal->it_real_incr);
	rec[ITIMER_VIRTUAL].value_us = cpu_left(signal, CPUCLOCK_VIRT);
	rec[ITIMER_VIRTUAL].interval_us = signal->it[CPUCLOCK_VIRT].incr / NSEC_PER_USEC;
	rec[ITIMER_PROF].value_us = cpu_left(signal, CPUCLOCK_PROF);
	rec[ITIMER_PROF].interval_us = signal->it[CPUCLOCK_PROF].incr / NSEC_PER_USEC;
	spin_unlock_irq(&wppk_own_sighand()->siglock);
}

/* ---- POSIX timers ---- */

static u64 thread_sample(struct pid *pid, int which)
{
	struct task_struct *task;
	u64 now = 0;

	rcu_read_lock();
	task = pid_task(pid, PIDTYPE_PID);
	if (task && which == CPUCLOCK_SCHED)
		now = task->se.sum_exec_runtime;
	else if (task)
		now = task->utime + (which == CPUCLOCK_PROF ? task->stime : 0);
	rcu_read_unlock();
	return now;
}

static s64 cpu_timer_left(const struct k_itimer *timer)
{
	int which = CPUCLOCK_WHICH(timer->it_clock);
	u64 now = CPUCLOCK_PERTHREAD(timer->it_clock) ? thread_sample(timer->it.cpu.pid, which)
						      : group_sample(current->signal, which);

	return timer->it.cpu.node.expires - now;
}

static bool is_armed(const struct k_itimer *timer)
{
	return timer->it_clock < 0 ? timer->it.cpu.node.expires : timer->it_active;
}

static s64 time_left(struct k_itimer *timer)
{
	if (timer->it_clock < 0)
		return cpu_timer_left(timer);
	if (timer->it_clock == CLOCK_REALTIME_ALARM || timer->it_clock == CLOCK_BOOTTIME_ALARM)
		return alarm_expires_remaining(&timer->it.alarm.alarmtimer);
	return __hrtimer_get_remaining(&timer->it.real.timer, false);
}

/*
 * As timer_gettime(): one whose signal waits is brought forward, one that is due still has a
 * nanosecond.
 */
static u64 value_of(struct k_itimer *timer)
{
	bool none = timer->it_sigev_notify == SIGEV_NONE;
	s64 interval = timer->it_interval, left;

	if (!is_armed(timer) && !interval && !none)
		return 0;
	if (timer->it_clock < 0 && !is_armed(timer))
		return 0;
	left = time_left(timer);
	if (left <= 0 && interval && (timer->it_requeue_pending & REQUEUE_PENDING || none))
		left = interval - (-left % interval);
	if (left > 0)
		return left;
	return none ? 0 : 1;
}

static void look_at_timer(struct k_itimer *timer, struct posix_timer *to)
{
	int notify = timer->it_sigev_notify;

	spin_lock_irq(&timer->it_lock);
	to->id = timer->it_id;
	to->rec = (struct wpp_rec_timer){
		.clock = (s64)timer->it_clock,
		.notify = notify,
		.signo = timer->sigq->info.si_signo,
		.sigval = (uintptr_t)timer->sigq->info.si_value.sival_ptr,
		.tid = pid_nr(timer->it_pid),
		.value_ns = value_of(timer),
		.interval_ns = timer->it_interval,
		.overrun = clamp_t(s64, timer->it_overrun_last, 0, INT_MAX),
	};
	spin_unlock_irq(&timer->it_lock);
}

static u32 count(const struct signal_struct *signal)
{
	const struct k_itimer *timer;
	u32 nr = 0;

	wppk_for_each_timer(timer, signal)
		nr++;
	return nr;
}

static int compare(const void *a, const void *b)
{
	const struct posix_timer *x = a, *y = b;

	return (x->id > y->id) - (x->id < y->id);
}

static int timers_inside(struct wppk_member *m)
{
	struct signal_struct *signal = current->signal;
	u32 nr = count(signal);
	struct wppk_timers *t = kvzalloc(struct_size(t, timer, nr), GFP_KERNEL);
	struct k_itimer *timer;

	if (!t)
		return -ENOMEM;
	m->timers = t;
	look_at_itimers(t->itimer);
	wppk_for_each_timer(timer, signal)
		look_at_timer(timer, &t->timer[t->nr++]);
	sort(t->timer, t->nr, sizeof(t->timer[0]), compare, NULL);
	return 0;
}

static int timers_collect(struct wppk_member *m)
{
	const struct wppk_timers *t = m->timers;
	u32 i;

	for (i = 0; i < NR_ITIMERS; i++) {
		if (t->itimer[i].value_us || t->itimer[i].interval_us)
			WPPK_REC(m, ITIMER, i, &t->itimer[i], NULL, 0);
	}
	for (i = 0; i < t->nr; i++) {
		const struct posix_timer *p = &t->timer[i];

		if ((int)p->rec.clock == CLOCK_THREAD_CPUTIME_ID && m->group->nr_threads > 1)
			wppk_note(&m->tree->notes, "thread-cpu-timer",
				  "timer %d will count the CPU time of the first thread", p->id);
		WPPK_REC(m, TIMER, p->id, &p->rec, NULL, 0);
	}
	return 0;
}

static void timers_done(struct wppk_member *m)
{
	kvfree(m->timers);
}

const struct wppk_class wppk_class_timers = {
	.inside = timers_inside,
	.collect = timers_collect,
	.done = timers_done,
};
