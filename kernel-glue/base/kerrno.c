/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include <linux/err.h>
#include <linux/errno.h>

#include <wpp/error.h>

#include "base/kerrno.h"

int wppk_errno(int wpp_err)
{
	switch (wpp_err) {
	case WPP_ECORRUPT:
		return -EUCLEAN;
	case WPP_EFORMAT:
		return -EMEDIUMTYPE;
	case WPP_EPOISON:
		return -EIO;
	case WPP_EREFUSED:
		return -EREMOTEIO;
	case WPP_EWINDOW:
		return -ETIME;
	default:
		return wpp_err < -MAX_ERRNO ? -EIO : wpp_err;
	}
}
