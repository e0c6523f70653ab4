/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Make the file of a medium, always by system calls: a mapping of a file on a disk is slow. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>
#include "base/file_create.h"
#include "base/fail.h"
#include "base/file_facts.h"
#include "pmem_priv.h"

#define NR_THREADS 4

static int open_pool(const struct wpp_conf *conf, const char *path, uint32_t flags,
		     struct wpp_backend **out, struct wpp_media_error *err)
{
	struct wppi_pmem_file file = { .fd = open(path, O_RDWR | O_CLOEXEC) };
	off_t end = file.fd < 0 ? -1 : lseek(file.fd, 0, SEEK_END);
	int code;

	(void)flags;
	if (end < 0) {
		code = wppi_from_errno(errno);
	} else {
		file.size = (uint64_t)end;
		code = wppi_pmem_pool_open(&file, wppi_file_set_direct(file.fd), NR_THREADS, out);
	}
	if (!code)
		return 0;
	if (file.fd >= 0)
		close(file.fd);
	return wppi_fail(err, code, "%s: can't be opened: %s", wpp_conf_text(conf, "wpp", "path"),
			 wpp_strerror(code));
}

int wppi_pmem_create(const struct wpp_conf *conf, const char *path, uint64_t size,
		     wpp_media_progress_fn progress, void *arg, struct wpp_media_error *err)
{
	return wppi_file_create(conf, path, size, open_pool, progress, arg, err);
}
