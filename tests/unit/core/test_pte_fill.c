/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The PTE table full to its limit, looked at from inside: where entries really are. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "core/pte.c"
#include "prop.h"

#ifdef WPP_TEST_SMALL
#define SECTION (8u << 20)
#else
#define SECTION (128u << 20) /* the thesis' */
#endif
#define PAGE 4096ull

static struct wpp_pte pte_at(uint64_t va)
{
	return (struct wpp_pte){ .va = va, .pa = (va * 5 + 3 * PAGE) & ((1ull << 52) - 1) };
}

/*
 * The bound on probes: every entry is in one of the two buckets of its key, and
 * find_key(), which add, remove and find go through, reads only these.
 */
static void check_places(const struct wpp_ptes *t)
{
	uint64_t entries = 0;

	for (uint32_t b = 0; b < t->nr_buckets; b++) {
		for (uint32_t i = 0; i < SLOTS; i++) {
			uint64_t key = t->bucket[b].key[i];
			struct pair p = pair_of(t, key);

			if (!(key & SIZE_MASK))
				continue;
			entries++;
			assert_int_not_equal(p.b[0], p.b[1]);
			if (p.b[0] != b && p.b[1] != b)
				fail_msg("bucket %u slot %u is out of reach", b, i);
		}
	}
	assert_int_equal(entries, wpp_ptes_count(t));
}

static void fill(size_t bytes, uint64_t (*va_of)(uint64_t i))
{
	void *mem = aligned_alloc(64, bytes);
	struct wpp_pte pte, got;
	struct wpp_ptes t;
	uint64_t i;
	int err = 0;

	assert_non_null(mem);
	assert_int_equal(wpp_ptes_init(&t, mem, bytes, 12345), 0);
	for (i = 0; !err; i++) {
		pte = pte_at(va_of(i));
		err = wpp_ptes_add(&t, &pte);
	}
	assert_int_equal(err, WPP_ENOSPC);
	assert_int_equal(--i, wpp_ptes_max(bytes));
	assert_true(i >= bytes / 16); /* the thesis' slots of 16 bytes */
	check_places(&t);
	/* Full: nothing was lost, what is there can be changed, one out lets one in. */
	while (i-- > 0) {
		pte = pte_at(va_of(i));
		assert_int_equal(wpp_ptes_find(&t, pte.va, &got), 0);
		if (got.va != pte.va || got.pa != pte.pa)
			fail_msg("entry %llu is wrong", (unsigned long long)i);
	}
	pte = pte_at(va_of(7));
	assert_int_equal(wpp_ptes_add(&t, &pte), 0);
	assert_int_equal(wpp_ptes_remove(&t, pte.va, pte.pa), 0);
	assert_int_equal(wpp_ptes_add(&t, &pte), 0);
	for (i = wpp_ptes_max(bytes); i-- > 0;) {
		pte = pte_at(va_of(i));
		if (wpp_ptes_remove(&t, pte.va, pte.pa))
			fail_msg("entry %llu is gone", (unsigned long long)i);
	}
	assert_int_equal(wpp_ptes_count(&t), 0);
	check_places(&t);
	free(mem);
}

static uint64_t in_order(uint64_t i)
{
	return 0x7f0000000000 + i * PAGE;
}

/* All in one of the 16 buckets of the thesis: its worst case. */
static uint64_t same_nibble(uint64_t i)
{
	return (i * 16 + 5) * PAGE;
}

/* An odd multiplier: each page number once, in no visible order. */
static uint64_t scattered(uint64_t i)
{
	return (i * 0x9e3779b97f4a7c15ull >> (64 - VPN_BITS)) * PAGE;
}

static void full_in_order(void **state)
{
	(void)state;
	fill(SECTION / 8, in_order);
}

static void full_with_the_thesis_worst_case(void **state)
{
	(void)state;
	fill(SECTION / 8, same_nibble);
}

/* 8 Mi entries and more in the thesis' section. */
static void full_thesis_section(void **state)
{
	(void)state;
	fill(SECTION, scattered);
}

/* Without the cap: when a way to a free slot can't be found, nothing has moved. */
static void failed_insert_moves_nothing(void **state)
{
	static _Alignas(64) unsigned char mem[64 * 64], before[64 * 64];
	struct prop p = prop_begin(__func__, 1);
	struct wpp_ptes t;

	(void)state;
	for (p.step = 0; p.step < 300; p.step++) {
		int err = 0;

		assert_int_equal(wpp_ptes_init(&t, mem, sizeof(mem), p.step), 0);
		t.max = UINT64_MAX;
		while (!err) {
			struct wpp_pte pte = pte_at(prop_below(&p, 1ull << VPN_BITS) * PAGE);

			wpp_memcpy(before, mem, sizeof(mem));
			err = wpp_ptes_add(&t, &pte);
		}
		prop_assert(&p, err == WPP_ENOSPC);
		prop_assert(&p, wpp_memcmp(before, mem, sizeof(mem)) == 0);
		prop_assert(&p, wpp_ptes_count(&t) > wpp_ptes_max(sizeof(mem)));
		check_places(&t);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(full_in_order),
		cmocka_unit_test(full_with_the_thesis_worst_case),
		cmocka_unit_test(full_thesis_section),
		cmocka_unit_test(failed_insert_moves_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
