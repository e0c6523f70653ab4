/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#ifndef WPPI_GEOMETRY_PRIV_H
#define WPPI_GEOMETRY_PRIV_H

#include "format.h"

/* Places are 32-bit block numbers, rounded down to whole bitmap words: 16 TiB. */
#define WPPI_BLOCKS_MAX 0xffffff00ull
/* INTERNAL: two labels around the commit slots; two generations and the next one must fit. */
#define WPPI_INTERNAL_BLOCKS (WPPF_SLOTS_MAX + 2)
#define WPPI_INTERNAL_MIN    6u

#endif
