/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "core/crc32c_priv.h"
#include "prop.h"

/* The definition, a bit at a time. */
static uint32_t slow(uint32_t crc, const uint8_t *p, size_t len)
{
	crc = ~crc;
	while (len--) {
		crc ^= *p++;
		for (int i = 0; i < 8; i++)
			crc = crc >> 1 ^ (crc & 1 ? 0x82f63b78u : 0);
	}
	return ~crc;
}

/* RFC 3720 B.4 and the check value of the public catalogue of CRCs. */
static void check_vectors(bool hw)
{
	uint8_t buf[32];

	assert_int_equal(wppi_crc32c(hw, 0, "123456789", 9), 0xe3069283u);
	assert_int_equal(wppi_crc32c(hw, 0, "", 0), 0);
	memset(buf, 0, sizeof(buf));
	assert_int_equal(wppi_crc32c(hw, 0, buf, 32), 0x8a9136aau);
	memset(buf, 0xff, sizeof(buf));
	assert_int_equal(wppi_crc32c(hw, 0, buf, 32), 0x62a8ab43u);
	for (uint8_t i = 0; i < 32; i++)
		buf[i] = i;
	assert_int_equal(wppi_crc32c(hw, 0, buf, 32), 0x46dd794eu);
	for (uint8_t i = 0; i < 32; i++)
		buf[i] = 31 - i;
	assert_int_equal(wppi_crc32c(hw, 0, buf, 32), 0x113fdb5cu);
}

static void table_gives_the_published_values(void **state)
{
	(void)state;
	check_vectors(false);
}

static void instruction_gives_the_published_values(void **state)
{
	(void)state;
	if (!wppi_crc32c_hw()) {
		print_message("this CPU or build has no CRC32C instruction\n");
		skip();
	}
	check_vectors(true);
}

/* Every length around the joints of the lanes, any alignment, any split, any start. */
static void any_length_and_split(void **state)
{
	static const size_t joint[] = { 0, 8, 1360, 2720, 4080, 4096, 8160, 12240 };
	struct prop p = prop_begin("any_length_and_split", 7);
	uint8_t *buf = malloc(20000);
	bool hw = wppi_crc32c_hw();

	(void)state;
	assert_non_null(buf);
	for (int i = 0; i < 20000; i++)
		buf[i] = (uint8_t)prop_u64(&p);
	for (int i = 0; i < 400; i++) {
		size_t len = joint[prop_below(&p, 8)] + (size_t)prop_below(&p, 40);
		size_t split = (size_t)prop_below(&p, len + 1), at = (size_t)prop_below(&p, 9);
		uint32_t start = (uint32_t)prop_u64(&p);
		uint32_t want = slow(start, buf + at, len);

		p.step++;
		prop_assert(&p, wppi_crc32c(false, start, buf + at, len) == want);
		prop_assert(&p, wppi_crc32c(hw, start, buf + at, len) == want);
		prop_assert(&p, wpp_crc32c(start, buf + at, len) == want);
		start = wppi_crc32c(hw, start, buf + at, split);
		prop_assert(&p, wppi_crc32c(false, start, buf + at + split, len - split) == want);
	}
	free(buf);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(table_gives_the_published_values),
		cmocka_unit_test(instruction_gives_the_published_values),
		cmocka_unit_test(any_length_and_split),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
