/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Clocks go on without a jump back, and the vdso agrees with the kernel. */
#define _GNU_SOURCE
#include <pthread.h>
#include <sched.h>
#include <sys/auxv.h>
#include <sys/syscall.h>
#include <sys/time.h>

#include "selfcheck.h"

#define JUMP_NS 60000000000ll /* forward; a test takes less */

static const clockid_t clocks[] = { CLOCK_MONOTONIC, CLOCK_BOOTTIME, CLOCK_MONOTONIC_RAW,
				    CLOCK_MONOTONIC_COARSE };
#define NR_CLOCKS (sizeof(clocks) / sizeof(clocks[0]))

static volatile long long last[NR_CLOCKS]; /* as a thread saw them last */
static volatile long long worst_back;

static long long to_ns(const struct timespec *ts)
{
	return ts->tv_sec * 1000000000ll + ts->tv_nsec;
}

static long long by_vdso(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return to_ns(&ts);
}

static long long by_kernel(clockid_t clock)
{
	struct timespec ts;

	syscall(SYS_clock_gettime, clock, &ts);
	return to_ns(&ts);
}

/* In the vdso most of the time, also when the process is stopped. */
static void *watch(void *arg)
{
	for (size_t i = 0;; i = (i + 1) % NR_CLOCKS) {
		long long now = by_vdso(clocks[i]);

		if (last[i] - now > worst_back)
			worst_back = last[i] - now;
		last[i] = now;
	}
	return arg;
}

static void check_agreement(clockid_t clock)
{
	long long before = by_kernel(clock), vdso = by_vdso(clock), after = by_kernel(clock);

	EXPECT(before <= vdso);
	EXPECT(vdso <= after);
}

static long long at_ready[NR_CLOCKS];

static void check(int round)
{
	struct timeval tv;
	unsigned int cpu;

	(void)round;
	EXPECT_EQ(worst_back, 0);
	for (size_t i = 0; i < NR_CLOCKS; i++) {
		long long now = by_vdso(clocks[i]);

		EXPECT(now >= at_ready[i]);
		EXPECT(now - at_ready[i] < JUMP_NS);
		at_ready[i] = now;
		check_agreement(clocks[i]);
	}
	check_agreement(CLOCK_REALTIME);
	EXPECT(gettimeofday(&tv, NULL) == 0);
	EXPECT(tv.tv_sec >= time(NULL) - 30);
	EXPECT(getcpu(&cpu, NULL) == 0);
	EXPECT(getauxval(AT_SYSINFO_EHDR) != 0);
}

int main(void)
{
	pthread_t thread;

	for (size_t i = 0; i < NR_CLOCKS; i++)
		at_ready[i] = by_vdso(clocks[i]);
	MUST(pthread_create(&thread, NULL, watch, NULL) == 0);
	selfcheck(check);
}
