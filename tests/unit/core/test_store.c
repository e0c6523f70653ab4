/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <wpp/store.h>

#include "core/store_bed.h"

static void one_page_comes_back(void **state)
{
	struct bed *bed = bed_new(1 << 20, 1, 0);
	uint64_t page = 5, gen;
	struct wpp_writer *w;

	(void)state;
	assert_int_equal(wpp_writer_begin(bed->st, "redis", 0, &w), 0);
	fill(bed->buf, 1);
	assert_int_equal(wpp_writer_put(w, 2, &page, 1, bed->buf), 0);
	assert_int_equal(wpp_writer_stream(w, WPP_STREAM_PCB, "hello", 5), 0);
	assert_int_equal(wpp_writer_commit(w, 77, &gen), 0);
	assert_int_equal(gen, 1);
	for (int round = 0; round < 2; round++) {
		struct wpp_reader *r;
		struct wpp_run run;
		struct wpp_generation g;
		uint32_t pos = 0, space;
		char text[6] = "";

		assert_int_equal(wpp_store_list(bed->st, &pos, &g), 0);
		assert_string_equal(g.image, "redis");
		assert_int_equal(g.generation, 1);
		assert_int_equal(g.nr_pages, 1);
		assert_int_equal(g.nr_written, 1);
		assert_int_equal(g.realtime_ns, 77);
		assert_int_equal(wpp_store_list(bed->st, &pos, &g), WPP_ENOENT);
		assert_int_equal(wpp_reader_open(bed->st, "redis", 0, &r, NULL), 0);
		assert_int_equal(wpp_reader_next(r, 2, 0, 9, &run), 0);
		assert_int_equal(run.page, 5);
		assert_int_equal(run.nr, 1);
		assert_int_equal(wpp_reader_read(r, &run, bed->buf + 4096, NULL), 0);
		assert_memory_equal(bed->buf, bed->buf + 4096, 4096);
		assert_int_equal(wpp_reader_next(r, 2, 6, 9, &run), WPP_ENOENT);
		assert_int_equal(wpp_reader_stream_len(r, WPP_STREAM_PCB), 5);
		assert_int_equal(wpp_reader_stream(r, WPP_STREAM_PCB, 0, text, 5), 0);
		assert_string_equal(text, "hello");
		assert_int_equal(wpp_reader_stream(r, WPP_STREAM_PCB, 1, text, 5), WPP_ERANGE);
		assert_int_equal(wpp_reader_next_space(r, 2, &space), 0);
		assert_int_equal(space, 2);
		assert_int_equal(wpp_reader_next_space(r, 3, &space), WPP_ENOENT);
		wpp_reader_close(r);
		bed_reopen(bed);
	}
	bed_free(bed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_page_comes_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
