/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Two ways to the same file: mapped (persistent memory, tmpfs), where a write
 * is a non-temporal copy, and by system calls (a file on a disk), where stores
 * into a mapping reach a tenth of the disk's bandwidth.
 */
#ifndef WPP_PMEM_PRIV_H
#define WPP_PMEM_PRIV_H

#include <wpp/media.h>

/* What the file is, from what the kernel says of it. */
struct wppi_pmem_file {
	int fd;
	uint64_t size;
	bool rdonly;
	bool is_volatile; /* tmpfs: gone with the power */
	bool is_regular;
};

/* Both take over @file->fd when they return 0. */
int wppi_pmem_map_open(const struct wppi_pmem_file *file, const char *fd_path,
		       struct wpp_backend **out);
int wppi_pmem_pool_open(const struct wppi_pmem_file *file, bool direct, uint32_t threads,
			struct wpp_backend **out);

/* Is the mapping persistent memory by libpmem's verdict? */
bool wppi_pmem_map_is_pmem(const struct wppi_pmem_file *file, const char *fd_path);

const char *wppi_pmem_map_how(const struct wpp_backend *be);
const char *wppi_pmem_pool_how(const struct wpp_backend *be);
extern const struct wpp_backend_ops wppi_pmem_map_ops;

int wppi_pmem_create(const struct wpp_conf *conf, const char *path, uint64_t size,
		     wpp_media_progress_fn progress, void *arg, struct wpp_media_error *err);

/* Is @io something that a medium of these facts can do? Checked before it is accepted. */
static inline int wppi_pmem_check(const struct wpp_medium *m, bool rdonly, const struct wpp_io *io)
{
	if (io->flags)
		return WPP_EINVAL;
	if (rdonly && io->op != WPP_IO_READ)
		return WPP_EROFS;
	if (io->op == WPP_IO_FLUSH)
		return io->len ? WPP_EINVAL : 0;
	if (io->op != WPP_IO_READ && io->op != WPP_IO_WRITE)
		return WPP_EINVAL;
	if (!io->len || io->len > m->io_max || io->len % m->io_align || io->off % m->io_align ||
	    (uintptr_t)io->buf % m->buf_align)
		return WPP_EINVAL;
	if (io->off > m->size || io->len > m->size - io->off)
		return WPP_ERANGE;
	return 0;
}

#endif
