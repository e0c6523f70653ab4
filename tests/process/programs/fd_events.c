/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* eventfd, signalfd and a nested epoll set that watches them. */
#define _GNU_SOURCE
#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>

#include "selfcheck.h"

static int counter, semaphore, signals, inner, outer, spent, spent_set;

static void watch(int ep, int fd, uint32_t events, uint64_t data)
{
	struct epoll_event ev = { .events = events, .data.u64 = data };

	MUST(epoll_ctl(ep, EPOLL_CTL_ADD, fd, &ev) == 0);
}

static void build(void)
{
	struct epoll_event ev;
	sigset_t set;

	counter = eventfd(0, EFD_NONBLOCK);
	semaphore = eventfd(3, EFD_NONBLOCK | EFD_SEMAPHORE);
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signals = signalfd(-1, &set, SFD_NONBLOCK);
	inner = epoll_create1(0);
	outer = epoll_create1(EPOLL_CLOEXEC);
	watch(inner, counter, EPOLLIN, 0x1111222233334444);
	watch(inner, signals, EPOLLIN | EPOLLET, 5);
	watch(outer, inner, EPOLLIN, 6);
	/* Watched, and closed under the number that it was added with. */
	MUST(dup2(counter, 300) == 300);
	watch(outer, 300, EPOLLIN, 7);
	close(300);
	spent = eventfd(1, 0);
	spent_set = epoll_create1(0);
	watch(spent_set, spent, EPOLLIN | EPOLLONESHOT, 8);
	MUST(epoll_wait(spent_set, &ev, 1, 0) == 1);
}

static void expect_quiet(int ep)
{
	struct epoll_event ev;

	EXPECT_EQ(epoll_wait(ep, &ev, 1, 0), 0);
}

static void check(int round)
{
	struct epoll_event ev[4] = { 0 };
	struct signalfd_siginfo si;
	eventfd_t v = 0;

	(void)round;
	expect_quiet(outer);
	expect_quiet(spent_set);
	EXPECT(eventfd_write(counter, 9) == 0);
	EXPECT_EQ(epoll_wait(outer, ev, 4, 0), 2);
	EXPECT_EQ(ev[0].data.u64 + ev[1].data.u64, 13);
	EXPECT_EQ(epoll_wait(inner, ev, 4, 0), 1);
	EXPECT_EQ(ev[0].data.u64, 0x1111222233334444);
	EXPECT(eventfd_read(counter, &v) == 0 && v == 9);
	EXPECT(kill(getpid(), SIGUSR1) == 0);
	EXPECT_EQ(epoll_wait(inner, ev, 4, 0), 1);
	EXPECT_EQ(ev[0].data.u64, 5);
	EXPECT(read(signals, &si, sizeof(si)) == sizeof(si));
	EXPECT_EQ(si.ssi_signo, SIGUSR1);
	for (int i = 0; i < 3; i++)
		EXPECT(eventfd_read(semaphore, &v) == 0 && v == 1);
	EXPECT(eventfd_read(semaphore, &v) == -1 && errno == EAGAIN);
	EXPECT(eventfd_write(semaphore, 3) == 0);
	EXPECT(eventfd_write(spent, 1) == 0);
	expect_quiet(spent_set);
}

int main(void)
{
	build();
	selfcheck(check);
}
