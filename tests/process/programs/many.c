/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Thousands of timers and of signals that wait for one thread: none may be one too many. */
#define _GNU_SOURCE
#include <signal.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#include "selfcheck.h"

#define NR_EACH 3000

static int ids[NR_EACH];

static void make_timers(void)
{
	struct itimerspec it = { .it_value = { 1000, 0 } };
	struct sigevent event = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1 };

	for (int i = 0; i < NR_EACH; i++) {
		MUST(syscall(SYS_timer_create, CLOCK_MONOTONIC, &event, &ids[i]) == 0);
		MUST(syscall(SYS_timer_settime, ids[i], 0, &it, NULL) == 0);
	}
}

static void send_signals(void)
{
	siginfo_t info = { .si_code = SI_QUEUE };

	for (int i = 0; i < NR_EACH; i++) {
		info.si_value.sival_int = i;
		MUST(syscall(SYS_rt_tgsigqueueinfo, getpid(), getpid(), SIGRTMIN, &info) == 0);
	}
}

static void check(int round)
{
	struct timespec now = { 0 };
	struct itimerspec it;
	siginfo_t info;
	sigset_t set;

	(void)round;
	sigemptyset(&set);
	sigaddset(&set, SIGRTMIN);
	for (int i = 0; i < NR_EACH; i++) {
		EXPECT_EQ(sigtimedwait(&set, &info, &now), SIGRTMIN);
		EXPECT_EQ(info.si_value.sival_int, i);
		EXPECT(syscall(SYS_timer_gettime, ids[i], &it) == 0 && it.it_value.tv_sec > 500);
	}
	EXPECT_EQ(sigtimedwait(&set, &info, &now), -1);
	send_signals();
}

int main(void)
{
	struct rlimit rl;
	sigset_t set;

	MUST(getrlimit(RLIMIT_SIGPENDING, &rl) == 0);
	if (rl.rlim_cur < 3 * NR_EACH)
		selfcheck_skip("only %ld signals may wait", (long)rl.rlim_cur);
	sigemptyset(&set);
	sigaddset(&set, SIGRTMIN);
	MUST(sigprocmask(SIG_BLOCK, &set, NULL) == 0);
	make_timers();
	send_signals();
	selfcheck(check);
}
