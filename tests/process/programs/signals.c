/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Actions, masks and pending signals: of the process and of a thread, queued, with their values. */
#define _GNU_SOURCE
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "selfcheck.h"

#define NR_QUEUED 5

static volatile sig_atomic_t handled, thread_value;
static pthread_t thread;
static pid_t child_pid;

static void handler(int sig, siginfo_t *info, void *context)
{
	(void)context;
	if (sig == SIGUSR1 && info->si_code == SI_TKILL)
		handled++;
}

static void set_actions(void)
{
	struct sigaction act = { .sa_sigaction = handler, .sa_flags = SA_SIGINFO | SA_RESTART };

	sigaddset(&act.sa_mask, SIGTERM);
	sigaddset(&act.sa_mask, SIGRTMAX);
	MUST(sigaction(SIGUSR1, &act, NULL) == 0);
	act.sa_flags = SA_SIGINFO | SA_NODEFER | SA_RESETHAND;
	MUST(sigaction(SIGRTMAX, &act, NULL) == 0);
	MUST(signal(SIGHUP, SIG_IGN) != SIG_ERR);
	MUST(signal(SIGCHLD, SIG_DFL) != SIG_ERR);
}

static void block_all(void)
{
	sigset_t set;

	sigemptyset(&set);
	for (int sig = SIGRTMIN; sig <= SIGRTMIN + 2; sig++)
		sigaddset(&set, sig);
	sigaddset(&set, SIGUSR2);
	sigaddset(&set, SIGCHLD);
	sigaddset(&set, SIGALRM);
	MUST(sigprocmask(SIG_BLOCK, &set, NULL) == 0);
}

/* The kernel's own SIGCHLD: its si_code is above zero. */
static void leave_sigchld(void)
{
	siginfo_t info;

	child_pid = fork();
	MUST(child_pid >= 0);
	if (!child_pid)
		_exit(7);
	MUST(waitid(P_PID, (id_t)child_pid, &info, WEXITED) == 0);
}

static void queue(int sig, int value)
{
	MUST(sigqueue(getpid(), sig, (union sigval){ .sival_int = value }) == 0);
}

static void queue_all(void)
{
	for (int i = 0; i < NR_QUEUED; i++)
		queue(SIGRTMIN + 1, 100 + i);
	queue(SIGRTMIN, 7);
	MUST(kill(getpid(), SIGUSR2) == 0);
	MUST(pthread_sigqueue(thread, SIGRTMIN + 2, (union sigval){ .sival_int = 55 }) == 0);
	MUST(pthread_sigqueue(thread, SIGRTMIN + 2, (union sigval){ .sival_int = 56 }) == 0);
}

static int take(int sig, siginfo_t *info)
{
	struct timespec now = { 0 };
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, sig);
	memset(info, 0, sizeof(*info));
	return sigtimedwait(&set, info, &now);
}

/* Takes one of its own signals each time it is asked. */
static atomic_int asked, answered;
static void *take_when_asked(void *arg)
{
	siginfo_t info;

	for (;; selfcheck_nap()) {
		if (asked == answered)
			continue;
		thread_value = take(SIGRTMIN + 2, &info) > 0 ? info.si_value.sival_int : -1;
		answered = asked;
	}
	return arg;
}

static int thread_takes(void)
{
	asked++;
	while (answered != asked)
		selfcheck_nap();
	return thread_value;
}

static void expect_action(int sig, void *want, int flags)
{
	struct sigaction act;

	EXPECT(sigaction(sig, NULL, &act) == 0);
	EXPECT((void *)act.sa_sigaction == want);
	EXPECT_EQ(act.sa_flags & ~0x04000000, flags);
	if (want == (void *)handler) {
		EXPECT_EQ(sigismember(&act.sa_mask, SIGTERM), 1);
		EXPECT_EQ(sigismember(&act.sa_mask, SIGRTMAX), 1);
		EXPECT_EQ(sigismember(&act.sa_mask, SIGINT), 0);
	}
}

static void check_actions(int round)
{
	expect_action(SIGUSR1, (void *)handler, SA_SIGINFO | SA_RESTART);
	expect_action(SIGRTMAX, (void *)handler, SA_SIGINFO | SA_NODEFER | (int)SA_RESETHAND);
	expect_action(SIGHUP, (void *)SIG_IGN, SA_RESTART);
	expect_action(SIGTERM, (void *)SIG_DFL, 0);
	raise(SIGUSR1);
	EXPECT_EQ(handled, round);
}

static void check_pending(int round)
{
	siginfo_t info;
	sigset_t mask;

	sigprocmask(SIG_BLOCK, NULL, &mask);
	EXPECT_EQ(sigismember(&mask, SIGUSR2), 1);
	EXPECT_EQ(sigismember(&mask, SIGALRM), 1);
	EXPECT_EQ(sigismember(&mask, SIGTERM), 0);
	for (int i = 0; i < NR_QUEUED; i++) {
		EXPECT_EQ(take(SIGRTMIN + 1, &info), SIGRTMIN + 1);
		EXPECT_EQ(info.si_value.sival_int, 100 + i);
		EXPECT_EQ(info.si_code, SI_QUEUE);
		EXPECT_EQ(info.si_pid, getpid());
	}
	EXPECT_EQ(take(SIGRTMIN + 1, &info), -1);
	EXPECT_EQ(take(SIGRTMIN, &info), SIGRTMIN);
	EXPECT_EQ(info.si_value.sival_int, 7);
	EXPECT_EQ(take(SIGUSR2, &info), SIGUSR2);
	EXPECT_EQ(info.si_code, SI_USER);
	if (round == 1) {
		EXPECT_EQ(take(SIGCHLD, &info), SIGCHLD);
		EXPECT_EQ(info.si_code, CLD_EXITED);
		EXPECT_EQ(info.si_pid, child_pid);
		EXPECT_EQ(info.si_status, 7);
	}
}

static void check(int round)
{
	check_actions(round);
	check_pending(round);
	EXPECT_EQ(thread_takes(), 55);
	EXPECT_EQ(thread_takes(), 56);
	EXPECT_EQ(thread_takes(), -1);
	queue_all();
}

int main(void)
{
	set_actions();
	block_all();
	MUST(pthread_create(&thread, NULL, take_when_asked, NULL) == 0);
	leave_sigchld();
	queue_all();
	selfcheck(check);
}
