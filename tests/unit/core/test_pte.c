/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <wpp/pte.h>

#include "prop.h"

#ifdef WPP_TEST_SMALL
#define SCALE 8
#else
#define SCALE 1
#endif
#define PAGE 4096ull
#define MIB2 (512 * PAGE)
#define GIB  (512 * MIB2)

struct table {
	struct wpp_ptes t;
	size_t bytes;
	void *mem;
};

static struct table *table_new(size_t buckets)
{
	struct table *tab = malloc(sizeof(*tab));

	tab->bytes = buckets * 64;
	tab->mem = aligned_alloc(64, tab->bytes);
	memset(tab->mem, 0xa5, tab->bytes);
	assert_int_equal(wpp_ptes_init(&tab->t, tab->mem, tab->bytes, 99), 0);
	return tab;
}

static void table_free(struct table *tab)
{
	free(tab->mem);
	free(tab);
}

static int add(struct wpp_ptes *t, uint64_t va, uint64_t pa, uint32_t size)
{
	struct wpp_pte pte = { .va = va, .pa = pa, .size = size };

	return wpp_ptes_add(t, &pte);
}

static void expect(const struct wpp_ptes *t, uint64_t addr, uint64_t va, uint64_t pa, uint32_t size)
{
	struct wpp_pte pte;

	assert_int_equal(wpp_ptes_find(t, addr, &pte), 0);
	assert_int_equal(pte.va, va);
	assert_int_equal(pte.pa, pa);
	assert_int_equal(pte.size, size);
}

static void keeps_every_bit(void **state)
{
	struct table *tab = table_new(4);
	struct wpp_pte in = { .va = (1ull << 57) - PAGE, .pa = (1ull << 52) - PAGE, .flags = 0xff };
	struct wpp_pte out;

	(void)state;
	for (int bit = 12; bit < 57; bit++) {
		in.va = 1ull << bit;
		in.pa = bit < 52 ? 1ull << bit : (1ull << 52) - PAGE;
		in.flags = 1u << bit % 8;
		assert_int_equal(wpp_ptes_add(&tab->t, &in), 0);
		assert_int_equal(wpp_ptes_find(&tab->t, in.va + 4095, &out), 0);
		assert_int_equal(out.va, in.va);
		assert_int_equal(out.pa, in.pa);
		assert_int_equal(out.size, in.size);
		assert_int_equal(out.flags, in.flags);
		assert_int_equal(wpp_ptes_remove(&tab->t, in.va, in.pa), 0);
	}
	table_free(tab);
}

static void pairs_are_removed_as_pairs(void **state)
{
	struct table *tab = table_new(16);

	(void)state;
	assert_int_equal(add(&tab->t, PAGE, 7 * PAGE, 0), 0);
	assert_int_equal(add(&tab->t, PAGE, 9 * PAGE, 0), 0); /* replaced, as by copy on write */
	assert_int_equal(wpp_ptes_count(&tab->t), 1);
	assert_int_equal(wpp_ptes_remove(&tab->t, PAGE, 7 * PAGE), WPP_ENOENT);
	assert_int_equal(wpp_ptes_remove(&tab->t, 2 * PAGE, 9 * PAGE), WPP_ENOENT);
	assert_int_equal(wpp_ptes_remove(&tab->t, PAGE + 1, 9 * PAGE), WPP_ENOENT);
	assert_int_equal(wpp_ptes_remove(&tab->t, UINT64_MAX, 9 * PAGE), WPP_ENOENT);
	expect(&tab->t, PAGE, PAGE, 9 * PAGE, 0);
	assert_int_equal(wpp_ptes_remove(&tab->t, PAGE, 9 * PAGE), 0);
	assert_int_equal(wpp_ptes_count(&tab->t), 0);
	table_free(tab);
}

static void huge_pages_are_one_entry(void **state)
{
	struct table *tab = table_new(600);

	(void)state;
	assert_int_equal(add(&tab->t, 4 * GIB, 8 * GIB, WPP_PTE_1G), 0);
	assert_int_equal(add(&tab->t, 2 * MIB2, 6 * MIB2, WPP_PTE_2M), 0);
	assert_int_equal(wpp_ptes_count(&tab->t), 2);
	expect(&tab->t, 5 * GIB - 1, 4 * GIB, 8 * GIB, WPP_PTE_1G);
	expect(&tab->t, 2 * MIB2 + 12345, 2 * MIB2, 6 * MIB2, WPP_PTE_2M);
	assert_int_equal(add(&tab->t, 2 * MIB2 + PAGE, PAGE, WPP_PTE_4K), WPP_EEXIST);
	assert_int_equal(add(&tab->t, 4 * GIB, 0, WPP_PTE_2M), WPP_EEXIST);
	assert_int_equal(add(&tab->t, 0, 0, WPP_PTE_1G), WPP_EEXIST);
	assert_int_equal(add(&tab->t, 5 * GIB + PAGE, 0, WPP_PTE_4K), 0);
	assert_int_equal(add(&tab->t, 5 * GIB, 0, WPP_PTE_2M), WPP_EEXIST);
	assert_int_equal(add(&tab->t, 5 * GIB, 0, WPP_PTE_1G), WPP_EEXIST);
	assert_int_equal(wpp_ptes_count(&tab->t), 3);
	table_free(tab);
}

static void part_of_a_huge_page_goes(void **state)
{
	struct table *tab = table_new(600);
	struct wpp_pte pte;

	(void)state;
	assert_int_equal(add(&tab->t, GIB, 3 * GIB, WPP_PTE_1G), 0);
	assert_int_equal(wpp_ptes_remove_range(&tab->t, GIB + MIB2 + 2 * PAGE, PAGE), 0);
	assert_int_equal(wpp_ptes_count(&tab->t), 511 + 511);
	expect(&tab->t, GIB, GIB, 3 * GIB, WPP_PTE_2M);
	expect(&tab->t, GIB + MIB2 + PAGE, GIB + MIB2 + PAGE, 3 * GIB + MIB2 + PAGE, WPP_PTE_4K);
	expect(&tab->t, GIB + MIB2 + 3 * PAGE, GIB + MIB2 + 3 * PAGE, 3 * GIB + MIB2 + 3 * PAGE,
	       WPP_PTE_4K);
	expect(&tab->t, 2 * GIB - 1, 2 * GIB - MIB2, 4 * GIB - MIB2, WPP_PTE_2M);
	assert_int_equal(wpp_ptes_find(&tab->t, GIB + MIB2 + 2 * PAGE, &pte), WPP_ENOENT);
	assert_int_equal(wpp_ptes_remove_range(&tab->t, 0, 1ull << 57), 0);
	assert_int_equal(wpp_ptes_count(&tab->t), 0);
	table_free(tab);
}

static void split_without_room_changes_nothing(void **state)
{
	struct table *tab = table_new(128); /* 560 entries: room for one split, not for two */
	struct wpp_pte pte;

	(void)state;
	assert_int_equal(add(&tab->t, 0, 0, WPP_PTE_2M), 0);
	assert_int_equal(add(&tab->t, MIB2, 8 * MIB2, WPP_PTE_2M), 0);
	assert_int_equal(wpp_ptes_remove_range(&tab->t, MIB2 - PAGE, 2 * PAGE), WPP_ENOSPC);
	assert_int_equal(wpp_ptes_count(&tab->t), 2);
	expect(&tab->t, MIB2 - 1, 0, 0, WPP_PTE_2M);
	expect(&tab->t, MIB2, MIB2, 8 * MIB2, WPP_PTE_2M);
	assert_int_equal(wpp_ptes_remove_range(&tab->t, MIB2 - PAGE, PAGE), 0);
	assert_int_equal(wpp_ptes_count(&tab->t), 512);
	assert_int_equal(wpp_ptes_find(&tab->t, MIB2 - 1, &pte), WPP_ENOENT);
	table_free(tab);
}

static void refuses_the_impossible(void **state)
{
	static const struct wpp_pte bad[] = {
		{ .va = 1 },
		{ .pa = 1 },
		{ .va = 1ull << 57 },
		{ .va = 0 - PAGE },
		{ .pa = 1ull << 52 },
		{ .size = 3 },
		{ .size = UINT32_MAX },
		{ .flags = 256 },
		{ .va = PAGE, .size = WPP_PTE_2M },
		{ .pa = PAGE, .size = WPP_PTE_2M },
		{ .va = MIB2, .size = WPP_PTE_1G },
	};
	static const uint64_t ranges[][2] = {
		{ 0, 0 },
		{ 1, PAGE },
		{ PAGE, 1 },
		{ PAGE, 0 - PAGE },
		{ 0 - PAGE, PAGE },
		{ 0 - PAGE, 2 * PAGE },
		{ PAGE, 1ull << 57 },
		{ 0, (1ull << 57) + PAGE },
		{ 1ull << 57, PAGE },
	};
	struct table *tab = table_new(16);
	struct wpp_ptes t;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(wpp_ptes_add(&tab->t, &bad[i]), WPP_EINVAL);
	for (size_t i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++) {
		assert_int_equal(wpp_ptes_remove_range(&tab->t, ranges[i][0], ranges[i][1]),
				 WPP_EINVAL);
	}
	assert_int_equal(wpp_ptes_init(&t, tab->mem, 64, 0), WPP_EINVAL);
	assert_int_equal(wpp_ptes_init(&t, (char *)tab->mem + 8, 256, 0), WPP_EINVAL);
	table_free(tab);
}

static void sorted_by_either_address(void **state)
{
	struct prop p = prop_begin(__func__, 3);
	struct table *tab = table_new(2048);
	static struct wpp_pte out[5000];
	uint64_t nr;

	(void)state;
	for (p.step = 0; p.step < 5000; p.step++)
		prop_assert(&p, !add(&tab->t, p.step * 7919 % 5000 * PAGE,
				     p.step * 104729 % 5000 * PAGE, 0));
	assert_int_equal(wpp_ptes_sorted(&tab->t, WPP_PTE_BY_VA, out, 4999, &nr), WPP_ENOSPC);
	assert_int_equal(wpp_ptes_sorted(&tab->t, WPP_PTE_BY_VA, out, 5000, &nr), 0);
	assert_int_equal(nr, 5000);
	for (uint64_t i = 0; i < nr; i++)
		assert_int_equal(out[i].va, i * PAGE);
	assert_int_equal(wpp_ptes_sorted(&tab->t, WPP_PTE_BY_PA, out, 5000, &nr), 0);
	for (uint64_t i = 0; i < nr; i++)
		assert_int_equal(out[i].pa, i * PAGE);
	table_free(tab);
}

/* ---- The model: an array of pages ------------------------------------------------------- */

struct page {
	uint64_t pa;
	bool present;
	uint8_t size;
	uint8_t flags;
};

struct model {
	uint64_t base;
	uint32_t nr; /* pages */
	uint64_t max;
	uint64_t count;
	uint64_t refused; /* for want of room */
	struct page *page;
};

static uint32_t pages_of(uint32_t size)
{
	return 1u << 9 * size;
}

/* Does an entry begin at this page? */
static bool begins(const struct model *m, uint32_t i)
{
	return m->page[i].present && i % pages_of(m->page[i].size) == 0;
}

static int model_add(struct model *m, uint32_t page, const struct wpp_pte *pte)
{
	uint32_t nr = pages_of(pte->size);
	bool there = m->page[page].present;

	for (uint32_t i = page; i < page + nr; i++) {
		if (m->page[i].present && m->page[i].size != pte->size)
			return WPP_EEXIST;
	}
	if (!there && m->count >= m->max)
		return WPP_ENOSPC;
	m->count += !there;
	for (uint32_t i = 0; i < nr; i++) {
		m->page[page + i] = (struct page){ .pa = pte->pa + i * PAGE,
						   .present = true,
						   .size = (uint8_t)pte->size,
						   .flags = (uint8_t)pte->flags };
	}
	return 0;
}

static int model_remove(struct model *m, uint32_t page, uint64_t pa)
{
	if (!begins(m, page) || m->page[page].pa != pa)
		return WPP_ENOENT;
	memset(&m->page[page], 0, pages_of(m->page[page].size) * sizeof(m->page[0]));
	m->count--;
	return 0;
}

/*
 * What stays of the huge page around @at, in [from, to), as the largest pages;
 * returns how many. Only counts unless @apply.
 */
static uint32_t model_parts(struct model *m, uint32_t from, uint32_t to, uint32_t old, bool apply)
{
	uint32_t parts = 0;

	for (uint32_t i = from, nr; i < to; i += nr) {
		uint8_t size = old == WPP_PTE_1G && i % 512 == 0 && to - i >= 512;

		nr = pages_of(size);
		parts++;
		for (uint32_t j = i; apply && j < i + nr; j++)
			m->page[j].size = size;
	}
	return parts;
}

static int model_remove_range(struct model *m, uint32_t page, uint32_t nr)
{
	uint32_t end = page + nr, from = page, to = end;
	uint32_t size_from = m->page[page].size, size_to = m->page[end - 1].size;
	uint32_t parts;

	if (m->page[page].present)
		from -= page % pages_of(size_from);
	if (m->page[end - 1].present && end % pages_of(size_to))
		to += pages_of(size_to) - end % pages_of(size_to);
	parts = model_parts(m, from, page, size_from, false) +
		model_parts(m, end, to, size_to, false);
	if (m->count + parts > m->max)
		return WPP_ENOSPC;
	for (uint32_t i = from; i < end; i++)
		m->count -= begins(m, i);
	m->count += parts;
	model_parts(m, from, page, size_from, true);
	model_parts(m, end, to, size_to, true);
	memset(&m->page[page], 0, nr * sizeof(m->page[0]));
	return 0;
}

static void compare_page(struct prop *p, const struct model *m, const struct wpp_ptes *t,
			 uint32_t i)
{
	const struct page *want = &m->page[i];
	uint64_t va = m->base + i * PAGE;
	struct wpp_pte pte;
	int err = wpp_ptes_find(t, va + 77, &pte);

	prop_assert(p, (err == 0) == want->present);
	if (err)
		return;
	prop_assert(p, pte.size == want->size && pte.flags == want->flags);
	prop_assert(p, pte.pa + (va - pte.va) == want->pa);
}

static void compare_all(struct prop *p, const struct model *m, const struct wpp_ptes *t)
{
	struct wpp_pte pte;
	uint64_t pos = 0, count = 0;

	prop_assert(p, wpp_ptes_count(t) == m->count);
	for (uint32_t i = 0; i < m->nr; i++)
		compare_page(p, m, t, i);
	while (!wpp_ptes_next(t, &pos, &pte)) {
		prop_assert(p, begins(m, (uint32_t)((pte.va - m->base) / PAGE)));
		count++;
	}
	prop_assert(p, count == m->count);
}

static void random_step(struct prop *p, struct model *m, struct wpp_ptes *t, uint32_t sizes)
{
	uint32_t size = prop_below(p, 6) ? 0 : (uint32_t)prop_below(p, sizes);
	uint32_t page = (uint32_t)prop_below(p, m->nr) & ~(pages_of(size) - 1);
	uint32_t len = 1 + (uint32_t)prop_below(p, prop_below(p, 32) ? 12 : m->nr);
	struct wpp_pte pte = { .va = m->base + page * PAGE,
			       .size = size,
			       .pa = prop_below(p, 1u << 20) * PAGE << 9 * size,
			       .flags = (uint32_t)prop_below(p, 256) };
	int want, got;

	switch (prop_below(p, 8)) {
	case 0:
		len = len < m->nr - page ? len : m->nr - page;
		want = model_remove_range(m, page, len);
		got = wpp_ptes_remove_range(t, pte.va, len * PAGE);
		break;
	case 1:
	case 2:
		if (prop_below(p, 4))
			pte.pa = m->page[page].pa;
		want = model_remove(m, page, pte.pa);
		got = wpp_ptes_remove(t, pte.va, pte.pa);
		break;
	default:
		want = model_add(m, page, &pte);
		got = wpp_ptes_add(t, &pte);
		break;
	}
	prop_assert(p, got == want);
	m->refused += want == WPP_ENOSPC;
	compare_page(p, m, t, page);
	compare_page(p, m, t, (uint32_t)prop_below(p, m->nr));
}

static uint64_t against_model(uint64_t seed, uint32_t nr, uint32_t sizes, size_t buckets,
			      uint64_t steps)
{
	struct prop p = prop_begin(__func__, seed);
	struct table *tab = table_new(buckets);
	struct model m = { .base = (1ull << 57) - nr * PAGE,
			   .nr = nr,
			   .max = wpp_ptes_max(buckets * 64) };

	m.page = calloc(nr, sizeof(m.page[0]));
	steps /= SCALE;
	for (p.step = 0; p.step < steps; p.step++) {
		random_step(&p, &m, &tab->t, sizes);
		if (p.step % (steps / 16 + 1) == 0)
			compare_all(&p, &m, &tab->t);
	}
	compare_all(&p, &m, &tab->t);
	free(m.page);
	table_free(tab);
	return m.refused;
}

static void random_calls_match_the_model(void **state)
{
	(void)state;
	assert_int_equal(against_model(1, 4096, 1, 2048, 500000), 0);
	assert_true(against_model(2, 4096, 1, 64, 500000) > 1000 / SCALE);
	assert_int_equal(against_model(3, 8192, 2, 1 << 14, 20000), 0);
	/* Splits without room, too. */
	assert_true(against_model(4, 8192, 2, 256, 20000) > 100 / SCALE);
	assert_int_equal(against_model(5, 1 << 19, 3, 1 << 17, 400), 0);
	(void)against_model(6, 1 << 19, 3, 64, 400);
}

/* Somebody scribbles over the lent memory (I6): wrong answers, but no harm and no hang. */
static void scribbled_memory_is_harmless(void **state)
{
	struct prop p = prop_begin(__func__, 7);
	struct table *tab = table_new(64);
	struct wpp_pte pte;

	(void)state;
	for (p.step = 0; p.step < 100000; p.step++) {
		uint64_t va = prop_below(&p, 400) * PAGE, pos = 0;

		((uint8_t *)tab->mem)[prop_below(&p, tab->bytes)] = (uint8_t)prop_u64(&p);
		(void)!add(&tab->t, va, va, 0);
		(void)!wpp_ptes_remove(&tab->t, prop_below(&p, 400) * PAGE, va);
		if (p.step % 64 == 0) {
			(void)!add(&tab->t, 0, 0, WPP_PTE_2M);
			(void)!wpp_ptes_remove_range(&tab->t, va, 40 * PAGE);
			while (!wpp_ptes_next(&tab->t, &pos, &pte))
				prop_assert(&p, pte.size < WPP_PTE_SIZES);
		}
	}
	table_free(tab);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keeps_every_bit),
		cmocka_unit_test(pairs_are_removed_as_pairs),
		cmocka_unit_test(huge_pages_are_one_entry),
		cmocka_unit_test(part_of_a_huge_page_goes),
		cmocka_unit_test(split_without_room_changes_nothing),
		cmocka_unit_test(refuses_the_impossible),
		cmocka_unit_test(sorted_by_either_address),
		cmocka_unit_test(random_calls_match_the_model),
		cmocka_unit_test(scribbled_memory_is_harmless),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
