/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The functions of the vdso, those that libc found long ago, agree with the kernel. */
#define _GNU_SOURCE
#include <sched.h>
#include <sys/syscall.h>
#include <sys/time.h>

#include "selfcheck.h"

static const clockid_t clocks[] = { CLOCK_REALTIME,	    CLOCK_MONOTONIC,
				    CLOCK_BOOTTIME,	    CLOCK_MONOTONIC_RAW,
				    CLOCK_MONOTONIC_COARSE, CLOCK_REALTIME_COARSE };
static long long started;

static long long to_ns(const struct timespec *ts)
{
	return ts->tv_sec * 1000000000ll + ts->tv_nsec;
}

static long long by_kernel(clockid_t clock)
{
	struct timespec ts;

	syscall(SYS_clock_gettime, clock, &ts);
	return to_ns(&ts);
}

static long long by_vdso(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return to_ns(&ts);
}

static void check(int round)
{
	struct timespec resolution = { 0 };
	unsigned int cpu = ~0u;
	struct timeval tv;

	(void)round;
	for (size_t i = 0; i < sizeof(clocks) / sizeof(clocks[0]); i++) {
		long long before = by_kernel(clocks[i]), now = by_vdso(clocks[i]);

		EXPECT(before <= now);
		EXPECT(now <= by_kernel(clocks[i]));
	}
	gettimeofday(&tv, NULL);
	EXPECT(tv.tv_sec >= time(NULL) - 1);
	EXPECT(time(NULL) >= by_kernel(CLOCK_REALTIME_COARSE) / 1000000000 - 1);
	EXPECT(clock_getres(CLOCK_MONOTONIC, &resolution) == 0 && resolution.tv_nsec >= 1);
	EXPECT(getcpu(&cpu, NULL) == 0 && cpu < (unsigned int)sysconf(_SC_NPROCESSORS_CONF));
	EXPECT(by_vdso(CLOCK_MONOTONIC) > started);
}

int main(void)
{
	started = by_vdso(CLOCK_MONOTONIC);
	check(0);
	selfcheck(check);
}
