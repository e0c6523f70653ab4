/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * One bit a block of the medium. [lo, hi) bounds the words that may be non-zero,
 * so that copies and unions cost what is stored, not what the medium could hold.
 */
#ifndef WPPI_BITMAP_PRIV_H
#define WPPI_BITMAP_PRIV_H

#include <wpp/types.h>

struct wppi_bitmap {
	uint64_t *word;
	uint32_t lo, hi;
};

void wppi_bitmap_clear(struct wppi_bitmap *map);
void wppi_bitmap_copy(struct wppi_bitmap *to, const struct wppi_bitmap *from);
void wppi_bitmap_or(struct wppi_bitmap *to, const struct wppi_bitmap *from);
void wppi_bitmap_set(struct wppi_bitmap *map, uint32_t bit);
void wppi_bitmap_set_run(struct wppi_bitmap *map, uint32_t bit, uint32_t nr);
void wppi_bitmap_clear_run(struct wppi_bitmap *map, uint32_t bit, uint32_t nr);

/* Bits set in [first, end). */
uint32_t wppi_bitmap_count(const struct wppi_bitmap *map, uint32_t first, uint32_t end);

/* First clear (set) bit in [bit, end), or end. */
uint32_t wppi_bitmap_next_clear(const struct wppi_bitmap *map, uint32_t bit, uint32_t end);
uint32_t wppi_bitmap_next_set(const struct wppi_bitmap *map, uint32_t bit, uint32_t end);

static inline bool wppi_bitmap_test(const struct wppi_bitmap *map, uint32_t bit)
{
	return map->word[bit >> 6] >> (bit & 63) & 1;
}

static inline void wppi_bitmap_reset(struct wppi_bitmap *map, uint32_t bit)
{
	map->word[bit >> 6] &= ~(1ull << (bit & 63));
}

#endif
