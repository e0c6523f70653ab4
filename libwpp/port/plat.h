/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The one place that knows where the core runs. Every port supplies exactly:
 *
 *   wpp_memcpy wpp_memmove wpp_memset wpp_memcmp
 *   wpp_plat_relax(): what a bounded wait does between two polls
 *   WPP_ASSERT(x): for what the contract rules out; never for input
 *
 * Kbuild and coreboot pass their own header with -DWPP_PLAT_HEADER.
 */
#ifndef WPP_PLAT_H
#define WPP_PLAT_H

#include <wpp/types.h>

#ifndef WPP_PLAT_HEADER
#define WPP_PLAT_HEADER "plat_libc.h"
#endif
#include WPP_PLAT_HEADER

#endif
