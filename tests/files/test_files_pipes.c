/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Pipes and FIFOs. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "round.h"

static void make_pipe(int rd, int wr, int flags)
{
	int ends[2];

	CHECK(pipe2(ends, flags) == 0);
	renumber(ends[0], rd);
	renumber(ends[1], wr);
}

static void build_contents(void)
{
	char *big = calloc(1, 100000);

	make_pipe(20, 21, 0);
	CHECK(fcntl(20, F_SETPIPE_SZ, 1 << 20) == 1 << 20);
	for (int i = 0; i < 100000; i++)
		big[i] = (char)(i * 7);
	CHECK(write(21, big, 100000) == 100000);
	CHECK(write(21, "tail", 4) == 4);
	CHECK(dup2(21, 22) == 22);
	CHECK(fcntl(20, F_SETFL, O_NONBLOCK) == 0);
	/* A second description of the write end. */
	renumber(open("/proc/self/fd/21", O_WRONLY | O_NONBLOCK), 23);
	free(big);
}

static void check_contents(void)
{
	char *got = calloc(1, 200000);
	ssize_t n;
	size_t len = 0;

	CHECK_EQ(fcntl(20, F_GETPIPE_SZ), 1 << 20);
	while ((n = read(20, got + len, 4096)) > 0)
		len += (size_t)n;
	CHECK(n == -1 && errno == EAGAIN);
	CHECK_EQ(len, 100004);
	for (int i = 0; i < 100000; i++)
		CHECK(got[i] == (char)(i * 7));
	CHECK(!memcmp(got + 100000, "tail", 4));
	CHECK(write(22, "x", 1) == 1 && write(23, "y", 1) == 1);
	CHECK(read(20, got, 10) == 2 && got[0] == 'x' && got[1] == 'y');
	CHECK_EQ(fcntl(21, F_GETFL) & (O_ACCMODE | O_NONBLOCK), O_WRONLY);
	CHECK_EQ(fcntl(23, F_GETFL) & O_NONBLOCK, O_NONBLOCK);
	close(21);
	close(22);
	CHECK(read(20, got, 1) == -1 && errno == EAGAIN);
	close(23);
	CHECK_EQ(read(20, got, 1), 0);
}

static void test_contents(void **state)
{
	(void)state;
	round_trip(&(struct scenario){ .build = build_contents, .check = check_contents });
}

static void build_packets(void)
{
	make_pipe(5, 6, O_DIRECT | O_NONBLOCK);
	CHECK(write(6, "one", 3) == 3 && write(6, "three", 5) == 5);
}

static void check_packets(void)
{
	char text[16];

	CHECK_EQ(read(5, text, sizeof(text)), 3);
	CHECK_EQ(read(5, text, sizeof(text)), 5);
	CHECK(fcntl(6, F_GETFL) & O_DIRECT);
	CHECK(read(5, text, 1) == -1 && errno == EAGAIN);
}

static void test_packets(void **state)
{
	(void)state;
	round_trip(&(struct scenario){ .build = build_packets, .check = check_packets });
}

static void build_half(void)
{
	make_pipe(5, 6, 0);
	CHECK(write(6, "last words", 10) == 10);
	close(6);
	make_pipe(7, 8, 0);
	close(7);
}

static void check_half(void)
{
	char text[16];

	CHECK_EQ(read(5, text, sizeof(text)), 10);
	CHECK_EQ(read(5, text, sizeof(text)), 0);
	signal(SIGPIPE, SIG_IGN);
	CHECK(write(8, "x", 1) == -1 && errno == EPIPE);
	CHECK(fcntl(6, F_GETFD) == -1 && fcntl(7, F_GETFD) == -1);
}

static void test_half(void **state)
{
	(void)state;
	round_trip(&(struct scenario){ .build = build_half, .check = check_half });
}

static void build_fifo(void)
{
	CHECK(mkfifo(in_dir("fifo"), 0600) == 0);
	renumber(open(in_dir("fifo"), O_RDWR), 5);
	renumber(open(in_dir("fifo"), O_RDONLY | O_NONBLOCK), 6);
	CHECK(write(5, "in the fifo", 11) == 11);
}

static void check_fifo(void)
{
	char text[16];
	int wr = open(in_dir("fifo"), O_WRONLY | O_NONBLOCK);

	CHECK(wr >= 0);
	CHECK_EQ(read(6, text, sizeof(text)), 11);
	CHECK(write(wr, "more", 4) == 4);
	CHECK_EQ(read(5, text, sizeof(text)), 4);
	CHECK_EQ(fcntl(6, F_GETFL) & (O_ACCMODE | O_NONBLOCK), O_RDONLY | O_NONBLOCK);
	CHECK_EQ(fcntl(5, F_GETFL) & (O_ACCMODE | O_NONBLOCK), O_RDWR);
}

static void test_fifo(void **state)
{
	(void)state;
	round_trip(&(struct scenario){ .build = build_fifo, .check = check_fifo });
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		round_test(test_contents),
		round_test(test_packets),
		round_test(test_half),
		round_test(test_fifo),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
