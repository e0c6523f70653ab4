/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Integer types and the export mark: the one place in the public headers that
 * knows which world it is compiled in.
 */
#ifndef WPP_TYPES_H
#define WPP_TYPES_H

#ifdef __KERNEL__
#include <linux/limits.h>
#include <linux/stddef.h>
#include <linux/types.h>
#ifndef UINT64_MAX
#define UINT32_MAX U32_MAX
#define UINT64_MAX U64_MAX
#endif
#else
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#endif

#ifdef __cplusplus
#define WPP_BEGIN_DECLS extern "C" {
#define WPP_END_DECLS	}
#else
#define WPP_BEGIN_DECLS
#define WPP_END_DECLS
#endif

#if defined(__GNUC__) && !defined(__KERNEL__)
#define WPP_API __attribute__((visibility("default")))
#else
#define WPP_API
#endif

#ifdef __GNUC__
#define WPP_MUST_CHECK __attribute__((warn_unused_result))
#else
#define WPP_MUST_CHECK
#endif

/* The page, the unit of everything on a medium: 4096 bytes (FORMAT.md 1). */
#define WPP_PAGE_SHIFT 12
#define WPP_PAGE_SIZE  4096u

#endif
