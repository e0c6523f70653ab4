/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "control/qualify/move.h"
#include "control/why.h"

static int make_conf(const char *path, const char *size, struct wpp_conf *conf,
		     struct wpp_media_error *why)
{
	char *real = realpath(path, NULL);
	int err;

	if (!real && path[0] != '/')
		return wppc_why(why, WPP_EINVAL,
				"%s: a file that is to be made needs a path that begins with /",
				path);
	err = wpp_conf_set(conf, "wpp", "backend", "nvme", why);
	if (!err)
		err = wpp_conf_set(conf, "wpp", "path", real ? real : path, why);
	if (!err)
		err = wpp_conf_set(conf, "wpp", "size", size, why);
	free(real);
	return err;
}

/* Written out; nothing when the file is there. */
static int make_file(struct wppc_drive *d, struct wpp_media_error *why)
{
	const struct wpp_backend_type *type = wpp_backend_type_find("nvme");
	const char *path = wpp_conf_text(d->conf, "wpp", "path");
	int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	int err;

	if (fd < 0 && errno == EEXIST)
		return 0;
	if (fd < 0)
		return wppc_why(why, -errno, "%s: can't be made: %s", path, wppc_strerror(-errno));
	close(fd);
	d->made = true;
	err = type->create(d->conf, path, wpp_conf_number(d->conf, "wpp", "size"), NULL, NULL, why);
	return err;
}

static int open_made(struct wppc_drive *d, uint32_t flags, struct wpp_media_error *why)
{
	uint32_t how = flags & WPPC_DRIVE_RDONLY ? WPP_MEDIA_RDONLY : 0;
	int err;

	if (!how && (flags & WPPC_DRIVE_FORCE || d->made))
		how = WPP_MEDIA_FORCE;
	err = wpp_media_open_raw(d->conf, how, &d->media, why);
	if (err)
		return err;
	d->be = wpp_media_backend(d->media);
	d->medium = wpp_media_medium(d->media);
	d->path = wpp_media_path(d->media);
	d->buf = aligned_alloc(WPPC_BLOCK, WPPC_DRIVE_BUF);
	if (!d->buf)
		return wppc_why(why, WPP_ENOMEM, "%s: %s", d->path, wppc_strerror(WPP_ENOMEM));
	return 0;
}

int wppc_drive_open(const char *path, const char *size, uint32_t flags, struct wppc_drive *d,
		    struct wpp_media_error *why)
{
	int err;

	*d = (struct wppc_drive){ .conf = wpp_conf_new() };
	if (!d->conf)
		return wppc_why(why, WPP_ENOMEM, "%s: %s", path, wppc_strerror(WPP_ENOMEM));
	err = make_conf(path, size, d->conf, why);
	if (!err && flags & WPPC_DRIVE_MAKE)
		err = make_file(d, why);
	if (!err)
		err = open_made(d, flags, why);
	if (err)
		wppc_drive_close(d, true);
	return err;
}

void wppc_drive_close(struct wppc_drive *d, bool remove)
{
	free(d->buf);
	wpp_media_close(d->media);
	if (d->made && remove)
		unlink(wpp_conf_text(d->conf, "wpp", "path"));
	wpp_conf_free(d->conf);
}
