/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* What is at the path, what can it do? */
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/device.h"
#include "base/fail.h"
#include "base/file_facts.h"
#include "nvme_priv.h"

#define IO_MAX	(16u << 20)
#define IO_BEST (4u << 20)

/* Every file system takes pages; what takes less is not asked for. */
static int look_at_file(struct wppi_nvme_target *t, const struct stat *st)
{
	t->kind = WPPI_NVME_FILE;
	t->size = (uint64_t)st->st_size;
	t->io_align = WPP_PAGE_SIZE;
	t->is_volatile = wppi_file_is_in_memory(t->fd);
	t->direct = !t->is_volatile && wppi_file_set_direct(t->fd);
	return 0;
}

static int look_at_block(struct wppi_nvme_target *t, const char *name, struct wpp_media_error *err)
{
	int logical = 0;
	uint64_t size;

	t->kind = WPPI_NVME_BLOCK;
	if (ioctl(t->fd, BLKSSZGET, &logical) || ioctl(t->fd, BLKGETSIZE64, &size))
		return wppi_fail(err, wppi_from_errno(errno), "%s: can't be measured: %s", name,
				 strerror(errno));
	if (logical != 512 && logical != 4096)
		return wppi_fail(err, WPP_EINVAL,
				 "%s: logical blocks of %d bytes; allowed: 512, 4096", name,
				 logical);
	t->size = size;
	t->io_align = (uint32_t)logical;
	t->direct = wppi_file_set_direct(t->fd);
	return 0;
}

/* A command can't be split: what the kernel maps for it in the worst case, page by page, counts. */
static void limit_command(struct wppi_nvme_target *t, const char *device)
{
	uint64_t bytes = wppi_device_number(device, "queue/max_hw_sectors_kb", 128) << 10;
	uint64_t pages = wppi_device_number(device, "queue/max_segments", 32);

	if (pages < bytes / WPP_PAGE_SIZE)
		bytes = pages * WPP_PAGE_SIZE;
	bytes -= bytes % WPP_PAGE_SIZE;
	if (bytes < t->io_max)
		t->io_max = bytes ? (uint32_t)bytes : WPP_PAGE_SIZE;
}

static int look_at_namespace(struct wppi_nvme_target *t, const struct stat *st, const char *name,
			     struct wpp_media_error *err)
{
	char device[WPPI_DEVICE_NAME_MAX];
	int code;

	if (!wppi_device_name(st, device))
		return wppi_fail(err, WPP_EINVAL,
				 "%s: a character device, but no NVMe namespace (/dev/ng*n*)",
				 name);
	t->kind = WPPI_NVME_NAMESPACE;
	t->direct = true;
	limit_command(t, device);
	code = wppi_nvme_identify(t);
	if (code == WPP_EINVAL)
		return wppi_fail(err, code,
				 "%s: its format can't be used: blocks of 512 or 4096 bytes "
				 "without metadata are needed (see nvme format)",
				 name);
	if (code)
		return wppi_fail(err, code, "%s: does not identify itself: %s", name,
				 wpp_strerror(code));
	return 0;
}

int wppi_nvme_look(struct wppi_nvme_target *t, const char *name, struct wpp_media_error *err)
{
	struct stat st;

	t->io_max = IO_MAX;
	if (fstat(t->fd, &st))
		return wppi_fail(err, wppi_from_errno(errno), "%s: can't be looked at: %s", name,
				 strerror(errno));
	if (S_ISREG(st.st_mode))
		return look_at_file(t, &st);
	if (S_ISBLK(st.st_mode))
		return look_at_block(t, name, err);
	if (S_ISCHR(st.st_mode))
		return look_at_namespace(t, &st, name, err);
	return wppi_fail(err, WPP_EINVAL, "%s: neither a file nor a device; set path in [wpp]",
			 name);
}

void wppi_nvme_facts(const struct wppi_nvme_target *t, uint32_t depth, struct wpp_medium *m)
{
	*m = (struct wpp_medium){
		.size = t->size / WPP_PAGE_SIZE * WPP_PAGE_SIZE,
		.io_align = t->io_align,
		.buf_align = t->direct ? WPP_PAGE_SIZE : 1,
		.io_max = t->io_max,
		.io_best = t->io_max < IO_BEST ? t->io_max : IO_BEST,
		.queue_depth = depth,
		.caps = WPP_CAP_POWERSAFE | WPP_CAP_FUA,
	};
	if (!t->is_volatile)
		m->caps |= WPP_CAP_DURABLE;
}

int wppi_nvme_check(const struct wppi_nvme *nv, const struct wpp_io *io)
{
	const struct wpp_medium *m = &nv->medium;

	if (io->flags & ~(uint32_t)WPP_IO_FUA || (io->flags && io->op != WPP_IO_WRITE))
		return WPP_EINVAL;
	if (nv->target.rdonly && io->op != WPP_IO_READ)
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
