/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Damage, malice and failing media. Damage breaks a checksum: the place is named
 * and the older generation offered. Malice has every checksum right and a field
 * wrong: "seal" mends the checksums from the leaves up to the record.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <wpp/crc32c.h>
#include <wpp/store.h>

#include "core/format.h"
#include "core/store_bed.h"

#define MIB  (1u << 20)
#define SIZE (16 * MIB)
#define SPAN 600u /* pages: two leaves */

static uint8_t *block(struct bed *bed, uint32_t place)
{
	return bed->ram->bytes + (size_t)place * 4096;
}

static struct wppf_commit *slot(struct bed *bed, uint32_t i)
{
	return (struct wppf_commit *)block(bed, (uint32_t)(bed->geo.base[WPP_SEC_INTERNAL] / 4096) +
							1 + i);
}

static uint32_t slot_of(struct bed *bed, uint64_t generation)
{
	for (uint32_t i = 0; i < 6; i++)
		if (wppf_get64(slot(bed, i)->generation) == generation)
			return i;
	fail_msg("no record of generation %u", (unsigned int)generation);
	return 0;
}

static uint64_t off_of(struct bed *bed, const void *p)
{
	return (uint64_t)((const uint8_t *)p - bed->ram->bytes);
}

static struct wppf_space *space_of(struct bed *bed, const struct wppf_commit *rec, uint32_t i)
{
	return &((struct wppf_dir *)block(bed, wppf_get32(rec->dir[0].place)))->space[i];
}

static struct wppf_table *table_at(struct bed *bed, struct wppf_ref ref)
{
	return (struct wppf_table *)block(bed, wppf_get32(ref.place));
}

/* The table of level @level on the way to page 0 of the last space. */
static struct wppf_table *table_of(struct bed *bed, const struct wppf_commit *rec, uint32_t level)
{
	struct wppf_space *s = space_of(bed, rec, wppf_get32(rec->nr_spaces) - 1);
	struct wppf_table *t = table_at(bed, s->root);

	for (uint32_t l = wppf_get32(s->height) - 1; l > level; l--)
		t = table_at(bed, t->ref[0]);
	return t;
}

static void seal_block(struct bed *bed, struct wppf_ref *ref)
{
	uint32_t place = wppf_get32(ref->place);

	if (place && place < bed->ram->medium.size / 4096)
		ref->crc = wppf_put32(wpp_crc32c(0, block(bed, place), 4096));
}

/* Two levels are all that these stores have. */
static void seal_space(struct bed *bed, struct wppf_space *s)
{
	uint32_t place = wppf_get32(s->root.place);

	if (place >= bed->ram->medium.size / 4096)
		return;
	for (uint32_t i = 0; i < 512 && wppf_get32(s->height) == 2; i++)
		seal_block(bed, &table_at(bed, s->root)->ref[i]);
	seal_block(bed, &s->root);
}

static void seal_record(struct wppf_commit *rec)
{
	rec->crc = wppf_put32(wpp_crc32c(0, rec, 4092));
}

static void seal(struct bed *bed, struct wppf_commit *rec)
{
	uint32_t place = wppf_get32(rec->dir[0].place);

	if (place < bed->ram->medium.size / 4096) {
		for (uint32_t i = 0; i < 128; i++)
			seal_space(bed, space_of(bed, rec, i));
		seal_block(bed, &rec->dir[0]);
	}
	seal_record(rec);
}

static void save(struct bed *bed, uint32_t tag)
{
	struct wpp_writer *w;
	uint64_t page[SPAN];

	for (uint32_t i = 0; i < SPAN; i++) {
		page[i] = i;
		fill(bed->buf + i * 4096, tag);
	}
	assert_int_equal(wpp_writer_begin(bed->st, "a", 0, &w), 0);
	assert_int_equal(wpp_writer_put(w, 2, page, SPAN, bed->buf), 0);
	assert_int_equal(wpp_writer_stream(w, WPP_STREAM_PCB, "records", 7), 0);
	assert_int_equal(wpp_writer_commit(w, 0, NULL), 0);
}

/* Generations 1 and 2, closed. */
static struct bed *two_generations_at(uint32_t queue_depth)
{
	struct bed *bed = bed_new(SIZE, queue_depth, 0);

	bed_close(bed);
	bed->cfg.max_pages = SPAN; /* a small workspace opens faster */
	bed->cfg.max_spaces = 4;
	bed_workspace(bed);
	bed_reopen(bed);
	save(bed, 1);
	save(bed, 2);
	bed_close(bed);
	return bed;
}

static struct bed *two_generations(void)
{
	return two_generations_at(1);
}

static void assert_newest(struct bed *bed, uint64_t generation, uint32_t nr)
{
	struct wpp_generation g;
	uint32_t pos = 0;

	assert_int_equal(wpp_store_list(bed->st, &pos, &g), 0);
	assert_true(g.generation == generation);
	while (!wpp_store_list(bed->st, &pos, &g))
		continue;
	assert_int_equal(pos, nr);
}

static void assert_reads(struct bed *bed, uint64_t generation, int want)
{
	struct wpp_reader *r;
	struct wpp_run run;
	uint64_t at = 0;
	uint8_t page[4096];
	int err;

	fill(page, (uint32_t)generation);
	assert_int_equal(wpp_reader_open(bed->st, "a", generation, &r, NULL), 0);
	while (!(err = wpp_reader_next(r, 2, at, 1000, &run))) {
		err = wpp_reader_read(r, &run, bed->buf, &bed->diag);
		if (err)
			break;
		for (uint32_t i = 0; i < run.nr; i++)
			assert_memory_equal(bed->buf + i * 4096, page, 4096);
		at = run.page + run.nr;
	}
	assert_int_equal(err == WPP_ENOENT ? 0 : err, want);
	if (!want)
		assert_true(at == SPAN);
	wpp_reader_close(r);
}

/* Generation 2 is gone, 1 is offered whole, and the diagnosis names @off. */
static void assert_falls_back(struct bed *bed, uint64_t off, const char *what)
{
	bed_reopen(bed);
	assert_newest(bed, 1, 1);
	assert_non_null(bed->diag.what);
	if (what)
		assert_string_equal(bed->diag.what, what);
	if (off)
		assert_true(bed->diag.off == off);
	assert_reads(bed, 1, 0);
}

static void damaged_record(void **state)
{
	struct bed *bed = two_generations();
	struct wppf_commit *rec = slot(bed, slot_of(bed, 2));

	(void)state;
	for (uint32_t bit = 3; bit < 4096 * 8; bit += 911) {
		((uint8_t *)rec)[bit / 8] ^= (uint8_t)(1u << bit % 8);
		assert_falls_back(bed, off_of(bed, rec), "commit record");
		((uint8_t *)rec)[bit / 8] ^= (uint8_t)(1u << bit % 8);
		bed_close(bed);
	}
	bed_reopen(bed);
	assert_newest(bed, 2, 2);
	bed_free(bed);
}

static void damaged_metadata(void **state)
{
	struct bed *bed = two_generations();
	struct wppf_commit *rec = slot(bed, slot_of(bed, 2));
	uint8_t *victim[] = { (uint8_t *)space_of(bed, rec, 0), (uint8_t *)table_of(bed, rec, 1),
			      (uint8_t *)table_of(bed, rec, 0) };
	static const char *const what[] = { "directory", "page table", "page table" };

	(void)state;
	for (uint32_t i = 0; i < 3; i++) {
		for (uint32_t at = 0; at < 4096; at += 1365) {
			victim[i][at] ^= 0x40;
			assert_falls_back(bed, off_of(bed, victim[i]), what[i]);
			victim[i][at] ^= 0x40;
			bed_close(bed);
		}
	}
	bed_free(bed);
}

static void damaged_page(void **state)
{
	struct bed *bed = two_generations();
	struct wppf_commit *rec = slot(bed, slot_of(bed, 2));
	uint8_t *page = block(bed, wppf_get32(table_of(bed, rec, 0)->ref[77].place));

	(void)state;
	page[4095] ^= 1;
	bed_reopen(bed);
	assert_newest(bed, 2, 2);
	assert_reads(bed, 2, WPP_ECORRUPT);
	assert_string_equal(bed->diag.what, "page");
	assert_true(bed->diag.off == off_of(bed, page));
	assert_true(bed->diag.page == 77 && bed->diag.space == 2);
	assert_reads(bed, 1, 0);
	bed_free(bed);
}

static void damaged_stream(void **state)
{
	struct bed *bed = two_generations();
	struct wppf_commit *rec = slot(bed, slot_of(bed, 2));
	struct wppf_table *t = table_at(bed, space_of(bed, rec, 0)->root);
	struct wpp_reader *r;
	char text[8];

	(void)state;
	block(bed, wppf_get32(t->ref[0].place))[3000] ^= 1; /* behind the end counts, too */
	bed_reopen(bed);
	assert_int_equal(wpp_reader_open(bed->st, "a", 0, &r, NULL), 0);
	assert_int_equal(wpp_reader_stream(r, WPP_STREAM_PCB, 0, text, 7), WPP_ECORRUPT);
	wpp_reader_close(r);
	assert_int_equal(wpp_reader_open(bed->st, "a", 1, &r, NULL), 0);
	assert_int_equal(wpp_reader_stream(r, WPP_STREAM_PCB, 0, text, 7), 0);
	bed_free(bed);
}

static struct wppf_label *label(struct bed *bed, uint32_t i)
{
	uint64_t last = bed->geo.base[WPP_SEC_INTERNAL] + bed->geo.size[WPP_SEC_INTERNAL] - 4096;

	return (struct wppf_label *)(bed->ram->bytes +
				     (i ? last : bed->geo.base[WPP_SEC_INTERNAL]));
}

static void damaged_labels(void **state)
{
	struct bed *bed = two_generations();

	(void)state;
	label(bed, 0)->reserved[5] ^= 1;
	bed_reopen(bed);
	assert_string_equal(bed->diag.what, "label");
	assert_true(bed->diag.off == 0);
	assert_newest(bed, 2, 2);
	bed_close(bed);
	memset(label(bed, 0), 0, 4096);
	bed_reopen(bed);
	assert_newest(bed, 2, 2);
	bed_close(bed);
	label(bed, 1)->reserved[5] ^= 1;
	assert_int_equal(bed_open(bed), WPP_ECORRUPT);
	memset(label(bed, 1), 0, 4096);
	assert_int_equal(bed_open(bed), WPP_EFORMAT);
	assert_null(bed->st);
	bed_free(bed);
}

static void seal_label(struct bed *bed, uint32_t i)
{
	label(bed, i)->crc = wppf_put32(wpp_crc32c(0, label(bed, i), 4092));
}

static int open_with_label(struct bed *bed, const struct wppf_label *l)
{
	int err;

	for (uint32_t i = 0; i < 2; i++) {
		*label(bed, i) = *l;
		seal_label(bed, i);
	}
	err = bed_open(bed);
	bed_close(bed);
	return err;
}

static void labels_of_the_future_and_of_liars(void **state)
{
	struct bed *bed = two_generations();
	struct wppf_label good = *label(bed, 0), l = good;

	(void)state;
	l.head.major = wppf_put16(2);
	assert_int_equal(open_with_label(bed, &l), WPP_EFORMAT);
	l = good;
	l.head.incompat = wppf_put32(WPPF_INCOMPAT_SEALED);
	assert_int_equal(open_with_label(bed, &l), WPP_EFORMAT);
	l = good;
	l.head.minor = wppf_put16(9);
	l.head.compat = wppf_put32(~0u);
	assert_int_equal(open_with_label(bed, &l), 0);
	l = good;
	l.head.ro_compat = wppf_put32(1u << 31);
	assert_int_equal(open_with_label(bed, &l), WPP_EROFS);
	bed->cfg.flags = WPP_STORE_RDONLY;
	assert_int_equal(open_with_label(bed, &l), 0);
	bed->cfg.flags = 0;
	l = good;
	l.block_shift = wppf_put32(13);
	assert_int_equal(open_with_label(bed, &l), WPP_ECORRUPT);
	l = good;
	l.nr_slots = wppf_put32(128);
	assert_int_equal(open_with_label(bed, &l), WPP_ECORRUPT);
	for (uint32_t i = 0; i < WPP_SEC_COUNT; i++) {
		l = good;
		l.section[i].base = wppf_put64(~0ull << 12);
		assert_int_equal(open_with_label(bed, &l), WPP_ECORRUPT);
		l = good;
		l.section[i].size = wppf_put64(1ull << 62);
		assert_int_equal(open_with_label(bed, &l), WPP_ECORRUPT);
		l = good;
		l.section[i].size = wppf_put64(0);
		assert_int_equal(open_with_label(bed, &l), WPP_ECORRUPT);
	}
	bed_free(bed);
}

/* One lie in generation 2, with every checksum right. */
struct lie {
	const char *name;
	void (*tell)(struct bed *bed, struct wppf_commit *rec);
};

static void lie_table_out_of_section(struct bed *bed, struct wppf_commit *rec)
{
	table_of(bed, rec, 1)->ref[0].place =
		wppf_put32((uint32_t)(bed->geo.base[WPP_SEC_PAGES] / 4096));
}

static void lie_table_beyond_medium(struct bed *bed, struct wppf_commit *rec)
{
	table_of(bed, rec, 1)->ref[0].place = wppf_put32(~0u);
}

static void lie_page_out_of_section(struct bed *bed, struct wppf_commit *rec)
{
	table_of(bed, rec, 0)->ref[5].place = wppf_put32(1);
}

static void lie_page_beyond_medium(struct bed *bed, struct wppf_commit *rec)
{
	table_of(bed, rec, 0)->ref[5].place = wppf_put32(1u << 20);
}

static void lie_page_twice(struct bed *bed, struct wppf_commit *rec)
{
	struct wppf_table *t = table_of(bed, rec, 0);

	t->ref[5] = t->ref[6];
}

static void lie_table_twice(struct bed *bed, struct wppf_commit *rec)
{
	struct wppf_table *t = table_of(bed, rec, 1);

	for (uint32_t i = 1; i < 512; i++)
		t->ref[i] = t->ref[0];
}

static void lie_table_in_itself(struct bed *bed, struct wppf_commit *rec)
{
	table_of(bed, rec, 1)->ref[7].place = space_of(bed, rec, 1)->root.place;
}

static void lie_too_many_pages(struct bed *bed, struct wppf_commit *rec)
{
	(void)bed;
	rec->nr_pages = wppf_put64(SPAN + 1);
}

static void lie_page_count_of_space(struct bed *bed, struct wppf_commit *rec)
{
	space_of(bed, rec, 1)->nr_pages = wppf_put64(SPAN - 1);
	rec->nr_pages = wppf_put64(SPAN - 1);
	rec->nr_written = wppf_put64(0);
}

static void lie_height_0(struct bed *bed, struct wppf_commit *rec)
{
	space_of(bed, rec, 1)->height = wppf_put32(0);
}

static void lie_height_6(struct bed *bed, struct wppf_commit *rec)
{
	space_of(bed, rec, 1)->height = wppf_put32(6);
}

static void lie_height_3(struct bed *bed, struct wppf_commit *rec)
{
	space_of(bed, rec, 1)->height = wppf_put32(3);
}

static void lie_space_order(struct bed *bed, struct wppf_commit *rec)
{
	space_of(bed, rec, 1)->space = wppf_put32(0);
}

static void lie_space_number(struct bed *bed, struct wppf_commit *rec)
{
	space_of(bed, rec, 1)->space = wppf_put32(WPP_SPACE_MAX + 1);
}

static void lie_stream_len(struct bed *bed, struct wppf_commit *rec)
{
	(void)bed;
	rec->stream_len[0] = wppf_put64(~0ull);
}

static void lie_stream_without_space(struct bed *bed, struct wppf_commit *rec)
{
	(void)bed;
	rec->stream_len[1] = wppf_put64(1);
}

static void lie_space_count(struct bed *bed, struct wppf_commit *rec)
{
	(void)bed;
	rec->nr_spaces = wppf_put32(1);
}

static void lie_dir_count(struct bed *bed, struct wppf_commit *rec)
{
	(void)bed;
	rec->nr_dirs = wppf_put32(448);
}

static void lie_dir_place(struct bed *bed, struct wppf_commit *rec)
{
	(void)bed;
	rec->dir[0].place = wppf_put32(~0u);
}

static void lie_name(struct bed *bed, struct wppf_commit *rec)
{
	(void)bed;
	memset(rec->image, 'a', sizeof(rec->image));
}

static void lie_generation_0(struct bed *bed, struct wppf_commit *rec)
{
	(void)bed;
	rec->generation = wppf_put64(0);
}

static void lie_parent(struct bed *bed, struct wppf_commit *rec)
{
	(void)bed;
	rec->parent = wppf_put64(2);
}

static void lie_kept_itself(struct bed *bed, struct wppf_commit *rec)
{
	(void)bed;
	rec->kept[3] = rec->seq;
}

static const struct lie lies[] = {
	{ "table out of its section", lie_table_out_of_section },
	{ "table beyond the medium", lie_table_beyond_medium },
	{ "page out of its section", lie_page_out_of_section },
	{ "page beyond the medium", lie_page_beyond_medium },
	{ "page twice", lie_page_twice },
	{ "table twice", lie_table_twice },
	{ "table in itself", lie_table_in_itself },
	{ "too many pages", lie_too_many_pages },
	{ "page count of a space", lie_page_count_of_space },
	{ "height 0", lie_height_0 },
	{ "height 6", lie_height_6 },
	{ "height 3", lie_height_3 },
	{ "space order", lie_space_order },
	{ "space number", lie_space_number },
	{ "stream length", lie_stream_len },
	{ "stream without space", lie_stream_without_space },
	{ "space count", lie_space_count },
	{ "directory count", lie_dir_count },
	{ "directory place", lie_dir_place },
	{ "name", lie_name },
	{ "generation 0", lie_generation_0 },
	{ "parent", lie_parent },
	{ "kept itself", lie_kept_itself },
};

static void lies_with_right_checksums(void **state)
{
	struct bed *bed = two_generations();
	uint8_t *good = malloc(SIZE);

	(void)state;
	assert_non_null(good);
	memcpy(good, bed->ram->bytes, SIZE);
	for (size_t i = 0; i < sizeof(lies) / sizeof(lies[0]); i++) {
		struct wppf_commit *rec = slot(bed, slot_of(bed, 2));

		print_message("%s\n", lies[i].name);
		lies[i].tell(bed, rec);
		seal(bed, rec);
		assert_falls_back(bed, 0, NULL);
		bed_close(bed);
		memcpy(bed->ram->bytes, good, SIZE);
	}
	free(good);
	bed_free(bed);
}

static void records_of_the_future(void **state)
{
	struct bed *bed = two_generations();
	struct wppf_commit *rec = slot(bed, slot_of(bed, 2)), good = *rec;

	(void)state;
	rec->head.incompat = wppf_put32(4);
	seal_record(rec);
	assert_int_equal(bed_open(bed), WPP_EFORMAT);
	*rec = good;
	rec->head.incompat = wppf_put32(WPPF_INCOMPAT_SEALED);
	seal_record(rec);
	assert_int_equal(bed_open(bed), WPP_EFORMAT);
	*rec = good;
	rec->head.major = wppf_put16(2);
	seal_record(rec);
	assert_int_equal(bed_open(bed), WPP_EFORMAT);
	*rec = good;
	rec->head.ro_compat = wppf_put32(4);
	seal_record(rec);
	assert_int_equal(bed_open(bed), WPP_EROFS);
	bed->cfg.flags = WPP_STORE_RDONLY;
	assert_int_equal(bed_open(bed), 0);
	assert_newest(bed, 2, 2);
	bed_free(bed);
}

/* A record of an earlier format of the same medium is nobody's. */
static void record_of_another_store(void **state)
{
	struct bed *bed = two_generations();
	struct wppf_commit *rec = slot(bed, slot_of(bed, 2));

	(void)state;
	rec->store = wppf_put64(77);
	seal_record(rec);
	bed_reopen(bed);
	assert_newest(bed, 1, 1);
	bed_free(bed);
}

/* A copied record gives no third generation, and no confusion. */
static void record_twice(void **state)
{
	struct bed *bed = two_generations();

	(void)state;
	*slot(bed, 4) = *slot(bed, slot_of(bed, 2));
	*slot(bed, 5) = *slot(bed, slot_of(bed, 1));
	bed_reopen(bed);
	assert_newest(bed, 2, 2);
	bed_free(bed);
}

/* Numbers that leave no next one: what is there can be read, nothing can be added. */
static void numbers_run_out(void **state)
{
	struct bed *bed = two_generations();
	struct wppf_commit *rec = slot(bed, slot_of(bed, 2)), good = *rec;
	struct wpp_writer *w;

	(void)state;
	rec->seq = wppf_put64(~0ull >> 1);
	seal_record(rec);
	bed_reopen(bed);
	assert_newest(bed, 2, 2);
	assert_int_equal(wpp_writer_begin(bed->st, "a", 0, &w), WPP_ENOSPC);
	bed_close(bed);
	*rec = good;
	rec->generation = wppf_put64(~0ull >> 1);
	seal_record(rec);
	bed_reopen(bed);
	assert_newest(bed, ~0ull >> 1, 2);
	assert_int_equal(wpp_writer_begin(bed->st, "a", 0, &w), WPP_ENOSPC);
	assert_int_equal(wpp_writer_begin(bed->st, "b", 0, &w), 0);
	bed_free(bed);
}

/* After a fallback the next generation takes a new number and the lost one never returns. */
static void life_after_a_fallback(void **state)
{
	struct bed *bed = two_generations();
	struct wppf_commit *rec = slot(bed, slot_of(bed, 2));
	uint8_t *table = (uint8_t *)table_of(bed, rec, 0);

	(void)state;
	table[9] ^= 1;
	assert_falls_back(bed, off_of(bed, table), "page table");
	table[9] ^= 1;
	save(bed, 3);
	bed_reopen(bed);
	assert_newest(bed, 3, 2);
	assert_reads(bed, 3, 0);
	assert_reads(bed, 1, 0);
	bed_free(bed);
}

/* A record that was unreadable once, and is not any more, speaks for nobody. */
static void a_record_that_heals(void **state)
{
	struct bed *bed = two_generations();
	struct wppf_commit *rec = slot(bed, slot_of(bed, 2));
	uint8_t want[4096];
	struct wpp_reader *r;
	struct wpp_run run;

	(void)state;
	*slot(bed, 5) = *slot(bed, slot_of(bed, 1)); /* stale: the next record goes there */
	rec->image[0] ^= 1;
	assert_falls_back(bed, off_of(bed, rec), "commit record");
	save(bed, 3);
	bed_close(bed);
	rec->image[0] ^= 1;
	bed_reopen(bed);
	assert_newest(bed, 2, 2);
	assert_int_equal(wpp_reader_open(bed->st, "a", 0, &r, NULL), 0);
	assert_int_equal(wpp_reader_next(r, 2, 0, 1, &run), 0);
	assert_int_equal(wpp_reader_read(r, &run, bed->buf, NULL), 0);
	fill(want, 3);
	assert_memory_equal(bed->buf, want, 4096);
	bed_free(bed);
}

/* What a scenario reached before the medium failed. */
static int scenario(struct bed *bed, uint32_t *acked)
{
	struct wpp_writer *w;
	int err = 0;

	for (uint32_t tag = 3; tag <= 4 && !err; tag++) {
		uint64_t page[SPAN];
		int end;

		for (uint32_t i = 0; i < SPAN; i++) {
			page[i] = i;
			fill(bed->buf + i * 4096, tag);
		}
		err = wpp_writer_begin(bed->st, "a", 0, &w);
		if (err)
			return err;
		err = wpp_writer_put(w, 2, page, SPAN, bed->buf);
		end = wpp_writer_commit(w, 0, NULL);
		if (!err)
			err = end;
		else
			assert_int_not_equal(end, 0);
		if (!err)
			*acked = tag;
	}
	return err;
}

/* The n-th move fails, for every n: an error is reported, nothing acknowledged is lost. */
static void fail_every_move(uint32_t queue_depth)
{
	bool failed = true;

	for (uint64_t n = 1; failed; n++) {
		struct bed *bed = two_generations_at(queue_depth);
		uint32_t acked = 2;
		struct wpp_writer *w;
		int err = bed_open(bed);

		assert_int_equal(err, 0);
		bed->ram->moves = 0;
		bed->ram->fail_at = n;
		err = scenario(bed, &acked);
		failed = err != 0;
		bed->ram->fail_at = 0;
		if (failed) {
			assert_int_equal(err, WPP_EIO);
			assert_int_equal(wpp_writer_begin(bed->st, "a", 0, &w), WPP_EPOISON);
			assert_int_equal(wpp_store_drop(bed->st, "a", 0), WPP_EPOISON);
			assert_reads(bed, acked, 0); /* reading goes on */
		}
		bed_reopen(bed);
		assert_reads(bed, acked, 0);
		bed_free(bed);
	}
}

static void every_move_fails_once(void **state)
{
	(void)state;
	fail_every_move(1);
	fail_every_move(8);
}

/* A run is read in parts, some ahead: the failing one is named, the others leave nothing behind. */
static void every_read_of_a_run_fails_once(void **state)
{
	static const uint32_t depth[] = { 1, 2, 8 };

	(void)state;
	for (uint32_t d = 0; d < 3; d++) {
		struct bed *bed = bed_new(SIZE, depth[d], 0);
		bool failed = true;
		struct wpp_reader *r;
		struct wpp_run run;

		save(bed, 1);
		assert_int_equal(wpp_reader_open(bed->st, "a", 0, &r, NULL), 0);
		assert_int_equal(wpp_reader_next(r, 2, 0, SPAN, &run), 0);
		assert_int_equal(run.nr, SPAN);
		for (uint64_t n = 1; failed; n++) {
			int err;

			bed->ram->moves = 0;
			bed->ram->fail_at = n;
			err = wpp_reader_read(r, &run, bed->buf, &bed->diag);
			failed = bed->ram->moves >= n;
			bed->ram->fail_at = 0;
			assert_int_equal(err, failed ? WPP_EIO : 0);
			assert_int_equal(bed->ram->nr_queue, 0);
			if (failed)
				assert_non_null(bed->diag.what);
		}
		wpp_reader_close(r);
		bed_free(bed);
	}
}

static int open_with_failure(struct bed *bed, uint64_t n, bool *failed)
{
	int err;

	bed->ram->moves = 0;
	bed->ram->fail_at = n;
	err = bed_open(bed);
	*failed = bed->ram->moves >= n;
	bed->ram->fail_at = 0;
	return err;
}

/*
 * The n-th read of open() fails. A writer gets an error, or all that is there. A
 * reader gets all, too, or the older generation and a diagnosis.
 */
static void every_read_of_open_fails_once(void **state)
{
	struct bed *bed = two_generations();
	struct wpp_generation g;
	bool failed = true;

	(void)state;
	for (uint64_t n = 1; failed; n++) {
		uint32_t pos = 0;
		int err = open_with_failure(bed, n, &failed);

		if (err)
			assert_int_equal(err, WPP_EIO);
		else
			assert_newest(bed, 2, 2);
		bed_close(bed);
		bed->cfg.flags = WPP_STORE_RDONLY;
		assert_int_equal(open_with_failure(bed, n, &failed), 0);
		bed->cfg.flags = 0;
		assert_int_equal(wpp_store_list(bed->st, &pos, &g), 0);
		assert_true(g.generation == 2 || bed->diag.what);
		assert_reads(bed, g.generation, 0);
		bed_close(bed);
	}
	bed_free(bed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(damaged_record),
		cmocka_unit_test(damaged_metadata),
		cmocka_unit_test(damaged_page),
		cmocka_unit_test(damaged_stream),
		cmocka_unit_test(damaged_labels),
		cmocka_unit_test(labels_of_the_future_and_of_liars),
		cmocka_unit_test(lies_with_right_checksums),
		cmocka_unit_test(records_of_the_future),
		cmocka_unit_test(record_of_another_store),
		cmocka_unit_test(record_twice),
		cmocka_unit_test(numbers_run_out),
		cmocka_unit_test(life_after_a_fallback),
		cmocka_unit_test(a_record_that_heals),
		cmocka_unit_test(every_move_fails_once),
		cmocka_unit_test(every_read_of_a_run_fails_once),
		cmocka_unit_test(every_read_of_open_fails_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
