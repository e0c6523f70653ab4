/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#ifndef WPP_REGISTRY_H
#define WPP_REGISTRY_H

#include <wpp/media.h>

extern const struct wpp_backend_type wppi_pmem_type;
extern const struct wpp_backend_type wppi_nvme_type;
extern const struct wpp_backend_type wppi_fpga_type;
extern const struct wpp_backend_type wppi_module_type;

/* Fill @err (may be NULL) and return @code, so that a failure is one line where it happens. */
int wppi_fail(struct wpp_media_error *err, int code, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* errno as enum wpp_err where one fits, otherwise -errno. */
int wppi_from_errno(int err);

#endif
