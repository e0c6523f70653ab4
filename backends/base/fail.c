/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include "fail.h"

int wppi_fail(struct wpp_media_error *err, int code, const char *fmt, ...)
{
	va_list ap;

	if (!err)
		return code;
	err->code = code;
	va_start(ap, fmt);
	vsnprintf(err->text, sizeof(err->text), fmt, ap);
	va_end(ap);
	return code;
}

int wppi_from_errno(int err)
{
	switch (err) {
	case EACCES:
		return WPP_EPERM;
	case EDQUOT:
		return WPP_ENOSPC;
	case EWOULDBLOCK:
		return WPP_EBUSY;
	default:
		return -err;
	}
}
