/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#ifndef WPP_FAIL_H
#define WPP_FAIL_H

#include <wpp/conf.h>

/* Fill @err (may be NULL) and return @code, so that a failure is one line where it happens. */
int wppi_fail(struct wpp_media_error *err, int code, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* errno as enum wpp_err where one fits, otherwise -errno. */
int wppi_from_errno(int err);

#endif
