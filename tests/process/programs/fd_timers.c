/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* timerfd: far away, expired and unread, at intervals, at a time of the wall clock. */
#define _GNU_SOURCE
#include <sys/timerfd.h>

#include "selfcheck.h"

#define SLACK_S 30 /* a timer of the wall clock is late by the time it was not there */

static int far, expired, ticking, wall, idle, absolute;
static time_t wall_time;
static struct timespec deadline;

static int make(int clock, int flags, struct itimerspec its)
{
	int fd = timerfd_create(clock, TFD_NONBLOCK);

	MUST(fd >= 0 && timerfd_settime(fd, flags, &its, NULL) == 0);
	return fd;
}

static void expire(void)
{
	struct itimerspec now = { .it_value.tv_nsec = 1 };

	MUST(timerfd_settime(expired, 0, &now, NULL) == 0);
	selfcheck_nap();
}

static void build(void)
{
	far = make(CLOCK_MONOTONIC, 0,
		   (struct itimerspec){ .it_value.tv_sec = 3000, .it_interval.tv_sec = 7 });
	ticking = make(CLOCK_BOOTTIME, 0,
		       (struct itimerspec){ .it_value.tv_nsec = 1, .it_interval.tv_nsec = 500000 });
	wall_time = time(NULL) + 6000;
	wall = make(CLOCK_REALTIME, TFD_TIMER_ABSTIME,
		    (struct itimerspec){ .it_value.tv_sec = wall_time });
	clock_gettime(CLOCK_MONOTONIC, &deadline);
	deadline.tv_sec += 2000;
	absolute = make(CLOCK_MONOTONIC, TFD_TIMER_ABSTIME,
			(struct itimerspec){ .it_value = deadline });
	idle = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);
	expired = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);
	expire();
}

static void await_tick(void)
{
	uint64_t ticks = 0;

	while (read(ticking, &ticks, sizeof(ticks)) != sizeof(ticks))
		selfcheck_nap();
	EXPECT(ticks >= 1);
}

static void check(int round)
{
	struct itimerspec its;
	struct timespec now;
	uint64_t v = 0;

	(void)round;
	EXPECT(timerfd_gettime(far, &its) == 0);
	EXPECT(its.it_value.tv_sec > 2000 && its.it_value.tv_sec <= 3000);
	EXPECT_EQ(its.it_interval.tv_sec, 7);
	EXPECT(read(expired, &v, 8) == 8);
	EXPECT_EQ(v, 1);
	await_tick();
	await_tick();
	EXPECT(timerfd_gettime(wall, &its) == 0);
	EXPECT(llabs((long long)(its.it_value.tv_sec + time(NULL) - wall_time)) <= SLACK_S);
	EXPECT(timerfd_gettime(absolute, &its) == 0);
	clock_gettime(CLOCK_MONOTONIC, &now);
	EXPECT(llabs((long long)(its.it_value.tv_sec + now.tv_sec - deadline.tv_sec)) <= SLACK_S);
	EXPECT(read(idle, &v, 8) == -1 && errno == EAGAIN);
	expire();
}

int main(void)
{
	build();
	selfcheck(check);
}
