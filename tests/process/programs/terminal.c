/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Leads the session of a terminal; after the recreation it is another terminal. */
#define _GNU_SOURCE
#include <termios.h>

#include "selfcheck.h"

static void check(int round)
{
	int tty = open("/dev/tty", O_RDWR | O_CLOEXEC);

	(void)round;
	EXPECT(tty >= 0);
	for (int fd = 0; fd < 3; fd++)
		EXPECT(isatty(fd));
	EXPECT_EQ(getsid(0), getpid());
	EXPECT_EQ(tcgetsid(0), getsid(0));
	EXPECT_EQ(tcgetpgrp(tty), getpgrp());
	EXPECT(write(1, "hello", 5) == 5);
	close(tty);
}

int main(void)
{
	MUST(isatty(0) && tcgetsid(0) == getpid());
	selfcheck(check);
}
