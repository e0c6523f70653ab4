/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Memory of all kinds, for tests of tracking. Says READY, then does a step for each line that it
 * finds in standard input, a file that grows; checks all of its memory and says OK.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <spawn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PAGE 4096ul
#define HUGE (2ul << 20)

#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE 25
#endif

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static uint8_t *map(size_t len, int flags)
{
	void *p =
		mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | flags, -1, 0);

	if (p == MAP_FAILED)
		die("mmap");
	return p;
}

static uint64_t word_of(size_t seed, size_t i)
{
	return (seed << 32 | i) * 0x9e3779b97f4a7c15ull;
}

static void fill(uint8_t *p, size_t len, size_t seed)
{
	for (size_t i = 0; i < len; i += PAGE)
		*(uint64_t *)(p + i) = word_of(seed, i);
}

static void check(const uint8_t *p, size_t len, size_t seed)
{
	for (size_t i = 0; i < len; i += PAGE) {
		if (*(const uint64_t *)(p + i) != word_of(seed, i)) {
			printf("BROKEN seed %zu page %zu\n", seed, i / PAGE);
			exit(1);
		}
	}
}

static uint8_t *small, *huge, *shared, *file, *moved;

static void step_begin(void)
{
	int fd = memfd_create("file", 0);

	small = map(4 * HUGE, MAP_NORESERVE);
	madvise(small, 4 * HUGE, MADV_NOHUGEPAGE);
	fill(small, 4 * HUGE, 1);
	huge = map(5 * HUGE, 0);
	huge = (uint8_t *)(((uintptr_t)huge + HUGE - 1) & ~(HUGE - 1));
	madvise(huge, 4 * HUGE, MADV_HUGEPAGE);
	fill(huge, 4 * HUGE, 2);
	if (fd < 0 || ftruncate(fd, 64 * PAGE))
		die("memfd");
	shared = mmap(NULL, 64 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	fill(shared, 64 * PAGE, 3);
	file = mmap(NULL, 64 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
	fill(file, 16 * PAGE, 4);
	moved = map(64 * PAGE, 0);
	fill(moved, 64 * PAGE, 5);
	/* Never written: read as zeros. */
	if (*(volatile uint8_t *)map(PAGE, 0))
		die("zero");
}

/* Pages shared with a child are copied when written. */
static void step_fork(void)
{
	pid_t pid = fork();

	if (pid < 0)
		die("fork");
	if (!pid) {
		fill(small, HUGE, 99);
		_exit(0);
	}
	fill(small, HUGE, 1);
	waitpid(pid, NULL, 0);
	fill(huge, 4 * HUGE, 2);
}

static void step_mremap(void)
{
	uint8_t *to = map(64 * PAGE, 0);

	moved = mremap(moved, 64 * PAGE, 64 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, to);
	if (moved == MAP_FAILED)
		die("mremap");
}

static void step_unmap(void)
{
	uint8_t *hole = map(16 * PAGE, 0);

	fill(hole, 16 * PAGE, 6);
	munmap(hole + 4 * PAGE, 4 * PAGE);
	madvise(hole + 8 * PAGE, 4 * PAGE, MADV_DONTNEED);
	for (size_t i = 0; i < 64; i++) {
		uint8_t *p = map(HUGE, 0);

		fill(p, HUGE, 7);
		munmap(p, HUGE);
	}
}

/* Huge pages fall to pieces, small ones become huge, pages go to swap. */
static void step_split(void)
{
	if (mprotect(huge + 8 * PAGE, PAGE, PROT_READ))
		die("mprotect");
	munmap(huge + 3 * HUGE, PAGE);
	fill(map(HUGE, 0), PAGE, 8);
	mprotect(huge + 8 * PAGE, PAGE, PROT_READ | PROT_WRITE);
	/* All but the page that went. */
	check(huge, 3 * HUGE, 2);
	if (mmap(huge + 3 * HUGE, PAGE, PROT_READ | PROT_WRITE,
		 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == MAP_FAILED)
		die("mmap");
	*(uint64_t *)(huge + 3 * HUGE) = word_of(2, 3 * HUGE);
}

static void step_collapse(void)
{
	uint8_t *p = (uint8_t *)(((uintptr_t)small + HUGE - 1) & ~(HUGE - 1));

	madvise(small, 4 * HUGE, MADV_HUGEPAGE);
	madvise(p, 2 * HUGE, MADV_COLLAPSE);
}

static void step_swap(void)
{
	madvise(small, 4 * HUGE, MADV_PAGEOUT);
	madvise(shared, 64 * PAGE, MADV_PAGEOUT);
}

static void step_exec(void)
{
	execlp("guest_memory", "guest_memory", "again", NULL);
	die("exec");
}

/* A child that lives, and one made by vfork() that calls exec. */
static void step_child(void)
{
	char sleep[] = "sleep", time[] = "1000";
	char *argv[] = { sleep, time, NULL };
	pid_t pid;

	if (!fork()) {
		pause();
		_exit(0);
	}
	if (posix_spawnp(&pid, "sleep", NULL, NULL, argv, NULL))
		die("spawn");
	printf("%d\n", pid);
}

static void step_trigger(void)
{
	int fd = open("/dev/wpp-trigger", O_WRONLY);

	if (fd < 0 || write(fd, "10\n", 3) != 3)
		die("trigger");
	close(fd);
}

/* The loop of the thesis' synthetic load; a nanosecond is an instruction under -icount shift=0. */
static void step_load(void)
{
	struct timespec begin, end;

	clock_gettime(CLOCK_MONOTONIC, &begin);
	for (int i = 0; i < 10; i++) {
		uint8_t *p = map(16 << 20, 0);

		madvise(p, 16 << 20, MADV_NOHUGEPAGE);
		for (size_t at = 0; at < 16 << 20; at += PAGE)
			p[at] = 1;
		munmap(p, 16 << 20);
	}
	clock_gettime(CLOCK_MONOTONIC, &end);
	printf("ns %lld\n",
	       (long long)(end.tv_sec - begin.tv_sec) * 1000000000 + end.tv_nsec - begin.tv_nsec);
}

static const struct {
	const char *name;
	void (*run)(void);
} steps[] = {
	{ "begin", step_begin }, { "fork", step_fork },	      { "mremap", step_mremap },
	{ "unmap", step_unmap }, { "split", step_split },     { "collapse", step_collapse },
	{ "swap", step_swap },	 { "exec", step_exec },	      { "child", step_child },
	{ "load", step_load },	 { "trigger", step_trigger },
};

static void check_all(void)
{
	if (!small)
		return;
	check(small, 4 * HUGE, 1);
	check(huge, 4 * HUGE, 2);
	check(shared, 64 * PAGE, 3);
	check(file, 16 * PAGE, 4);
	check(moved, 64 * PAGE, 5);
}

static void *idle(void *arg)
{
	pause();
	return arg;
}

int main(void)
{
	char line[64];
	pthread_t thread;

	setvbuf(stdout, NULL, _IOLBF, 0);
	setvbuf(stdin, NULL, _IONBF, 0);
	for (int i = 0; i < 8; i++) {
		if (pthread_create(&thread, NULL, idle, NULL))
			die("thread");
	}
	puts("READY");
	for (;;) {
		if (!fgets(line, sizeof(line), stdin)) {
			clearerr(stdin);
			usleep(10000);
			continue;
		}
		line[strcspn(line, "\n")] = '\0';
		for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
			if (!strcmp(line, steps[i].name))
				steps[i].run();
		}
		check_all();
		puts("OK");
	}
}
