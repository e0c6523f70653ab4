/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* eventfd, timerfd, signalfd, inotify, epoll. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "round.h"

/* ---- eventfd ---- */

static void build_eventfd(void)
{
	renumber(eventfd(7, EFD_NONBLOCK), 5);
	renumber(eventfd(3, EFD_SEMAPHORE | EFD_NONBLOCK), 6);
	CHECK(fcntl(6, F_SETFD, FD_CLOEXEC) == 0);
	renumber(eventfd(0, EFD_NONBLOCK), 7);
	eventfd_write(7, 1ull << 40);
}

static void check_eventfd(void)
{
	eventfd_t v;

	CHECK(eventfd_read(5, &v) == 0 && v == 7);
	CHECK(eventfd_read(5, &v) == -1 && errno == EAGAIN);
	for (int i = 0; i < 3; i++)
		CHECK(eventfd_read(6, &v) == 0 && v == 1);
	CHECK(eventfd_read(6, &v) == -1 && errno == EAGAIN);
	CHECK(eventfd_read(7, &v) == 0 && v == 1ull << 40);
	CHECK_EQ(fcntl(6, F_GETFD), FD_CLOEXEC);
}

static void test_eventfd(void **state)
{
	(void)state;
	round_trip(&(struct scenario){ .build = build_eventfd, .check = check_eventfd });
}

/* ---- timerfd ---- */

static void build_timerfd(void)
{
	struct itimerspec far = { .it_value.tv_sec = 1000, .it_interval.tv_sec = 5 };
	struct itimerspec now = { .it_value.tv_nsec = 1 };
	struct itimerspec fast = { .it_value.tv_nsec = 1, .it_interval.tv_nsec = 1000000 };
	struct itimerspec wall = { .it_value.tv_sec = time(NULL) + 5000 };
	uint64_t v;

	renumber(timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK), 5);
	CHECK(timerfd_settime(5, 0, &far, NULL) == 0);
	renumber(timerfd_create(CLOCK_MONOTONIC, 0), 6);
	CHECK(timerfd_settime(6, 0, &now, NULL) == 0);
	renumber(timerfd_create(CLOCK_BOOTTIME, TFD_CLOEXEC), 7);
	CHECK(timerfd_settime(7, 0, &fast, NULL) == 0);
	CHECK(read(7, &v, 8) == 8);
	renumber(timerfd_create(CLOCK_REALTIME, 0), 8);
	CHECK(timerfd_settime(8, TFD_TIMER_ABSTIME, &wall, NULL) == 0);
	sh->v[0] = (uint64_t)wall.it_value.tv_sec;
	renumber(timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK), 9);
	usleep(2000);
}

static void check_timerfd(void)
{
	struct itimerspec its;
	uint64_t v;

	CHECK(timerfd_gettime(5, &its) == 0);
	CHECK(its.it_value.tv_sec > 900 && its.it_value.tv_sec <= 1000);
	CHECK_EQ(its.it_interval.tv_sec, 5);
	CHECK(read(5, &v, 8) == -1 && errno == EAGAIN);
	CHECK(read(6, &v, 8) == 8 && v == 1);
	CHECK(timerfd_gettime(6, &its) == 0 && !its.it_value.tv_nsec && !its.it_value.tv_sec);
	CHECK(read(7, &v, 8) == 8 && v >= 1);
	CHECK(read(7, &v, 8) == 8 && v >= 1);
	CHECK(timerfd_gettime(8, &its) == 0);
	CHECK(its.it_value.tv_sec + time(NULL) >= (time_t)sh->v[0] - 2 &&
	      its.it_value.tv_sec + time(NULL) <= (time_t)sh->v[0] + 2);
	CHECK(read(9, &v, 8) == -1 && errno == EAGAIN);
	CHECK(timerfd_gettime(9, &its) == 0 && !its.it_value.tv_nsec && !its.it_value.tv_sec);
}

static void test_timerfd(void **state)
{
	(void)state;
	round_trip(&(struct scenario){ .build = build_timerfd, .check = check_timerfd });
}

/* ---- signalfd ---- */

static void build_signalfd(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR2);
	sigaddset(&set, SIGRTMIN + 3);
	renumber(signalfd(-1, &set, SFD_NONBLOCK), 5);
}

static void check_signalfd(void)
{
	struct signalfd_siginfo si;
	sigset_t all;

	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, NULL);
	raise(SIGUSR1);
	CHECK(read(5, &si, sizeof(si)) == -1 && errno == EAGAIN);
	raise(SIGUSR2);
	CHECK(read(5, &si, sizeof(si)) == sizeof(si) && si.ssi_signo == SIGUSR2);
	raise(SIGRTMIN + 3);
	CHECK(read(5, &si, sizeof(si)) == sizeof(si) && (int)si.ssi_signo == SIGRTMIN + 3);
}

static void test_signalfd(void **state)
{
	(void)state;
	round_trip(&(struct scenario){ .build = build_signalfd, .check = check_signalfd });
}

/* ---- inotify ---- */

static void build_inotify(void)
{
	int wd;

	renumber(inotify_init1(IN_NONBLOCK), 5);
	CHECK(mkdir(in_dir("one"), 0700) == 0 && mkdir(in_dir("two"), 0700) == 0);
	CHECK(inotify_add_watch(5, in_dir("one"), IN_CREATE | IN_DELETE) == 1);
	wd = inotify_add_watch(5, in_dir("two"), IN_CREATE);
	CHECK(wd == 2 && inotify_rm_watch(5, wd) == 0);
	wd = inotify_add_watch(5, in_dir("two"), IN_CREATE | IN_ONESHOT);
	CHECK(wd == 3);
}

static void expect_event(int wd, uint32_t mask, const char *name)
{
	char buf[512];
	struct inotify_event *ev = (struct inotify_event *)buf;
	ssize_t n = read(5, buf, sizeof(struct inotify_event) + 16);

	CHECK(n > 0);
	CHECK_EQ(ev->wd, wd);
	CHECK_EQ(ev->mask, mask);
	CHECK(!name || !strcmp(ev->name, name));
}

static void check_inotify(void)
{
	char buf[512];

	CHECK(read(5, buf, sizeof(buf)) == -1 && errno == EAGAIN);
	CHECK(mkdir(in_dir("two/x"), 0700) == 0 && mkdir(in_dir("one/y"), 0700) == 0);
	CHECK(mkdir(in_dir("two/z"), 0700) == 0);
	expect_event(3, IN_CREATE | IN_ISDIR, "x");
	expect_event(3, IN_IGNORED, NULL);
	expect_event(1, IN_CREATE | IN_ISDIR, "y");
	CHECK(read(5, buf, sizeof(buf)) == -1 && errno == EAGAIN);
}

static void test_inotify(void **state)
{
	(void)state;
	if (geteuid()) /* open_by_handle_at */
		skip();
	round_trip(&(struct scenario){ .build = build_inotify, .check = check_inotify });
}

/* ---- epoll ---- */

static void add(int ep, int fd, uint32_t events, uint64_t data)
{
	struct epoll_event ev = { .events = events, .data.u64 = data };

	CHECK(epoll_ctl(ep, EPOLL_CTL_ADD, fd, &ev) == 0);
}

static void build_epoll(void)
{
	struct epoll_event got[8];

	renumber(epoll_create1(0), 5);
	CHECK(fcntl(5, F_SETFD, FD_CLOEXEC) == 0);
	renumber(eventfd(0, EFD_NONBLOCK), 6);
	renumber(eventfd(1, EFD_NONBLOCK), 7);
	renumber(epoll_create1(0), 8);
	add(5, 6, EPOLLIN, 0xdeadbeefcafe);
	add(5, 7, EPOLLIN | EPOLLET, 77);
	add(5, 8, EPOLLIN, 88); /* nested */
	add(8, 6, EPOLLIN | EPOLLEXCLUSIVE, 99);
	/* Spent. */
	renumber(eventfd(1, EFD_NONBLOCK), 9);
	renumber(epoll_create1(0), 10);
	add(10, 9, EPOLLIN | EPOLLONESHOT, 1);
	CHECK(epoll_wait(10, got, 8, 0) == 1);
	/* Added under a number that is closed now, or is another file's. */
	renumber(epoll_create1(0), 11);
	renumber(eventfd(0, EFD_NONBLOCK), 12);
	CHECK(dup2(12, 13) == 13 && dup2(12, 14) == 14);
	add(11, 13, EPOLLIN, 13);
	add(11, 14, EPOLLIN, 14);
	close(13);
	renumber(eventfd(5, EFD_NONBLOCK), 14);
	add(11, 14, EPOLLIN | EPOLLET, 15);
}

static uint64_t wait_all(int ep, int *n)
{
	struct epoll_event got[8];
	uint64_t sum = 0;

	*n = epoll_wait(ep, got, 8, 0);
	for (int i = 0; i < *n; i++)
		sum += got[i].data.u64;
	return sum;
}

static void check_epoll(void)
{
	int n;

	CHECK(wait_all(5, &n) == 77 && n == 1);
	CHECK(wait_all(5, &n) == 0 && n == 0);
	CHECK(eventfd_write(6, 1) == 0);
	CHECK(wait_all(5, &n) == 0xdeadbeefcafe + 88 && n == 2);
	CHECK(wait_all(8, &n) == 99 && n == 1);
	CHECK(wait_all(10, &n) == 0 && n == 0);
	CHECK(eventfd_write(9, 1) == 0);
	CHECK(wait_all(10, &n) == 0 && n == 0);
	CHECK(wait_all(11, &n) == 15 && n == 1);
	CHECK(eventfd_write(12, 1) == 0);
	CHECK(wait_all(11, &n) == 13 + 14 && n == 2);
	CHECK(fcntl(13, F_GETFD) == -1);
	CHECK_EQ(fcntl(5, F_GETFD), FD_CLOEXEC);
}

static void test_epoll(void **state)
{
	(void)state;
	round_trip(&(struct scenario){ .build = build_epoll, .check = check_epoll });
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		round_test(test_eventfd), round_test(test_timerfd), round_test(test_signalfd),
		round_test(test_inotify), round_test(test_epoll),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
