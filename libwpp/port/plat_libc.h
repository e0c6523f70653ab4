/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * User space, and every freestanding build whose linker finds mem*: the four
 * functions that a compiler may call anyway, so no libc header is needed.
 */
#ifndef WPP_PLAT_LIBC_H
#define WPP_PLAT_LIBC_H

#include <wpp/types.h>

#define wpp_memcpy  __builtin_memcpy
#define wpp_memmove __builtin_memmove
#define wpp_memset  __builtin_memset
#define wpp_memcmp  __builtin_memcmp

static inline void wpp_plat_relax(void)
{
#if defined(__x86_64__) || defined(__i386__)
	__builtin_ia32_pause();
#else
	__asm__ volatile("" ::: "memory");
#endif
}

#ifdef NDEBUG
#define WPP_ASSERT(x) ((void)sizeof(x))
#else
#define WPP_ASSERT(x)                     \
	do {                              \
		if (!(x))                 \
			__builtin_trap(); \
	} while (0)
#endif

#endif
