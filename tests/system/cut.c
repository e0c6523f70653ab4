/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Preloaded into wpp in a machine: counts its steps towards the medium and ends the machine before
 * step $WPP_CUT, by QEMU's isa-debug-exit; a copy into persistent memory is torn in the middle
 * then. Without $WPP_CUT it tells at the end how many steps there were.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/io.h>
#include <sys/types.h>
#include <sys/uio.h>

#define EXIT_PORT	   0xf4
#define EXPORT		   __attribute__((visibility("default")))
#define NEXT(type, name)   ((type)dlsym(RTLD_NEXT, name))
#define PMEM_F_MEM_NOFLUSH 32u /* libpmem: a copy that is not for the medium */

struct io_uring;

static atomic_long steps;
static long cut;

static void end(void)
{
	outl(0x10, EXIT_PORT);
}

static bool is_last(void)
{
	return atomic_fetch_add(&steps, 1) + 1 == cut;
}

static void step(void)
{
	if (is_last())
		end();
}

__attribute__((constructor)) static void begin(void)
{
	const char *text = getenv("WPP_CUT");

	cut = text ? atol(text) : 0;
	if (ioperm(EXIT_PORT, 4, 1)) {
		perror("ioperm");
		exit(9);
	}
}

__attribute__((destructor)) static void finish(void)
{
	fprintf(stderr, "STEPS %ld\n", atomic_load(&steps));
}

EXPORT int io_uring_submit(struct io_uring *ring)
{
	step();
	return NEXT(int (*)(struct io_uring *), "io_uring_submit")(ring);
}

EXPORT ssize_t pwrite(int fd, const void *buf, size_t len, off_t off)
{
	step();
	return NEXT(ssize_t(*)(int, const void *, size_t, off_t), "pwrite")(fd, buf, len, off);
}

EXPORT ssize_t pwritev2(int fd, const struct iovec *iov, int n, off_t off, int flags)
{
	step();
	return NEXT(ssize_t(*)(int, const struct iovec *, int, off_t, int), "pwritev2")(fd, iov, n,
											off, flags);
}

EXPORT int fdatasync(int fd)
{
	step();
	return NEXT(int (*)(int), "fdatasync")(fd);
}

EXPORT void *pmem_memcpy(void *to, const void *from, size_t len, unsigned int flags)
{
	void *(*copy)(void *, const void *, size_t, unsigned int) = NULL;

	copy = NEXT(void *(*)(void *, const void *, size_t, unsigned int), "pmem_memcpy");
	if (!(flags & PMEM_F_MEM_NOFLUSH) && is_last()) {
		copy(to, from, len / 2, flags);
		end();
	}
	return copy(to, from, len, flags);
}

EXPORT void pmem_flush(const void *addr, size_t len)
{
	step();
	NEXT(void (*)(const void *, size_t), "pmem_flush")(addr, len);
}

EXPORT void pmem_drain(void)
{
	step();
	NEXT(void (*)(void), "pmem_drain")();
}

EXPORT int pmem_msync(const void *addr, size_t len)
{
	step();
	return NEXT(int (*)(const void *, size_t), "pmem_msync")(addr, len);
}
