/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <wpp/region.h>

#include "prop.h"

#ifdef WPP_TEST_SMALL
#define SCALE 8
#else
#define SCALE 1
#endif
#define PAGE	  4096ull
#define MODEL_MAX 64 /* pages of the model's address space */

struct table {
	struct wpp_regions t;
	void *mem;
};

static struct table *table_new(uint32_t nr_max, uint32_t path_bytes)
{
	struct table *tab = malloc(sizeof(*tab));
	uint64_t bytes = wpp_regions_bytes(nr_max, path_bytes);

	tab->mem = malloc((size_t)bytes);
	memset(tab->mem, 0xa5, (size_t)bytes);
	assert_int_equal(wpp_regions_init(&tab->t, tab->mem, (size_t)bytes, nr_max, 7), 0);
	return tab;
}

static void table_free(struct table *tab)
{
	free(tab->mem);
	free(tab);
}

static struct wpp_region region(uint64_t start, uint64_t len, uint32_t prot)
{
	return (struct wpp_region){ .start = start, .len = len, .prot = prot, .file_off = 0 };
}

static void expect(const struct wpp_regions *t, uint64_t pos, uint64_t start, uint64_t len,
		   uint64_t off)
{
	struct wpp_region r;

	assert_int_equal(wpp_regions_find(t, pos, &r), 0);
	assert_int_equal(r.start, start);
	assert_int_equal(r.len, len);
	assert_int_equal(r.file_off, off);
}

static void keeps_what_it_was_given(void **state)
{
	struct table *tab = table_new(4, 0);
	struct wpp_region in = { .path = "/usr/lib/libc.so.6",
				 .start = 0x7f0000000000,
				 .len = 8 * PAGE,
				 .prot = 5,
				 .space = 3,
				 .flags = 0x8000000000000002ull,
				 .file_off = 9 * PAGE,
				 .file = { 1, 2, 3, 4 },
				 .cookie = 77 };
	struct wpp_region out;
	char path[] = "/usr/lib/libc.so.6";

	(void)state;
	in.path = path;
	assert_int_equal(wpp_regions_add(&tab->t, &in), 0);
	path[0] = 'x';
	assert_int_equal(wpp_regions_find(&tab->t, in.start + in.len - 1, &out), 0);
	assert_string_equal(out.path, "/usr/lib/libc.so.6");
	assert_int_equal(out.start, in.start);
	assert_int_equal(out.len, in.len);
	assert_int_equal(out.prot, in.prot);
	assert_int_equal(out.space, in.space);
	assert_int_equal(out.flags, in.flags);
	assert_int_equal(out.file_off, in.file_off);
	assert_memory_equal(&out.file, &in.file, sizeof(in.file));
	assert_int_equal(out.cookie, in.cookie);
	assert_int_equal(wpp_regions_find(&tab->t, in.start + in.len, &out), WPP_ENOENT);
	assert_int_equal(wpp_regions_find(&tab->t, in.start - 1, &out), WPP_ENOENT);
	table_free(tab);
}

static void splits_and_trims(void **state)
{
	struct table *tab = table_new(4, 0);
	struct wpp_region r = {
		.path = "/f", .start = 16 * PAGE, .len = 16 * PAGE, .file_off = PAGE
	};

	(void)state;
	assert_int_equal(wpp_regions_add(&tab->t, &r), 0);
	assert_int_equal(wpp_regions_remove(&tab->t, 20 * PAGE, 2 * PAGE), 0);
	assert_int_equal(wpp_regions_count(&tab->t), 2);
	expect(&tab->t, 16 * PAGE, 16 * PAGE, 4 * PAGE, PAGE);
	expect(&tab->t, 22 * PAGE, 22 * PAGE, 10 * PAGE, 7 * PAGE);
	assert_int_equal(wpp_regions_remove(&tab->t, 0, 17 * PAGE), 0);
	expect(&tab->t, 17 * PAGE, 17 * PAGE, 3 * PAGE, 2 * PAGE);
	assert_int_equal(wpp_regions_remove(&tab->t, 31 * PAGE, 100 * PAGE), 0);
	expect(&tab->t, 22 * PAGE, 22 * PAGE, 9 * PAGE, 7 * PAGE);
	table_free(tab);
}

static void protection_splits_and_joins(void **state)
{
	struct table *tab = table_new(3, 0);
	struct wpp_region r = region(PAGE, 9 * PAGE, 3);

	(void)state;
	assert_int_equal(wpp_regions_add(&tab->t, &r), 0);
	assert_int_equal(wpp_regions_protect(&tab->t, 4 * PAGE, 3 * PAGE, 1), 0);
	assert_int_equal(wpp_regions_count(&tab->t), 3);
	expect(&tab->t, 4 * PAGE, 4 * PAGE, 3 * PAGE, 3 * PAGE);
	/* Full, but the border only moves. */
	assert_int_equal(wpp_regions_protect(&tab->t, 3 * PAGE, PAGE, 1), 0);
	expect(&tab->t, 4 * PAGE, 3 * PAGE, 4 * PAGE, 2 * PAGE);
	assert_int_equal(wpp_regions_protect(&tab->t, 5 * PAGE, PAGE, 7), WPP_ENOSPC);
	assert_int_equal(wpp_regions_protect(&tab->t, 5 * PAGE, 20 * PAGE, 7), WPP_ENOENT);
	assert_int_equal(wpp_regions_protect(&tab->t, 0, 2 * PAGE, 7), WPP_ENOENT);
	expect(&tab->t, 5 * PAGE, 3 * PAGE, 4 * PAGE, 2 * PAGE);
	assert_int_equal(wpp_regions_protect(&tab->t, PAGE, 9 * PAGE, 3), 0);
	assert_int_equal(wpp_regions_count(&tab->t), 1);
	table_free(tab);
}

static void the_top_of_the_address_space(void **state)
{
	struct table *tab = table_new(4, 0);
	struct wpp_region top = region(0 - 4 * PAGE, 4 * PAGE, 1);
	struct wpp_region low = region(0, PAGE, 1);
	struct wpp_region r;
	uint64_t pos = 0;

	(void)state;
	low.file_off = 4 * PAGE; /* would continue @top if addresses wrapped */
	assert_int_equal(wpp_regions_add(&tab->t, &top), 0);
	assert_int_equal(wpp_regions_add(&tab->t, &low), 0);
	assert_int_equal(wpp_regions_count(&tab->t), 2);
	assert_int_equal(wpp_regions_next(&tab->t, &pos, &r), 0);
	assert_int_equal(wpp_regions_next(&tab->t, &pos, &r), 0);
	assert_int_equal(r.start, top.start);
	assert_int_equal(wpp_regions_next(&tab->t, &pos, &r), WPP_ENOENT);
	assert_int_equal(wpp_regions_protect(&tab->t, 0 - PAGE, PAGE, 3), 0);
	expect(&tab->t, UINT64_MAX, 0 - PAGE, PAGE, 3 * PAGE);
	assert_int_equal(wpp_regions_remove(&tab->t, 0 - 2 * PAGE, 2 * PAGE), 0);
	expect(&tab->t, 0 - 3 * PAGE, 0 - 4 * PAGE, 2 * PAGE, 0);
	table_free(tab);
}

static void refuses_impossible_ranges(void **state)
{
	static const uint64_t bad[][2] = {
		{ 0, 0 },
		{ 1, PAGE },
		{ PAGE, 1 },
		{ 0 - PAGE, 2 * PAGE },
		{ PAGE, 0 - PAGE + 0x10 },
		{ 2 * PAGE, 0 - PAGE },
	};
	struct table *tab = table_new(4, 0);
	struct wpp_region wrap = region(PAGE, 2 * PAGE, 0);

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct wpp_region r = region(bad[i][0], bad[i][1], 0);

		assert_int_equal(wpp_regions_add(&tab->t, &r), WPP_EINVAL);
		assert_int_equal(wpp_regions_remove(&tab->t, r.start, r.len), WPP_EINVAL);
		assert_int_equal(wpp_regions_protect(&tab->t, r.start, r.len, 1), WPP_EINVAL);
	}
	wrap.file_off = 0 - PAGE;
	assert_int_equal(wpp_regions_add(&tab->t, &wrap), WPP_EINVAL);
	assert_int_equal(wpp_regions_count(&tab->t), 0);
	table_free(tab);
}

static void refuses_bad_memory(void **state)
{
	static uint64_t mem[8192];
	struct wpp_regions t;

	(void)state;
	assert_int_equal(wpp_regions_init(&t, mem, sizeof(mem), 0, 0), WPP_EINVAL);
	assert_int_equal(wpp_regions_init(&t, mem, sizeof(mem), (1u << 24) + 1, 0), WPP_EINVAL);
	assert_int_equal(wpp_regions_init(&t, (char *)mem + 4, sizeof(mem) - 8, 1, 0), WPP_EINVAL);
	assert_int_equal(wpp_regions_init(&t, mem, sizeof(mem), 1000, 0), WPP_ENOMEM);
	assert_int_equal(wpp_regions_init(&t, mem, sizeof(mem), 10, 0), 0);
	assert_int_equal(wpp_regions_bytes(0, 0), 0);
	assert_int_equal(wpp_regions_bytes(1, UINT32_MAX), 0);
}

/* One of 400 paths, of 1 to 4095 bytes. */
static const char *path_of(uint32_t i)
{
	static char path[4096];
	uint32_t len = 1 + i * 2654435761u % 4095;

	memset(path, 'a' + (int)(i % 26), len);
	path[0] = (char)('a' + (int)(i / 26));
	path[len] = 0;
	return path;
}

/* Paths are shared and reclaimed; what does not fit is refused without a change. */
static void paths_come_and_go(void **state)
{
	enum { REGIONS = 100, PATHS = 400 };
	struct prop p = prop_begin(__func__, 8);
	struct table *tab = table_new(REGIONS, 60000);
	uint32_t path[REGIONS] = { 0 }, refused = 0;
	struct wpp_region r;

	(void)state;
	for (p.step = 0; p.step < 100000 / SCALE; p.step++) {
		uint32_t i = (uint32_t)prop_below(&p, REGIONS), n = (uint32_t)prop_below(&p, PATHS);
		int err;

		r = region(2 * i * PAGE, PAGE, 0);
		assert_int_equal(wpp_regions_remove(&tab->t, r.start, PAGE), 0);
		r.path = path_of(n);
		err = wpp_regions_add(&tab->t, &r);
		path[i] = err ? 0 : n + 1;
		prop_assert(&p, !err || err == WPP_ENOSPC);
		refused += err != 0;
		i = (uint32_t)prop_below(&p, REGIONS);
		err = wpp_regions_find(&tab->t, 2 * i * PAGE, &r);
		prop_assert(&p, !err == (path[i] != 0));
		prop_assert(&p, err || !strcmp(r.path, path_of(path[i] - 1)));
	}
	assert_true(refused > 1000 / SCALE);
	assert_int_equal(wpp_regions_remove(&tab->t, 0, 2 * REGIONS * PAGE), 0);
	for (uint32_t i = 0; i < 14; i++) { /* all of the room is there again */
		char longest[WPP_REGION_PATH_MAX] = { 0 };

		memset(longest, 'a' + (int)i, sizeof(longest) - 1);
		r = region(i * PAGE, PAGE, i);
		r.path = longest;
		assert_int_equal(wpp_regions_add(&tab->t, &r), 0);
	}
	table_free(tab);
}

static void refuses_long_paths(void **state)
{
	struct table *tab = table_new(4, 0);
	struct wpp_region r = region(0, PAGE, 0);
	static char path[4097];

	(void)state;
	memset(path, 'p', 4096);
	r.path = path;
	assert_int_equal(wpp_regions_add(&tab->t, &r), WPP_EINVAL);
	path[4095] = 0;
	assert_int_equal(wpp_regions_add(&tab->t, &r), 0);
	table_free(tab);
}

/* Linux allows 65530 regions; they fit the thesis' section of 48 MiB with real paths. */
static void thesis_section_holds_every_region_of_linux(void **state)
{
	enum { NR = 65530, BYTES = 48 << 20 };
	void *mem = malloc(BYTES);
	struct wpp_regions t;
	struct wpp_region r = { 0 };
	uint64_t pos = 0, n = 0;
	char path[600];

	(void)state;
	assert_int_equal(wpp_regions_init(&t, mem, BYTES, NR, 1), 0);
	memset(path, '/', sizeof(path));
	r.path = path;
	r.len = PAGE;
	for (uint64_t i = 0; i < NR; i++) {
		uint64_t where = i * 40503 % NR; /* 40503 is coprime: each place once, scattered */

		snprintf(path + 560, 40, "%u", (unsigned int)where);
		r.start = where * 2 * PAGE;
		assert_int_equal(wpp_regions_add(&t, &r), 0);
	}
	r.start = NR * 2 * PAGE;
	assert_int_equal(wpp_regions_add(&t, &r), WPP_ENOSPC);
	while (!wpp_regions_next(&t, &pos, &r)) {
		assert_int_equal(r.start, n * 2 * PAGE);
		assert_int_equal(strtoul(r.path + 560, NULL, 10), n++);
	}
	assert_int_equal(n, NR);
	for (uint64_t i = 0; i < NR; i++)
		assert_int_equal(wpp_regions_remove(&t, i * 40503 % NR * 2 * PAGE, PAGE), 0);
	assert_int_equal(wpp_regions_count(&t), 0);
	free(mem);
}

/* ---- The model: an array of pages ------------------------------------------------------- */

struct page {
	bool mapped;
	uint8_t kind; /* path, file, space, flags and cookie */
	uint8_t prot;
	uint8_t off; /* in pages */
};

struct model {
	uint64_t base;
	uint32_t nr_max;
	struct page page[MODEL_MAX];
};

static const char *const kind_path[] = { NULL, "/a", "/a", "/b" };

static struct wpp_region model_region(const struct model *m, uint32_t page, uint32_t nr)
{
	const struct page *p = &m->page[page];
	struct wpp_region r = { .path = kind_path[p->kind],
				.start = m->base + page * PAGE,
				.len = nr * PAGE,
				.prot = p->prot,
				.space = 2u + (p->kind == 3),
				.file_off = p->off * PAGE,
				.cookie = p->kind == 2 };

	r.file.ino = p->kind / 3;
	return r;
}

/* The next region at or after *page. */
static uint32_t model_next(const struct model *m, uint32_t *page)
{
	const struct page *p = m->page;
	uint32_t i = *page, end;

	while (i < MODEL_MAX && !p[i].mapped)
		i++;
	*page = i;
	for (end = i + 1; end < MODEL_MAX; end++) {
		if (!p[end].mapped || p[end].kind != p[i].kind || p[end].prot != p[i].prot ||
		    p[end].off != p[end - 1].off + 1)
			break;
	}
	return i < MODEL_MAX ? end - i : 0;
}

static uint32_t model_count(const struct model *m)
{
	uint32_t count = 0, page = 0, nr;

	while ((nr = model_next(m, &page)) != 0) {
		page += nr;
		count++;
	}
	return count;
}

/* Is there a page whose being mapped is @mapped in the range? */
static bool model_has(const struct model *m, uint32_t page, uint32_t nr, bool mapped)
{
	for (uint32_t i = page; i < page + nr; i++) {
		if (m->page[i].mapped == mapped)
			return true;
	}
	return false;
}

static int model_add(struct model *m, uint32_t page, uint32_t nr, struct page first)
{
	if (model_has(m, page, nr, true))
		return WPP_EEXIST;
	for (uint32_t i = 0; i < nr; i++) {
		m->page[page + i] = first;
		m->page[page + i].off = (uint8_t)(first.off + i);
	}
	return 0;
}

static int model_remove(struct model *m, uint32_t page, uint32_t nr)
{
	memset(&m->page[page], 0, nr * sizeof(m->page[0]));
	return 0;
}

static int model_protect(struct model *m, uint32_t page, uint32_t nr, uint8_t prot)
{
	if (model_has(m, page, nr, false))
		return WPP_ENOENT;
	for (uint32_t i = 0; i < nr; i++)
		m->page[page + i].prot = prot;
	return 0;
}

static bool same(const struct wpp_region *a, const struct wpp_region *b)
{
	bool path = a->path && b->path ? !strcmp(a->path, b->path) : a->path == b->path;

	return path && a->start == b->start && a->len == b->len && a->prot == b->prot &&
	       a->space == b->space && a->flags == b->flags && a->file_off == b->file_off &&
	       !memcmp(&a->file, &b->file, sizeof(a->file)) && a->cookie == b->cookie;
}

static void compare(struct prop *p, const struct model *m, const struct wpp_regions *t)
{
	uint32_t page = 0, nr;
	struct wpp_region r;
	uint64_t pos = 0;

	while ((nr = model_next(m, &page)) != 0) {
		struct wpp_region want = model_region(m, page, nr);

		prop_assert(p, wpp_regions_next(t, &pos, &r) == 0);
		prop_assert(p, same(&r, &want));
		page += nr;
	}
	prop_assert(p, wpp_regions_next(t, &pos, &r) == WPP_ENOENT);
	page = (uint32_t)prop_below(p, MODEL_MAX);
	prop_assert(p, (wpp_regions_find(t, m->base + page * PAGE + 5, &r) == 0) ==
			       m->page[page].mapped);
}

static void random_step(struct prop *p, struct model *m, struct wpp_regions *t)
{
	uint32_t page = (uint32_t)prop_below(p, MODEL_MAX);
	uint32_t nr = 1 + (uint32_t)prop_below(p, MODEL_MAX - page);
	struct page first = { .mapped = true,
			      .kind = (uint8_t)prop_below(p, 4),
			      .prot = (uint8_t)prop_below(p, 3) };
	uint64_t start = m->base + page * PAGE;
	struct model old = *m;
	int want, got;

	first.off = prop_below(p, 4) ? (uint8_t)page : (uint8_t)prop_below(p, 100);
	nr = prop_below(p, 4) ? 1 + nr % 6 : nr;
	nr = nr < MODEL_MAX - page ? nr : MODEL_MAX - page;
	switch (prop_below(p, 5)) {
	case 0:
	case 1: {
		struct model tmp = { .base = m->base };
		struct wpp_region r;

		tmp.page[page] = first;
		r = model_region(&tmp, page, nr);
		want = model_add(m, page, nr, first);
		got = wpp_regions_add(t, &r);
		break;
	}
	case 2:
		want = model_remove(m, page, nr);
		got = wpp_regions_remove(t, start, nr * PAGE);
		break;
	default:
		want = model_protect(m, page, nr, first.prot);
		got = wpp_regions_protect(t, start, nr * PAGE, first.prot);
		break;
	}
	if (!want && model_count(m) > m->nr_max) {
		*m = old;
		want = WPP_ENOSPC;
	}
	prop_assert(p, got == want);
}

static void against_model(uint64_t seed, uint64_t base, uint32_t nr_max, uint64_t steps)
{
	struct prop p = prop_begin(__func__, seed);
	struct table *tab = table_new(nr_max, 0);
	struct model m = { .base = base, .nr_max = nr_max };

	for (p.step = 0; p.step < steps / SCALE; p.step++) {
		random_step(&p, &m, &tab->t);
		compare(&p, &m, &tab->t);
	}
	table_free(tab);
}

static void random_calls_match_the_model(void **state)
{
	(void)state;
	against_model(1, 0, MODEL_MAX, 400000);
	against_model(2, 0 - MODEL_MAX * PAGE, 12, 300000);
	against_model(3, 0x7ffff0000000, 3, 200000);
	against_model(4, PAGE, 1, 100000);
}

/* Many regions: the tree stays right where the small model can't look. */
static void big_tree_matches_a_flat_array(void **state)
{
	enum { NR = 20000 };
	struct prop p = prop_begin(__func__, 5);
	struct table *tab = table_new(NR, 0);
	static bool there[NR];
	struct wpp_region r;
	uint64_t pos = 0;

	(void)state;
	for (p.step = 0; p.step < 400000; p.step++) {
		uint64_t i = prop_below(&p, NR);

		r = region(2 * i * PAGE, PAGE, 0);
		if (prop_below(&p, 2)) {
			prop_assert(&p,
				    wpp_regions_add(&tab->t, &r) == (there[i] ? WPP_EEXIST : 0));
			there[i] = true;
		} else {
			prop_assert(&p, wpp_regions_remove(&tab->t, r.start, r.len) == 0);
			there[i] = false;
		}
	}
	for (uint64_t i = 0; i < NR; i++) {
		if (there[i])
			prop_assert(&p, !wpp_regions_next(&tab->t, &pos, &r) &&
						r.start == 2 * i * PAGE);
	}
	prop_assert(&p, wpp_regions_next(&tab->t, &pos, &r) == WPP_ENOENT);
	table_free(tab);
}

/* Somebody scribbles over the lent memory (I6): wrong answers, but no harm and no hang. */
static void scribbled_memory_is_harmless(void **state)
{
	struct prop p = prop_begin(__func__, 6);

	(void)state;
	for (p.step = 0; p.step < 2000 / SCALE; p.step++) {
		struct table *tab = table_new(24, 0);
		struct model m = { .base = 0, .nr_max = 24 };
		size_t bytes = (size_t)wpp_regions_bytes(24, 0);
		struct wpp_region r;
		uint64_t pos = 0;

		for (int i = 0; i < 300; i++) {
			uint32_t page = (uint32_t)prop_below(&p, MODEL_MAX);
			size_t at =
				prop_below(&p, 2) ? prop_below(&p, bytes) : prop_below(&p, 3200);

			if (i > 50)
				((uint8_t *)tab->mem)[at] = (uint8_t)prop_u64(&p);
			m.page[page].kind = (uint8_t)prop_below(&p, 4);
			r = model_region(&m, page, 1 + (uint32_t)prop_below(&p, 5));
			(void)!wpp_regions_add(&tab->t, &r);
			(void)!wpp_regions_protect(&tab->t, prop_below(&p, 64) * PAGE, 7 * PAGE, 1);
			if (prop_below(&p, 4) == 0)
				(void)!wpp_regions_remove(&tab->t, r.start, 3 * PAGE);
		}
		while (!wpp_regions_next(&tab->t, &pos, &r))
			assert_true(!r.path || strlen(r.path) < WPP_REGION_PATH_MAX);
		table_free(tab);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keeps_what_it_was_given),
		cmocka_unit_test(splits_and_trims),
		cmocka_unit_test(protection_splits_and_joins),
		cmocka_unit_test(the_top_of_the_address_space),
		cmocka_unit_test(refuses_impossible_ranges),
		cmocka_unit_test(refuses_bad_memory),
		cmocka_unit_test(paths_come_and_go),
		cmocka_unit_test(refuses_long_paths),
		cmocka_unit_test(thesis_section_holds_every_region_of_linux),
		cmocka_unit_test(random_calls_match_the_model),
		cmocka_unit_test(big_tree_matches_a_flat_array),
		cmocka_unit_test(scribbled_memory_is_harmless),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
