/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Resource limits, some of them lower than what the process has already. */
#define _GNU_SOURCE
#include <sys/mman.h>
#include <sys/resource.h>

#include "same_text.h"

#define HIGH_FD 700

static struct same_text limits;

static void limit(int which, rlim_t cur, rlim_t max)
{
	struct rlimit rl = { cur, max };

	MUST(setrlimit(which, &rl) == 0);
}

static void check(int round)
{
	(void)round;
	same_text_expect(&limits);
	EXPECT_EQ(fcntl(HIGH_FD, F_GETFD), 0);
	EXPECT_EQ(dup2(HIGH_FD, HIGH_FD + 1), -1);
	EXPECT(mmap(NULL, (size_t)8 << 30, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) ==
	       MAP_FAILED);
}

int main(void)
{
	int fd = open("/dev/null", O_RDONLY);

	MUST(fd >= 0 && dup2(fd, HIGH_FD) == HIGH_FD);
	limit(RLIMIT_NOFILE, 50, 800);
	limit(RLIMIT_FSIZE, 4096, 1 << 20);
	limit(RLIMIT_STACK, 1 << 20, 1 << 22);
	limit(RLIMIT_CORE, 0, 4096);
	limit(RLIMIT_AS, (rlim_t)4 << 30, RLIM_INFINITY);
	limit(RLIMIT_DATA, (rlim_t)1 << 30, (rlim_t)1 << 32);
	limit(RLIMIT_MEMLOCK, 8192, 16384);
	limit(RLIMIT_NPROC, 1, 5);
	limit(RLIMIT_SIGPENDING, 3, 9);
	limit(RLIMIT_CPU, 3600, 7200);
	limit(RLIMIT_MSGQUEUE, 1000, 2000);
	limit(RLIMIT_RTTIME, 1000000, 2000000);
	same_text_remember(&limits, "/proc/self/limits", "");
	selfcheck(check);
}
