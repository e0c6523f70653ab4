/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Pages in the middle of a mapping that MADV_GUARD_INSTALL has made inaccessible. */
#define _GNU_SOURCE
#include <setjmp.h>
#include <signal.h>
#include <sys/mman.h>

#include "selfcheck.h"

#ifndef MADV_GUARD_INSTALL
#define MADV_GUARD_INSTALL 102
#endif
#define PAGE 4096
#define NR   64

static unsigned char *area;
static sigjmp_buf jump;

static void on_fault(int sig)
{
	(void)sig;
	siglongjmp(jump, 1);
}

static bool is_guarded(int page)
{
	if (sigsetjmp(jump, 1))
		return true;
	*(volatile unsigned char *)(area + page * PAGE);
	return false;
}

static void check(int round)
{
	(void)round;
	for (int i = 0; i < NR; i++) {
		EXPECT_EQ(is_guarded(i), i == 5 || (i >= 20 && i < 30));
		if (!is_guarded(i))
			EXPECT_EQ(area[i * PAGE], i + 1);
	}
}

int main(void)
{
	area = mmap(NULL, NR * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	MUST(area != MAP_FAILED);
	for (int i = 0; i < NR; i++)
		memset(area + i * PAGE, i + 1, PAGE);
	if (madvise(area + 5 * PAGE, PAGE, MADV_GUARD_INSTALL))
		selfcheck_skip("this kernel has no MADV_GUARD_INSTALL");
	MUST(madvise(area + 20 * PAGE, 10 * PAGE, MADV_GUARD_INSTALL) == 0);
	MUST(signal(SIGSEGV, on_fault) != SIG_ERR);
	selfcheck(check);
}
