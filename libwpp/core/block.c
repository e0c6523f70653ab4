/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "crc32c_priv.h"
#include "plat.h"
#include "store_priv.h"

void wppi_diag_page(struct wpp_diag *diag, const char *what, uint64_t off, uint64_t expected,
		    uint64_t found, uint32_t space, uint64_t page)
{
	if (!diag || diag->what)
		return;
	*diag = (struct wpp_diag){ .off = off,
				   .expected = expected,
				   .found = found,
				   .page = page,
				   .space = space,
				   .what = what };
}

void wppi_diag(struct wpp_diag *diag, const char *what, uint64_t off, uint64_t expected,
	       uint64_t found)
{
	wppi_diag_page(diag, what, off, expected, found, ~0u, ~0ull);
}

uint32_t wppi_block_crc(const struct wpp_store *st, const void *block)
{
	return wppi_crc32c(st->crc_hw, 0, block, WPP_PAGE_SIZE);
}

void wpp_store_sums(const struct wpp_store *st, const void *data, uint32_t nr, uint32_t *crc)
{
	for (uint32_t i = 0; i < nr; i++)
		crc[i] = wppi_block_crc(st, (const uint8_t *)data + (size_t)i * WPP_PAGE_SIZE);
}

int wppi_block_read(struct wpp_store *st, const char *what, uint32_t place, uint32_t crc, void *buf,
		    struct wpp_diag *diag)
{
	uint32_t found;
	int err = wpp_io_run(st->be, WPP_IO_READ, wppi_off(place), buf, WPP_PAGE_SIZE);

	if (err) {
		wppi_diag(diag, what, wppi_off(place), crc, 0);
		return err;
	}
	found = wppi_block_crc(st, buf);
	if (found == crc)
		return 0;
	wppi_diag(diag, what, wppi_off(place), crc, found);
	return WPP_ECORRUPT;
}

int wppi_block_claim(const struct wpp_store *st, struct wppi_bitmap *blocks, enum wpp_section sec,
		     uint32_t place, const char *what, uint64_t from, struct wpp_diag *diag)
{
	if (wppi_place_ok(st, sec, place) && !wppi_bitmap_test(blocks, place)) {
		wppi_bitmap_set(blocks, place);
		return 0;
	}
	wppi_diag(diag, what, from, 0, place);
	return WPP_ECORRUPT;
}

bool wppi_block_is_zero(const void *block)
{
	const uint8_t *p = block;

	return !p[0] && !wpp_memcmp(p, p + 1, WPP_PAGE_SIZE - 1);
}
