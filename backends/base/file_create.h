/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#ifndef WPP_FILE_CREATE_H
#define WPP_FILE_CREATE_H

#include <wpp/media.h>

/* As struct wpp_backend_type has it. */
typedef int (*wppi_open_fn)(const struct wpp_conf *conf, const char *path, uint32_t flags,
			    struct wpp_backend **out, struct wpp_media_error *err);

/*
 * Make the empty file @path one of @size bytes (0: choose), allocated and written out through the
 * backend that @open_backend gives. As struct wpp_backend_type's create.
 */
int wppi_file_create(const struct wpp_conf *conf, const char *path, uint64_t size,
		     wppi_open_fn open_backend, wpp_media_progress_fn progress, void *arg,
		     struct wpp_media_error *err);

#endif
