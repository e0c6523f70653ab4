/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#ifndef WPP_GEOMETRY_H
#define WPP_GEOMETRY_H

#include <wpp/error.h>
#include <wpp/types.h>

WPP_BEGIN_DECLS

/**
 * enum wpp_section - the five sections of the thesis' figure 5.6
 */
enum wpp_section {
	WPP_SEC_METADATA = 0, /* PCB records */
	WPP_SEC_REGIONS = 1,  /* region records */
	WPP_SEC_INTERNAL = 2, /* label and commit records */
	WPP_SEC_MAPPINGS = 3, /* page tables: (space, page) -> place, checksum */
	WPP_SEC_PAGES = 4,    /* page contents */
	WPP_SEC_COUNT = 5,    /* how many there are */
};

/**
 * struct wpp_geometry - where the sections lie on a medium; data, so any medium can have its own
 * @base: bytes from the start of the medium, multiples of 4096, sections don't overlap.
 * @size: bytes, multiples of 4096.
 */
struct wpp_geometry {
	uint64_t base[WPP_SEC_COUNT];
	uint64_t size[WPP_SEC_COUNT];
};

/**
 * wpp_geometry_thesis() - the FPGA map of the thesis, figure 5.6
 * @geo:         out.
 * @medium_size: bytes; the page section is cut to what the medium has (up to 32 GiB).
 *
 * Context: any; no state.
 * Return:  0; WPP_ENOSPC when the medium ends before the page section begins: @geo is untouched.
 * Source:  FORMAT.md 2; DESIGN.md 3.5; thesis figure 5.6.
 */
WPP_API WPP_MUST_CHECK int wpp_geometry_thesis(struct wpp_geometry *geo, uint64_t medium_size);

/**
 * wpp_geometry_fit() - sections in proportion to the medium: the default of files and disks
 * @geo:         out; INTERNAL comes first, at offset 0.
 * @medium_size: bytes, at least 1 MiB.
 *
 * Context: any; no state.
 * Return:  0; WPP_ENOSPC when the medium is too small: @geo is untouched.
 * Source:  FORMAT.md 2; DESIGN.md 3.5.
 */
WPP_API WPP_MUST_CHECK int wpp_geometry_fit(struct wpp_geometry *geo, uint64_t medium_size);

/**
 * wpp_geometry_check() - is this map sound and inside the medium?
 * @geo:         the map.
 * @medium_size: bytes.
 *
 * Context: any; no state.
 * Return:  0; WPP_EINVAL: alignment, overlap, an empty section, INTERNAL below 6 blocks;
 *          WPP_ERANGE: a section leaves the medium or the 16 TiB that places can name.
 * Source:  FORMAT.md 1.1, 2.
 */
WPP_API WPP_MUST_CHECK int wpp_geometry_check(const struct wpp_geometry *geo, uint64_t medium_size);

WPP_END_DECLS
#endif
