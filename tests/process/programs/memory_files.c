/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Mapped files: private ones with own pages, shared ones, at an offset, and deleted ones. */
#define _GNU_SOURCE
#include <sys/mman.h>
#include <sys/stat.h>

#include "pattern.h"
#include "selfcheck.h"

#define LEN (16 * PAGE)

static char *private, *shared, *tail, *gone_shared, *gone_private;

/* A file of LEN bytes with pattern @seed, mapped; closed again. */
static char *map_file(const char *name, uint64_t seed, int flags, size_t off)
{
	int fd = open(selfcheck_path(name), O_CREAT | O_RDWR | O_CLOEXEC, 0600);
	char *whole, *mem;

	MUST(fd >= 0 && ftruncate(fd, LEN) == 0);
	whole = mmap(NULL, LEN, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	MUST(whole != MAP_FAILED);
	pattern_fill(whole, LEN, seed);
	MUST(munmap(whole, LEN) == 0);
	mem = mmap(NULL, LEN - off, PROT_READ | PROT_WRITE, flags, fd, (off_t)off);
	MUST(mem != MAP_FAILED);
	close(fd);
	return mem;
}

static uint64_t word_of_file(const char *name, size_t off)
{
	int fd = open(selfcheck_path(name), O_RDONLY | O_CLOEXEC);
	uint64_t word = 0;

	EXPECT(fd >= 0 && pread(fd, &word, sizeof(word), (off_t)off) == sizeof(word));
	close(fd);
	return word;
}

static void build(void)
{
	private = map_file("private", 1, MAP_PRIVATE, 0);
	pattern_fill(private + 2 * PAGE, PAGE, 100);
	shared = map_file("shared", 2, MAP_SHARED, 0);
	pattern_fill(shared + 3 * PAGE, PAGE, 200);
	tail = map_file("tail", 3, MAP_PRIVATE, 8 * PAGE);
	gone_shared = map_file("gone", 4, MAP_SHARED, 0);
	pattern_fill(gone_shared + PAGE, PAGE, 400);
	MUST(unlink(selfcheck_path("gone")) == 0);
	gone_private = map_file("gone-too", 5, MAP_PRIVATE, 0);
	pattern_fill(gone_private + PAGE, PAGE, 500);
	MUST(unlink(selfcheck_path("gone-too")) == 0);
}

static void check_private(void)
{
	EXPECT(pattern_holds(private, 2 * PAGE, 1));
	EXPECT(pattern_holds(private + 2 * PAGE, PAGE, 100));
	EXPECT_EQ(*(uint64_t *)(private + 5 * PAGE), pattern_word(1, 5 * PAGE));
	EXPECT_EQ(word_of_file("private", 2 * PAGE), pattern_word(1, 2 * PAGE));
	EXPECT_EQ(*(uint64_t *)tail, pattern_word(3, 8 * PAGE));
}

static void check_shared(int round)
{
	size_t off = (8 + (size_t)round) * PAGE;

	EXPECT(pattern_holds(shared, 3 * PAGE, 2));
	EXPECT(pattern_holds(shared + 3 * PAGE, PAGE, 200));
	EXPECT_EQ(word_of_file("shared", 3 * PAGE), pattern_word(200, 0));
	*(volatile uint64_t *)(shared + off) = (uint64_t)round;
	EXPECT_EQ(word_of_file("shared", off), round);
}

static void check(int round)
{
	check_private();
	check_shared(round);
	EXPECT(pattern_holds(gone_shared, PAGE, 4));
	EXPECT(pattern_holds(gone_shared + PAGE, PAGE, 400));
	EXPECT_EQ(*(uint64_t *)(gone_shared + 2 * PAGE), pattern_word(4, 2 * PAGE));
	EXPECT(pattern_holds(gone_private, PAGE, 5));
	EXPECT(pattern_holds(gone_private + PAGE, PAGE, 500));
	EXPECT(!selfcheck_exists("gone"));
	EXPECT(!selfcheck_exists("gone-too"));
}

int main(void)
{
	build();
	selfcheck(check);
}
