/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Make the file of a medium. Its blocks are allocated and written once: writing
 * into holes or into allocated but unwritten blocks costs three times as much,
 * and that bill would come while power fails.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/vfs.h>
#include <unistd.h>
#include "base/file_create.h"
#include "base/fail.h"

#define MIB	   (1ull << 20)
#define AUTO_MAX   (4096 * MIB)
#define AUTO_MIN   (64 * MIB)
#define CHUNK	   (4 * MIB)
#define NR_WRITERS 4

struct write_out {
	struct wpp_backend *be;
	struct wpp_io io[NR_WRITERS];
	void *zeros;
	uint64_t next, done, size;
	int err;
	wpp_media_progress_fn progress;
	void *arg;
};

/* Asked before anything is allocated: a try would fill the disk for everybody. */
static int choose_size(int fd, uint64_t *size)
{
	struct statfs fs;
	uint64_t available;

	if (fstatfs(fd, &fs))
		return wppi_from_errno(errno);
	available = (uint64_t)fs.f_bavail * (uint64_t)fs.f_bsize;
	if (!*size) {
		*size = available / 4 / MIB * MIB;
		*size = *size < AUTO_MIN ? AUTO_MIN : *size > AUTO_MAX ? AUTO_MAX : *size;
	}
	return *size > available ? WPP_ENOSPC : 0;
}

static int allocate(int fd, uint64_t size)
{
	int flags;

	/* On btrfs each write would go elsewhere; elsewhere this fails and is not needed. */
	if (!ioctl(fd, FS_IOC_GETFLAGS, &flags)) {
		flags |= FS_NOCOW_FL;
		(void)ioctl(fd, FS_IOC_SETFLAGS, &flags);
	}
	if (!fallocate(fd, 0, 0, (off_t)size))
		return 0;
	if (errno != EOPNOTSUPP && errno != ENOSYS)
		return wppi_from_errno(errno);
	return ftruncate(fd, (off_t)size) ? wppi_from_errno(errno) : 0;
}

static void write_next(struct write_out *w, struct wpp_io *io);

static void written(struct wpp_io *io, int err)
{
	struct write_out *w = io->owner;

	w->done += io->len;
	if (err && !w->err)
		w->err = err;
	if (w->progress)
		w->progress(w->arg, w->done < w->size ? w->done : w->size, w->size);
	if (!w->err)
		write_next(w, io);
	else
		io->len = 0;
}

/* @io->len becomes 0 when there is nothing left to write. */
static void write_next(struct write_out *w, struct wpp_io *io)
{
	uint64_t left = w->size - w->next;
	int err;

	io->len = (uint32_t)(left < CHUNK ? left : CHUNK);
	if (!io->len)
		return;
	io->off = w->next;
	w->next += io->len;
	err = w->be->ops->submit(w->be, io);
	if (err) {
		w->err = err;
		io->len = 0;
	}
}

static bool in_flight(const struct write_out *w)
{
	for (int i = 0; i < NR_WRITERS; i++)
		if (w->io[i].len)
			return true;
	return false;
}

static int write_all(struct write_out *w)
{
	for (int i = 0; i < NR_WRITERS && !w->err; i++) {
		w->io[i] = (struct wpp_io){
			.op = WPP_IO_WRITE, .buf = w->zeros, .done = written, .owner = w
		};
		write_next(w, &w->io[i]);
	}
	while (in_flight(w))
		(void)w->be->ops->poll(w->be);
	return w->err ? w->err : wpp_io_run(w->be, WPP_IO_FLUSH, 0, NULL, 0);
}

static int write_out(struct wpp_backend *be, uint64_t size, wpp_media_progress_fn progress,
		     void *arg)
{
	struct wpp_medium m;
	struct write_out w = { .be = be, .size = size, .progress = progress, .arg = arg };
	int err = be->ops->probe(be, &m);

	if (err)
		return err;
	w.zeros = mmap(NULL, CHUNK, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (w.zeros == MAP_FAILED)
		return WPP_ENOMEM;
	err = write_all(&w);
	munmap(w.zeros, CHUNK);
	return err;
}

static int no_space(int fd, uint64_t size, const char *name, struct wpp_media_error *err)
{
	struct statfs fs = { 0 };

	(void)fstatfs(fd, &fs);
	return wppi_fail(err, WPP_ENOSPC,
			 "%s: a medium of %llu MiB does not fit into the %llu MiB that are free "
			 "there; set size or path in [wpp] of wpp.conf",
			 name, (unsigned long long)(size / MIB),
			 (unsigned long long)((uint64_t)fs.f_bavail * (uint64_t)fs.f_bsize / MIB));
}

static int failed(int fd, int code, uint64_t size, const char *name, struct wpp_media_error *err)
{
	if (code == WPP_ENOSPC)
		return no_space(fd, size, name, err);
	return wppi_fail(err, code, "%s: can't be written out: %s", name, wpp_strerror(code));
}

static int fill(const struct wpp_conf *conf, const char *path, int fd, uint64_t *size,
		wppi_open_fn open_backend, wpp_media_progress_fn progress, void *arg,
		struct wpp_media_error *err)
{
	const char *name = wpp_conf_text(conf, "wpp", "path");
	struct wpp_backend *be;
	int code = choose_size(fd, size);

	if (!code)
		code = allocate(fd, *size);
	if (code)
		return failed(fd, code, *size, name, err);
	code = open_backend(conf, path, 0, &be, err);
	if (code)
		return code;
	code = write_out(be, *size, progress, arg);
	be->ops->close(be);
	return code ? failed(fd, code, *size, name, err) : 0;
}

int wppi_file_create(const struct wpp_conf *conf, const char *path, uint64_t size,
		     wppi_open_fn open_backend, wpp_media_progress_fn progress, void *arg,
		     struct wpp_media_error *err)
{
	int fd = open(path, O_RDWR | O_CLOEXEC), code;

	if (fd < 0)
		return wppi_fail(err, wppi_from_errno(errno), "%s: can't be opened: %s",
				 wpp_conf_text(conf, "wpp", "path"), strerror(errno));
	code = fill(conf, path, fd, &size, open_backend, progress, arg, err);
	close(fd);
	return code;
}
