/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Interval timers and POSIX timers: ids with a gap, remaining times, and that they still fire. */
#define _GNU_SOURCE
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/syscall.h>
#include <sys/time.h>

#include "selfcheck.h"

#define LONG_S 1000
#define TICK   (SIGRTMIN + 3)
#define POKE   (SIGRTMIN + 4)

/* The kernel's ids, not glibc's handles. */
enum { ONE_SHOT, GAP, TICKING, TO_THREAD, SILENT, ENDLESS, UNARMED, CPU, NR_TIMERS };
static int ids[NR_TIMERS];
static atomic_int ticks, pokes, wrong, thread_tid;

static void on_tick(int sig, siginfo_t *info, void *context)
{
	(void)sig;
	(void)context;
	if (info->si_code != SI_TIMER || info->si_value.sival_int != 77)
		wrong++;
	ticks++;
}

static void *take_pokes(void *arg)
{
	siginfo_t info;
	sigset_t set;

	thread_tid = (int)syscall(SYS_gettid);
	sigemptyset(&set);
	sigaddset(&set, POKE);
	for (;;) {
		if (sigwaitinfo(&set, &info) == POKE)
			pokes++;
	}
	return arg;
}

static void create(int which, clockid_t clock, int notify, int signo, int tid)
{
	struct sigevent event = { .sigev_notify = notify, .sigev_signo = signo };

	event.sigev_value.sival_int = 77;
	event._sigev_un._tid = tid;
	MUST(syscall(SYS_timer_create, clock, &event, &ids[which]) == 0);
}

/* As a program does that makes one for each request: ids count up. */
static void use_up_ids(void)
{
	for (int i = 0; i < 70000; i++) {
		create(GAP, CLOCK_MONOTONIC, SIGEV_SIGNAL, SIGUSR1, 0);
		MUST(syscall(SYS_timer_delete, ids[GAP]) == 0);
	}
}

static struct itimerspec times(long value_s, long value_ns, long interval_ns)
{
	return (struct itimerspec){ .it_value = { value_s, value_ns },
				    .it_interval = { 0, interval_ns } };
}

static void arm(int which, struct itimerspec it)
{
	MUST(syscall(SYS_timer_settime, ids[which], 0, &it, NULL) == 0);
}

static void build_posix(void)
{
	create(ONE_SHOT, CLOCK_MONOTONIC, SIGEV_SIGNAL, SIGUSR1, 0);
	use_up_ids();
	create(TICKING, CLOCK_MONOTONIC, SIGEV_SIGNAL, TICK, 0);
	create(TO_THREAD, CLOCK_BOOTTIME, SIGEV_THREAD_ID, POKE, thread_tid);
	create(SILENT, CLOCK_REALTIME, SIGEV_NONE, 0, 0);
	create(ENDLESS, CLOCK_MONOTONIC, SIGEV_SIGNAL, SIGUSR2, 0);
	create(UNARMED, CLOCK_MONOTONIC, SIGEV_SIGNAL, SIGUSR2, 0);
	create(CPU, CLOCK_PROCESS_CPUTIME_ID, SIGEV_SIGNAL, SIGUSR2, 0);
	arm(ONE_SHOT, times(LONG_S, 0, 0));
	arm(TICKING, times(0, 3000000, 3000000));
	arm(TO_THREAD, times(0, 4000000, 4000000));
	arm(SILENT, times(LONG_S, 0, 500));
	arm(ENDLESS, times(LONG_MAX, 999999999, 0));
	arm(CPU, times(LONG_S, 0, 0));
}

static void build_itimers(void)
{
	struct itimerval real = { .it_value = { LONG_S, 0 }, .it_interval = { 7, 500000 } };
	struct itimerval prof = { .it_value = { LONG_S, 0 } };

	MUST(setitimer(ITIMER_REAL, &real, NULL) == 0);
	MUST(setitimer(ITIMER_PROF, &prof, NULL) == 0);
}

static void expect_remaining(int which, long interval_ns)
{
	struct itimerspec it;

	EXPECT(syscall(SYS_timer_gettime, ids[which], &it) == 0);
	EXPECT(it.it_value.tv_sec <= LONG_S && it.it_value.tv_sec > LONG_S / 2);
	EXPECT_EQ(it.it_interval.tv_nsec, interval_ns);
}

static void await(atomic_int *count)
{
	int before = *count;

	while (*count < before + 3)
		selfcheck_nap();
}

static void check_itimers(void)
{
	struct itimerval it;

	EXPECT(getitimer(ITIMER_REAL, &it) == 0);
	EXPECT(it.it_value.tv_sec <= LONG_S && it.it_value.tv_sec > LONG_S / 2);
	EXPECT_EQ(it.it_interval.tv_usec, 500000);
	EXPECT(getitimer(ITIMER_PROF, &it) == 0);
	EXPECT(it.it_value.tv_sec <= LONG_S && it.it_value.tv_sec > LONG_S / 2);
	EXPECT(getitimer(ITIMER_VIRTUAL, &it) == 0);
	EXPECT_EQ(it.it_value.tv_sec, 0);
}

static void check(int round)
{
	struct itimerspec it;

	(void)round;
	expect_remaining(ONE_SHOT, 0);
	expect_remaining(SILENT, 500);
	expect_remaining(CPU, 0);
	EXPECT(syscall(SYS_timer_gettime, ids[ENDLESS], &it) == 0);
	EXPECT(it.it_value.tv_sec > 1l << 32);
	EXPECT(syscall(SYS_timer_gettime, ids[GAP], &it) == -1);
	EXPECT(syscall(SYS_timer_gettime, ids[UNARMED], &it) == 0);
	EXPECT_EQ(it.it_value.tv_sec + it.it_value.tv_nsec, 0);
	check_itimers();
	await(&ticks);
	await(&pokes);
	EXPECT_EQ(wrong, 0);
}

int main(void)
{
	/* SA_NODEFER: the mask is the same inside the handler, wherever a persist meets us. */
	struct sigaction act = { .sa_sigaction = on_tick,
				 .sa_flags = SA_SIGINFO | SA_RESTART | SA_NODEFER };
	pthread_t thread;
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, POKE);
	MUST(sigprocmask(SIG_BLOCK, &set, NULL) == 0);
	MUST(sigaction(TICK, &act, NULL) == 0);
	MUST(pthread_create(&thread, NULL, take_pokes, NULL) == 0);
	while (!thread_tid)
		selfcheck_nap();
	build_itimers();
	build_posix();
	selfcheck(check);
}
