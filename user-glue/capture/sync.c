/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * What a process wrote to its files must not be older than its memory after
 * the power cut: files that it has open for writing, or mapped shared, are
 * made durable before the image is.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/kcmp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "capture/capture.h"

static int sync_fd(struct member *m, int fd, const char *what)
{
	if (fsync(fd) == 0 || errno == EINVAL || errno == EROFS)
		return 0;
	int err = -errno;

	wppi_note(&m->tree->notes, WPP_NOTE_ERROR, "sync", "%s can't be made durable: %s", what,
		  strerror(-err));
	return err;
}

static bool is_written(struct member *m, int fd)
{
	char name[64], info[4096];
	const char *flags;
	struct stat st;

	snprintf(name, sizeof(name), "/proc/%d/fd/%d", (int)m->pid, fd);
	if (stat(name, &st) || !(S_ISREG(st.st_mode) || S_ISBLK(st.st_mode)))
		return false;
	snprintf(name, sizeof(name), "fdinfo/%d", fd);
	if (wppi_proc_read(m->pid, name, info, sizeof(info)) < 0)
		return false;
	flags = wppi_proc_field(info, "flags");
	return flags && (strtoul(flags, NULL, 8) & O_ACCMODE) != O_RDONLY;
}

/* Standard output and error are most often one file. */
static bool is_same(struct member *m, int a, int b)
{
	return a >= 0 && syscall(SYS_kcmp, m->pid, m->pid, KCMP_FILE, a, b) == 0;
}

/* *@last: the descriptor that was synced before, -1: none. */
static int sync_open(struct member *m, int fd, int *last)
{
	char what[64];
	int copy, err;

	if (!is_written(m, fd) || is_same(m, *last, fd))
		return 0;
	*last = fd;
	copy = (int)syscall(SYS_pidfd_getfd, m->pidfd, fd, 0);
	if (copy < 0)
		return -errno;
	snprintf(what, sizeof(what), "the file of descriptor %d", fd);
	err = sync_fd(m, copy, what);
	close(copy);
	return err;
}

static int sync_descriptors(struct member *m)
{
	char path[64];
	struct dirent *d;
	int err = 0, last = -1;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/fd", (int)m->pid);
	dir = opendir(path);
	if (!dir)
		return -errno;
	while (!err && (d = readdir(dir))) {
		if (d->d_name[0] != '.')
			err = sync_open(m, atoi(d->d_name), &last);
	}
	closedir(dir);
	return err;
}

/* A shared mapping keeps its file writable after the descriptor is closed. */
static int sync_mappings(struct member *m)
{
	char path[PATH_MAX + 64];
	int err = 0;

	for (size_t i = 0; !err && i < m->vmas.nr; i++) {
		const struct vma *v = &m->vmas.v[i];
		int fd;

		if (!(v->flags & MAP_SHARED) || !v->ino)
			continue;
		snprintf(path, sizeof(path), "/proc/%d/map_files/%lx-%lx", (int)m->pid, v->start,
			 v->end);
		fd = open(path, O_RDONLY | O_CLOEXEC);
		if (fd < 0 && (errno == EPERM || errno == EACCES)) {
			snprintf(path, sizeof(path), "/proc/%d/root%s", (int)m->pid, v->path);
			fd = open(path, O_RDONLY | O_CLOEXEC);
		}
		if (fd < 0)
			continue; /* classify_file() says why when it matters */
		err = sync_fd(m, fd, v->path);
		close(fd);
	}
	return err;
}

int wppi_files_sync(struct member *m)
{
	int err = sync_descriptors(m);

	return err ? err : sync_mappings(m);
}
