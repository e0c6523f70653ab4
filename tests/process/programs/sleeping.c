/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* A sleep with a place for the rest of its time goes on with the rest, not anew. */
#define _GNU_SOURCE
#include <pthread.h>
#include <sys/syscall.h>

#include "selfcheck.h"

#define LONG_TIME 1000 /* seconds */

static struct timespec rest[2];
static pthread_t sleepers[2];

static volatile pid_t tids[2];

static void *sleep_long(void *arg)
{
	struct timespec t = { .tv_sec = LONG_TIME };
	struct timespec *r = arg;

	tids[r - rest] = gettid();
	if (r == &rest[0])
		nanosleep(&t, r);
	else
		clock_nanosleep(CLOCK_MONOTONIC, 0, &t, r);
	return NULL;
}

/* Each persist wrote what was left then: never more than before. */
static void check(int round)
{
	static struct timespec last[2] = { { .tv_sec = LONG_TIME }, { .tv_sec = LONG_TIME } };

	(void)round;
	for (int i = 0; i < 2; i++) {
		EXPECT(rest[i].tv_sec < last[i].tv_sec ||
		       (rest[i].tv_sec == last[i].tv_sec && rest[i].tv_nsec <= last[i].tv_nsec));
		EXPECT(rest[i].tv_sec > LONG_TIME / 2);
		last[i] = rest[i];
		EXPECT_EQ(pthread_tryjoin_np(sleepers[i], NULL), EBUSY);
	}
}

static bool is_asleep(pid_t tid)
{
	char path[64], number[8] = "";
	int fd;

	snprintf(path, sizeof(path), "/proc/self/task/%d/syscall", tid);
	fd = open(path, O_RDONLY);
	if (fd >= 0 && read(fd, number, sizeof(number) - 1) < 0)
		number[0] = '\0';
	close(fd);
	return atoi(number) == SYS_clock_nanosleep || atoi(number) == SYS_nanosleep;
}

int main(void)
{
	for (int i = 0; i < 2; i++)
		MUST(pthread_create(&sleepers[i], NULL, sleep_long, &rest[i]) == 0);
	for (int i = 0; i < 2; i++) {
		while (!tids[i] || !is_asleep(tids[i]))
			selfcheck_nap();
	}
	selfcheck(check);
}
