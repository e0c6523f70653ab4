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

static struct specimen specimen[2];
static struct world world[2]; /* by moves, direct */
static struct book scratch;
static uint8_t *mem;

static void setup(void)
{
	static const char *const name[] = { "disk", "pmem" };

	for (uint32_t i = 0; i < 2; i++) {
		struct wpp_backend *be = media_open(media_class_find(name[i]), WORLD_BYTES, 1);
		struct scenario sc;

		scenario_random(&sc, 2000 + i);
		CHECK(!specimen_make(&specimen[i], &sc));
		CHECK(!world_init(&world[i], be, 3, &scratch));
	}
	mem = malloc(WORLD_BYTES);
	CHECK(mem);
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

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct specimen *sp;
	const struct book *book;
	uint32_t choice, readable;
	struct world *w;

	if (!mem)
		setup();
	if (!size)
		return 0;
	choice = data[0];
	sp = &specimen[!!(choice & OTHER_SPECIMEN)];
	book = &sp->book;
	w = &world[!!(choice & DIRECT)];
	memcpy(mem, specimen_newest(sp), WORLD_BYTES);
	edit_apply(mem, specimen_newest(sp), data + 1, size - 1);
	if (choice & FIX_CHECKSUMS)
		edit_fix_checksums(mem);
	wpp_sim_load(w->be, mem);
	if (world_open(w, NULL))
		return 0;
	if (!(choice & FIX_CHECKSUMS))
		CHECK(verify_honest(w, &book, 1, &readable));
	read_all(w);
	if (choice & THEN_WRITE)
		write_some(w, choice >> 4 & 1);
	world_close(w);
	return 0;
}
