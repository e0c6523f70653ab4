/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Regular files, directories, O_PATH and devices: numbers, sharing, positions, flags. */
#define _GNU_SOURCE
#include <linux/kcmp.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>

#include "selfcheck.h"

static int data, copy, append, dir, path, null_fd;

static bool same_description(int a, int b)
{
	return syscall(SYS_kcmp, getpid(), getpid(), KCMP_FILE, a, b) == 0;
}

static void build(void)
{
	data = open(selfcheck_path("data"), O_RDWR | O_CREAT, 0640);
	MUST(data >= 0 && write(data, "0123456789", 10) == 10 && lseek(data, 0, SEEK_SET) == 0);
	copy = fcntl(data, F_DUPFD_CLOEXEC, 700);
	append = open(selfcheck_path("log"), O_WRONLY | O_CREAT | O_APPEND | O_NONBLOCK, 0600);
	dir = open(getenv("WPP_TEST_DIR"), O_RDONLY | O_DIRECTORY);
	path = open(getenv("WPP_TEST_DIR"), O_PATH);
	null_fd = open("/dev/null", O_WRONLY);
	MUST(copy == 700 && append >= 0 && dir >= 0 && path >= 0 && null_fd >= 0);
}

static void check(int round)
{
	struct stat st;
	char c = 0;

	EXPECT_EQ(lseek(data, 0, SEEK_CUR), 2 * (round - 1));
	EXPECT(read(data, &c, 1) == 1);
	EXPECT_EQ(c, '0' + 2 * (round - 1));
	EXPECT(read(copy, &c, 1) == 1);
	EXPECT_EQ(c, '1' + 2 * (round - 1));
	EXPECT(same_description(data, copy));
	EXPECT_EQ(fcntl(copy, F_GETFD), FD_CLOEXEC);
	EXPECT_EQ(fcntl(data, F_GETFD), 0);
	EXPECT_EQ(fcntl(append, F_GETFL) & (O_ACCMODE | O_APPEND | O_NONBLOCK),
		  O_WRONLY | O_APPEND | O_NONBLOCK);
	EXPECT(write(append, "line\n", 5) == 5);
	EXPECT(fstat(append, &st) == 0);
	EXPECT_EQ(st.st_size, 5 * round);
	EXPECT(faccessat(dir, "data", F_OK, 0) == 0);
	EXPECT(faccessat(path, "data", F_OK, 0) == 0);
	EXPECT(fcntl(path, F_GETFL) & O_PATH);
	EXPECT(fstat(null_fd, &st) == 0 && st.st_rdev == makedev(1, 3));
}

int main(void)
{
	build();
	selfcheck(check);
}
