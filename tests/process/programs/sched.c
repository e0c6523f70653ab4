/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Scheduling of threads: each has its own policy, nice value, affinity, I/O priority and slack. */
#define _GNU_SOURCE
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#include "selfcheck.h"

#define POLICY_DEADLINE	    6
#define IOPRIO(class, data) ((class) << 13 | (data))

struct attributes {
	uint32_t size, policy;
	uint64_t flags;
	int32_t nice;
	uint32_t priority;
	uint64_t runtime, deadline, period;
};

struct state {
	struct attributes attr;
	cpu_set_t cpus;
	int ioprio, slack, mce;
};

struct thread {
	const char *name;
	struct attributes want;
	int ioprio, slack, mce; /* 0, 0, -1: as it is */
	bool one_cpu;
	pid_t tid;
	struct state before;
	atomic_int ready;
	atomic_int slack_now, mce_now, served;
};

static struct thread threads[] = {
	{ .name = "plain", .mce = -1 },
	{ .name = "nice", .want = { .nice = 7 }, .ioprio = IOPRIO(2, 6), .mce = 1 },
	{ .name = "batch",
	  .want = { .policy = SCHED_BATCH, .nice = -3 },
	  .slack = 12345,
	  .mce = 0 },
	{ .name = "idle", .want = { .policy = SCHED_IDLE }, .ioprio = IOPRIO(3, 0), .mce = -1 },
	{ .name = "fifo", .want = { .policy = SCHED_FIFO, .priority = 3 }, .mce = -1 },
	{ .name = "round", .want = { .policy = SCHED_RR, .priority = 2, .flags = 1 }, .mce = -1 },
	{ .name = "bound", .one_cpu = true, .ioprio = IOPRIO(1, 4), .mce = -1 },
	{ .name = "deadline",
	  .want = { .policy = POLICY_DEADLINE,
		    .runtime = 1000000,
		    .deadline = 20000000,
		    .period = 50000000 },
	  .mce = -1 },
};
#define NR_THREADS (sizeof(threads) / sizeof(threads[0]))

static atomic_int asked;

static void bind_to_last(void)
{
	cpu_set_t all, one;

	MUST(sched_getaffinity(0, sizeof(all), &all) == 0);
	CPU_ZERO(&one);
	for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
		if (CPU_ISSET(cpu, &all)) {
			CPU_ZERO(&one);
			CPU_SET(cpu, &one);
		}
	}
	MUST(sched_setaffinity(0, sizeof(one), &one) == 0);
}

/* Slack and the machine check policy are known to the thread alone. */
static void note_own(struct thread *t)
{
	t->slack_now = prctl(PR_GET_TIMERSLACK);
	t->mce_now = prctl(PR_MCE_KILL_GET, 0, 0, 0, 0);
}

static void *run(void *arg)
{
	struct thread *t = arg;

	t->tid = (pid_t)syscall(SYS_gettid);
	if (t->one_cpu)
		bind_to_last();
	if (t->ioprio)
		MUST(syscall(SYS_ioprio_set, 1, 0, t->ioprio) == 0);
	if (t->slack)
		MUST(prctl(PR_SET_TIMERSLACK, t->slack) == 0);
	if (t->mce >= 0)
		MUST(prctl(PR_MCE_KILL, PR_MCE_KILL_SET, t->mce, 0, 0) == 0);
	t->want.size = sizeof(t->want);
	MUST(syscall(SYS_sched_setattr, 0, &t->want, 0) == 0);
	note_own(t);
	t->ready = 1;
	for (;; selfcheck_nap()) {
		if (asked != t->served) {
			note_own(t);
			t->served = asked;
		}
	}
	return NULL;
}

static void look(struct thread *t, struct state *s)
{
	memset(s, 0, sizeof(*s));
	EXPECT(syscall(SYS_sched_getattr, t->tid, &s->attr, sizeof(s->attr), 0) == 0);
	EXPECT(sched_getaffinity(t->tid, sizeof(s->cpus), &s->cpus) == 0);
	s->ioprio = (int)syscall(SYS_ioprio_get, 1, t->tid);
	s->slack = t->slack_now;
	s->mce = t->mce_now;
}

static void compare(struct thread *t)
{
	struct state now;

	look(t, &now);
	if (memcmp(&now.attr, &t->before.attr, sizeof(now.attr)) != 0)
		selfcheck_fail(t->name, 0, "policy %u nice %d priority %u", now.attr.policy,
			       now.attr.nice, now.attr.priority);
	if (memcmp(&now.cpus, &t->before.cpus, sizeof(now.cpus)) != 0)
		selfcheck_fail(t->name, 0, "affinity has %d CPUs, not %d", CPU_COUNT(&now.cpus),
			       CPU_COUNT(&t->before.cpus));
	if (now.ioprio != t->before.ioprio || now.slack != t->before.slack ||
	    now.mce != t->before.mce)
		selfcheck_fail(t->name, 0, "ioprio %x not %x, slack %d not %d, mce %d not %d",
			       now.ioprio, t->before.ioprio, now.slack, t->before.slack, now.mce,
			       t->before.mce);
}

static void check(int round)
{
	asked = round;
	for (size_t i = 0; i < NR_THREADS; i++) {
		while (threads[i].served != round)
			selfcheck_nap();
		compare(&threads[i]);
	}
}

int main(void)
{
	pthread_t thread;

	if (geteuid() != 0)
		selfcheck_skip("not root");
	for (size_t i = 0; i < NR_THREADS; i++) {
		MUST(pthread_create(&thread, NULL, run, &threads[i]) == 0);
		while (!threads[i].ready)
			selfcheck_nap();
	}
	for (size_t i = 0; i < NR_THREADS; i++)
		look(&threads[i], &threads[i].before);
	selfcheck(check);
}
