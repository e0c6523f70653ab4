/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Is there something that must not be overwritten unasked: a store of ours, or somebody's data? */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include "base/fail.h"
#include "base/device.h"
#include "media_priv.h"

static int foreign(const char *path, const char *what, struct wpp_media_error *err)
{
	return wppi_fail(
		err, WPP_EFORMAT,
		"%s: holds %s; nothing was changed. Set another path in [wpp] of wpp.conf, or "
		"overwrite it with wpp format --force",
		path, what);
}

/* A device without a byte in sight may be taken; a file that was not made by us may not. */
static int look_for_others(int fd, const char *path, struct wpp_media_error *err)
{
	char name[WPPI_DEVICE_NAME_MAX], what[128] = "";
	bool blank = false, is_device;
	struct stat st;
	int code = 0;

	if (fstat(fd, &st))
		return wppi_fail(err, wppi_from_errno(errno), "%s: can't be looked at: %s", path,
				 strerror(errno));
	is_device = wppi_device_name(&st, name);
	if (is_device || S_ISREG(st.st_mode))
		code = wppi_device_content(fd, what, sizeof(what), &blank);
	if (code)
		return wppi_fail(err, code, "%s: can't be read", path);
	if (what[0])
		return foreign(path, what, err);
	return blank && is_device ? 0 : foreign(path, "something else", err);
}

int wppi_media_look(const struct wpp_conf *conf, int fd, const char *path,
		    struct wpp_media_error *err)
{
	const struct wpp_backend_type *type = wppi_media_type(conf);
	struct wpp_geometry geo;
	struct wpp_backend *be;
	struct wpp_medium m;
	int code = wppi_media_backend(conf, fd, path, 0, &be, &m, err);
	bool blank;

	if (code)
		return code;
	code = wppi_media_find_store(be, &m, &geo);
	blank = code == WPP_EFORMAT && type->blank && type->blank(be, &m);
	be->ops->close(be);
	if (blank)
		return 0;
	if (!code)
		return wppi_fail(err, WPP_EEXIST, "%s: is a medium of wpp already", path);
	if (code == WPP_EIO)
		return wppi_fail(err, code, "%s: can't be read", path);
	if (code == WPP_EFORMAT && type->blank)
		return foreign(path, "something else", err);
	return code == WPP_ECORRUPT ? foreign(path, "a damaged medium of wpp", err)
				    : look_for_others(fd, path, err);
}
