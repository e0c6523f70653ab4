/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Sleeps go on, however often they are interrupted; one with a place for the rest of its time goes
 * on with the rest, not anew.
 */
#define _GNU_SOURCE
#include <linux/futex.h>
#include <poll.h>
#include <pthread.h>
#include <sys/syscall.h>

#include "selfcheck.h"

#define LONG_TIME 1000 /* seconds */

#define SLEEPERS  6
#define WITH_REST 2 /* of them */

static struct timespec rest[WITH_REST];
static pthread_t sleepers[SLEEPERS];

static volatile pid_t tids[SLEEPERS];

static void *sleep_long(void *arg)
{
	struct timespec t = { .tv_sec = LONG_TIME };
	uintptr_t nr = (uintptr_t)arg;
	int word = 0;

	tids[nr] = gettid();
	switch (nr) {
	case 0:
		syscall(SYS_nanosleep, &t, &rest[0]);
		break;
	case 1:
		clock_nanosleep(CLOCK_MONOTONIC, 0, &t, &rest[1]);
		break;
	case 2:
		syscall(SYS_nanosleep, &t, NULL);
		break;
	case 3:
		clock_nanosleep(CLOCK_BOOTTIME, 0, &t, NULL);
		break;
	case 4:
		poll(NULL, 0, LONG_TIME * 1000);
		break;
	default:
		syscall(SYS_futex, &word, FUTEX_WAIT, 0, &t, NULL, 0);
	}
	return NULL;
}

/* Each persist wrote what was left then: never more than before. */
static void check(int round)
{
	static struct timespec last[WITH_REST] = { { .tv_sec = LONG_TIME },
						   { .tv_sec = LONG_TIME } };

	(void)round;
	for (int i = 0; i < SLEEPERS; i++)
		EXPECT_EQ(pthread_tryjoin_np(sleepers[i], NULL), EBUSY);
	for (int i = 0; i < WITH_REST; i++) {
		EXPECT(rest[i].tv_sec < last[i].tv_sec ||
		       (rest[i].tv_sec == last[i].tv_sec && rest[i].tv_nsec <= last[i].tv_nsec));
		EXPECT(rest[i].tv_sec > LONG_TIME / 2);
		last[i] = rest[i];
	}
}

static bool is_asleep(int nr)
{
	static const int calls[SLEEPERS] = { SYS_nanosleep, SYS_clock_nanosleep,
					     SYS_nanosleep, SYS_clock_nanosleep,
					     SYS_poll,	    SYS_futex };
	char path[64], number[8] = "";
	int fd;

	snprintf(path, sizeof(path), "/proc/self/task/%d/syscall", tids[nr]);
	fd = open(path, O_RDONLY);
	if (fd >= 0 && read(fd, number, sizeof(number) - 1) < 0)
		number[0] = '\0';
	close(fd);
	return atoi(number) == calls[nr];
}

int main(void)
{
	for (uintptr_t i = 0; i < SLEEPERS; i++)
		MUST(pthread_create(&sleepers[i], NULL, sleep_long, (void *)i) == 0);
	for (int i = 0; i < SLEEPERS; i++) {
		while (!tids[i] || !is_asleep(i))
			selfcheck_nap();
	}
	selfcheck(check);
}
