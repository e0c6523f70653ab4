/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Memory that has no file on a disk: memfd and POSIX shm, mapped, mapped twice, and only open. */
#define _GNU_SOURCE
#include <sys/mman.h>
#include <sys/stat.h>

#include "pattern.h"
#include "selfcheck.h"

#define LEN   (32 * PAGE)
#define SEALS (F_SEAL_GROW | F_SEAL_SHRINK)

static int twice_fd, open_fd, shm_fd;
static char *first, *second, *mapped_only, *shm, *shm_gone;
static char shm_name[64];

static char *map(int fd, int flags)
{
	char *mem = mmap(NULL, LEN, PROT_READ | PROT_WRITE, flags, fd, 0);

	MUST(mem != MAP_FAILED);
	return mem;
}

static int make_memfd(const char *name, unsigned int flags)
{
	int fd = memfd_create(name, MFD_CLOEXEC | flags);

	MUST(fd >= 0 && ftruncate(fd, LEN) == 0);
	return fd;
}

static void build_memfds(void)
{
	int fd;

	twice_fd = make_memfd("twice", 0);
	first = map(twice_fd, MAP_SHARED);
	second = map(twice_fd, MAP_SHARED);
	pattern_fill(first, LEN, 1);
	fd = make_memfd("mapped-only", 0);
	mapped_only = map(fd, MAP_SHARED);
	pattern_fill(mapped_only, LEN, 2);
	close(fd);
	open_fd = make_memfd("only-open", MFD_ALLOW_SEALING);
	MUST(pwrite(open_fd, "still here", 10, 5 * PAGE) == 10);
	MUST(lseek(open_fd, 5 * PAGE, SEEK_SET) == 5 * PAGE);
	MUST(fcntl(open_fd, F_ADD_SEALS, SEALS) == 0);
}

static void build_shm(void)
{
	int fd;

	snprintf(shm_name, sizeof(shm_name), "/wpp-test.%d", getpid());
	shm_unlink(shm_name);
	shm_fd = shm_open(shm_name, O_CREAT | O_EXCL | O_RDWR, 0600);
	MUST(shm_fd >= 0 && ftruncate(shm_fd, LEN) == 0);
	shm = map(shm_fd, MAP_SHARED);
	pattern_fill(shm, LEN, 3);
	MUST(shm_unlink(shm_name) == 0);
	fd = shm_open(shm_name, O_CREAT | O_EXCL | O_RDWR, 0600);
	MUST(fd >= 0 && ftruncate(fd, LEN) == 0);
	MUST(shm_unlink(shm_name) == 0);
	shm_gone = map(fd, MAP_PRIVATE);
	pattern_fill(shm_gone, PAGE, 4);
	close(fd);
}

static void check_memfds(int round)
{
	char text[16] = "";
	struct stat st;

	EXPECT(pattern_holds(first, LEN, 1));
	EXPECT(pattern_holds(mapped_only, LEN, 2));
	first[9] = (char)round;
	EXPECT_EQ(second[9], round);
	EXPECT(pread(twice_fd, text, 1, 9) == 1);
	EXPECT_EQ(text[0], round);
	EXPECT_EQ(lseek(open_fd, 0, SEEK_CUR), 5 * PAGE);
	EXPECT(pread(open_fd, text, 10, 5 * PAGE) == 10 && !strcmp(text, "still here"));
	EXPECT(fstat(open_fd, &st) == 0);
	EXPECT_EQ(st.st_size, LEN);
	EXPECT_EQ(fcntl(open_fd, F_GET_SEALS), SEALS);
	EXPECT_EQ(fcntl(open_fd, F_GETFD), FD_CLOEXEC);
}

static void check(int round)
{
	char byte = 0;

	check_memfds(round);
	EXPECT(pattern_holds(shm, LEN, 3));
	shm[9] = (char)round;
	EXPECT(pread(shm_fd, &byte, 1, 9) == 1);
	EXPECT_EQ(byte, round);
	EXPECT(pattern_holds(shm_gone, PAGE, 4));
	EXPECT_EQ(shm_gone[PAGE], 0);
}

int main(void)
{
	build_memfds();
	build_shm();
	selfcheck(check);
}
