/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The nvme backend: a block device, a partition, a file on a disk, or an NVMe namespace itself. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>
#include "base/file_create.h"
#include "base/fail.h"
#include "registry.h"
#include "nvme_priv.h"

/* Indices of the choices of key "engine". */
enum engine {
	ENGINE_AUTO = 0,
	ENGINE_URING = 1,
	ENGINE_SYNC = 2,
};

static const struct wpp_conf_key keys[] = {
	{ .name = "engine",
	  .kind = WPP_CONF_CHOICE,
	  .choices = "auto|io_uring|sync",
	  .value = "auto",
	  .help = "auto: io_uring, or plain system calls where the kernel forbids it" },
	{ .name = "depth",
	  .kind = WPP_CONF_NUMBER,
	  .min = 1,
	  .max = 256,
	  .value = "32",
	  .help = "moves in flight at a time" },
};

static int no_uring(const char *name, int code, struct wpp_media_error *err)
{
	return wppi_fail(err, code == -ENOMEM ? WPP_ENOMEM : WPP_EPERM,
			 "%s: the kernel gives no io_uring: %s; see "
			 "/proc/sys/kernel/io_uring_disabled, or set engine = sync in [nvme]",
			 name, strerror(-code));
}

static int start(const struct wpp_conf *conf, const struct wppi_nvme_target *t, const char *name,
		 struct wpp_backend **out, struct wpp_media_error *err)
{
	enum engine engine = (enum engine)wpp_conf_number(conf, "nvme", "engine");
	uint32_t depth = (uint32_t)wpp_conf_number(conf, "nvme", "depth");
	bool by_command = t->kind == WPPI_NVME_NAMESPACE;
	int code = -EPERM;

	if (engine == ENGINE_SYNC && by_command)
		return wppi_fail(err, WPP_EINVAL,
				 "%s: an NVMe namespace is reached by io_uring only; take the "
				 "block device, or set engine = auto in [nvme]",
				 name);
	if (engine != ENGINE_SYNC)
		code = wppi_nvme_uring_open(t, depth, out);
	if (!code)
		return 0;
	if (engine == ENGINE_URING || by_command)
		return no_uring(name, code, err);
	code = wppi_nvme_sync_open(t, out);
	return code ? wppi_fail(err, code, "%s: out of memory", name) : 0;
}

/*
 * Opened without waiting, whatever the path turns out to be. But moves may wait: io_uring answers
 * EAGAIN for ever on a device that can't do without, such as /dev/pmem0.
 */
static int open_path(const char *path, bool rdonly)
{
	int fd = open(path, (rdonly ? O_RDONLY : O_RDWR) | O_CLOEXEC | O_NONBLOCK);
	int flags = fd < 0 ? -1 : fcntl(fd, F_GETFL);

	if (fd >= 0 && (flags < 0 || fcntl(fd, F_SETFL, flags & ~O_NONBLOCK))) {
		close(fd);
		return -1;
	}
	return fd;
}

static int nvme_open(const struct wpp_conf *conf, const char *path, uint32_t flags,
		     struct wpp_backend **out, struct wpp_media_error *err)
{
	struct wppi_nvme_target t = { .rdonly = flags & WPP_MEDIA_RDONLY };
	const char *name = wpp_conf_text(conf, "wpp", "path");
	int code;

	*out = NULL;
	t.fd = open_path(path, t.rdonly);
	if (t.fd < 0)
		return wppi_fail(err, wppi_from_errno(errno), "%s: can't be opened: %s", name,
				 strerror(errno));
	code = wppi_nvme_look(&t, name, err);
	if (!code)
		code = start(conf, &t, name, out, err);
	if (code)
		close(t.fd);
	return code;
}

static const char *nvme_how(const struct wpp_backend *be)
{
	const struct wppi_nvme *nv = (const struct wppi_nvme *)be;
	bool uring = be->ops == &wppi_nvme_uring_ops;

	if (nv->target.kind == WPPI_NVME_NAMESPACE)
		return "an NVMe namespace, commands by io_uring";
	if (nv->target.is_volatile)
		return "tmpfs, buffered (lost with the power)";
	if (!nv->target.direct)
		return uring ? "a file, io_uring, buffered: its file system has no O_DIRECT"
			     : "a file, buffered: its file system has no O_DIRECT";
	if (nv->target.kind == WPPI_NVME_BLOCK)
		return uring ? "a block device, io_uring, O_DIRECT"
			     : "a block device, O_DIRECT, without io_uring";
	return uring ? "a file on a disk, io_uring, O_DIRECT"
		     : "a file on a disk, O_DIRECT, without io_uring";
}

static int nvme_create(const struct wpp_conf *conf, const char *path, uint64_t size,
		       wpp_media_progress_fn progress, void *arg, struct wpp_media_error *err)
{
	return wppi_file_create(conf, path, size, nvme_open, progress, arg, err);
}

const struct wpp_backend_type wppi_nvme_type = {
	.name = "nvme",
	.help = "a block device, partition, NVMe namespace or a file on a disk, by io_uring",
	.keys = keys,
	.nr_keys = sizeof(keys) / sizeof(keys[0]),
	.create = nvme_create,
	.open = nvme_open,
	.how = nvme_how,
};
