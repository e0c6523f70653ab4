/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "control/why.h"

static bool is_ours(int err)
{
	switch (err) {
	case WPP_OK:
	case WPP_EPERM:
	case WPP_ENOENT:
	case WPP_EIO:
	case WPP_ENOMEM:
	case WPP_EBUSY:
	case WPP_EEXIST:
	case WPP_EINVAL:
	case WPP_ENOSPC:
	case WPP_EROFS:
	case WPP_ERANGE:
		return true;
	default:
		return err > 0 || err < -4095;
	}
}

const char *wppc_strerror(int err)
{
	return is_ours(err) ? wpp_strerror(err) : strerror(-err);
}

int wppc_why(struct wpp_media_error *why, int err, const char *fmt, ...)
{
	va_list ap;

	if (!why)
		return err;
	why->code = err;
	va_start(ap, fmt);
	vsnprintf(why->text, sizeof(why->text), fmt, ap);
	va_end(ap);
	return err;
}
