/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The medium of the device is a file. Its blocks are allocated when it is made,
 * so that no store into the mapping can meet a full disk.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include "fpga_device.h"

#define LOCK_TRIES 300 /* 3 s */

static bool failed(const char *path, const char *what)
{
	complain("%s: %s: %s", path, what, strerror(errno));
	return false;
}

static bool look(struct medium *m, const char *path, uint64_t size)
{
	struct stat st;

	if (fstat(m->fd, &st))
		return failed(path, "can't be looked at");
	if (!S_ISREG(st.st_mode)) {
		complain("%s: is no file", path);
		return false;
	}
	m->size = st.st_size ? (uint64_t)st.st_size : size;
	if (m->size % WPP_PAGE_SIZE) {
		complain("%s: its size is no multiple of %u", path, WPP_PAGE_SIZE);
		return false;
	}
	errno = posix_fallocate(m->fd, 0, (off_t)m->size);
	return !errno || failed(path, "has no room");
}

/* The device of the last start may still be on its way out. */
static bool lock(int fd)
{
	const struct timespec pause = { .tv_nsec = 10000000 };

	for (int i = 0; flock(fd, LOCK_EX | LOCK_NB); i++) {
		if (i == LOCK_TRIES)
			return false;
		nanosleep(&pause, NULL);
	}
	return true;
}

bool medium_open(struct medium *m, const char *path, uint64_t size)
{
	*m = (struct medium){ .mem = MAP_FAILED };
	m->fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (m->fd < 0)
		return failed(path, "can't be opened");
	if (!lock(m->fd)) {
		(void)failed(path, "another device uses it");
	} else if (look(m, path, size)) {
		m->mem = mmap(NULL, (size_t)m->size, PROT_READ | PROT_WRITE, MAP_SHARED, m->fd, 0);
		if (m->mem != MAP_FAILED)
			return true;
		(void)failed(path, "can't be mapped");
	}
	close(m->fd);
	return false;
}

void medium_close(struct medium *m)
{
	munmap(m->mem, (size_t)m->size);
	close(m->fd);
}

int medium_sync(const struct medium *m, uint64_t off, uint64_t len)
{
	uint64_t from = off / WPP_PAGE_SIZE * WPP_PAGE_SIZE;

	if (!m->sync)
		return 0;
	return msync((char *)m->mem + from, (size_t)(off + len - from), MS_SYNC) ? -errno : 0;
}
