/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Errors: a code, and a sentence that says what failed, where, and what to do about it. */
#ifndef WPP_CONTROL_WHY_H
#define WPP_CONTROL_WHY_H

#include <wpp/conf.h>
#include <wpp/error.h>

/* As wpp_strerror(), and for any other negative errno what the system calls it. */
const char *wppc_strerror(int err);

/* Fills @why, which may be NULL. Returns @err. */
int wppc_why(struct wpp_media_error *why, int err, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

#endif
