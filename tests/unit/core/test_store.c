/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The store's promises, one by one: arguments, limits, life and death of generations. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <wpp/crc32c.h>

#include <wpp/store.h>

#include "core/store_bed.h"

#define MIB (1u << 20)

/* Commit pages [first, first + nr) of space 2 with tags from @tag on; returns the error. */
static int save(struct bed *bed, const char *image, uint64_t first, uint32_t nr, uint32_t tag)
{
	struct wpp_writer *w;
	int err = wpp_writer_begin(bed->st, image, 0, &w);
	int committed;

	if (err)
		return err;
	for (uint32_t i = 0; i < nr && !err; i++) {
		uint64_t page = first + i;

		fill(bed->buf + i * 4096, tag + i);
		err = wpp_writer_put(w, 2, &page, 1, bed->buf + i * 4096);
	}
	committed = wpp_writer_commit(w, 0, NULL);
	return err ? err : committed;
}

static uint32_t count_gens(struct bed *bed)
{
	struct wpp_generation g;
	uint32_t pos = 0, nr = 0;

	while (!wpp_store_list(bed->st, &pos, &g))
		nr++;
	return nr;
}

static void assert_page(struct bed *bed, const char *image, uint64_t generation, uint64_t page,
			uint32_t tag)
{
	uint8_t *got = bed->buf + 4096 * (BED_BUF_PAGES - 1), want[4096];
	struct wpp_reader *r;
	struct wpp_run run;

	assert_int_equal(wpp_reader_open(bed->st, image, generation, &r, NULL), 0);
	assert_int_equal(wpp_reader_next(r, 2, page, 1, &run), 0);
	assert_true(run.page == page);
	assert_int_equal(wpp_reader_read(r, &run, got, NULL), 0);
	fill(want, tag);
	assert_memory_equal(got, want, 4096);
	wpp_reader_close(r);
}

static void one_page_comes_back(void **state)
{
	struct bed *bed = bed_new(MIB, 1, 0);
	struct wpp_generation g;
	uint32_t pos = 0;

	(void)state;
	assert_int_equal(save(bed, "redis", 5, 1, 1), 0);
	for (int round = 0; round < 2; round++) {
		assert_page(bed, "redis", 0, 5, 1);
		assert_page(bed, "redis", 1, 5, 1);
		bed_reopen(bed);
	}
	assert_int_equal(wpp_store_list(bed->st, &pos, &g), 0);
	assert_string_equal(g.image, "redis");
	assert_int_equal(g.generation, 1);
	assert_int_equal(g.nr_pages, 1);
	assert_int_equal(g.nr_written, 1);
	assert_int_equal(wpp_store_list(bed->st, &pos, &g), WPP_ENOENT);
	bed_free(bed);
}

static void streams_and_spaces(void **state)
{
	struct bed *bed = bed_new(MIB, 1, 0);
	struct wpp_writer *w;
	struct wpp_reader *r;
	char text[6] = "";
	uint32_t space;
	uint64_t page = 9;

	(void)state;
	assert_int_equal(wpp_writer_begin(bed->st, "a", 0, &w), 0);
	assert_int_equal(wpp_writer_stream(w, WPP_STREAM_PCB, "hello", 5), 0);
	assert_int_equal(wpp_writer_put(w, 70, &page, 1, bed->buf), 0);
	assert_int_equal(wpp_writer_stream(w, (enum wpp_stream)2, "x", 1), WPP_EINVAL);
	assert_int_equal(wpp_writer_commit(w, 0, NULL), 0);
	assert_int_equal(wpp_reader_open(bed->st, "a", 0, &r, NULL), 0);
	assert_int_equal(wpp_reader_stream_len(r, WPP_STREAM_PCB), 5);
	assert_int_equal(wpp_reader_stream_len(r, WPP_STREAM_REGIONS), 0);
	assert_int_equal(wpp_reader_stream(r, WPP_STREAM_PCB, 0, text, 5), 0);
	assert_string_equal(text, "hello");
	assert_int_equal(wpp_reader_stream(r, WPP_STREAM_PCB, 1, text, 5), WPP_ERANGE);
	assert_int_equal(wpp_reader_stream(r, WPP_STREAM_PCB, 6, text, 0), WPP_ERANGE);
	assert_int_equal(wpp_reader_stream(r, WPP_STREAM_PCB, ~0ull, text, 2), WPP_ERANGE);
	assert_int_equal(wpp_reader_next_space(r, WPP_SPACE_FIRST, &space), 0);
	assert_int_equal(space, 70);
	assert_int_equal(wpp_reader_next_space(r, 71, &space), WPP_ENOENT);
	wpp_reader_close(r);
	bed_free(bed);
}

static void writer_arguments(void **state)
{
	static const char too_long[] = "0123456789012345678901234567890123456789"
				       "012345678901234567890123";
	static const char *const bad_name[] = {
		"", ".x", "-x", "a/b", "a b", "\xc3\xa4", too_long
	};
	struct bed *bed = bed_new(MIB, 1, 0);
	uint64_t page[2] = { 7, 7 }, beyond = WPP_PAGE_INDEX_MAX;
	struct wpp_writer *w, *second;

	(void)state;
	for (size_t i = 0; i < sizeof(bad_name) / sizeof(bad_name[0]); i++) {
		assert_int_equal(wpp_writer_begin(bed->st, bad_name[i], 0, &w), WPP_EINVAL);
		assert_null(w);
	}
	assert_int_equal(wpp_writer_begin(bed->st, "a", 2, &w), WPP_EINVAL);
	assert_int_equal(wpp_writer_begin(bed->st, "a", 0, &w), 0);
	assert_int_equal(wpp_writer_begin(bed->st, "b", 0, &second), WPP_EBUSY);
	assert_int_equal(wpp_writer_put(w, 1, page, 1, bed->buf), WPP_EINVAL);
	assert_int_equal(wpp_writer_put(w, WPP_SPACE_MAX + 1, page, 1, bed->buf), WPP_EINVAL);
	assert_int_equal(wpp_writer_put(w, 2, page, 0, bed->buf), WPP_EINVAL);
	assert_int_equal(wpp_writer_put(w, 2, page, 65537, bed->buf), WPP_EINVAL);
	assert_int_equal(wpp_writer_put(w, 2, page, 2, bed->buf), WPP_EINVAL);
	assert_int_equal(wpp_writer_put(w, 2, page, 1, bed->buf + 8), WPP_EINVAL);
	assert_int_equal(wpp_writer_put(w, 2, &beyond, 1, bed->buf), WPP_EINVAL);
	assert_int_equal(wpp_writer_cut(w, 0, 0, 1), WPP_EINVAL);
	assert_int_equal(wpp_writer_cut(w, 2, 1, WPP_PAGE_INDEX_MAX), WPP_EINVAL);
	assert_int_equal(wpp_writer_cut(w, 2, 0, WPP_PAGE_INDEX_MAX), 0);
	wpp_writer_abort(w);
	assert_int_equal(count_gens(bed), 0);
	bed_free(bed);
}

static void open_arguments(void **state)
{
	struct bed *bed = bed_new(MIB, 1, 0);
	struct wpp_store_cfg good = bed->cfg;
	struct wpp_medium medium = bed->ram->medium;

	(void)state;
	bed_close(bed);
	bed->cfg.size--;
	assert_int_equal(bed_open(bed), WPP_EINVAL);
	bed->cfg = good;
	bed->cfg.generations = 1;
	assert_int_equal(bed_open(bed), WPP_EINVAL);
	assert_int_equal(wpp_store_workspace(&bed->geo, &medium, &bed->cfg), 0);
	bed->cfg.generations = WPP_GENERATIONS_MAX + 1;
	assert_int_equal(bed_open(bed), WPP_EINVAL);
	bed->cfg = good;
	bed->cfg.flags = 2;
	assert_int_equal(bed_open(bed), WPP_EINVAL);
	bed->cfg = good;
	bed->cfg.max_spaces = 1u << 20;
	assert_int_equal(bed_open(bed), WPP_EINVAL);
	bed->cfg = good;
	bed->cfg.label_off = 100;
	assert_int_equal(bed_open(bed), WPP_EINVAL);
	bed->cfg.label_off = MIB;
	assert_int_equal(bed_open(bed), WPP_EINVAL);
	bed->cfg.label_off = 64 * 4096;
	assert_int_equal(bed_open(bed), WPP_EFORMAT);
	bed->cfg = good;
	bed->ws_len -= 4096;
	assert_int_equal(bed_open(bed), WPP_ENOMEM);
	bed->ws_len = 4096;
	assert_int_equal(bed_open(bed), WPP_ENOMEM);
	assert_null(bed->st);
	bed_workspace(bed);
	bed->ram->medium.caps = 1u << 31;
	assert_int_equal(bed_open(bed), WPP_EINVAL);
	bed->ram->medium = medium;
	assert_int_equal(bed_open(bed), 0);
	bed_free(bed);
}

static void generations_are_kept_and_released(void **state)
{
	struct bed *bed = bed_new(MIB, 1, 0);

	(void)state;
	bed->cfg.generations = 4;
	bed_reopen(bed);
	for (uint32_t i = 1; i <= 6; i++)
		assert_int_equal(save(bed, "a", 0, 1, i), 0);
	assert_int_equal(count_gens(bed), 4);
	bed->cfg.generations = 2;
	bed_reopen(bed); /* fewer are wanted now, but nothing goes before the next commit */
	assert_int_equal(count_gens(bed), 4);
	for (uint32_t i = 3; i <= 6; i++)
		assert_page(bed, "a", i, 0, i);
	assert_int_equal(save(bed, "a", 0, 1, 7), 0);
	assert_int_equal(count_gens(bed), 2);
	bed_reopen(bed);
	assert_int_equal(count_gens(bed), 2);
	assert_page(bed, "a", 6, 0, 6);
	assert_page(bed, "a", 7, 0, 7);
	bed_free(bed);
}

static void abort_changes_nothing(void **state)
{
	struct bed *bed = bed_new(MIB, 1, 0);
	struct wpp_writer *w;
	uint64_t page = 0;

	(void)state;
	assert_int_equal(save(bed, "a", 0, 2, 1), 0);
	assert_int_equal(wpp_writer_begin(bed->st, "a", 0, &w), 0);
	fill(bed->buf, 99);
	assert_int_equal(wpp_writer_put(w, 2, &page, 1, bed->buf), 0);
	assert_int_equal(wpp_writer_cut(w, 2, 1, 1), 0);
	wpp_writer_abort(w);
	assert_page(bed, "a", 0, 0, 1);
	assert_page(bed, "a", 0, 1, 2);
	assert_int_equal(save(bed, "a", 5, 1, 3), 0);
	assert_page(bed, "a", 2, 0, 1);
	assert_page(bed, "a", 2, 1, 2);
	bed_free(bed);
}

static void empty_writer_starts_from_nothing(void **state)
{
	struct bed *bed = bed_new(MIB, 1, 0);
	struct wpp_writer *w;
	struct wpp_reader *r;
	struct wpp_run run;
	uint64_t gen;

	(void)state;
	assert_int_equal(save(bed, "a", 0, 2, 1), 0);
	assert_int_equal(wpp_writer_begin(bed->st, "a", WPP_WRITER_EMPTY, &w), 0);
	assert_int_equal(wpp_writer_commit(w, 0, &gen), 0);
	assert_true(gen == 2);
	assert_int_equal(wpp_reader_open(bed->st, "a", 0, &r, NULL), 0);
	assert_int_equal(wpp_reader_next(r, 2, 0, 1, &run), WPP_ENOENT);
	wpp_reader_close(r);
	bed_reopen(bed);
	assert_int_equal(count_gens(bed), 2);
	bed_free(bed);
}

static void full_medium_refuses_and_goes_on(void **state)
{
	struct bed *bed = bed_new(MIB, 1, 0);
	struct wpp_writer *w;
	struct wpp_usage usage;
	uint64_t page[256];
	uint32_t fit;

	(void)state;
	wpp_store_usage(bed->st, &usage);
	fit = (uint32_t)(usage.total / 4096);
	assert_true(usage.free == usage.total && !usage.used && fit < 256);
	for (uint32_t i = 0; i < 256; i++)
		page[i] = i;
	memset(bed->buf, 1, 256 * 4096);
	assert_int_equal(wpp_writer_begin(bed->st, "a", 0, &w), 0);
	assert_int_equal(wpp_writer_put(w, 2, page, fit + 1, bed->buf), WPP_ENOSPC);
	assert_int_equal(wpp_writer_put(w, 2, page, fit, bed->buf), 0);
	assert_int_equal(wpp_writer_put(w, 2, page, 1, bed->buf), WPP_ENOSPC);
	assert_int_equal(wpp_writer_cut(w, 2, 0, 10), 0);
	assert_int_equal(wpp_writer_put(w, 3, page, 10, bed->buf), 0); /* cut places come back */
	assert_int_equal(wpp_writer_put(w, 3, page, 1, bed->buf), WPP_ENOSPC);
	assert_int_equal(wpp_writer_commit(w, 0, NULL), 0);
	wpp_store_usage(bed->st, &usage);
	assert_true(usage.free == 0 && usage.used == usage.total);
	assert_int_equal(save(bed, "a", 0, 1, 1), WPP_ENOSPC); /* live pages are not given up */
	assert_int_equal(wpp_store_drop(bed->st, "a", 0), 0);
	assert_int_equal(save(bed, "a", 0, 1, 1), 0);
	assert_page(bed, "a", 0, 0, 1);
	bed_free(bed);
}

static void exhausted_tables_refuse_and_go_on(void **state)
{
	struct bed *bed = bed_new(16 * MIB, 1, 0);
	struct wpp_writer *w;
	uint64_t page[300];
	int err = 0;

	(void)state;
	bed->cfg.max_pages = 1;
	bed->cfg.max_spaces = 1;
	bed_close(bed);
	bed_workspace(bed);
	bed_reopen(bed);
	for (uint32_t i = 0; i < 300; i++)
		page[i] = (uint64_t)i << 30;
	assert_int_equal(wpp_writer_begin(bed->st, "a", 0, &w), 0);
	assert_int_equal(wpp_writer_put(w, 2, page, 300, bed->buf), WPP_ENOMEM);
	fill(bed->buf, 1);
	assert_int_equal(wpp_writer_put(w, 2, page, 1, bed->buf), 0);
	for (uint32_t i = 1; i < 300 && !err; i++)
		err = wpp_writer_put(w, 2, page + i, 1, bed->buf);
	assert_int_equal(err, WPP_ENOMEM);
	assert_int_equal(wpp_writer_commit(w, 0, NULL), 0);
	assert_page(bed, "a", 0, 0, 1);
	bed_free(bed);
}

static void too_many_spaces_are_refused(void **state)
{
	struct bed *bed = bed_new(16 * MIB, 1, 0);
	struct wpp_writer *w;
	uint64_t page = 0;

	(void)state;
	assert_int_equal(wpp_writer_begin(bed->st, "a", 0, &w), 0);
	fill(bed->buf, 1);
	for (uint32_t s = 0; s < 66; s++) /* 64, and what the two streams left */
		assert_int_equal(wpp_writer_put(w, 2 + s, &page, 1, bed->buf), 0);
	assert_int_equal(wpp_writer_put(w, 68, &page, 1, bed->buf), WPP_ENOMEM);
	assert_int_equal(wpp_writer_commit(w, 0, NULL), 0);
	bed->cfg.max_spaces = 200;
	bed_close(bed);
	bed_workspace(bed);
	bed_reopen(bed);
	assert_int_equal(wpp_writer_begin(bed->st, "a", 0, &w), 0);
	for (uint32_t s = 66; s < 200; s++) /* a second directory block */
		assert_int_equal(wpp_writer_put(w, 2 + s, &page, 1, bed->buf), 0);
	assert_int_equal(wpp_writer_commit(w, 0, NULL), 0);
	bed_reopen(bed);
	assert_int_equal(count_gens(bed), 2);
	assert_page(bed, "a", 0, 0, 1);
	bed->cfg.max_spaces = 64; /* test_store_big.c has the rest */
	assert_int_equal(bed_open(bed), 0);
	assert_int_equal(wpp_writer_begin(bed->st, "a", 0, &w), WPP_ENOMEM);
	bed_free(bed);
}

static void slots_run_out(void **state)
{
	struct bed *bed = bed_new(MIB, 1, 0); /* 6 slots */
	char name[] = "a";
	int err = 0;

	(void)state;
	for (; name[0] <= 'z' && !err; name[0]++)
		err = save(bed, name, 0, 1, 1);
	assert_int_equal(err, WPP_ENOSPC);
	assert_int_equal(count_gens(bed), 6);
	assert_int_equal(wpp_store_drop(bed->st, "c", 0), 0);
	assert_int_equal(save(bed, "new", 0, 1, 1), 0);
	bed_free(bed);
}

static void reader_outlives_its_release(void **state)
{
	struct bed *bed = bed_new(MIB, 1, 0);
	struct wpp_reader *r;
	struct wpp_run run;
	uint8_t want[4096];

	(void)state;
	assert_int_equal(save(bed, "a", 0, 1, 1), 0);
	assert_int_equal(wpp_reader_open(bed->st, "a", 1, &r, NULL), 0);
	assert_int_equal(wpp_store_drop(bed->st, "a", 1), WPP_EBUSY);
	for (uint32_t i = 2; i < 200; i++) /* enough to use every free place again */
		assert_int_equal(save(bed, "a", 0, 1, i), 0);
	assert_int_equal(count_gens(bed), 2);
	assert_int_equal(wpp_reader_next(r, 2, 0, 1, &run), 0);
	assert_int_equal(wpp_reader_read(r, &run, bed->buf, NULL), 0);
	fill(want, 1);
	assert_memory_equal(bed->buf, want, 4096);
	wpp_reader_close(r);
	bed_free(bed);
}

static void nine_readers_are_one_too_many(void **state)
{
	struct bed *bed = bed_new(MIB, 1, 0);
	struct wpp_reader *r[9];

	(void)state;
	assert_int_equal(save(bed, "a", 0, 1, 1), 0);
	for (int i = 0; i < 8; i++)
		assert_int_equal(wpp_reader_open(bed->st, "a", 0, &r[i], NULL), 0);
	assert_int_equal(wpp_reader_open(bed->st, "a", 0, &r[8], NULL), WPP_EBUSY);
	wpp_reader_close(r[3]);
	assert_int_equal(wpp_reader_open(bed->st, "a", 0, &r[8], NULL), 0);
	assert_int_equal(wpp_reader_open(bed->st, "b", 0, &r[3], NULL), WPP_ENOENT);
	assert_int_equal(wpp_reader_open(bed->st, "a", 2, &r[3], NULL), WPP_ENOENT);
	bed_free(bed);
}

/* Ten scattered pages, which are neighbours on the medium: right, in few moves, each one verified.
 */
static void scattered_pages_are_gathered(void **state)
{
	struct bed *bed = bed_new(MIB, 4, 0);
	uint8_t *got = bed->buf + 4096 * 16, want[4096];
	struct wpp_run run[10];
	struct wpp_writer *w;
	struct wpp_reader *r;
	uint64_t page[10];

	(void)state;
	for (uint32_t i = 0; i < 10; i++) {
		page[i] = 7 * i + 1000 * (i / 5);
		fill(bed->buf + i * 4096, i + 1);
	}
	assert_int_equal(wpp_writer_begin(bed->st, "a", 0, &w), 0);
	assert_int_equal(wpp_writer_put(w, 2, page, 10, bed->buf), 0);
	assert_int_equal(wpp_writer_commit(w, 0, NULL), 0);
	assert_int_equal(wpp_reader_open(bed->st, "a", 0, &r, NULL), 0);
	for (uint32_t i = 0; i < 10; i++)
		assert_int_equal(wpp_reader_next(r, 2, page[i], 9, &run[i]), 0);
	bed->ram->moves = 0;
	bed->ram->fail_at = ~0ull; /* only count */
	assert_int_equal(wpp_reader_gather(r, run, 10, got, &bed->diag), 0);
	assert_in_range(bed->ram->moves, 1, 3); /* the pages, and their two tables */
	for (uint32_t i = 0; i < 10; i++) {
		fill(want, i + 1);
		assert_memory_equal(got + i * 4096, want, 4096);
	}
	bed->ram->moves = 0;
	bed->ram->fail_at = 1;
	assert_int_equal(wpp_reader_gather(r, run, 10, got, &bed->diag), WPP_EIO);
	assert_non_null(bed->diag.what);
	bed->ram->fail_at = 0;
	bed->ram->bytes[run[7].off + 5] ^= 1;
	assert_int_equal(wpp_reader_gather(r, run, 10, got, &bed->diag), WPP_ECORRUPT);
	assert_true(bed->diag.page == page[7] && bed->diag.off == run[7].off);
	run[3].off += 4096;
	assert_int_not_equal(wpp_reader_gather(r, run, 4, got, &bed->diag), 0);
	run[3].off = 1ull << 60;
	assert_int_equal(wpp_reader_gather(r, run, 4, got, &bed->diag), WPP_EINVAL);
	wpp_reader_close(r);
	bed_free(bed);
}

/* Sums that the caller took count; a wrong one is met by each reader. */
static void sums_of_the_caller(void **state)
{
	struct bed *bed = bed_new(MIB, 4, 0);
	const uint64_t page[] = { 3, 4, 9 };
	struct wpp_writer *w;
	struct wpp_reader *r;
	struct wpp_run run;
	uint32_t crc[3];

	(void)state;
	for (uint32_t i = 0; i < 3; i++)
		fill(bed->buf + i * 4096, i);
	wpp_store_sums(bed->st, bed->buf, 3, crc);
	assert_int_equal(crc[1], wpp_crc32c(0, bed->buf + 4096, 4096));
	assert_int_equal(wpp_writer_begin(bed->st, "a", 0, &w), 0);
	assert_int_equal(wpp_writer_put_summed(w, 2, page, 3, bed->buf, crc), 0);
	assert_int_equal(wpp_writer_settle(w), 0);
	crc[0] ^= 1;
	assert_int_equal(wpp_writer_put_summed(w, 3, page, 1, bed->buf, crc), 0);
	assert_int_equal(wpp_writer_commit(w, 0, NULL), 0);
	for (uint32_t i = 0; i < 3; i++)
		assert_page(bed, "a", 0, page[i], i);
	assert_int_equal(wpp_reader_open(bed->st, "a", 0, &r, NULL), 0);
	assert_int_equal(wpp_reader_next(r, 3, 0, 1, &run), 0);
	assert_int_equal(wpp_reader_read(r, &run, bed->buf, NULL), WPP_ECORRUPT);
	wpp_reader_close(r);
	bed_free(bed);
}

#define NR_ANYWHERE 600u

/* Pages from all over memory, three of four of them alone, cost moves but no places of their own.
 */
static void pages_from_anywhere(void **state)
{
	struct bed *bed = bed_new(8 * MIB, 16, 0);
	const void *data[NR_ANYWHERE];
	uint64_t page[NR_ANYWHERE];
	uint64_t writes = bed->ram->writes;
	struct wpp_writer *w;
	struct wpp_reader *r;
	struct wpp_run run;

	(void)state;
	for (uint32_t i = 0; i < NR_ANYWHERE; i++) {
		uint32_t at = i < 8 ? i : i * 577 % NR_ANYWHERE; /* 577 is prime: a permutation */

		page[i] = i < 300 ? i : 100000 + 3ull * i;
		data[i] = bed->buf + (i < 8 ? NR_ANYWHERE + at : at) * 4096;
		fill(bed->buf + (i < 8 ? NR_ANYWHERE + at : at) * 4096, i);
	}
	assert_int_equal(wpp_writer_begin(bed->st, "a", 0, &w), 0);
	data[7] = (const uint8_t *)data[7] + 1;
	assert_int_equal(wpp_writer_put_pages(w, 2, page, NR_ANYWHERE, data), WPP_EINVAL);
	data[7] = (const uint8_t *)data[7] - 1;
	assert_int_equal(wpp_writer_put_pages(w, 1, page, NR_ANYWHERE, data), WPP_EINVAL);
	assert_int_equal(wpp_writer_put_pages(w, 2, page, 0, data), WPP_EINVAL);
	assert_int_equal(wpp_writer_put_pages(w, 2, page, NR_ANYWHERE, data), 0);
	memset(data, 0, sizeof(data)); /* the array is not kept */
	assert_int_equal(wpp_writer_settle(w), 0);
	assert_true(bed->ram->writes - writes == NR_ANYWHERE - 7);
	assert_int_equal(wpp_writer_commit(w, 0, NULL), 0);
	assert_int_equal(wpp_reader_open(bed->st, "a", 0, &r, NULL), 0);
	assert_int_equal(wpp_reader_next(r, 2, 0, NR_ANYWHERE, &run), 0);
	assert_int_equal(run.nr, 300); /* neighbours on the medium */
	wpp_reader_close(r);
	for (uint32_t i = 0; i < NR_ANYWHERE; i++)
		assert_page(bed, "a", 0, page[i], i);
	bed_free(bed);
}

static void reader_refuses_a_run_that_is_not_there(void **state)
{
	struct bed *bed = bed_new(MIB, 1, 0);
	struct wpp_reader *r;
	struct wpp_run run, bad;

	(void)state;
	assert_int_equal(save(bed, "a", 10, 4, 1), 0);
	assert_int_equal(wpp_reader_open(bed->st, "a", 0, &r, NULL), 0);
	assert_int_equal(wpp_reader_next(r, 2, 0, 9, &run), 0);
	assert_int_equal(run.nr, 4);
	assert_int_equal(wpp_reader_next(r, 2, 0, 0, &bad), WPP_EINVAL);
	bad = run;
	bad.nr = 5;
	assert_int_equal(wpp_reader_read(r, &bad, bed->buf, NULL), WPP_EINVAL);
	bad = run;
	bad.page = 9;
	assert_int_equal(wpp_reader_read(r, &bad, bed->buf, NULL), WPP_EINVAL);
	bad = run;
	bad.page = ~0ull;
	assert_int_equal(wpp_reader_read(r, &bad, bed->buf, NULL), WPP_EINVAL);
	bad = run;
	bad.off += 4096;
	assert_int_equal(wpp_reader_read(r, &bad, bed->buf, NULL), WPP_EINVAL);
	bad.off = 1ull << 60;
	assert_int_equal(wpp_reader_read(r, &bad, bed->buf, NULL), WPP_EINVAL);
	assert_int_equal(wpp_reader_read(r, &run, bed->buf, NULL), 0);
	bed->buf[4096 * 2] ^= 1;
	assert_int_equal(wpp_reader_check(r, &run, bed->buf, &bed->diag), WPP_ECORRUPT);
	assert_true(bed->diag.page == 12 && bed->diag.space == 2);
	assert_true(bed->diag.off == run.off + 2 * 4096);
	wpp_reader_close(r);
	bed_free(bed);
}

static void read_only_store_writes_nothing(void **state)
{
	struct bed *bed = bed_new(MIB, 1, 0);
	struct wpp_writer *w;
	uint64_t writes;

	(void)state;
	assert_int_equal(save(bed, "a", 0, 1, 1), 0);
	bed->cfg.flags = WPP_STORE_RDONLY;
	writes = bed->ram->writes;
	bed_reopen(bed);
	assert_int_equal(wpp_writer_begin(bed->st, "a", 0, &w), WPP_EROFS);
	assert_int_equal(wpp_store_drop(bed->st, "a", 0), WPP_EROFS);
	assert_page(bed, "a", 0, 0, 1);
	assert_true(bed->ram->writes == writes);
	bed_free(bed);
}

/* Behind a dropped newest generation nothing that was released comes back. */
static void dropped_newest_wakes_nothing(void **state)
{
	struct bed *bed = bed_new(MIB, 1, 0);

	(void)state;
	for (uint32_t i = 1; i <= 4; i++)
		assert_int_equal(save(bed, "a", 0, 1, i), 0);
	assert_int_equal(wpp_store_drop(bed->st, "a", 4), 0);
	bed_reopen(bed);
	assert_int_equal(count_gens(bed), 1);
	assert_page(bed, "a", 3, 0, 3);
	assert_int_equal(wpp_store_drop(bed->st, "a", 9), WPP_ENOENT);
	assert_int_equal(wpp_store_drop(bed->st, "b", 0), WPP_ENOENT);
	bed_free(bed);
}

/* The cost of a commit follows what changed (I5), and neighbours go out in one move. */
static void commit_writes_what_changed(void **state)
{
	struct bed *bed = bed_new(16 * MIB, 8, 0);
	struct wpp_writer *w;
	uint64_t page[1000], bytes, writes;

	(void)state;
	for (uint32_t i = 0; i < 1000; i++)
		page[i] = 0x7f0000000ull + i;
	writes = bed->ram->writes;
	assert_int_equal(wpp_writer_begin(bed->st, "a", 0, &w), 0);
	assert_int_equal(wpp_writer_put(w, 2, page, 1000, bed->buf), 0);
	assert_int_equal(wpp_writer_commit(w, 0, NULL), 0);
	assert_true(bed->ram->writes - writes < 1000 / 16 + 12);
	bytes = bed->ram->bytes_written;
	assert_int_equal(wpp_writer_begin(bed->st, "a", 0, &w), 0);
	assert_int_equal(wpp_writer_put(w, 2, page + 500, 1, bed->buf), 0);
	assert_int_equal(wpp_writer_commit(w, 0, NULL), 0);
	/* a page, its tables up to the root, directory, record */
	assert_true(bed->ram->bytes_written - bytes == (1 + 4 + 1 + 1) * 4096);
	bed_free(bed);
}

/* Everything that was there is unreachable after formatting. */
static void format_forgets(void **state)
{
	struct bed *bed = bed_new(MIB, 1, 0);

	(void)state;
	assert_int_equal(save(bed, "a", 0, 1, 1), 0);
	bed_close(bed);
	assert_int_equal(wpp_store_format(&bed->ram->be, &bed->ram->medium, &bed->geo, bed->buf),
			 0);
	bed_reopen(bed);
	assert_int_equal(count_gens(bed), 0);
	bed_free(bed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_page_comes_back),
		cmocka_unit_test(streams_and_spaces),
		cmocka_unit_test(writer_arguments),
		cmocka_unit_test(open_arguments),
		cmocka_unit_test(generations_are_kept_and_released),
		cmocka_unit_test(abort_changes_nothing),
		cmocka_unit_test(empty_writer_starts_from_nothing),
		cmocka_unit_test(full_medium_refuses_and_goes_on),
		cmocka_unit_test(exhausted_tables_refuse_and_go_on),
		cmocka_unit_test(too_many_spaces_are_refused),
		cmocka_unit_test(slots_run_out),
		cmocka_unit_test(reader_outlives_its_release),
		cmocka_unit_test(nine_readers_are_one_too_many),
		cmocka_unit_test(scattered_pages_are_gathered),
		cmocka_unit_test(sums_of_the_caller),
		cmocka_unit_test(pages_from_anywhere),
		cmocka_unit_test(reader_refuses_a_run_that_is_not_there),
		cmocka_unit_test(read_only_store_writes_nothing),
		cmocka_unit_test(dropped_newest_wakes_nothing),
		cmocka_unit_test(commit_writes_what_changed),
		cmocka_unit_test(format_forgets),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
