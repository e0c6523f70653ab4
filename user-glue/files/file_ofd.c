/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Recreation: what the kinds of files need to make an open file description with its numbers. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "files/files.h"

const char *wppi_why(int err)
{
	return err > -4096 ? strerror(-err) : wpp_strerror(err);
}

int wppi_ofd_compare(const void *a, const void *b)
{
	uint64_t x = ((const struct ofd *)a)->id, y = ((const struct ofd *)b)->id;

	return (x > y) - (x < y);
}

struct ofd *wppi_ofd_find(struct rebuild *b, uint64_t id)
{
	struct ofd key = { .id = id };

	return b->nr ? bsearch(&key, b->v, b->nr, sizeof(key), wppi_ofd_compare) : NULL;
}

int wppi_hoist(struct rebuild *b, int fd)
{
	int up = fcntl(fd, F_DUPFD_CLOEXEC, b->gap);
	int err = up < 0 ? -errno : 0;

	close(fd);
	return err ? err : up;
}

int wppi_ofd_put(struct rebuild *b, struct ofd *o, int fd)
{
	int err = fd < 0 ? -errno : 0, up = err ? -1 : wppi_hoist(b, fd);

	if (up < 0)
		return err ? err : up;
	for (size_t i = 0; i < o->nr_nums && !err; i++) {
		const struct fd_num *n = &b->nums[o->first_num + i];

		if (dup3(up, n->num, n->cloexec ? O_CLOEXEC : 0) < 0)
			err = -errno;
	}
	close(up);
	if (!err)
		o->fd = b->nums[o->first_num].num;
	return err;
}

int wppi_open_flags(uint64_t flags)
{
	if ((flags & O_TMPFILE) == O_TMPFILE) /* which O_DIRECTORY is a part of */
		flags &= ~(uint64_t)O_TMPFILE;
	return (int)(flags & ~(uint64_t)(O_CREAT | O_EXCL | O_TRUNC)) | O_CLOEXEC | O_NOCTTY;
}

int wppi_fd_reopen(int fd, uint64_t flags)
{
	char path[32];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return open(path, wppi_open_flags(flags) & ~(O_NOFOLLOW | O_ASYNC));
}
