/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* memfd, POSIX shared memory and deleted files that are open but not mapped. */
#define _GNU_SOURCE
#include <sys/mman.h>
#include <sys/stat.h>

#include "selfcheck.h"

#define SIZE (3 * 4096 + 100)

static int memfd, deleted, reader, replaced, shm;

static void fill(int fd, char first)
{
	for (int i = 0; i < SIZE; i++) {
		char c = (char)(first + i % 23);

		MUST(write(fd, &c, 1) == 1);
	}
}

static void expect_filled(int fd, char first)
{
	static char data[SIZE + 1];

	EXPECT_EQ(pread(fd, data, sizeof(data), 0), SIZE);
	for (int i = 0; i < SIZE; i++)
		EXPECT(data[i] == (char)(first + i % 23));
}

static void build(void)
{
	char name[64];

	memfd = memfd_create("kept", MFD_ALLOW_SEALING);
	fill(memfd, 'a');
	MUST(fcntl(memfd, F_ADD_SEALS, F_SEAL_GROW | F_SEAL_SHRINK) == 0);
	MUST(lseek(memfd, 4097, SEEK_SET) == 4097);
	deleted = open(selfcheck_path("deleted"), O_RDWR | O_CREAT, 0600);
	reader = open(selfcheck_path("deleted"), O_RDONLY);
	fill(deleted, 'b');
	MUST(unlink(selfcheck_path("deleted")) == 0 && reader >= 0);
	replaced = open(selfcheck_path("name"), O_RDWR | O_CREAT, 0600);
	fill(replaced, 'c');
	MUST(close(open(selfcheck_path("other"), O_RDWR | O_CREAT, 0600)) == 0);
	MUST(renameat(AT_FDCWD, strdup(selfcheck_path("other")), AT_FDCWD,
		      strdup(selfcheck_path("name"))) == 0);
	snprintf(name, sizeof(name), "/wpp-test-%d", getpid());
	shm = shm_open(name, O_RDWR | O_CREAT, 0600);
	MUST(shm >= 0 && shm_unlink(name) == 0);
	fill(shm, 'd');
}

static void check(int round)
{
	struct stat st;

	(void)round;
	expect_filled(memfd, 'a');
	EXPECT_EQ(lseek(memfd, 0, SEEK_CUR), 4097);
	EXPECT_EQ(fcntl(memfd, F_GET_SEALS), F_SEAL_GROW | F_SEAL_SHRINK);
	expect_filled(deleted, 'b');
	expect_filled(reader, 'b');
	EXPECT(write(reader, "x", 1) == -1 && errno == EBADF);
	EXPECT(fstat(deleted, &st) == 0 && st.st_nlink == 0);
	expect_filled(replaced, 'c');
	expect_filled(shm, 'd');
}

int main(void)
{
	build();
	selfcheck(check);
}
