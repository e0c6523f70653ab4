/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#ifndef WPPI_MULDIV_PRIV_H
#define WPPI_MULDIV_PRIV_H

#include <wpp/types.h>

/* a * b / c, rounded up, exact in between; UINT64_MAX when that is too large or @c is 0. */
uint64_t wppi_muldiv_up(uint64_t a, uint64_t b, uint64_t c);

/* a + b, at most UINT64_MAX. */
static inline uint64_t wppi_add_sat(uint64_t a, uint64_t b)
{
	return a > UINT64_MAX - b ? UINT64_MAX : a + b;
}

#endif
