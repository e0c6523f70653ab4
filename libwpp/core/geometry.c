/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include <wpp/geometry.h>

#include "geometry_priv.h"

/* Figure 5.6 of the thesis. The page section is as long as the medium, up to 32 GiB. */
#define THESIS_METADATA 0x40000000ull
#define THESIS_REGIONS	0x42000000ull
#define THESIS_INTERNAL 0x45000000ull
#define THESIS_MAPPINGS 0x47000000ull
#define THESIS_MAP_SIZE 0x08000000ull
#define THESIS_PAGES	0x50000000ull
#define THESIS_MAX	0x800000000ull

#define FIT_MIN_SIZE (1ull << 20)

static uint64_t at_most(uint64_t v, uint64_t max)
{
	return v < max ? v : max;
}

static uint64_t clamp(uint64_t v, uint64_t lo, uint64_t hi)
{
	return v < lo ? lo : v > hi ? hi : v;
}

static uint64_t whole_blocks(uint64_t size)
{
	return size & ~(uint64_t)(WPP_PAGE_SIZE - 1);
}

int wpp_geometry_thesis(struct wpp_geometry *geo, uint64_t medium_size)
{
	uint64_t pages;

	if (medium_size < THESIS_PAGES + WPP_PAGE_SIZE)
		return WPP_ENOSPC;
	pages = at_most(whole_blocks(medium_size - THESIS_PAGES), THESIS_MAX);
	*geo = (struct wpp_geometry){
		.base = { [WPP_SEC_METADATA] = THESIS_METADATA,
			  [WPP_SEC_REGIONS] = THESIS_REGIONS,
			  [WPP_SEC_INTERNAL] = THESIS_INTERNAL,
			  [WPP_SEC_MAPPINGS] = THESIS_MAPPINGS,
			  [WPP_SEC_PAGES] = THESIS_PAGES },
		.size = { [WPP_SEC_METADATA] = THESIS_REGIONS - THESIS_METADATA,
			  [WPP_SEC_REGIONS] = THESIS_INTERNAL - THESIS_REGIONS,
			  [WPP_SEC_INTERNAL] = THESIS_MAPPINGS - THESIS_INTERNAL,
			  [WPP_SEC_MAPPINGS] = THESIS_MAP_SIZE,
			  [WPP_SEC_PAGES] = pages },
	};
	return 0;
}

/* Blocks of each section but PAGES, which takes the rest. FORMAT.md 2. */
static void fit_blocks(uint64_t total, uint64_t blocks[WPP_SEC_COUNT])
{
	blocks[WPP_SEC_INTERNAL] = clamp(total >> 5, 8, WPPI_INTERNAL_BLOCKS);
	blocks[WPP_SEC_METADATA] = clamp(total >> 4, 16, 8192);
	blocks[WPP_SEC_REGIONS] = clamp(total >> 5, 8, 8192);
	blocks[WPP_SEC_MAPPINGS] = clamp(total >> 3, 32, total >> 5 > 1024 ? total >> 5 : 1024);
}

int wpp_geometry_fit(struct wpp_geometry *geo, uint64_t medium_size)
{
	static const enum wpp_section order[] = { WPP_SEC_INTERNAL, WPP_SEC_METADATA,
						  WPP_SEC_REGIONS, WPP_SEC_MAPPINGS };
	uint64_t total = at_most(medium_size >> WPP_PAGE_SHIFT, WPPI_BLOCKS_MAX);
	uint64_t blocks[WPP_SEC_COUNT];
	uint64_t off = 0;

	if (medium_size < FIT_MIN_SIZE)
		return WPP_ENOSPC;
	fit_blocks(total, blocks);
	for (uint32_t i = 0; i < sizeof(order) / sizeof(order[0]); i++) {
		geo->base[order[i]] = off;
		geo->size[order[i]] = blocks[order[i]] << WPP_PAGE_SHIFT;
		off += geo->size[order[i]];
	}
	geo->base[WPP_SEC_PAGES] = off;
	geo->size[WPP_SEC_PAGES] = (total << WPP_PAGE_SHIFT) - off;
	return 0;
}

static bool overlap(const struct wpp_geometry *geo, uint32_t a, uint32_t b)
{
	return geo->base[a] < geo->base[b] + geo->size[b] &&
	       geo->base[b] < geo->base[a] + geo->size[a];
}

int wpp_geometry_check(const struct wpp_geometry *geo, uint64_t medium_size)
{
	for (uint32_t i = 0; i < WPP_SEC_COUNT; i++) {
		if (!geo->size[i] || (geo->base[i] | geo->size[i]) & (WPP_PAGE_SIZE - 1))
			return WPP_EINVAL;
		if (geo->base[i] > medium_size || geo->size[i] > medium_size - geo->base[i])
			return WPP_ERANGE;
		if ((geo->base[i] + geo->size[i]) >> WPP_PAGE_SHIFT > WPPI_BLOCKS_MAX)
			return WPP_ERANGE;
	}
	for (uint32_t i = 0; i < WPP_SEC_COUNT; i++)
		for (uint32_t j = 0; j < i; j++)
			if (overlap(geo, i, j))
				return WPP_EINVAL;
	if (geo->size[WPP_SEC_INTERNAL] < WPPI_INTERNAL_MIN * WPP_PAGE_SIZE)
		return WPP_EINVAL;
	return 0;
}
