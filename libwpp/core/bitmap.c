/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "bitmap_priv.h"
#include "plat.h"

static void widen(struct wppi_bitmap *map, uint32_t lo, uint32_t hi)
{
	if (lo >= hi)
		return;
	if (map->lo >= map->hi) {
		map->lo = lo;
		map->hi = hi;
		return;
	}
	if (lo < map->lo)
		map->lo = lo;
	if (hi > map->hi)
		map->hi = hi;
}

void wppi_bitmap_clear(struct wppi_bitmap *map)
{
	if (map->lo < map->hi)
		wpp_memset(map->word + map->lo, 0, (size_t)(map->hi - map->lo) * 8);
	map->lo = 0;
	map->hi = 0;
}

void wppi_bitmap_copy(struct wppi_bitmap *to, const struct wppi_bitmap *from)
{
	wppi_bitmap_clear(to);
	to->lo = from->lo;
	to->hi = from->hi;
	if (from->lo < from->hi)
		wpp_memcpy(to->word + from->lo, from->word + from->lo,
			   (size_t)(from->hi - from->lo) * 8);
}

void wppi_bitmap_or(struct wppi_bitmap *to, const struct wppi_bitmap *from)
{
	widen(to, from->lo, from->hi);
	for (uint32_t i = from->lo; i < from->hi; i++)
		to->word[i] |= from->word[i];
}

void wppi_bitmap_set(struct wppi_bitmap *map, uint32_t bit)
{
	widen(map, bit >> 6, (bit >> 6) + 1);
	map->word[bit >> 6] |= 1ull << (bit & 63);
}

/* The bits of word @w that lie in [first, end). */
static uint64_t mask_of(uint32_t w, uint32_t first, uint32_t end)
{
	uint64_t mask = ~0ull;

	if (w == first >> 6)
		mask &= ~0ull << (first & 63);
	if (w == end >> 6)
		mask &= ~(~0ull << (end & 63));
	return mask;
}

void wppi_bitmap_set_run(struct wppi_bitmap *map, uint32_t bit, uint32_t nr)
{
	uint32_t end = bit + nr;

	widen(map, bit >> 6, ((end - 1) >> 6) + 1);
	for (uint32_t w = bit >> 6; w <= (end - 1) >> 6; w++)
		map->word[w] |= mask_of(w, bit, end);
}

void wppi_bitmap_clear_run(struct wppi_bitmap *map, uint32_t bit, uint32_t nr)
{
	uint32_t end = bit + nr;

	for (uint32_t w = bit >> 6; w <= (end - 1) >> 6; w++)
		map->word[w] &= ~mask_of(w, bit, end);
}

/* __builtin_popcountll would call libgcc. */
static uint32_t popcount(uint64_t v)
{
	v -= v >> 1 & 0x5555555555555555ull;
	v = (v & 0x3333333333333333ull) + (v >> 2 & 0x3333333333333333ull);
	v = (v + (v >> 4)) & 0x0f0f0f0f0f0f0f0full;
	return (uint32_t)(v * 0x0101010101010101ull >> 56);
}

uint32_t wppi_bitmap_count(const struct wppi_bitmap *map, uint32_t first, uint32_t end)
{
	uint32_t from = first >> 6 > map->lo ? first >> 6 : map->lo;
	uint32_t to = (end + 63) >> 6 < map->hi ? (end + 63) >> 6 : map->hi;
	uint32_t nr = 0;

	for (uint32_t w = from; w < to; w++)
		if (map->word[w])
			nr += popcount(map->word[w] & mask_of(w, first, end));
	return nr;
}

/* The lowest bit that is set; in halves, because 32-bit machines have no 64-bit ctz. */
static uint32_t lowest_bit(uint64_t v)
{
	if ((uint32_t)v)
		return (uint32_t)__builtin_ctz((uint32_t)v);
	return 32 + (uint32_t)__builtin_ctz((uint32_t)(v >> 32));
}

static uint32_t next_bit(const struct wppi_bitmap *map, uint32_t bit, uint32_t end, uint64_t flip)
{
	while (bit < end) {
		uint64_t v = (map->word[bit >> 6] ^ flip) >> (bit & 63);

		if (v) {
			bit += lowest_bit(v);
			return bit < end ? bit : end;
		}
		bit = (bit | 63) + 1;
	}
	return end;
}

uint32_t wppi_bitmap_next_clear(const struct wppi_bitmap *map, uint32_t bit, uint32_t end)
{
	return next_bit(map, bit, end, ~0ull);
}

uint32_t wppi_bitmap_next_set(const struct wppi_bitmap *map, uint32_t bit, uint32_t end)
{
	return next_bit(map, bit, end, 0);
}
