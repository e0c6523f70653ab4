/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The test programs of Genode's RTCR (appendix B of its restore thesis) as
 * Linux programs. A dataspace is a memfd; log() is a line in the file argv[1].
 */
#ifndef GENODE_COMMON_H
#define GENODE_COMMON_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

static FILE *open_log(char **argv)
{
	FILE *log = argv[1] ? fopen(argv[1], "w") : NULL;

	if (!log)
		exit(2);
	setvbuf(log, NULL, _IOLBF, 0);
	return log;
}

/* env.ram().alloc(): a memory object; it may be attached or not. */
static inline int dataspace_alloc(size_t size)
{
	int fd = memfd_create("dataspace", MFD_CLOEXEC);

	if (fd < 0 || ftruncate(fd, (off_t)size) != 0)
		exit(2);
	return fd;
}

/* env.rm().attach() */
static inline void *dataspace_attach(int fd, size_t size)
{
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	if (p == MAP_FAILED)
		exit(2);
	return p;
}

/* "Used as delay without requiring a timer" */
static void delay(void)
{
	for (long i = 0; i < 2000000; i++)
		__asm__ volatile("nop");
}

#endif
