/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* inotify: watches keep their numbers, and nothing of the recreation is seen. */
#define _GNU_SOURCE
#include <sys/inotify.h>
#include <sys/stat.h>

#include "selfcheck.h"

static int in, first, third;

static void build(void)
{
	int wd;

	in = inotify_init1(IN_NONBLOCK);
	MUST(mkdir(selfcheck_path("a"), 0700) == 0 && mkdir(selfcheck_path("b"), 0700) == 0);
	first = inotify_add_watch(in, selfcheck_path("a"), IN_CREATE | IN_DELETE | IN_OPEN);
	wd = inotify_add_watch(in, selfcheck_path("b"), IN_CREATE);
	MUST(first > 0 && wd > 0 && inotify_rm_watch(in, wd) == 0);
	third = inotify_add_watch(in, selfcheck_path("b"), IN_DELETE);
	MUST(third == first + 2);
	MUST(read(in, (char[64]){ 0 }, 64) > 0); /* IN_IGNORED of the second */
}

static void expect_event(int wd, uint32_t mask)
{
	char buf[sizeof(struct inotify_event) + 16];
	struct inotify_event *ev = (struct inotify_event *)buf;

	EXPECT(read(in, buf, sizeof(buf)) == sizeof(buf));
	EXPECT_EQ(ev->wd, wd);
	EXPECT_EQ(ev->mask, mask);
}

static void check(int round)
{
	char buf[512];

	(void)round;
	EXPECT(read(in, buf, sizeof(buf)) == -1 && errno == EAGAIN);
	MUST(mkdir(selfcheck_path("a/x"), 0700) == 0 && rmdir(selfcheck_path("a/x")) == 0);
	MUST(mkdir(selfcheck_path("b/y"), 0700) == 0 && rmdir(selfcheck_path("b/y")) == 0);
	expect_event(first, IN_CREATE | IN_ISDIR);
	expect_event(first, IN_DELETE | IN_ISDIR);
	expect_event(third, IN_DELETE | IN_ISDIR);
	EXPECT(read(in, buf, sizeof(buf)) == -1 && errno == EAGAIN);
}

int main(void)
{
	build();
	selfcheck(check);
}
