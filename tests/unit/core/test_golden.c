/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Images of each release, kept in tests/golden: they open for ever with the same
 * contents, and the same calls still write the same bytes. "test_golden --write
 * FILE" makes the image of this release anew.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include <wpp/store.h>

#include "core/store_bed.h"

#define SIZE	  (1u << 20)
#define FILE_1_0  GOLDEN_DIR "/v1.0.img"
#define PCB_LEN	  5000u
#define REGIONS	  "region records"
#define FAR_PAGE  0x7ffffffffull /* the stack's end: four levels of tables */
#define FAR_SPACE WPP_SPACE_MAX

/* Two generations of one image, and one of another. */
static void put_pages(struct bed *bed, struct wpp_writer *w, uint32_t space, uint64_t first,
		      uint32_t nr, uint32_t tag)
{
	uint64_t page[16];

	for (uint32_t i = 0; i < nr; i++) {
		page[i] = first + i;
		fill(bed->buf + i * 4096, tag + i);
	}
	assert_int_equal(wpp_writer_put(w, space, page, nr, bed->buf), 0);
	assert_int_equal(wpp_writer_settle(w), 0);
}

static void pcb_bytes(uint8_t *buf, uint8_t tag)
{
	for (uint32_t i = 0; i < PCB_LEN; i++)
		buf[i] = (uint8_t)(i * 3 + tag);
}

static void put_pcb(struct bed *bed, struct wpp_writer *w, uint8_t tag)
{
	pcb_bytes(bed->buf, tag);
	assert_int_equal(wpp_writer_stream(w, WPP_STREAM_PCB, bed->buf, PCB_LEN), 0);
	assert_int_equal(wpp_writer_settle(w), 0);
}

static void make(struct bed *bed)
{
	struct wpp_writer *w;

	assert_int_equal(wpp_writer_begin(bed->st, "redis", 0, &w), 0);
	put_pages(bed, w, 2, 1000, 10, 100);
	put_pages(bed, w, FAR_SPACE, FAR_PAGE, 1, 200);
	put_pcb(bed, w, 1);
	assert_int_equal(wpp_writer_stream(w, WPP_STREAM_REGIONS, REGIONS, sizeof(REGIONS)), 0);
	assert_int_equal(wpp_writer_commit(w, 1700000000000000000ull, NULL), 0);
	assert_int_equal(wpp_writer_begin(bed->st, "redis", 0, &w), 0);
	put_pages(bed, w, 2, 1005, 2, 300);
	assert_int_equal(wpp_writer_cut(w, 2, 1009, 1), 0);
	put_pcb(bed, w, 2);
	assert_int_equal(wpp_writer_commit(w, 1700000001000000000ull, NULL), 0);
	assert_int_equal(wpp_writer_begin(bed->st, "other-1.x", 0, &w), 0);
	put_pages(bed, w, 3, 0, 1, 400);
	assert_int_equal(wpp_writer_commit(w, 0, NULL), 0);
}

static void check_pages(struct bed *bed, struct wpp_reader *r, uint32_t space, uint64_t first,
			uint32_t nr, uint32_t tag)
{
	uint8_t want[4096];
	struct wpp_run run;

	for (uint32_t i = 0; i < nr; i++) {
		assert_int_equal(wpp_reader_next(r, space, first + i, 1, &run), 0);
		assert_true(run.page == first + i);
		assert_int_equal(wpp_reader_read(r, &run, bed->buf, NULL), 0);
		fill(want, tag + i);
		assert_memory_equal(bed->buf, want, 4096);
	}
}

static void check_pcb(struct bed *bed, struct wpp_reader *r, uint8_t tag)
{
	uint8_t want[PCB_LEN];

	assert_int_equal(wpp_reader_stream_len(r, WPP_STREAM_PCB), PCB_LEN);
	assert_int_equal(wpp_reader_stream(r, WPP_STREAM_PCB, 0, bed->buf, PCB_LEN), 0);
	pcb_bytes(want, tag);
	assert_memory_equal(bed->buf, want, PCB_LEN);
}

static struct wpp_reader *open_gen(struct bed *bed, const char *image, uint64_t generation,
				   uint64_t nr_pages, uint64_t nr_written, uint64_t realtime_ns)
{
	struct wpp_generation g;
	struct wpp_reader *r;

	assert_int_equal(wpp_reader_open(bed->st, image, generation, &r, NULL), 0);
	wpp_reader_generation(r, &g);
	assert_true(g.nr_pages == nr_pages);
	assert_true(g.nr_written == nr_written);
	assert_true(g.realtime_ns == realtime_ns);
	return r;
}

static void check(struct bed *bed)
{
	struct wpp_reader *r = open_gen(bed, "redis", 1, 11, 11, 1700000000000000000ull);
	struct wpp_run run;
	char text[sizeof(REGIONS)];

	check_pages(bed, r, 2, 1000, 10, 100);
	check_pages(bed, r, FAR_SPACE, FAR_PAGE, 1, 200);
	check_pcb(bed, r, 1);
	wpp_reader_close(r);
	r = open_gen(bed, "redis", 2, 10, 2, 1700000001000000000ull);
	check_pages(bed, r, 2, 1000, 5, 100);
	check_pages(bed, r, 2, 1005, 2, 300);
	check_pages(bed, r, 2, 1007, 2, 107);
	assert_int_equal(wpp_reader_next(r, 2, 1009, 1, &run), WPP_ENOENT);
	check_pages(bed, r, FAR_SPACE, FAR_PAGE, 1, 200);
	check_pcb(bed, r, 2);
	assert_int_equal(wpp_reader_stream(r, WPP_STREAM_REGIONS, 0, text, sizeof(text)), 0);
	assert_string_equal(text, REGIONS);
	wpp_reader_close(r);
	r = open_gen(bed, "other-1.x", 0, 1, 1, 0);
	check_pages(bed, r, 3, 0, 1, 400);
	wpp_reader_close(r);
}

static void load_file(struct bed *bed, const char *path)
{
	FILE *f = fopen(path, "rb");

	assert_non_null(f);
	assert_int_equal(fread(bed->ram->bytes, 1, SIZE, f), SIZE);
	fclose(f);
}

static void image_1_0_opens(void **state)
{
	struct bed *bed = bed_new(SIZE, 1, 0);

	(void)state;
	bed_close(bed);
	load_file(bed, FILE_1_0);
	bed_reopen(bed);
	assert_null(bed->diag.what);
	check(bed);
	bed_free(bed);
}

static void writer_still_yields_image_1_0(void **state)
{
	struct bed *bed = bed_new(SIZE, 1, 0), *kept = bed_new(SIZE, 1, 0);

	(void)state;
	make(bed);
	load_file(kept, FILE_1_0);
	for (uint32_t i = 0; i < SIZE; i++)
		if (bed->ram->bytes[i] != kept->ram->bytes[i])
			fail_msg("byte %u of the image differs: bump the version or undo it", i);
	bed_free(bed);
	bed_free(kept);
}

/* A medium of another size has the same label where it says: geometry is data. */
static void image_1_0_opens_on_a_larger_medium(void **state)
{
	struct bed *bed = bed_new(2 * SIZE, 3, 0);
	struct wpp_geometry geo;

	(void)state;
	bed_close(bed);
	memset(bed->ram->bytes, 0xee, 2 * SIZE);
	load_file(bed, FILE_1_0);
	assert_int_equal(wpp_store_probe(&bed->ram->be, &bed->ram->medium, 0, &geo, bed->buf), 0);
	assert_true(geo.base[WPP_SEC_PAGES] + geo.size[WPP_SEC_PAGES] == SIZE);
	bed->geo = geo;
	bed_workspace(bed);
	bed_reopen(bed);
	check(bed);
	bed_free(bed);
}

static int write_file(const char *path)
{
	struct bed *bed = bed_new(SIZE, 1, 0);
	FILE *f = fopen(path, "wb");
	bool ok;

	make(bed);
	ok = f && fwrite(bed->ram->bytes, 1, SIZE, f) == SIZE;
	ok = f && !fclose(f) && ok;
	bed_free(bed);
	return ok ? 0 : 1;
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(image_1_0_opens),
		cmocka_unit_test(writer_still_yields_image_1_0),
		cmocka_unit_test(image_1_0_opens_on_a_larger_medium),
	};

	if (argc == 3 && !strcmp(argv[1], "--write"))
		return write_file(argv[2]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
