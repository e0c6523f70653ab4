/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#ifndef WPP_MEDIA_PRIV_H
#define WPP_MEDIA_PRIV_H

#include <wpp/media.h>

/* The kind of medium that [wpp] backend names. */
const struct wpp_backend_type *wppi_media_type(const struct wpp_conf *conf);

/* The file that stands for the medium, malloc()ed. */
int wppi_media_locate(const struct wpp_conf *conf, char **path, struct wpp_media_error *err);

/* A backend over the file of @fd, probed. @name: what messages call it. */
int wppi_media_backend(const struct wpp_conf *conf, int fd, const char *name, uint32_t flags,
		       struct wpp_backend **be, struct wpp_medium *m, struct wpp_media_error *err);

/*
 * Is there something on @fd, which is not blank, that must not be overwritten unasked? 0: no;
 * WPP_EEXIST: a store of ours; WPP_EFORMAT: something else.
 */
int wppi_media_look(const struct wpp_conf *conf, int fd, const char *path,
		    struct wpp_media_error *err);

/* Where is the label of which store? WPP_EFORMAT: none of ours. */
int wppi_media_find_store(struct wpp_backend *be, const struct wpp_medium *m,
			  struct wpp_geometry *geo);

#endif
