/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The medium of the kernel module, by system calls on /dev/wpp: the tools read
 * and format what the module writes while power fails.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <wpp/module.h>
#include "base/fail.h"
#include "registry.h"

#define IO_MAX	  (1u << 20)
#define BLANK_LEN (1u << 20) /* at both ends: where others put what tells them apart */

static const struct wpp_conf_key keys[] = {
	{ .name = "kind",
	  .kind = WPP_CONF_CHOICE,
	  .choices = "attached|fpga|nvme|memory", /* as enum wpp_ko_kind */
	  .value = "attached",
	  .help = "what the module drives; attached: whatever it has already" },
	{ .name = "address",
	  .kind = WPP_CONF_TEXT,
	  .value = "auto",
	  .help = "PCI address of an fpga or nvme, as in 0000:00:05.0; auto: the only one" },
	{ .name = "base",
	  .kind = WPP_CONF_SIZE,
	  .min = 4096,
	  .max = 1ull << 52,
	  .value = "auto",
	  .help = "physical address of a memory window" },
	{ .name = "size",
	  .kind = WPP_CONF_SIZE,
	  .min = 1u << 20,
	  .max = 1ull << 46,
	  .value = "auto",
	  .help = "of a memory window; of a device: how much of it to use, auto: all" },
	{ .name = "nsid",
	  .kind = WPP_CONF_NUMBER,
	  .min = 1,
	  .max = 1024,
	  .value = "1",
	  .help = "namespace of an nvme" },
	{ .name = "timeout",
	  .kind = WPP_CONF_NUMBER,
	  .min = 1,
	  .max = 600000,
	  .value = "5000",
	  .help = "milliseconds without any progress before the device is given up" },
	{ .name = "tracking",
	  .kind = WPP_CONF_CHOICE,
	  .choices = "walk|eager",
	  .value = "walk",
	  .help = "walk: pages are found at the trigger; eager: an event for each page" },
	{ .name = "batch",
	  .kind = WPP_CONF_NUMBER,
	  .min = 1,
	  .max = 4096,
	  .value = "256",
	  .help = "events that eager tracking gathers before the tables are updated" },
	{ .name = "inherit",
	  .kind = WPP_CONF_CHOICE,
	  .choices = "no|yes",
	  .value = "no",
	  .help = "children of a tracked process are tracked as well" },
};

struct module {
	struct wpp_backend be;
	struct wpp_medium medium;
	int fd;
	bool rdonly;
	bool poisoned;
};

static struct module *to_module(struct wpp_backend *be)
{
	return (struct module *)be;
}

/* ---- Moves --------------------------------------------------------------------------------- */

static int module_probe(struct wpp_backend *be, struct wpp_medium *m)
{
	*m = to_module(be)->medium;
	return 0;
}

static int check(const struct module *mod, const struct wpp_io *io)
{
	const struct wpp_medium *m = &mod->medium;

	if (io->flags)
		return WPP_EINVAL;
	if (mod->rdonly && io->op != WPP_IO_READ)
		return WPP_EROFS;
	if (mod->poisoned && io->op != WPP_IO_READ)
		return WPP_EPOISON;
	if (io->op == WPP_IO_FLUSH)
		return io->len ? WPP_EINVAL : 0;
	if ((io->op != WPP_IO_READ && io->op != WPP_IO_WRITE) || !io->len || io->len > IO_MAX ||
	    (io->off | io->len) & (m->io_align - 1))
		return WPP_EINVAL;
	return io->off > m->size || io->len > m->size - io->off ? WPP_ERANGE : 0;
}

static int move(int fd, const struct wpp_io *io)
{
	char *buf = io->buf;
	size_t left = io->len;
	off_t off = (off_t)io->off;

	while (left) {
		ssize_t n = io->op == WPP_IO_READ ? pread(fd, buf, left, off)
						  : pwrite(fd, buf, left, off);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return WPP_EIO;
		buf += n;
		off += n;
		left -= (size_t)n;
	}
	return 0;
}

static int module_submit(struct wpp_backend *be, struct wpp_io *io)
{
	struct module *mod = to_module(be);
	int err = check(mod, io);

	if (err)
		return err;
	if (io->op == WPP_IO_FLUSH)
		err = fsync(mod->fd) ? WPP_EIO : 0;
	else
		err = move(mod->fd, io);
	mod->poisoned |= err && io->op != WPP_IO_READ;
	io->done(io, err);
	return 0;
}

/* Every done() ran inside submit. */
static int module_poll(struct wpp_backend *be)
{
	(void)be;
	return 0;
}

static void module_close(struct wpp_backend *be)
{
	close(to_module(be)->fd);
	free(be);
}

static const struct wpp_backend_ops module_ops = {
	.abi = WPP_BACKEND_ABI,
	.size = sizeof(module_ops),
	.name = "module",
	.probe = module_probe,
	.submit = module_submit,
	.poll = module_poll,
	.close = module_close,
};

/* ---- Attaching ----------------------------------------------------------------------------- */

static uint32_t kind_of(const struct wpp_conf *conf)
{
	return (uint32_t)wpp_conf_number(conf, "module", "kind");
}

static bool is_auto(const char *address)
{
	return !strcmp(address, "auto");
}

static int not_given(uint32_t kind, const char *address, struct wpp_media_error *err)
{
	if (kind == WPP_KO_FPGA)
		return wppi_fail(err, -ENODEV,
				 "%s: the module has no such FPGA; see address in [module] of "
				 "wpp.conf(5)",
				 address);
	return wppi_fail(err, -ENODEV,
			 "%s: the module was not given such an NVMe controller; wpp.conf(5), "
			 "section [module], tells how",
			 address);
}

/* The only device that a driver of the module has. */
static int find_only(uint32_t kind, char *address, size_t size, struct wpp_media_error *err)
{
	DIR *dir = opendir(kind == WPP_KO_FPGA ? "/sys/bus/pci/drivers/wpp-fpga"
					       : "/sys/bus/pci/drivers/wpp-nvme");
	const struct dirent *entry;
	int found = 0;

	while (dir && (entry = readdir(dir)) != NULL) {
		if (!strchr(entry->d_name, ':') || strlen(entry->d_name) >= size)
			continue;
		strcpy(address, entry->d_name);
		found++;
	}
	if (dir)
		closedir(dir);
	if (!found)
		return not_given(kind, "auto", err);
	return found == 1 ? 0
			  : wppi_fail(err, WPP_EINVAL,
				      "the module has %d such devices; set address in [module] of "
				      "wpp.conf",
				      found);
}

static int choose_address(const struct wpp_conf *conf, struct wpp_ko_attach *how,
			  struct wpp_media_error *err)
{
	const char *address = wpp_conf_text(conf, "module", "address");

	if (how->kind == WPP_KO_MEMORY)
		return 0;
	if (is_auto(address))
		return find_only(how->kind, how->address, sizeof(how->address), err);
	if (strlen(address) >= sizeof(how->address))
		return wppi_fail(err, WPP_EINVAL, "%s: not a PCI address", address);
	strcpy(how->address, address);
	return 0;
}

static int explain(int code, const struct wpp_conf *conf, const struct wpp_ko_attach *how,
		   struct wpp_media_error *err)
{
	switch (code) {
	case ENXIO:
		return not_given(how->kind, how->address, err);
	case EMEDIUMTYPE:
		return wppi_fail(err, WPP_EFORMAT,
				 "%s: a device or namespace that can't be used; dmesg tells more",
				 how->address);
	case EBUSY:
		return wppi_fail(err, WPP_EBUSY,
				 "the memory window at %s is used by Linux or a driver; keep it "
				 "free with memmap=SIZE$BASE",
				 wpp_conf_text(conf, "module", "base"));
	default:
		return wppi_fail(err, wppi_from_errno(code),
				 "the module can't take its medium into use: %s", strerror(code));
	}
}

static int attach(const struct wpp_conf *conf, int fd, struct wpp_media_error *err)
{
	struct wpp_ko_attach how = {
		.kind = kind_of(conf),
		.timeout_ms = (uint32_t)wpp_conf_number(conf, "module", "timeout"),
		.base = wpp_conf_number(conf, "module", "base"),
		.size = wpp_conf_number(conf, "module", "size"),
		.nsid = (uint32_t)wpp_conf_number(conf, "module", "nsid"),
	};
	int code;

	if (!how.kind)
		return wppi_fail(err, -ENODEV,
				 "the module has no medium; set kind in [module] of wpp.conf");
	code = choose_address(conf, &how, err);
	if (code)
		return code;
	return ioctl(fd, WPP_KO_IOC_ATTACH, &how) ? explain(errno, conf, &how, err) : 0;
}

/* What is attached must be what the configuration means. */
static int compare(const struct wpp_conf *conf, const struct wpp_ko_medium *m,
		   struct wpp_media_error *err)
{
	const char *address = wpp_conf_text(conf, "module", "address");
	uint32_t kind = kind_of(conf);

	if (!kind || (kind == m->kind &&
		      (kind == WPP_KO_MEMORY || is_auto(address) || !strcmp(address, m->address))))
		return 0;
	return wppi_fail(err, WPP_EBUSY,
			 "the module has another medium attached than [module] of wpp.conf says; "
			 "load it anew, or set kind = attached");
}

static int get_medium(const struct wpp_conf *conf, int fd, struct wpp_ko_medium *m,
		      struct wpp_media_error *err)
{
	uint32_t abi = 0;
	int code;

	if (ioctl(fd, WPP_KO_IOC_ABI, &abi) || abi != WPP_KO_ABI)
		return wppi_fail(err, WPP_EFORMAT,
				 "%s: the module is of another version (ABI %u, not %u)",
				 WPP_KO_DEVICE, abi, WPP_KO_ABI);
	if (!ioctl(fd, WPP_KO_IOC_MEDIUM, m))
		return compare(conf, m, err);
	if (errno == ENODEV) {
		code = attach(conf, fd, err);
		if (code)
			return code;
		if (!ioctl(fd, WPP_KO_IOC_MEDIUM, m))
			return 0;
	}
	return wppi_fail(err, wppi_from_errno(errno), "%s: %s", WPP_KO_DEVICE, strerror(errno));
}

static void describe(struct module *mod, const struct wpp_ko_medium *m)
{
	mod->medium = (struct wpp_medium){
		.size = m->size,
		.io_align = m->io_align,
		.buf_align = 1,
		.io_max = IO_MAX,
		.io_best = IO_MAX,
		.atomic_len = m->atomic_len,
		.queue_depth = 1,
		.caps = m->caps & (WPP_CAP_POWERSAFE | WPP_CAP_DURABLE),
	};
}

static int module_open(const struct wpp_conf *conf, const char *path, uint32_t flags,
		       struct wpp_backend **out, struct wpp_media_error *err)
{
	struct module *mod = calloc(1, sizeof(*mod));
	struct wpp_ko_medium m = { 0 };
	int code;

	*out = NULL;
	if (!mod)
		return wppi_fail(err, WPP_ENOMEM, "out of memory");
	mod->be.ops = &module_ops;
	mod->rdonly = flags & WPP_MEDIA_RDONLY;
	mod->fd = open(path, O_RDWR | O_CLOEXEC);
	if (mod->fd < 0) {
		code = wppi_fail(err, wppi_from_errno(errno), "%s: can't be opened: %s",
				 WPP_KO_DEVICE, strerror(errno));
		free(mod);
		return code;
	}
	code = get_medium(conf, mod->fd, &m, err);
	if (!code && m.nr_tracked && !mod->rdonly)
		code = wppi_fail(err, WPP_EBUSY,
				 "%s: the module saves processes there and is the only one "
				 "that may write",
				 WPP_KO_DEVICE);
	if (code) {
		module_close(&mod->be);
		return code;
	}
	describe(mod, &m);
	*out = &mod->be;
	return 0;
}

static int module_locate(const struct wpp_conf *conf, char *file, size_t size,
			 struct wpp_media_error *err)
{
	(void)conf;
	if (access(WPP_KO_DEVICE, F_OK))
		return wppi_fail(err, -ENODEV, "%s: the kernel module is not loaded: modprobe wpp",
				 WPP_KO_DEVICE);
	if (access(WPP_KO_DEVICE, R_OK | W_OK))
		return wppi_fail(err, WPP_EPERM, "%s: not permitted; the kernel module obeys root",
				 WPP_KO_DEVICE);
	snprintf(file, size, "%s", WPP_KO_DEVICE);
	return 0;
}

static bool is_zero(struct wpp_backend *be, uint64_t off, uint8_t *buf, uint32_t len)
{
	return !wpp_io_run(be, WPP_IO_READ, off, buf, len) && !buf[0] &&
	       !memcmp(buf, buf + 1, len - 1);
}

static bool module_blank(struct wpp_backend *be, const struct wpp_medium *m)
{
	uint32_t len = m->size < BLANK_LEN ? (uint32_t)m->size : BLANK_LEN;
	uint8_t *buf = malloc(len);
	bool blank = buf && is_zero(be, 0, buf, len) && is_zero(be, m->size - len, buf, len);

	free(buf);
	return blank;
}

static const char *module_how(const struct wpp_backend *be)
{
	(void)be;
	return "through the kernel module";
}

const struct wpp_backend_type wppi_module_type = {
	.name = "module",
	.help = "the medium of the kernel module, through /dev/wpp",
	.keys = keys,
	.nr_keys = sizeof(keys) / sizeof(keys[0]),
	.open = module_open,
	.how = module_how,
	.locate = module_locate,
	.blank = module_blank,
};
