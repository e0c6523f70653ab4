/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The pmem backend: a file, reached in the way that is fast and durable for what it really is. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/fail.h"
#include "base/file_facts.h"
#include "registry.h"
#include "pmem_priv.h"

/* Indices of the choices of key "access". */
enum access {
	ACCESS_AUTO = 0,
	ACCESS_MAP = 1,
	ACCESS_DIRECT = 2,
	ACCESS_BUFFERED = 3,
};

static const struct wpp_conf_key keys[] = {
	{ .name = "access",
	  .kind = WPP_CONF_CHOICE,
	  .choices = "auto|map|direct|buffered",
	  .value = "auto",
	  .help = "auto: map persistent memory and tmpfs, O_DIRECT for files on disks" },
	{ .name = "threads",
	  .kind = WPP_CONF_NUMBER,
	  .min = 1,
	  .max = 16,
	  .value = "4",
	  .help = "writes at a time to a file on a disk" },
};

/* Asked first, because to map a file just to see takes milliseconds. */
static bool may_be_dax(int fd)
{
	struct statx stx;

	if (statx(fd, "", AT_EMPTY_PATH, 0, &stx) || !(stx.stx_attributes_mask & STATX_ATTR_DAX))
		return true;
	return stx.stx_attributes & STATX_ATTR_DAX;
}

static int look_at(struct wppi_pmem_file *file, bool *is_char)
{
	struct stat st;
	off_t end;

	if (fstat(file->fd, &st))
		return wppi_from_errno(errno);
	*is_char = S_ISCHR(st.st_mode);
	if (!S_ISREG(st.st_mode) && !S_ISBLK(st.st_mode) && !*is_char)
		return WPP_EINVAL;
	end = *is_char ? 0 : lseek(file->fd, 0, SEEK_END);
	if (end < 0)
		return wppi_from_errno(errno);
	file->size = (uint64_t)end;
	file->is_regular = S_ISREG(st.st_mode);
	file->is_volatile = file->is_regular && wppi_file_is_in_memory(file->fd);
	return 0;
}

static enum access choose(const struct wpp_conf *conf, const struct wppi_pmem_file *file,
			  bool is_char, const char *fd_path)
{
	enum access wish = (enum access)wpp_conf_number(conf, "pmem", "access");

	if (is_char)
		return ACCESS_MAP;
	if (wish != ACCESS_AUTO)
		return wish;
	if (file->is_volatile)
		return ACCESS_MAP;
	if (file->is_regular && may_be_dax(file->fd) && wppi_pmem_map_is_pmem(file, fd_path))
		return ACCESS_MAP;
	return ACCESS_DIRECT;
}

static int open_file(const struct wpp_conf *conf, struct wppi_pmem_file *file,
		     struct wpp_backend **out)
{
	uint32_t threads = (uint32_t)wpp_conf_number(conf, "pmem", "threads");
	char fd_path[32];
	enum access access;
	bool is_char = false, direct;
	int err = look_at(file, &is_char);

	if (err)
		return err;
	snprintf(fd_path, sizeof(fd_path), "/proc/self/fd/%d", file->fd);
	access = choose(conf, file, is_char, fd_path);
	if (access == ACCESS_MAP)
		return wppi_pmem_map_open(file, fd_path, out);
	direct = access == ACCESS_DIRECT && wppi_file_set_direct(file->fd);
	return wppi_pmem_pool_open(file, direct, threads, out);
}

static int pmem_open(const struct wpp_conf *conf, const char *path, uint32_t flags,
		     struct wpp_backend **out, struct wpp_media_error *err)
{
	struct wppi_pmem_file file = { .rdonly = flags & WPP_MEDIA_RDONLY };
	const char *name = wpp_conf_text(conf, "wpp", "path");
	int code;

	*out = NULL;
	file.fd = open(path, (file.rdonly ? O_RDONLY : O_RDWR) | O_CLOEXEC | O_NONBLOCK);
	if (file.fd < 0)
		return wppi_fail(err, wppi_from_errno(errno), "%s: can't be opened: %s", name,
				 strerror(errno));
	code = open_file(conf, &file, out);
	if (!code)
		return 0;
	close(file.fd);
	if (code == WPP_EINVAL)
		return wppi_fail(err, code, "%s: neither a file nor a device; set path in [wpp]",
				 name);
	return wppi_fail(err, code, "%s: can't be used as a medium: %s", name, wpp_strerror(code));
}

static const char *pmem_how(const struct wpp_backend *be)
{
	return be->ops == &wppi_pmem_map_ops ? wppi_pmem_map_how(be) : wppi_pmem_pool_how(be);
}

const struct wpp_backend_type wppi_pmem_type = {
	.name = "pmem",
	.help = "a file: on persistent memory (DAX, devdax), tmpfs or any disk",
	.keys = keys,
	.nr_keys = sizeof(keys) / sizeof(keys[0]),
	.create = wppi_pmem_create,
	.open = pmem_open,
	.how = pmem_how,
};
