/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#ifndef WPP_MEDIA_LOCK_H
#define WPP_MEDIA_LOCK_H

#include <wpp/media.h>

/*
 * Open and flock @path; @flags: WPP_MEDIA_RDONLY, _WAIT, _NOLOCK. The file that is locked is the
 * one that @path names when it returns. @name: what messages call it.
 */
int wppi_media_lock(const char *path, const char *name, uint32_t flags, int *fd,
		    struct wpp_media_error *err);

/* A regular file without a byte of data: nobody's. */
bool wppi_media_is_blank(int fd);

#endif
