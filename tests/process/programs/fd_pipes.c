/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Pipes and a FIFO with contents, packets, capacity, closed ends. */
#define _GNU_SOURCE
#include <signal.h>
#include <sys/stat.h>

#include "selfcheck.h"

static int plain[2], packets[2], half[2], fifo;

static void refill(void)
{
	MUST(write(plain[1], "contents", 8) == 8);
	MUST(write(packets[1], "one", 3) == 3 && write(packets[1], "two!", 4) == 4);
	MUST(write(fifo, "fifo", 4) == 4);
}

static void build(void)
{
	signal(SIGPIPE, SIG_IGN);
	MUST(pipe(plain) == 0 && pipe2(packets, O_DIRECT) == 0 && pipe(half) == 0);
	MUST(fcntl(plain[0], F_SETPIPE_SZ, 1 << 18) == 1 << 18);
	close(half[0]);
	MUST(mkfifo(selfcheck_path("fifo"), 0600) == 0);
	fifo = open(selfcheck_path("fifo"), O_RDWR | O_NONBLOCK);
	refill();
}

static void check(int round)
{
	char text[64];

	(void)round;
	EXPECT_EQ(fcntl(plain[1], F_GETPIPE_SZ), 1 << 18);
	EXPECT(read(plain[0], text, sizeof(text)) == 8 && !memcmp(text, "contents", 8));
	EXPECT(fcntl(packets[1], F_GETFL) & O_DIRECT);
	EXPECT(read(packets[0], text, sizeof(text)) == 3 && !memcmp(text, "one", 3));
	EXPECT(read(packets[0], text, sizeof(text)) == 4 && !memcmp(text, "two!", 4));
	EXPECT(write(half[1], "x", 1) == -1 && errno == EPIPE);
	EXPECT(read(fifo, text, sizeof(text)) == 4 && !memcmp(text, "fifo", 4));
	EXPECT(read(fifo, text, sizeof(text)) == -1 && errno == EAGAIN);
	refill();
}

int main(void)
{
	build();
	selfcheck(check);
}
