/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Interval timers and POSIX timers. Both are kept as the time that remained: the time while the
 * machine was off does not count, and nothing fires before the process runs.
 */
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "base/child.h"
#include "state/state.h"
#include "stop/stop.h"

#ifndef PR_TIMER_CREATE_RESTORE_IDS
#define PR_TIMER_CREATE_RESTORE_IDS	77
#define PR_TIMER_CREATE_RESTORE_IDS_OFF 0
#define PR_TIMER_CREATE_RESTORE_IDS_ON	1
#define PR_TIMER_CREATE_RESTORE_IDS_GET 2
#endif

#define NR_ITIMERS 3
#define NS_PER_SEC 1000000000ull
#define US_PER_SEC 1000000ull
#define LONGEST_NS ((uint64_t)INT64_MAX) /* the kernel's own bound */
#define LONGEST_US (LONGEST_NS / 1000)
#define GAPS_MAX   65536 /* ids that a script skips one by one */

/* The kernel's struct sigevent. */
struct ksigevent {
	uint64_t value;
	int32_t signo, notify, tid;
	int32_t pad[11];
};
_Static_assert(sizeof(struct ksigevent) == 64, "as the kernel's");

/* ---- Capture ---- */

struct timer {
	int id, signo, notify, tid, clock;
	uint64_t value;
};

/* The next entry of /proc/PID/timers; NULL at the end. */
static const char *next_timer(const char *text, struct timer *t)
{
	char head[HEAD_LEN], how[8], whom[8];
	int used = 0;

	if (sscanf(wppi_head(text, head),
		   "ID: %d signal: %d/%" SCNx64 " notify: %7[a-z]/%7[a-z].%d ClockID: %d %n",
		   &t->id, &t->signo, &t->value, how, whom, &t->tid, &t->clock, &used) != 7 ||
	    !used)
		return NULL;
	t->notify = !strcmp(how, "none") ? SIGEV_NONE : SIGEV_SIGNAL;
	if (!strcmp(whom, "tid"))
		t->notify = SIGEV_THREAD_ID;
	return text + used;
}

static int by_id(const void *a, const void *b)
{
	const struct timer *x = a, *y = b;

	return (x->id > y->id) - (x->id < y->id);
}

/*
 * All POSIX timers, struct timer each, by ascending id: an old kernel can recreate them in this
 * order only.
 */
static int list_timers(pid_t pid, struct buf *list)
{
	struct timer timer;
	const char *next;
	char *text;
	ssize_t len = wppi_proc_read_all(pid, "timers", &text);

	if (len < 0)
		return len == -ENOENT ? 0 : (int)len;
	for (next = text; (next = next_timer(next, &timer)) != NULL;)
		wppi_buf_add(list, &timer, sizeof(timer));
	free(text);
	if (list->len)
		qsort(list->data, list->len / sizeof(timer), sizeof(timer), by_id);
	return list->failed ? WPP_ENOMEM : 0;
}

static int timers_ask(struct member *m, struct thread *t, struct script *s)
{
	struct buf list = { 0 };
	int err;

	if (t->tid != m->pid)
		return 0;
	for (uint64_t which = 0; which < NR_ITIMERS; which++)
		wppi_script_call(s, 0, SYS_getitimer, which,
				 wppi_script_data(s, NULL, sizeof(struct itimerval)), 0, 0, 0, 0);
	err = list_timers(m->pid, &list);
	for (size_t at = 0; !err && at < list.len; at += sizeof(struct timer)) {
		uint64_t id = (uint64_t)((const struct timer *)(list.data + at))->id;

		wppi_script_call(s, 0, SYS_timer_gettime, id,
				 wppi_script_data(s, NULL, sizeof(struct itimerspec)), 0, 0, 0, 0);
		wppi_script_call(s, 0, SYS_timer_getoverrun, id, 0, 0, 0, 0, 0);
	}
	wppi_buf_free(&list);
	return err;
}

static uint64_t timeval_us(const struct timeval *tv)
{
	return (uint64_t)tv->tv_sec * US_PER_SEC + (uint64_t)tv->tv_usec;
}

static uint64_t timespec_ns(const struct timespec *ts)
{
	return (uint64_t)ts->tv_sec * NS_PER_SEC + (uint64_t)ts->tv_nsec;
}

static void collect_itimers(struct member *m, const struct thread *t)
{
	for (uint64_t which = 0; which < NR_ITIMERS; which++) {
		const struct script_call *call = wppi_answer(t, SYS_getitimer, which);
		struct wpp_rec_itimer rec;
		struct itimerval it;

		if (!call)
			continue;
		memcpy(&it, wppi_script_result(&t->asked, call->arg[1]), sizeof(it));
		rec = (struct wpp_rec_itimer){ timeval_us(&it.it_value),
					       timeval_us(&it.it_interval) };
		if (rec.value_us || rec.interval_us)
			WPPI_REC(&m->tree->pcb, ITIMER, m->pid, which, &rec, NULL, 0);
	}
}

/* @call: what was asked of this timer, two calls. */
static void collect_timer(struct member *m, const struct thread *t, const struct timer *timer,
			  const struct script_call *call)
{
	struct wpp_rec_timer rec = {
		.clock = (uint64_t)(int64_t)timer->clock,
		.notify = (uint64_t)timer->notify,
		.signo = (uint64_t)timer->signo,
		.sigval = timer->value,
		.tid = (uint64_t)timer->tid,
		.overrun = (uint64_t)call[1].ret,
	};
	struct itimerspec it;

	memcpy(&it, wppi_script_result(&t->asked, call[0].arg[1]), sizeof(it));
	rec.value_ns = timespec_ns(&it.it_value);
	rec.interval_ns = timespec_ns(&it.it_interval);
	if (timer->clock == CLOCK_THREAD_CPUTIME_ID && m->nr_threads > 1)
		wppi_note(&m->tree->notes, WPP_NOTE_INFO, "thread-cpu-timer",
			  "timer %d counts the CPU time of a thread that the kernel does not name; "
			  "recreated it counts that of the first thread",
			  timer->id);
	WPPI_REC(&m->tree->pcb, TIMER, m->pid, timer->id, &rec, NULL, 0);
}

/* Timers were asked in the order of this list; only the first answer has to be looked for. */
static int timers_collect(struct member *m)
{
	const struct thread *t = &m->threads[0];
	const struct script_call *call = NULL;
	struct buf list = { 0 };
	int err = list_timers(m->pid, &list);

	collect_itimers(m, t);
	for (size_t at = 0; !err && at < list.len; at += sizeof(struct timer)) {
		const struct timer *timer = (const struct timer *)(list.data + at);

		if (!call)
			call = wppi_answer(t, SYS_timer_gettime, (uint64_t)timer->id);
		if (!call || call->nr != SYS_timer_gettime || call->arg[0] != (uint64_t)timer->id)
			err = WPP_EIO;
		else
			collect_timer(m, t, timer, call);
		if (!err)
			call += 2;
	}
	wppi_buf_free(&list);
	return err;
}

const struct capture_class wppi_capture_timers = {
	.name = "timers",
	.ask = timers_ask,
	.collect = timers_collect,
};

/* ---- Recreate ---- */

static int next_itimer(struct rec_cursor *c, uint64_t *which, struct itimerval *it)
{
	struct wpp_rec_itimer saved;
	struct wpp_rec rec;

	if (!wppi_rec_next(c, &rec))
		return WPP_ENOENT;
	wpp_rec_get(&rec, (uint64_t *)&saved, WPP_REC_NR(saved));
	if (rec.id >= NR_ITIMERS || saved.value_us > LONGEST_US || saved.interval_us > LONGEST_US)
		return WPP_ECORRUPT;
	*which = rec.id;
	it->it_value.tv_sec = (time_t)(saved.value_us / US_PER_SEC);
	it->it_value.tv_usec = (suseconds_t)(saved.value_us % US_PER_SEC);
	it->it_interval.tv_sec = (time_t)(saved.interval_us / US_PER_SEC);
	it->it_interval.tv_usec = (suseconds_t)(saved.interval_us % US_PER_SEC);
	return 0;
}

static bool timer_is_sound(const struct wpp_rec_timer *t)
{
	bool notifies = t->notify == SIGEV_SIGNAL || t->notify == SIGEV_THREAD_ID;

	return (notifies || t->notify == SIGEV_NONE) && (int64_t)t->clock >= INT_MIN &&
	       (int64_t)t->clock <= INT_MAX && t->value_ns <= LONGEST_NS &&
	       t->interval_ns <= LONGEST_NS && (!notifies || t->signo - 1 < 64);
}

static int next_saved_timer(struct rec_cursor *c, int *id, struct wpp_rec_timer *t)
{
	struct wpp_rec rec;

	if (!wppi_rec_next(c, &rec))
		return WPP_ENOENT;
	wpp_rec_get(&rec, (uint64_t *)t, WPP_REC_NR(*t));
	if (rec.id > INT_MAX || !timer_is_sound(t))
		return WPP_ECORRUPT;
	*id = (int)rec.id;
	return 0;
}

static bool can_choose_ids(void)
{
	return prctl(PR_TIMER_CREATE_RESTORE_IDS, PR_TIMER_CREATE_RESTORE_IDS_GET, 0, 0, 0) >= 0;
}

/* Ids that a script has to skip: behind the first timer that needs a thread. */
struct gaps {
	bool in_script;
	int next;
	int64_t nr;
};

static void count_gap(struct gaps *g, int id, const struct wpp_rec_timer *t)
{
	if (g->in_script)
		g->nr += id - g->next;
	g->in_script |= t->notify == SIGEV_THREAD_ID;
	g->next = id + 1;
}

static int check_timers(struct member *m)
{
	struct gaps gaps = { 0 };
	struct wpp_rec_timer t;
	struct wpp_rec thread;
	int64_t last = -1;
	struct rec_cursor c = wppi_own(m, WPP_REC_TIMER);
	int id, err;

	while ((err = next_saved_timer(&c, &id, &t)) == 0) {
		if (id <= last || (t.notify == SIGEV_THREAD_ID &&
				   !wppi_find(m, WPP_REC_THREAD, (uint32_t)t.tid, &thread)))
			return WPP_ECORRUPT;
		count_gap(&gaps, id, &t);
		last = id;
	}
	if (err != WPP_ENOENT)
		return err;
	if (can_choose_ids() || gaps.nr <= GAPS_MAX)
		return 0;
	wppi_note(&m->tree->notes, WPP_NOTE_ERROR, "timer-ids",
		  "POSIX timers have ids up to %" PRId64
		  " with large gaps, which this kernel can't "
		  "give (Linux 6.15 and newer can)",
		  last);
	return WPP_EREFUSED;
}

static int timers_prepare(struct member *m)
{
	struct itimerval it;
	uint64_t which;
	struct rec_cursor c = wppi_own(m, WPP_REC_ITIMER);
	int err;

	while ((err = next_itimer(&c, &which, &it)) == 0)
		;
	return err == WPP_ENOENT ? check_timers(m) : err;
}

static struct ksigevent event_of(const struct wpp_rec_timer *t)
{
	return (struct ksigevent){
		.value = t->sigval,
		.signo = (int32_t)t->signo,
		.notify = (int32_t)t->notify,
		.tid = (int32_t)t->tid,
	};
}

/* Makes the kernel's count go on to @id: the next timer gets it. */
static int skip_to(struct member *m, int *next, int id)
{
	struct ksigevent event = { .notify = SIGEV_NONE };
	int got;

	for (; *next < id; (*next)++) {
		if (syscall(SYS_timer_create, CLOCK_MONOTONIC, &event, &got) ||
		    syscall(SYS_timer_delete, got))
			return wppi_child_fail(m, -errno, "can't make timers");
		if (got != *next)
			return wppi_child_fail(m, WPP_EREFUSED, "can't make timer %d", id);
	}
	return 0;
}

/*
 * A kernel that can't be told an id counts them up. Here any gap is skipped in a loop, so all
 * timers are made up to the first one that needs a thread; timers_last() makes the others.
 */
static int timers_child(struct member *m)
{
	struct wpp_rec_timer t;
	int id, got, next = 0, err;

	if (can_choose_ids())
		return 0;
	for (struct rec_cursor c = wppi_own(m, WPP_REC_TIMER); next_saved_timer(&c, &id, &t) == 0;
	     next = id + 1) {
		struct ksigevent event = event_of(&t);

		err = skip_to(m, &next, id);
		if (err || t.notify == SIGEV_THREAD_ID)
			return err;
		if (syscall(SYS_timer_create, (clockid_t)t.clock, &event, &got))
			return wppi_child_fail(m, -errno, "can't make timer %d", id);
		if (got != id)
			return wppi_child_fail(m, WPP_EREFUSED, "timer %d became %d", id, got);
	}
	return 0;
}

static void add_create(struct script *s, uint64_t clock, const struct ksigevent *event, int id)
{
	wppi_script_call(s, 0, SYS_timer_create, clock, wppi_script_data(s, event, sizeof(*event)),
			 wppi_script_data(s, &id, sizeof(id)), 0, 0, 0);
}

static void add_arm(struct script *s, int id, const struct wpp_rec_timer *t)
{
	struct itimerspec it = {
		.it_value = { (time_t)(t->value_ns / NS_PER_SEC),
			      (long)(t->value_ns % NS_PER_SEC) },
		.it_interval = { (time_t)(t->interval_ns / NS_PER_SEC),
				 (long)(t->interval_ns % NS_PER_SEC) },
	};

	if (t->value_ns)
		wppi_script_call(s, 0, SYS_timer_settime, (uint64_t)id, 0,
				 wppi_script_data(s, &it, sizeof(it)), 0, 0, 0);
}

static void add_gap(struct script *s, int from, int to)
{
	struct ksigevent event = { .notify = SIGEV_NONE };

	for (int id = from; id < to; id++) {
		add_create(s, CLOCK_MONOTONIC, &event, id);
		wppi_script_call(s, 0, SYS_timer_delete, (uint64_t)id, 0, 0, 0, 0, 0);
	}
}

static void add_choose_ids(struct script *s, uint64_t on)
{
	wppi_script_call(s, 0, SYS_prctl, PR_TIMER_CREATE_RESTORE_IDS, on, 0, 0, 0, 0);
}

/* Creates what timers_child() did not, and arms all. */
static void add_timers(const struct member *m, struct script *s, bool choose)
{
	bool here = choose;
	struct wpp_rec_timer t;
	int id, next = -1;

	for (struct rec_cursor c = wppi_own(m, WPP_REC_TIMER); next_saved_timer(&c, &id, &t) == 0;
	     next = id + 1) {
		struct ksigevent event = event_of(&t);

		if (here && !choose)
			add_gap(s, next, id);
		here |= t.notify == SIGEV_THREAD_ID;
		if (here)
			add_create(s, t.clock, &event, id);
		add_arm(s, id, &t);
	}
}

/* By the first thread, which comes last: all threads that a timer may notify exist. */
static int timers_last(struct member *m, uint32_t tid, struct script *s)
{
	bool choose = can_choose_ids();
	struct itimerval it;
	uint64_t which;

	if (tid != (uint32_t)m->pid)
		return 0;
	if (choose)
		add_choose_ids(s, PR_TIMER_CREATE_RESTORE_IDS_ON);
	add_timers(m, s, choose);
	if (choose)
		add_choose_ids(s, PR_TIMER_CREATE_RESTORE_IDS_OFF);
	for (struct rec_cursor c = wppi_own(m, WPP_REC_ITIMER); next_itimer(&c, &which, &it) == 0;)
		wppi_script_call(s, 0, SYS_setitimer, which, wppi_script_data(s, &it, sizeof(it)),
				 0, 0, 0, 0);
	return 0;
}

const struct recreate_class wppi_recreate_timers = {
	.name = "timers",
	.prepare = timers_prepare,
	.child = timers_child,
	.last = timers_last,
};
