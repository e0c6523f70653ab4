/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#ifndef WPPI_SORT_PRIV_H
#define WPPI_SORT_PRIV_H

#include <wpp/types.h>

/*
 * Heapsort, in place, without recursion: O(n log n) always, whoever chose the
 * input. @size <= 32 bytes.
 */
void wppi_sort(void *base, size_t nr, size_t size, bool (*less)(const void *a, const void *b));

#endif
