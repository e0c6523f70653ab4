/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The port of the core to the Linux kernel (see plat.h). Kbuild names this file
 * with -DWPP_PLAT_HEADER.
 */
#ifndef WPP_PLAT_KERNEL_H
#define WPP_PLAT_KERNEL_H

#include <linux/bug.h>
#include <linux/string.h>
#include <asm/vdso/processor.h>

#define wpp_memcpy  memcpy
#define wpp_memmove memmove
#define wpp_memset  memset
#define wpp_memcmp  memcmp

static inline void wpp_plat_relax(void)
{
	cpu_relax();
}

#define WPP_ASSERT(x) BUG_ON(!(x))

#endif
