/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Where the medium that wpp.conf names lies, its backend, and the store on it. */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/fail.h"
#include "media_priv.h"

const struct wpp_backend_type *wppi_media_type(const struct wpp_conf *conf)
{
	return wpp_backend_type_find(wpp_conf_text(conf, "wpp", "backend"));
}

int wppi_media_locate(const struct wpp_conf *conf, char **path, struct wpp_media_error *err)
{
	const struct wpp_backend_type *type = wppi_media_type(conf);
	const char *name = wpp_conf_text(conf, "wpp", "path");
	char file[PATH_MAX];
	int code;

	if (type->locate) {
		code = type->locate(conf, file, sizeof(file), err);
		if (code)
			return code;
		name = file;
	}
	if (name[0] != '/')
		return wppi_fail(err, WPP_EINVAL, "%s: backend %s wants a file; set path in [wpp]",
				 name, type->name);
	*path = strdup(name);
	return *path ? 0 : wppi_fail(err, WPP_ENOMEM, "out of memory");
}

int wppi_media_backend(const struct wpp_conf *conf, int fd, const char *name, uint32_t flags,
		       struct wpp_backend **be, struct wpp_medium *m, struct wpp_media_error *err)
{
	const struct wpp_backend_type *type = wppi_media_type(conf);
	char fd_path[32];
	int code;

	/* By descriptor: what is locked and what is opened are the same file. */
	snprintf(fd_path, sizeof(fd_path), "/proc/self/fd/%d", fd);
	code = type->open(conf, fd_path, flags & WPP_MEDIA_RDONLY, be, err);
	if (code)
		return code;
	code = (*be)->ops->probe(*be, m);
	if (!code)
		return 0;
	(*be)->ops->close(*be);
	*be = NULL;
	return wppi_fail(err, code, "%s: does not answer: %s", name, wpp_strerror(code));
}

/* The label tells the whole geometry, but lies where the geometry puts it: try each known one. */
int wppi_media_find_store(struct wpp_backend *be, const struct wpp_medium *m,
			  struct wpp_geometry *geo)
{
	static int (*const known[])(struct wpp_geometry *, uint64_t) = { wpp_geometry_fit,
									 wpp_geometry_thesis };
	void *scratch = aligned_alloc(WPP_PAGE_SIZE, WPP_PAGE_SIZE);
	int first = WPP_EFORMAT, err = WPP_EFORMAT;

	if (!scratch)
		return WPP_ENOMEM;
	for (size_t i = 0; err && i < sizeof(known) / sizeof(known[0]); i++) {
		if (known[i](geo, m->size))
			continue;
		err = wpp_store_probe(be, m, geo->base[WPP_SEC_INTERNAL], geo, scratch);
		if (first == WPP_EFORMAT)
			first = err;
	}
	free(scratch);
	return err ? first : 0;
}
