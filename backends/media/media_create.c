/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Make a medium. A file is made under another name, locked, written out,
 * formatted and then renamed: there is a whole medium or none. A device is
 * formatted where it is, and only when told to.
 */
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/media_lock.h"
#include "base/device.h"
#include "media_priv.h"
#include "base/fail.h"

struct job {
	const struct wpp_conf *conf;
	const struct wpp_backend_type *type;
	const char *path;
	char *file, *real, *dir, *temp;
	uint32_t flags;
	wpp_media_progress_fn progress;
	void *arg;
	struct wpp_media_error *err;
};

static int failed(const struct job *job, const char *what, const char *path, int code)
{
	return wppi_fail(job->err, wppi_from_errno(code), "%s: %s: %s", path, what, strerror(code));
}

static int job_names(struct job *job)
{
	char *copy = strdup(job->path);
	const char *base = strrchr(job->path, '/') + 1;

	if (copy)
		job->dir = strdup(dirname(copy));
	free(copy);
	if (!job->dir || asprintf(&job->temp, "%s/.%s.new", job->dir, base) < 0) {
		job->temp = NULL;
		wppi_fail(job->err, WPP_ENOMEM, "out of memory");
		return WPP_ENOMEM;
	}
	return 0; /* NOLINT(clang-analyzer-unix.Malloc): wpp_media_create() frees them */
}

/* mkdir -p, for the owner only: images hold the secrets of the processes. */
static int make_dirs(const struct job *job)
{
	for (char *p = job->dir + 1; *p; p++) {
		if (*p != '/')
			continue;
		*p = '\0';
		(void)mkdir(job->dir, 0700);
		*p = '/';
	}
	if (!mkdir(job->dir, 0700) || errno == EEXIST)
		return 0;
	return failed(job, "the directory can't be made", job->dir, errno);
}

static int geometry(const struct job *job, uint64_t size, struct wpp_geometry *geo)
{
	bool thesis = wpp_conf_number(job->conf, "wpp", "geometry") == WPP_CONF_GEOMETRY_THESIS;
	int code = thesis ? wpp_geometry_thesis(geo, size) : wpp_geometry_fit(geo, size);

	if (!code)
		return 0;
	return wppi_fail(
		job->err, code,
		"%s: %llu MiB are too small for geometry %s; set a larger size in [wpp] of "
		"wpp.conf",
		job->path, (unsigned long long)(size >> 20),
		wpp_conf_text(job->conf, "wpp", "geometry"));
}

static int format(const struct job *job, int fd)
{
	struct wpp_geometry geo;
	struct wpp_backend *be;
	struct wpp_medium m;
	void *scratch;
	int code = wppi_media_backend(job->conf, fd, job->path, 0, &be, &m, job->err);

	if (code)
		return code;
	code = geometry(job, m.size, &geo);
	if (code)
		goto close_backend;
	scratch = aligned_alloc(WPP_PAGE_SIZE, WPP_PAGE_SIZE);
	code = scratch ? wpp_store_format(be, &m, &geo, scratch) : WPP_ENOMEM;
	free(scratch);
	if (code)
		(void)wppi_fail(job->err, code, "%s: can't be formatted: %s", job->path,
				wpp_strerror(code));
close_backend:
	be->ops->close(be);
	return code;
}

static int sync_dir(const struct job *job)
{
	int fd = open(job->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC), code = 0;

	if (fd < 0 || fsync(fd))
		code = failed(job, "can't be made durable", job->dir, errno);
	if (fd >= 0)
		close(fd);
	return code;
}

static int fill_and_rename(const struct job *job, int fd)
{
	char fd_path[32];
	int code;

	if (ftruncate(fd, 0))
		return failed(job, "can't be emptied", job->temp, errno);
	snprintf(fd_path, sizeof(fd_path), "/proc/self/fd/%d", fd);
	code = job->type->create(job->conf, fd_path, wpp_conf_number(job->conf, "wpp", "size"),
				 job->progress, job->arg, job->err);
	if (!code)
		code = format(job, fd);
	if (!code && rename(job->temp, job->path))
		code = failed(job, "can't be renamed", job->temp, errno);
	return code ? code : sync_dir(job);
}

/* The lock on the temporary name keeps a second maker out, and a crashed one's file is reused. */
static int lock_temp(const struct job *job, int *fd)
{
	int code;

	do {
		*fd = open(job->temp, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
		if (*fd < 0)
			return failed(job, "can't be made", job->temp, errno);
		close(*fd);
		code = wppi_media_lock(job->temp, job->path, job->flags & WPP_MEDIA_WAIT, fd,
				       job->err);
	} while (code == WPP_ENOENT); /* it was renamed while we waited */
	return code;
}

static int make_file(const struct job *job, bool replace)
{
	int fd, code = make_dirs(job);

	if (!code)
		code = lock_temp(job, &fd);
	if (code)
		return code;
	if (!replace && !access(job->path, F_OK))
		code = wppi_fail(job->err, WPP_EEXIST, "%s: is there already", job->path);
	else
		code = fill_and_rename(job, fd);
	if (code)
		(void)unlink(job->temp);
	close(fd);
	return code;
}

static int make_over(const struct job *job, int fd)
{
	bool force = job->flags & WPP_MEDIA_FORCE;
	struct stat st;
	int code;

	if (fstat(fd, &st))
		return failed(job, "can't be looked at", job->path, errno);
	code = force || (!job->type->locate && wppi_media_is_blank(fd))
		       ? 0
		       : wppi_media_look(job->conf, fd, job->path, job->err);
	if (code)
		return code;
	return S_ISREG(st.st_mode) && job->type->create ? make_file(job, true) : format(job, fd);
}

/* A device that is in use is nobody's to format, by force or without. */
static int make_claimed(const struct job *job, int fd)
{
	int claim, code = wppi_device_claim(fd, job->path, &claim, job->err);

	if (!code)
		code = make_over(job, fd);
	if (claim >= 0)
		close(claim);
	return code;
}

static int run(struct job *job)
{
	struct stat st;
	int fd, code = wppi_media_locate(job->conf, &job->file, job->err);

	if (code)
		return code;
	job->path = job->file;
	/* A symbolic link stays one. */
	job->real = realpath(job->path, NULL);
	if (job->real)
		job->path = job->real;
	code = job_names(job);
	if (code)
		return code;
	if (stat(job->path, &st)) {
		if (errno == ENOENT && job->type->create)
			return make_file(job, false);
		return failed(job, "can't be looked at", job->path, errno);
	}
	if (!S_ISREG(st.st_mode) && !S_ISBLK(st.st_mode) && !S_ISCHR(st.st_mode))
		return wppi_fail(job->err, WPP_EINVAL,
				 "%s: neither a file nor a device; set path in [wpp] of wpp.conf",
				 job->path);
	code = wppi_media_lock(job->path, job->path, job->flags & WPP_MEDIA_WAIT, &fd, job->err);
	if (code)
		return code;
	code = make_claimed(job, fd);
	close(fd);
	return code;
}

int wpp_media_create(const struct wpp_conf *conf, uint32_t flags, wpp_media_progress_fn progress,
		     void *arg, struct wpp_media_error *err)
{
	struct job job = {
		.conf = conf,
		.type = wppi_media_type(conf),
		.flags = flags,
		.progress = progress,
		.arg = arg,
		.err = err,
	};
	int code;

	if (err)
		*err = (struct wpp_media_error){ 0 };
	code = run(&job);
	if (!code && err)
		*err = (struct wpp_media_error){ 0 };
	free(job.file);
	free(job.real);
	free(job.dir);
	free(job.temp);
	return code;
}
