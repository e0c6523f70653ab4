/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <wpp/geometry.h>

#define GIB (1ull << 30)

/* Figure 5.6 of the thesis, as printed there: start address, description, section size. */
static const struct {
	uint64_t start;
	enum wpp_section section;
	uint64_t size;
} figure_5_6[] = {
	{ 0x40000000, WPP_SEC_METADATA, 0x002000000 },
	{ 0x42000000, WPP_SEC_REGIONS, 0x003000000 },
	{ 0x45000000, WPP_SEC_INTERNAL, 0x002000000 },
	{ 0x47000000, WPP_SEC_MAPPINGS, 0x008000000 },
	{ 0x50000000, WPP_SEC_PAGES, 0x800000000 },
};

static void thesis_map_is_figure_5_6(void **state)
{
	struct wpp_geometry geo;

	(void)state;
	assert_int_equal(wpp_geometry_thesis(&geo, 64 * GIB), 0);
	for (uint32_t i = 0; i < 5; i++) {
		assert_true(geo.base[figure_5_6[i].section] == figure_5_6[i].start);
		assert_true(geo.size[figure_5_6[i].section] == figure_5_6[i].size);
	}
	assert_int_equal(wpp_geometry_check(&geo, 64 * GIB), 0);
}

static void thesis_map_is_cut_to_the_medium(void **state)
{
	struct wpp_geometry geo;

	(void)state;
	assert_int_equal(wpp_geometry_thesis(&geo, 2 * GIB + 4095), 0);
	assert_true(geo.size[WPP_SEC_PAGES] == 2 * GIB - 0x50000000);
	assert_int_equal(wpp_geometry_check(&geo, 2 * GIB), 0);
	assert_int_equal(wpp_geometry_thesis(&geo, 0x50000000), WPP_ENOSPC);
	assert_int_equal(wpp_geometry_thesis(&geo, 0x50001000), 0);
	assert_true(geo.size[WPP_SEC_PAGES] == 4096);
}

/* Sound at every size, INTERNAL first, nothing wasted, most of it for pages. */
static void fit_is_sound_at_every_size(void **state)
{
	struct wpp_geometry geo;

	(void)state;
	assert_int_equal(wpp_geometry_fit(&geo, (1 << 20) - 1), WPP_ENOSPC);
	for (uint64_t size = 1 << 20; size < 64ull << 40; size += size / 3 + 511) {
		uint64_t sum = 0, whole = size & ~4095ull, most = 0xffffff00ull << 12;

		assert_int_equal(wpp_geometry_fit(&geo, size), 0);
		assert_int_equal(wpp_geometry_check(&geo, size), 0);
		assert_true(geo.base[WPP_SEC_INTERNAL] == 0);
		for (uint32_t i = 0; i < WPP_SEC_COUNT; i++)
			sum += geo.size[i];
		assert_true(sum == (whole < most ? whole : most));
		assert_true(geo.size[WPP_SEC_PAGES] > sum / 2);
	}
}

static void unsound_maps_are_refused(void **state)
{
	const uint64_t size = 1 << 24;
	struct wpp_geometry good, geo;

	(void)state;
	assert_int_equal(wpp_geometry_fit(&good, size), 0);
	for (uint32_t i = 0; i < WPP_SEC_COUNT; i++) {
		geo = good;
		geo.base[i] += 512;
		assert_int_equal(wpp_geometry_check(&geo, size), WPP_EINVAL);
		geo = good;
		geo.size[i] -= 1;
		assert_int_equal(wpp_geometry_check(&geo, size), WPP_EINVAL);
		geo = good;
		geo.size[i] = 0;
		assert_int_equal(wpp_geometry_check(&geo, size), WPP_EINVAL);
		geo = good;
		geo.base[i] = size;
		assert_int_equal(wpp_geometry_check(&geo, size), WPP_ERANGE);
		geo = good;
		geo.size[i] = ~0ull << 12;
		assert_int_equal(wpp_geometry_check(&geo, size), WPP_ERANGE);
		geo = good;
		geo.base[i] = ~0ull << 12;
		assert_int_equal(wpp_geometry_check(&geo, size), WPP_ERANGE);
		geo = good;
		geo.base[i] = good.base[(i + 1) % WPP_SEC_COUNT];
		assert_int_not_equal(wpp_geometry_check(&geo, size), 0);
	}
	geo = good;
	geo.size[WPP_SEC_INTERNAL] = 5 * 4096;
	assert_int_equal(wpp_geometry_check(&geo, size), WPP_EINVAL);
	assert_int_equal(wpp_geometry_check(&good, size - 4096), WPP_ERANGE);
}

/* Places are 32 bits wide: no section may reach beyond them. */
static void places_stay_in_32_bits(void **state)
{
	struct wpp_geometry geo;

	(void)state;
	assert_int_equal(wpp_geometry_fit(&geo, 1ull << 50), 0);
	assert_int_equal(wpp_geometry_check(&geo, 1ull << 50), 0);
	geo.size[WPP_SEC_PAGES] += 1ull << 20;
	assert_int_equal(wpp_geometry_check(&geo, 1ull << 50), WPP_ERANGE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(thesis_map_is_figure_5_6),
		cmocka_unit_test(thesis_map_is_cut_to_the_medium),
		cmocka_unit_test(fit_is_sound_at_every_size),
		cmocka_unit_test(unsound_maps_are_refused),
		cmocka_unit_test(places_stay_in_32_bits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
