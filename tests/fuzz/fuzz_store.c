/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Label, commit records, directories and page tables of a hostile medium, through open, list and
 * read. The first byte of the input chooses; the rest is a list of edits (edit.h).
 */
#include <stdlib.h>
#include <string.h>

#include "edit.h"
#include "mediaclass.h"
#include "verify.h"

enum choice {
	FIX_CHECKSUMS = 1u << 0,
	DIRECT = 1u << 1,
	THEN_WRITE = 1u << 2,
	OTHER_SPECIMEN = 1u << 3,
};

#define CHECK(x)                 \
	do {                     \
		if (!(x))        \
			abort(); \
	} while (0)

#define RUN_PAGES 16

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define BLK WPP_PAGE_SIZE

/* One for each specimen and way to read it: loading another medium would cost more than the test.
 */
static struct bench {
	const struct specimen *sp;
	struct world w;
	uint8_t *mem; /* the specimen, edited */
} benches[4];

static struct specimen specimen[2];
static struct book scratch;

static void setup_bench(struct bench *b, const struct specimen *sp, const char *medium)
{
	struct wpp_backend *be = media_open(media_class_find(medium), WORLD_BYTES, 1);

	b->sp = sp;
	b->mem = malloc(WORLD_BYTES);
	CHECK(b->mem);
	memcpy(b->mem, specimen_newest(sp), WORLD_BYTES);
	wpp_sim_load(be, specimen_newest(sp));
	CHECK(!world_init(&b->w, be, 3, &scratch));
}

static void setup(void)
{
	for (uint32_t i = 0; i < 2; i++) {
		struct scenario sc;

		scenario_random(&sc, 2000 + i);
		CHECK(!specimen_make(&specimen[i], &sc));
		setup_bench(&benches[2 * i], &specimen[i], "disk");
		setup_bench(&benches[2 * i + 1], &specimen[i], "pmem");
	}
}

/* The edited medium into the sim; b->mem is the specimen again afterwards. */
static void load_edited(struct bench *b)
{
	const uint8_t *sound = specimen_newest(b->sp);

	wpp_sim_load(b->w.be, NULL);
	for (size_t off = 0; off < WORLD_BYTES; off += BLK) {
		if (!memcmp(b->mem + off, sound + off, BLK))
			continue;
		wpp_sim_damage(b->w.be, off, b->mem + off, BLK);
		memcpy(b->mem + off, sound + off, BLK);
	}
}

static void read_streams(struct wpp_reader *r)
{
	static uint8_t buf[64 * 1024];

	for (uint32_t s = 0; s < WPP_STREAM_COUNT; s++) {
		uint64_t len = wpp_reader_stream_len(r, (enum wpp_stream)s);
		int err;

		CHECK(len <= WORLD_BYTES);
		err = wpp_reader_stream(r, (enum wpp_stream)s, 0, buf,
					len < sizeof(buf) ? len : sizeof(buf));
		(void)err;
		CHECK(wpp_reader_stream(r, (enum wpp_stream)s, len, buf, 1) != 0);
	}
}

static void read_space(struct wpp_reader *r, uint32_t space)
{
	static _Alignas(4096) uint8_t buf[RUN_PAGES * WPP_PAGE_SIZE];
	struct wpp_run run;
	uint64_t page = 0, total = 0;

	while (!wpp_reader_next(r, space, page, RUN_PAGES, &run)) {
		struct wpp_diag diag = { 0 };
		int err;

		CHECK(run.space == space && run.page >= page);
		CHECK(run.nr >= 1 && run.nr <= RUN_PAGES);
		CHECK(run.page + run.nr <= WPP_PAGE_INDEX_MAX);
		CHECK(run.off < WORLD_BYTES && run.nr <= (WORLD_BYTES - run.off) / WPP_PAGE_SIZE);
		err = wpp_reader_read(r, &run, buf, &diag);
		CHECK(!err || err == WPP_ECORRUPT || err == WPP_EIO);
		CHECK(wpp_reader_check(r, &run, buf, NULL) == err);
		page = run.page + run.nr;
		total += run.nr;
		CHECK(total <= WORLD_BYTES / WPP_PAGE_SIZE); /* each place counts once */
	}
}

static void read_generation(struct world *w, const struct wpp_generation *gen)
{
	uint32_t space = 0, nr = 0;
	struct wpp_reader *r;

	if (wpp_reader_open(w->st, gen->image, gen->generation, &r, NULL))
		return;
	read_streams(r);
	while (!wpp_reader_next_space(r, space, &space)) {
		CHECK(space <= WPP_SPACE_MAX && ++nr <= 1000);
		read_space(r, space);
		space++;
	}
	wpp_reader_close(r);
}

static void read_all(struct world *w)
{
	struct wpp_generation gen;
	struct wpp_usage usage;
	uint32_t pos = 0, nr = 0;

	while (!wpp_store_list(w->st, &pos, &gen)) {
		CHECK(++nr <= 1000);
		CHECK(memchr(gen.image, 0, sizeof(gen.image)));
		read_generation(w, &gen);
	}
	wpp_store_usage(w->st, &usage);
	CHECK(usage.used + usage.free <= usage.total);
}

/* Whatever write does on such a medium: it ends, and what it reports saved is there. */
static void write_some(struct world *w, uint32_t image)
{
	int err;

	scratch.nr = 0;
	scratch.next_tag = 0;
	memset(&w->now, 0, sizeof(w->now));
	err = world_commit_more(w, image);
	if (err && w->w)
		wpp_writer_abort(w->w);
	w->w = NULL;
	err = wpp_store_drop(w->st, model_image_name[(image + 1) % MODEL_IMAGES], 0);
	(void)err;
	world_close(w);
	CHECK(world_open(w, NULL) == 0);
}

static void run(struct bench *b, uint32_t choice)
{
	const struct book *book = &b->sp->book;
	struct world *w = &b->w;
	uint32_t readable;

	if (world_open(w, NULL))
		return;
	if (!(choice & FIX_CHECKSUMS))
		CHECK(verify_honest(w, &book, 1, &readable));
	read_all(w);
	if (choice & THEN_WRITE)
		write_some(w, choice >> 4 & 1);
	world_close(w);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bench *b;
	uint32_t choice;

	if (!benches[0].mem)
		setup();
	if (!size)
		return 0;
	choice = data[0];
	b = &benches[choice / DIRECT % 2 + (choice & OTHER_SPECIMEN ? 2 : 0)];
	edit_apply(b->mem, specimen_newest(b->sp), data + 1, size - 1);
	if (choice & FIX_CHECKSUMS)
		edit_fix_checksums(b->mem, specimen_newest(b->sp));
	load_edited(b);
	run(b, choice);
	return 0;
}
