/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Random calls against a dumb model: each generation an array of page tags. After
 * each commit, abort, drop and reopen the store must hold what the model holds.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <wpp/store.h>

#include "core/store_bed.h"
#include "prop.h"

#ifdef WPP_TEST_SMALL
#define STEPS 300
#else
#define STEPS 1500
#endif
#define SPACES	    3
#define PAGES	    64
#define IMAGES	    3
#define KEPT_MAX    4
#define STREAM_MAX  20480
#define ALIGN_SHIFT 8 /* streams come from crooked addresses, too */

static const uint32_t space_id[SPACES] = { 2, 3, WPP_SPACE_MAX };
static const char *const image_name[IMAGES] = { "redis", "sqlite.db", "a" };

struct model_gen {
	uint64_t generation;
	uint32_t tag[SPACES][PAGES]; /* 0: no page */
	uint32_t stream_len[WPP_STREAM_COUNT], stream_tag[WPP_STREAM_COUNT];
};

struct model_image {
	struct model_gen gen[KEPT_MAX + 1]; /* newest first */
	uint32_t nr;
};

struct world {
	struct bed *bed;
	struct prop prop;
	struct model_image image[IMAGES];
	struct wpp_writer *w;
	struct model_gen next;
	uint32_t writing; /* image */
	uint32_t tags;
	uint8_t *stream;
	uint32_t refused; /* ENOSPC, ENOMEM */
};

/* Neighbours, a seam of two tables, and pages far apart. */
static uint64_t page_of(uint32_t i)
{
	if (i < 40)
		return 100 + i;
	if (i < 50)
		return 512 * 3 - 5 + (i - 40);
	if (i < 56)
		return (1ull << 30) + i;
	return (1ull << 44) + ((uint64_t)i << 34);
}

static void fill_stream(uint8_t *buf, uint32_t len, uint32_t tag)
{
	for (uint32_t i = 0; i < len; i++)
		buf[i] = (uint8_t)(tag + i * 7 + (i >> 8));
}

static void check_space(struct world *wd, struct wpp_reader *r, const struct model_gen *g,
			uint32_t s)
{
	uint8_t *buf = wd->bed->buf, want[4096];
	uint64_t at = 0;
	struct wpp_run run;

	for (uint32_t i = 0; i < PAGES;) {
		int err;

		if (!g->tag[s][i]) {
			i++;
			continue;
		}
		err = wpp_reader_next(r, space_id[s], at, 1 + (uint32_t)prop_below(&wd->prop, 9),
				      &run);
		prop_assert(&wd->prop, err == 0);
		prop_assert(&wd->prop, run.page == page_of(i));
		prop_assert(&wd->prop, wpp_reader_read(r, &run, buf, NULL) == 0);
		prop_assert(&wd->prop, wpp_reader_check(r, &run, buf, NULL) == 0);
		for (uint32_t k = 0; k < run.nr; k++, i++) {
			prop_assert(&wd->prop, page_of(i) == run.page + k);
			fill(want, g->tag[s][i]);
			prop_assert(&wd->prop, !memcmp(buf + k * 4096, want, 4096));
		}
		at = run.page + run.nr;
	}
	prop_assert(&wd->prop, wpp_reader_next(r, space_id[s], at, 1, &run) == WPP_ENOENT);
}

static void check_streams(struct world *wd, struct wpp_reader *r, const struct model_gen *g)
{
	uint8_t *want = wd->stream, *got = wd->bed->buf;

	for (uint32_t s = 0; s < WPP_STREAM_COUNT; s++) {
		uint32_t len = g->stream_len[s], off = (uint32_t)prop_below(&wd->prop, len + 1);

		prop_assert(&wd->prop, wpp_reader_stream_len(r, s) == len);
		fill_stream(want, len, g->stream_tag[s]);
		prop_assert(&wd->prop, wpp_reader_stream(r, s, 0, got, off) == 0);
		prop_assert(&wd->prop, wpp_reader_stream(r, s, off, got + off, len - off) == 0);
		prop_assert(&wd->prop, !memcmp(got, want, len));
	}
}

static uint32_t count_pages(const struct model_gen *g)
{
	uint32_t nr = 0;

	for (uint32_t s = 0; s < SPACES; s++)
		for (uint32_t i = 0; i < PAGES; i++)
			nr += g->tag[s][i] != 0;
	return nr;
}

static void check_gen(struct world *wd, uint32_t img, const struct model_gen *g, bool newest)
{
	struct wpp_reader *r;
	struct wpp_generation info;

	prop_assert(&wd->prop, wpp_reader_open(wd->bed->st, image_name[img],
					       newest ? 0 : g->generation, &r, NULL) == 0);
	wpp_reader_generation(r, &info);
	prop_assert(&wd->prop, info.generation == g->generation);
	prop_assert(&wd->prop, info.nr_pages == count_pages(g));
	prop_assert(&wd->prop, info.nr_written <= info.nr_pages);
	for (uint32_t s = 0; s < SPACES; s++)
		check_space(wd, r, g, s);
	check_streams(wd, r, g);
	wpp_reader_close(r);
}

static void check_all(struct world *wd)
{
	uint32_t nr = 0, pos = 0;
	struct wpp_generation g;

	for (uint32_t i = 0; i < IMAGES; i++)
		for (uint32_t k = 0; k < wd->image[i].nr; k++, nr++)
			check_gen(wd, i, &wd->image[i].gen[k], k == 0);
	while (!wpp_store_list(wd->bed->st, &pos, &g))
		nr--;
	prop_assert(&wd->prop, nr == 0);
}

static void do_begin(struct world *wd)
{
	uint32_t img = (uint32_t)prop_below(&wd->prop, IMAGES);
	uint32_t flags = prop_below(&wd->prop, 8) ? 0 : WPP_WRITER_EMPTY;
	struct model_image *im = &wd->image[img];

	if (wd->w)
		return;
	prop_assert(&wd->prop, wpp_writer_begin(wd->bed->st, image_name[img], flags, &wd->w) == 0);
	wd->writing = img;
	wd->next = im->nr && !flags ? im->gen[0] : (struct model_gen){ 0 };
}

static void do_put(struct world *wd, bool direct)
{
	uint32_t s = (uint32_t)prop_below(&wd->prop, SPACES), nr = 0, got = 0;
	uint32_t first = (uint32_t)prop_below(&wd->prop, PAGES);
	uint32_t dense = 1 + (uint32_t)prop_below(&wd->prop, 4);
	uint8_t *data = wd->bed->buf;
	uint64_t page[PAGES];
	uint32_t which[PAGES];
	int err;

	for (uint32_t i = first; i < PAGES; i++) {
		if (prop_below(&wd->prop, 4) >= dense)
			continue;
		page[nr] = page_of(i);
		which[nr++] = i;
	}
	if (direct) {
		data = wpp_writer_direct(wd->w, nr ? nr : 1, &got);
		nr = got < nr ? got : nr;
	}
	if (!nr || !data)
		return;
	for (uint32_t i = 0; i < nr; i++)
		fill(data + i * 4096, wd->tags + i + 1);
	err = wpp_writer_put(wd->w, space_id[s], page, nr, data);
	prop_assert(&wd->prop, err == 0 || err == WPP_ENOSPC || err == WPP_ENOMEM);
	wd->refused += err != 0;
	for (uint32_t i = 0; i < nr && !err; i++)
		wd->next.tag[s][which[i]] = wd->tags + i + 1;
	wd->tags += nr;
	prop_assert(&wd->prop, wpp_writer_settle(wd->w) == 0);
}

static void do_cut(struct world *wd)
{
	uint32_t s = (uint32_t)prop_below(&wd->prop, SPACES);
	uint32_t a = (uint32_t)prop_below(&wd->prop, PAGES);
	uint32_t b = a + (uint32_t)prop_below(&wd->prop, PAGES - a);
	uint64_t nr = page_of(b) - page_of(a) + 1;

	if (!prop_below(&wd->prop, 8)) {
		a = 0;
		b = PAGES - 1;
		nr = WPP_PAGE_INDEX_MAX - page_of(a);
	}
	prop_assert(&wd->prop, wpp_writer_cut(wd->w, space_id[s], page_of(a), nr) == 0);
	for (; a <= b; a++)
		wd->next.tag[s][a] = 0;
}

static void do_stream(struct world *wd)
{
	uint32_t s = (uint32_t)prop_below(&wd->prop, WPP_STREAM_COUNT);
	uint32_t len = (uint32_t)prop_below(&wd->prop, STREAM_MAX);
	uint8_t *data = wd->stream + (prop_below(&wd->prop, 2) << ALIGN_SHIFT);
	int err;

	if (!prop_below(&wd->prop, 4))
		len &= ~4095u;
	fill_stream(data, len, ++wd->tags);
	err = wpp_writer_stream(wd->w, s, data, len);
	prop_assert(&wd->prop, err == 0 || err == WPP_ENOSPC || err == WPP_ENOMEM);
	wd->refused += err != 0;
	if (!err) {
		wd->next.stream_len[s] = len;
		wd->next.stream_tag[s] = wd->tags;
	}
	prop_assert(&wd->prop, wpp_writer_settle(wd->w) == 0);
}

static void do_commit(struct world *wd)
{
	struct model_image *im = &wd->image[wd->writing];
	int err = wpp_writer_commit(wd->w, wd->tags, &wd->next.generation);

	wd->w = NULL;
	prop_assert(&wd->prop, err == 0 || err == WPP_ENOSPC);
	wd->refused += err != 0;
	if (!err) {
		memmove(&im->gen[1], &im->gen[0], sizeof(im->gen[0]) * im->nr);
		im->gen[0] = wd->next;
		im->nr += im->nr < wd->bed->cfg.generations;
	}
	check_all(wd);
}

static void do_drop(struct world *wd)
{
	uint32_t img = (uint32_t)prop_below(&wd->prop, IMAGES);
	struct model_image *im = &wd->image[img];
	uint32_t k = (uint32_t)prop_below(&wd->prop, KEPT_MAX);
	uint64_t generation = k < im->nr ? im->gen[k].generation : 0;
	int err = wpp_store_drop(wd->bed->st, image_name[img], generation);

	if (!im->nr) {
		prop_assert(&wd->prop, err == WPP_ENOENT);
	} else if (wd->w && wd->writing == img) {
		prop_assert(&wd->prop, err == WPP_EBUSY);
	} else {
		prop_assert(&wd->prop, err == 0);
		if (generation)
			memmove(&im->gen[k], &im->gen[k + 1],
				sizeof(im->gen[0]) * (im->nr - k - 1));
		im->nr = generation ? im->nr - 1 : 0;
	}
}

static void step(struct world *wd)
{
	uint64_t what = prop_below(&wd->prop, 100);

	wd->prop.step++;
	if (what < 4) {
		do_drop(wd);
	} else if (what < 8) {
		wd->w = NULL;
		bed_reopen(wd->bed);
		prop_assert(&wd->prop, !wd->bed->diag.what);
		check_all(wd);
	} else if (!wd->w) {
		do_begin(wd);
	} else if (what < 50) {
		do_put(wd, wd->bed->ram->medium.caps & WPP_CAP_DIRECT && what & 1);
	} else if (what < 65) {
		do_cut(wd);
	} else if (what < 75) {
		do_stream(wd);
	} else if (what < 95) {
		do_commit(wd);
	} else {
		wpp_writer_abort(wd->w);
		wd->w = NULL;
		check_all(wd);
	}
}

static void run(const char *name, uint64_t size, uint32_t queue, uint32_t caps, uint32_t kept)
{
	struct world *wd = calloc(1, sizeof(*wd));

	assert_non_null(wd);
	wd->prop = prop_begin(name, 1);
	wd->bed = bed_new(size, queue, caps);
	wd->bed->cfg.generations = kept;
	bed_reopen(wd->bed);
	wd->stream = aligned_alloc(4096, STREAM_MAX + 4096);
	for (int i = 0; i < STEPS; i++)
		step(wd);
	printf("%s: %u calls refused for want of space\n", name, wd->refused);
	bed_free(wd->bed);
	free(wd->stream);
	free(wd);
}

static void roomy(void **state)
{
	(void)state;
	run("roomy", 16 << 20, 8, 0, 3);
}

static void one_at_a_time(void **state)
{
	(void)state;
	run("one_at_a_time", 4 << 20, 1, WPP_CAP_POWERSAFE, 2);
}

static void in_place(void **state)
{
	(void)state;
	run("in_place", 8 << 20, 4, WPP_CAP_DIRECT, 4);
}

static void tight(void **state)
{
	(void)state;
	run("tight", 2 << 20, 3, 0, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(roomy),
		cmocka_unit_test(one_at_a_time),
		cmocka_unit_test(in_place),
		cmocka_unit_test(tight),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
