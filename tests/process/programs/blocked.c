/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Threads that are blocked in system calls: nobody may return from one before it is woken, and
 * then with the right result. EINTR belongs to signal handlers alone.
 */
#define _GNU_SOURCE
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/select.h>

#include "selfcheck.h"

#define LONG_TIME 100000 /* seconds */

struct worker {
	const char *name;
	long (*block)(struct worker *w);
	void (*wake)(struct worker *w);
	long result; /* expected; < 0: -errno */
	pthread_t thread;
	int in, out; /* to be read from, to wake it by */
	int epoll;
	volatile long got;
	volatile int returns;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t cond = PTHREAD_COND_INITIALIZER;
static int permits[2];
static sigset_t awaited;

/* ---- What they block in ---- */

static long consume(struct worker *w, long ret)
{
	char byte;

	if (ret > 0 && read(w->in, &byte, 1) != 1)
		return -1000;
	return ret;
}

static long block_read(struct worker *w)
{
	char byte;

	return read(w->in, &byte, 1);
}

static long block_poll(struct worker *w)
{
	struct pollfd p = { .fd = w->in, .events = POLLIN };

	return consume(w, poll(&p, 1, -1));
}

static long block_poll_timeout(struct worker *w)
{
	struct pollfd p = { .fd = w->in, .events = POLLIN };

	return consume(w, poll(&p, 1, LONG_TIME * 1000));
}

static long block_ppoll(struct worker *w)
{
	struct pollfd p = { .fd = w->in, .events = POLLIN };
	struct timespec t = { .tv_sec = LONG_TIME };
	sigset_t mask;

	sigfillset(&mask);
	return consume(w, ppoll(&p, 1, &t, &mask));
}

static long block_select(struct worker *w)
{
	struct timeval t = { .tv_sec = LONG_TIME };
	fd_set set;

	FD_ZERO(&set);
	FD_SET(w->in, &set);
	return consume(w, select(w->in + 1, &set, NULL, NULL, &t));
}

static long block_pselect(struct worker *w)
{
	sigset_t mask;
	fd_set set;

	FD_ZERO(&set);
	FD_SET(w->in, &set);
	sigfillset(&mask);
	return consume(w, pselect(w->in + 1, &set, NULL, NULL, NULL, &mask));
}

static long block_epoll(struct worker *w)
{
	struct epoll_event e;

	return consume(w, epoll_wait(w->epoll, &e, 1, -1));
}

static long block_epoll_timeout(struct worker *w)
{
	struct epoll_event e;

	return consume(w, epoll_wait(w->epoll, &e, 1, LONG_TIME * 1000));
}

static long block_epoll_pwait(struct worker *w)
{
	struct epoll_event e;
	sigset_t mask;

	sigfillset(&mask);
	return consume(w, epoll_pwait(w->epoll, &e, 1, -1, &mask));
}

static long block_eventfd(struct worker *w)
{
	uint64_t n;

	return read(w->in, &n, sizeof(n)) == sizeof(n) ? (long)n : -1;
}

static long take_permit(struct worker *w, const struct timespec *until)
{
	int *permit = &permits[until != NULL], err = 0;

	(void)w;
	pthread_mutex_lock(&lock);
	while (!*permit && !err)
		err = until ? pthread_cond_timedwait(&cond, &lock, until)
			    : pthread_cond_wait(&cond, &lock);
	if (*permit)
		(*permit)--;
	pthread_mutex_unlock(&lock);
	return -err;
}

static long block_cond(struct worker *w)
{
	return take_permit(w, NULL);
}

static long block_cond_timeout(struct worker *w)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	t.tv_sec += LONG_TIME;
	return take_permit(w, &t);
}

static long block_sigwaitinfo(struct worker *w)
{
	(void)w;
	return sigwaitinfo(&awaited, NULL) == SIGRTMIN + 1;
}

static long block_sigtimedwait(struct worker *w)
{
	struct timespec t = { .tv_sec = LONG_TIME };

	(void)w;
	return sigtimedwait(&awaited, NULL, &t) == SIGRTMIN + 1;
}

static long block_pause(struct worker *w)
{
	(void)w;
	return pause();
}

static long block_sigsuspend(struct worker *w)
{
	sigset_t mask;

	(void)w;
	sigfillset(&mask);
	sigdelset(&mask, SIGUSR2);
	return sigsuspend(&mask);
}

static long block_nanosleep(struct worker *w)
{
	struct timespec t = { .tv_sec = LONG_TIME };

	(void)w;
	return nanosleep(&t, &t);
}

static long block_sleep_until(struct worker *w)
{
	struct timespec t;
	int err;

	(void)w;
	clock_gettime(CLOCK_MONOTONIC, &t);
	t.tv_sec += LONG_TIME;
	err = clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL);
	errno = err;
	return err ? -1 : 0;
}

/* ---- What wakes them ---- */

static void wake_write(struct worker *w)
{
	EXPECT_EQ(write(w->out, "x", 1), 1);
}

static void wake_eventfd(struct worker *w)
{
	uint64_t n = 7;

	EXPECT_EQ(write(w->in, &n, sizeof(n)), sizeof(n));
}

static void wake_cond(struct worker *w)
{
	pthread_mutex_lock(&lock);
	permits[w->block == block_cond_timeout]++;
	pthread_cond_broadcast(&cond);
	pthread_mutex_unlock(&lock);
}

static void wake_awaited(struct worker *w)
{
	EXPECT_EQ(pthread_kill(w->thread, SIGRTMIN + 1), 0);
}

static void wake_handler(struct worker *w)
{
	EXPECT_EQ(pthread_kill(w->thread, SIGUSR2), 0);
}

static struct worker workers[] = {
	{ .name = "read", .block = block_read, .wake = wake_write, .result = 1 },
	{ .name = "poll", .block = block_poll, .wake = wake_write, .result = 1 },
	{ .name = "poll-timeout", .block = block_poll_timeout, .wake = wake_write, .result = 1 },
	{ .name = "ppoll", .block = block_ppoll, .wake = wake_write, .result = 1 },
	{ .name = "select", .block = block_select, .wake = wake_write, .result = 1 },
	{ .name = "pselect", .block = block_pselect, .wake = wake_write, .result = 1 },
	{ .name = "epoll_wait", .block = block_epoll, .wake = wake_write, .result = 1 },
	{ .name = "epoll-timeout", .block = block_epoll_timeout, .wake = wake_write, .result = 1 },
	{ .name = "epoll_pwait", .block = block_epoll_pwait, .wake = wake_write, .result = 1 },
	{ .name = "eventfd", .block = block_eventfd, .wake = wake_eventfd, .result = 7 },
	{ .name = "futex", .block = block_cond, .wake = wake_cond },
	{ .name = "futex-timeout", .block = block_cond_timeout, .wake = wake_cond },
	{ .name = "sigwaitinfo", .block = block_sigwaitinfo, .wake = wake_awaited, .result = 1 },
	{ .name = "sigtimedwait", .block = block_sigtimedwait, .wake = wake_awaited, .result = 1 },
	{ .name = "pause", .block = block_pause, .wake = wake_handler, .result = -EINTR },
	{ .name = "sigsuspend", .block = block_sigsuspend, .wake = wake_handler, .result = -EINTR },
	{ .name = "nanosleep", .block = block_nanosleep, .wake = wake_handler, .result = -EINTR },
	{ .name = "sleep-until",
	  .block = block_sleep_until,
	  .wake = wake_handler,
	  .result = -EINTR },
};
#define NR_WORKERS (sizeof(workers) / sizeof(workers[0]))

/* ---- Running them ---- */

static void on_signal(int sig)
{
	(void)sig;
}

static void *work(void *arg)
{
	struct worker *w = arg;
	long ret;

	for (;;) {
		errno = 0;
		ret = w->block(w);
		w->got = ret == -1 && errno ? -errno : ret;
		w->returns++;
	}
	return NULL;
}

static void prepare(struct worker *w)
{
	struct epoll_event e = { .events = EPOLLIN };
	int ends[2];

	if (w->wake == wake_eventfd) {
		w->in = eventfd(0, 0);
		MUST(w->in >= 0);
	} else if (w->wake == wake_write) {
		MUST(pipe(ends) == 0);
		w->in = ends[0];
		w->out = ends[1];
		w->epoll = epoll_create1(0);
		MUST(w->epoll >= 0);
		MUST(epoll_ctl(w->epoll, EPOLL_CTL_ADD, w->in, &e) == 0);
	}
	MUST(pthread_create(&w->thread, NULL, work, w) == 0);
}

static void check(int round)
{
	for (size_t i = 0; i < NR_WORKERS; i++) {
		struct worker *w = &workers[i];

		if (w->returns != round - 1)
			selfcheck_fail(__FILE__, __LINE__, "%s returned early with %ld", w->name,
				       w->got);
		w->wake(w);
		for (int n = 0; n < 5000 && w->returns < round; n++)
			selfcheck_nap();
		if (w->returns != round || w->got != w->result)
			selfcheck_fail(__FILE__, __LINE__, "%s: %d returns, the last with %ld",
				       w->name, w->returns, w->got);
	}
	/* Time to block again. */
	for (int n = 0; n < 20; n++)
		selfcheck_nap();
}

int main(void)
{
	struct sigaction sa = { .sa_handler = on_signal };

	sigemptyset(&awaited);
	sigaddset(&awaited, SIGRTMIN + 1);
	MUST(pthread_sigmask(SIG_BLOCK, &awaited, NULL) == 0);
	MUST(sigaction(SIGUSR2, &sa, NULL) == 0);
	for (size_t i = 0; i < NR_WORKERS; i++)
		prepare(&workers[i]);
	for (int n = 0; n < 50; n++)
		selfcheck_nap();
	selfcheck(check);
}
