/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Scheduling of each thread: policy, nice, affinity, I/O priority, timer slack. */
#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/child.h"
#include "state/state.h"
#include "stop/stop.h"

#define IOPRIO_WHO_PROCESS 1
#define MASK_BYTES	   1024 /* 8192 CPUs */

/* As the kernel's, version 0: no utilisation clamps. */
struct sched_attributes {
	uint32_t size, policy;
	uint64_t flags;
	int32_t nice;
	uint32_t priority;
	uint64_t runtime, deadline, period;
};
_Static_assert(sizeof(struct sched_attributes) == 48, "SCHED_ATTR_SIZE_VER0");

/* ---- Capture ---- */

static int sched_ask(struct member *m, struct thread *t, struct script *s)
{
	(void)m;
	(void)t;
	wppi_script_call(s, SCRIPT_MAY_FAIL, SYS_prctl, PR_GET_TIMERSLACK, 0, 0, 0, 0, 0);
	wppi_script_call(s, SCRIPT_MAY_FAIL, SYS_prctl, PR_MCE_KILL_GET, 0, 0, 0, 0, 0);
	return 0;
}

static bool has_cpu(const uint8_t *mask, unsigned long cpu)
{
	return cpu < MASK_BYTES * 8ul && (mask[cpu / 8] & (1u << cpu % 8));
}

/* Every CPU of this machine: then it was not bound to any, and will not be on another machine. */
static bool is_unbound(const uint8_t *mask)
{
	long nr = sysconf(_SC_NPROCESSORS_CONF);

	for (long cpu = 0; cpu < nr; cpu++) {
		if (!has_cpu(mask, (unsigned long)cpu))
			return false;
	}
	return true;
}

static int collect_thread(struct member *m, const struct thread *t)
{
	struct sched_attributes attr = { .size = sizeof(attr) };
	struct wpp_rec_sched rec;
	uint8_t mask[MASK_BYTES];
	long len, ioprio;

	memset(mask, 0, sizeof(mask));
	len = syscall(SYS_sched_getaffinity, t->tid, sizeof(mask), mask);
	ioprio = syscall(SYS_ioprio_get, IOPRIO_WHO_PROCESS, t->tid);
	if (len < 0 || ioprio < 0 || syscall(SYS_sched_getattr, t->tid, &attr, sizeof(attr), 0))
		return -errno;
	rec = (struct wpp_rec_sched){
		.policy = attr.policy,
		.priority = attr.priority,
		.nice = (uint64_t)(int64_t)attr.nice,
		.ioprio = (uint64_t)ioprio,
		.timer_slack_ns = (uint64_t)wppi_answer_ret(t, SYS_prctl, PR_GET_TIMERSLACK),
		.flags = attr.flags,
		.runtime_ns = attr.runtime,
		.deadline_ns = attr.deadline,
		.period_ns = attr.period,
		.mce_kill = (uint64_t)wppi_answer_ret(t, SYS_prctl, PR_MCE_KILL_GET),
	};
	WPPI_REC(&m->tree->pcb, SCHED, t->tid, 0, &rec, mask, is_unbound(mask) ? 0 : (size_t)len);
	return 0;
}

static int sched_collect(struct member *m)
{
	int err = 0;

	for (size_t i = 0; i < m->nr_threads && !err; i++)
		err = collect_thread(m, &m->threads[i]);
	return err;
}

const struct capture_class wppi_capture_sched = {
	.name = "sched",
	.ask = sched_ask,
	.collect = sched_collect,
};

/* ---- Recreate ---- */

static int find_sched(const struct member *m, uint32_t tid, struct wpp_rec *rec,
		      struct wpp_rec_sched *sched)
{
	if (!wppi_find(m, WPP_REC_SCHED, tid, rec))
		return WPP_ENOENT;
	WPPI_GET(rec, sched);
	return 0;
}

/* None of its CPUs is there: it may run on any. */
static bool is_homeless(const struct wpp_rec *rec)
{
	long nr = sysconf(_SC_NPROCESSORS_CONF);

	for (long cpu = 0; cpu < nr && cpu < (long)rec->tail_len * 8; cpu++) {
		if (rec->tail[cpu / 8] & (1u << cpu % 8))
			return false;
	}
	return true;
}

static void note_missing_cpus(struct member *m, const struct wpp_rec *rec)
{
	long nr = sysconf(_SC_NPROCESSORS_CONF);

	for (long cpu = nr; cpu < (long)rec->tail_len * 8; cpu++) {
		if (!(rec->tail[cpu / 8] & (1u << cpu % 8)))
			continue;
		wppi_note(&m->tree->notes, WPP_NOTE_CHANGED, "affinity",
			  "thread %u may run on CPU %ld, which this machine doesn't have%s",
			  rec->task, cpu, is_homeless(rec) ? "; it may run on all now" : "");
		return;
	}
}

static int sched_prepare(struct member *m)
{
	const struct build *b = m->build;
	struct wpp_rec rec;

	for (size_t i = 0; i < b->nr_threads; i++) {
		if (!wppi_find(m, WPP_REC_SCHED, b->threads[i].tid, &rec))
			continue;
		if (rec.tail_len > MASK_BYTES)
			return WPP_ECORRUPT;
		if (rec.tail_len)
			note_missing_cpus(m, &rec);
	}
	return 0;
}

static void add_affinity(struct script *s, const struct wpp_rec *rec)
{
	uint8_t mask[MASK_BYTES];

	memset(mask, 0xff, sizeof(mask));
	if (rec->tail_len && !is_homeless(rec)) {
		memset(mask, 0, sizeof(mask));
		memcpy(mask, rec->tail, rec->tail_len);
	}
	wppi_script_call(s, SCRIPT_MAY_FAIL, SYS_sched_setaffinity, 0, sizeof(mask),
			 wppi_script_data(s, mask, sizeof(mask)), 0, 0, 0);
}

static void add_policy(struct script *s, const struct wpp_rec_sched *sched)
{
	struct sched_attributes attr = {
		.size = sizeof(attr),
		.policy = (uint32_t)sched->policy,
		.flags = sched->flags,
		.nice = (int32_t)sched->nice,
		.priority = (uint32_t)sched->priority,
		.runtime = sched->runtime_ns,
		.deadline = sched->deadline_ns,
		.period = sched->period_ns,
	};

	wppi_script_call(s, SCRIPT_MAY_FAIL, SYS_sched_setattr, 0,
			 wppi_script_data(s, &attr, sizeof(attr)), 0, 0, 0, 0);
}

/* The slack comes before the policy: a realtime thread has none, and it can't be set. */
static int sched_last(struct member *m, uint32_t tid, struct script *s)
{
	struct wpp_rec_sched sched;
	struct wpp_rec rec;

	if (find_sched(m, tid, &rec, &sched))
		return 0;
	if ((int64_t)sched.timer_slack_ns > 0)
		wppi_script_call(s, SCRIPT_MAY_FAIL, SYS_prctl, PR_SET_TIMERSLACK,
				 sched.timer_slack_ns, 0, 0, 0, 0);
	if ((int64_t)sched.mce_kill >= 0)
		wppi_script_call(s, SCRIPT_MAY_FAIL, SYS_prctl, PR_MCE_KILL, PR_MCE_KILL_SET,
				 sched.mce_kill, 0, 0, 0);
	add_affinity(s, &rec);
	add_policy(s, &sched);
	wppi_script_call(s, SCRIPT_MAY_FAIL, SYS_ioprio_set, IOPRIO_WHO_PROCESS, 0, sched.ioprio, 0,
			 0, 0);
	return 0;
}

static const char *needs(int64_t ret, const char *capability)
{
	return ret == -EPERM ? capability : wpp_strerror((int)ret);
}

/* The process is worth more than its place in the queue: what can't be set is told. */
static void sched_done(struct member *m, uint32_t tid, const struct script *s)
{
	for (size_t i = 0; i < s->nr_calls; i++) {
		const struct script_call *call = &s->calls[i];

		if (call->ret >= 0)
			continue;
		if (call->nr == SYS_sched_setaffinity)
			wppi_note(&m->tree->notes, WPP_NOTE_CHANGED, "affinity",
				  "thread %u can't be bound to its CPUs: %s", tid,
				  wpp_strerror((int)call->ret));
		else if (call->nr == SYS_sched_setattr)
			wppi_note(&m->tree->notes, WPP_NOTE_CHANGED, "sched",
				  "thread %u can't get its scheduling policy and nice value: %s",
				  tid, needs(call->ret, "CAP_SYS_NICE is needed"));
		else if (call->nr == SYS_ioprio_set)
			wppi_note(&m->tree->notes, WPP_NOTE_CHANGED, "ioprio",
				  "thread %u can't get its I/O priority: %s", tid,
				  needs(call->ret, "CAP_SYS_NICE or CAP_SYS_ADMIN is needed"));
	}
}

const struct recreate_class wppi_recreate_sched = {
	.name = "sched",
	.prepare = sched_prepare,
	.last = sched_last,
	.done = sched_done,
};
