/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Generations that a workspace can't hold: the store opens, they are read, nothing overwrites them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <wpp/sized.h>
#include <wpp/store.h>

#include "core/store_bed.h"
#include "prop.h"

#define MIB	  (1u << 20)
#define SIZE	  (48u * MIB)
#define MANY	  300u /* spaces of the big image: three directory blocks */
#define FEW	  4u
#define STREAM	  10000u
#define LAST_PAGE ((1ull << 45) - 1)
#ifdef WPP_TEST_SMALL
#define NR_DAMAGES 10
#else
#define NR_DAMAGES 60
#endif

/* A page in each of @nr spaces, every tenth space deep, and a stream. */
static int save(struct bed *bed, const char *image, uint32_t nr, uint32_t tag)
{
	struct wpp_writer *w;
	int err = wpp_writer_begin(bed->st, image, 0, &w), committed;

	if (err)
		return err;
	for (uint32_t s = 0; s < nr && !err; s++) {
		uint64_t page = s % 10 ? s : LAST_PAGE - s;

		fill(bed->buf, tag + s);
		err = wpp_writer_put(w, 2 + s, &page, 1, bed->buf);
		if (!err)
			err = wpp_writer_settle(w);
	}
	memset(bed->buf, (int)tag, STREAM);
	if (!err)
		err = wpp_writer_stream(w, WPP_STREAM_PCB, bed->buf, STREAM);
	committed = wpp_writer_commit(w, 0, NULL);
	return err ? err : committed;
}

static void assert_whole(struct bed *bed, const char *image, uint32_t nr, uint32_t tag)
{
	uint8_t *got = bed->buf, want[4096];
	struct wpp_reader *r;
	struct wpp_run run;

	assert_int_equal(wpp_reader_open(bed->st, image, 0, &r, NULL), 0);
	for (uint32_t s = 0; s < nr; s++) {
		assert_int_equal(wpp_reader_next(r, 2 + s, 0, 1, &run), 0);
		assert_true(run.page == (s % 10 ? s : LAST_PAGE - s));
		assert_int_equal(wpp_reader_read(r, &run, got, NULL), 0);
		fill(want, tag + s);
		assert_memory_equal(got, want, 4096);
	}
	assert_int_equal(wpp_reader_stream(r, WPP_STREAM_PCB, 0, got, STREAM), 0);
	memset(want, (int)tag, sizeof(want));
	assert_memory_equal(got, want, sizeof(want));
	wpp_reader_close(r);
}

static uint32_t flags_of(struct bed *bed, const char *image)
{
	struct wpp_generation g;
	uint32_t pos = 0;

	while (!wpp_store_list(bed->st, &pos, &g))
		if (!strcmp(g.image, image))
			return g.flags;
	fail_msg("%s is not listed", image);
	return 0;
}

static void reopen_with(struct bed *bed, uint32_t max_spaces)
{
	bed_close(bed);
	bed->cfg.max_spaces = max_spaces;
	bed_workspace(bed);
	assert_int_equal(bed_open(bed), 0);
}

static struct bed *big_and_small(void)
{
	struct bed *bed = bed_new(SIZE, 4, 0);

	reopen_with(bed, MANY);
	assert_int_equal(save(bed, "big", MANY, 1000), 0);
	assert_int_equal(save(bed, "small", FEW, 1), 0);
	return bed;
}

static void the_medium_tells_what_it_needs(void **state)
{
	struct wpp_store_needs needs = { .size = sizeof(needs) };
	struct bed *bed = bed_new(SIZE, 4, 0);
	struct wpp_backend *be = &bed->ram->be;

	(void)state;
	assert_int_equal(wpp_store_needs(be, &bed->ram->medium, 0, &needs, bed->buf), 0);
	assert_int_equal(needs.nr_generations, 0);
	assert_int_equal(needs.max_spaces, 0);
	assert_true(needs.workspace > 0);
	bed_free(bed);
	bed = big_and_small();
	be = &bed->ram->be;
	assert_int_equal(wpp_store_needs(be, &bed->ram->medium, 0, &needs, bed->buf), 0);
	assert_int_equal(needs.nr_generations, 2);
	assert_int_equal(needs.max_spaces, MANY);
	assert_int_equal(needs.max_pages, MANY);
	bed->cfg.max_pages = needs.max_pages;
	reopen_with(bed, needs.max_spaces);
	assert_true(needs.workspace == bed->ws_len);
	assert_int_equal(flags_of(bed, "big"), 0);
	assert_int_equal(save(bed, "big", MANY, 2000), 0);
	bed_free(bed);
}

static void needs_arguments(void **state)
{
	struct wpp_store_needs needs = { .size = sizeof(needs) - 1 }, before = needs;
	struct bed *bed = bed_new(SIZE, 1, 0);
	struct ram *ram = bed->ram;

	(void)state;
	assert_int_equal(wpp_store_needs(&ram->be, &ram->medium, 0, &needs, bed->buf), WPP_EINVAL);
	needs.size = before.size = sizeof(needs);
	assert_int_equal(wpp_store_needs(&ram->be, &ram->medium, 100, &needs, bed->buf),
			 WPP_EINVAL);
	assert_int_equal(wpp_store_needs(&ram->be, &ram->medium, 64 * 4096, &needs, bed->buf),
			 WPP_EFORMAT);
	assert_memory_equal(&needs, &before, sizeof(needs));
	memset(ram->bytes + 4096, 0xff, 4096); /* a slot that is no record */
	assert_int_equal(wpp_store_needs(&ram->be, &ram->medium, 0, &needs, bed->buf), 0);
	assert_int_equal(needs.nr_generations, 0);
	bed_free(bed);
}

static void a_big_one_is_marked_and_read(void **state)
{
	struct bed *bed = big_and_small();
	struct wpp_writer *w;

	(void)state;
	reopen_with(bed, FEW);
	assert_int_equal(flags_of(bed, "big"), WPP_GENERATION_BIG);
	assert_int_equal(flags_of(bed, "small"), 0);
	assert_whole(bed, "big", MANY, 1000);
	assert_whole(bed, "small", FEW, 1);
	assert_int_equal(wpp_writer_begin(bed->st, "big", 0, &w), WPP_ENOMEM);
	assert_int_equal(save(bed, "small", FEW, 2), 0);
	assert_int_equal(wpp_writer_begin(bed->st, "big", WPP_WRITER_EMPTY, &w), 0);
	assert_int_equal(wpp_writer_commit(w, 0, NULL), 0);
	bed_free(bed);
}

/* Fill the medium, again and again: each place of the big one stays as it is. */
static void nothing_overwrites_a_big_one(void **state)
{
	struct bed *bed = big_and_small();
	uint32_t full = 0;

	(void)state;
	reopen_with(bed, FEW);
	for (uint32_t i = 0; full < 3 && i < 100; i++) {
		struct wpp_writer *w;
		uint64_t page[256];
		int err = 0;

		for (uint32_t j = 0; j < 256; j++) {
			page[j] = (uint64_t)i * 256 + j;
			fill(bed->buf + j * 4096, 7 * i + j);
		}
		assert_int_equal(wpp_writer_begin(bed->st, "small", 0, &w), 0);
		for (uint32_t s = 0; s < 3 && !err; s++)
			err = wpp_writer_put(w, 2 + s, page, 256, bed->buf);
		assert_true(!err || err == WPP_ENOSPC);
		full += !!err;
		assert_int_equal(wpp_writer_commit(w, 0, NULL), 0);
	}
	assert_int_equal(full, 3);
	reopen_with(bed, MANY);
	assert_whole(bed, "big", MANY, 1000);
	bed_free(bed);
}

static void a_big_one_can_be_dropped(void **state)
{
	struct bed *bed = big_and_small();
	struct wpp_usage before, after;

	(void)state;
	reopen_with(bed, FEW);
	wpp_store_usage(bed->st, &before);
	assert_int_equal(wpp_store_drop(bed->st, "big", 0), 0);
	wpp_store_usage(bed->st, &after);
	assert_true(before.used - after.used == MANY * 4096ull);
	assert_int_equal(save(bed, "big", FEW, 5), 0);
	assert_int_equal(flags_of(bed, "big"), 0);
	bed_free(bed);
}

/* Every read of an open with a big one fails once: no writer opens without knowing its places. */
static void unreadable_tables_fail_the_open(void **state)
{
	struct bed *bed = big_and_small();
	uint64_t n = 1;
	int err = WPP_EIO;

	(void)state;
	reopen_with(bed, FEW);
	bed_close(bed);
	for (; err; n += n < 150 ? 1 : 11) { /* behind labels and slots the tables are all alike */
		bed->ram->moves = 0;
		bed->ram->fail_at = n;
		err = bed_open(bed);
		bed->ram->fail_at = 0;
		if (!err && bed->ram->moves < n)
			break;
		if (!err) { /* the read of many slots at once was tried again one by one */
			assert_int_equal(flags_of(bed, "big"), WPP_GENERATION_BIG);
			bed_close(bed);
			err = WPP_EIO;
		}
	}
	assert_true(n > MANY);
	bed_free(bed);
}

static uint32_t listed(struct bed *bed, struct wpp_generation *out)
{
	uint32_t pos = 0, nr = 0;

	while (nr < 8 && !wpp_store_list(bed->st, &pos, &out[nr]))
		out[nr++].flags = 0;
	return nr;
}

/* Damage anywhere but in pages: with much memory and with little, the same generations live. */
static void damage_is_judged_alike(void **state)
{
	struct bed *bed = big_and_small();
	uint8_t *whole = malloc(SIZE);
	struct prop prop = { .seed = 1, .state = 1 };

	(void)state;
	memcpy(whole, bed->ram->bytes, SIZE);
	for (uint32_t i = 0; i < NR_DAMAGES; i++) {
		const uint64_t base = bed->geo.base[WPP_SEC_MAPPINGS];
		struct wpp_generation rich[8], poor[8];
		uint64_t off = prop_below(&prop, 1200 * 4096);
		uint32_t nr;

		bed->ram->bytes[base + off] ^= (uint8_t)(1 + prop_below(&prop, 255));
		memset(rich, 0, sizeof(rich));
		memset(poor, 0, sizeof(poor));
		reopen_with(bed, MANY);
		nr = listed(bed, rich);
		reopen_with(bed, FEW);
		assert_int_equal(listed(bed, poor), nr);
		assert_memory_equal(rich, poor, sizeof(rich));
		memcpy(bed->ram->bytes + base + off, whole + base + off, 1);
	}
	free(whole);
	bed_free(bed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_medium_tells_what_it_needs),
		cmocka_unit_test(needs_arguments),
		cmocka_unit_test(a_big_one_is_marked_and_read),
		cmocka_unit_test(nothing_overwrites_a_big_one),
		cmocka_unit_test(a_big_one_can_be_dropped),
		cmocka_unit_test(unreadable_tables_fail_the_open),
		cmocka_unit_test(damage_is_judged_alike),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
