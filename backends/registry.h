/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#ifndef WPP_REGISTRY_H
#define WPP_REGISTRY_H

#include <wpp/media.h>

extern const struct wpp_backend_type wppi_pmem_type;
extern const struct wpp_backend_type wppi_nvme_type;
extern const struct wpp_backend_type wppi_fpga_type;
extern const struct wpp_backend_type wppi_module_type;

#endif
