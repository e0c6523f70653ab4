/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Structs that begin with their own size, so that they can grow: the one rule of
 * all calls that take or fill one. A caller sets size to sizeof() of the struct
 * as it knows it; a new member is appended, and its zero means what was before.
 * What the first release knew is the least that is taken. Such a struct has no
 * padding at its end.
 */
#ifndef WPP_SIZED_H
#define WPP_SIZED_H

#include <wpp/error.h>
#include <wpp/types.h>

WPP_BEGIN_DECLS

/* Bytes of struct @type up to its @member, inclusive: its size when @member was its last. */
#define WPP_SIZE_UPTO(type, member) \
	((uint32_t)(offsetof(type, member) + sizeof(((type *)0)->member)))

/**
 * wpp_sized_in() - take what a caller hands in
 * @ours:     out, [@our_size] bytes: the struct as this library knows it, its own size in it;
 *            what the caller does not know is zero. Untouched behind an error.
 * @our_size: sizeof() of it.
 * @theirs:   in; begins with its uint32_t size, and has so many bytes.
 * @first:    its size in the first release that had it, WPP_SIZE_UPTO().
 *
 * Context: anywhere; no state.
 * Return:  0; WPP_EINVAL: @theirs is smaller than @first, or asks for what this library does not
 *          know: a byte behind @our_size is not zero.
 * Source:  DESIGN.md 2.1.
 */
WPP_MUST_CHECK static inline int wpp_sized_in(void *ours, uint32_t our_size, const void *theirs,
					      uint32_t first)
{
	const unsigned char *from = (const unsigned char *)theirs;
	unsigned char *to = (unsigned char *)ours;
	uint32_t size = *(const uint32_t *)theirs, i;

	if (size < first)
		return WPP_EINVAL;
	for (i = our_size; i < size; i++)
		if (from[i])
			return WPP_EINVAL;
	for (i = sizeof(uint32_t); i < our_size; i++)
		to[i] = i < size ? from[i] : 0;
	*(uint32_t *)ours = our_size;
	return 0;
}

/**
 * wpp_sized_fits() - can this one be filled? To be asked before anything is done.
 * @theirs: begins with its uint32_t size.
 * @first:  as for wpp_sized_in().
 *
 * Context: anywhere; no state.
 * Return:  false: WPP_EINVAL is due.
 * Source:  DESIGN.md 2.1.
 */
static inline bool wpp_sized_fits(const void *theirs, uint32_t first)
{
	return *(const uint32_t *)theirs >= first;
}

/**
 * wpp_sized_out() - fill what a caller handed in to be filled
 * @theirs:   its size stays as it is and bounds what is written; what this library does not know
 *            becomes zero. wpp_sized_fits() was true.
 * @ours:     in, [@our_size] bytes: the struct as this library knows it.
 * @our_size: sizeof() of it.
 *
 * Context: anywhere; no state.
 * Source:  DESIGN.md 2.1.
 */
static inline void wpp_sized_out(void *theirs, const void *ours, uint32_t our_size)
{
	const unsigned char *from = (const unsigned char *)ours;
	unsigned char *to = (unsigned char *)theirs;
	uint32_t size = *(const uint32_t *)theirs, i;

	for (i = sizeof(uint32_t); i < size; i++)
		/* Padding, too. NOLINTNEXTLINE(clang-analyzer-core.uninitialized.Assign) */
		to[i] = i < our_size ? from[i] : 0;
}

WPP_END_DECLS
#endif
