/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include <stdlib.h>
#include <string.h>

#include "core/store_priv.h"
#include "play.h"

/* ---- The store of a world ------------------------------------------------------------------- */

/* A small medium whose sections are all roomy enough for the scenarios. */
static void set_geometry(struct wpp_geometry *geo)
{
	static const struct {
		enum wpp_section sec;
		uint32_t pages;
	} plan[] = {
		{ WPP_SEC_INTERNAL, 14 },  { WPP_SEC_METADATA, 40 }, { WPP_SEC_REGIONS, 40 },
		{ WPP_SEC_MAPPINGS, 140 }, { WPP_SEC_PAGES, 150 },
	};
	uint64_t off = 0;

	for (uint32_t i = 0; i < WPP_SEC_COUNT; i++) {
		geo->base[plan[i].sec] = off;
		geo->size[plan[i].sec] = (uint64_t)plan[i].pages * WPP_PAGE_SIZE;
		off += geo->size[plan[i].sec];
	}
}

int world_init(struct world *w, struct wpp_backend *be, uint32_t keep, struct book *book)
{
	int err;

	memset(w, 0, sizeof(*w));
	w->be = be;
	w->book = book;
	w->cfg = (struct wpp_store_cfg){ .size = sizeof(w->cfg),
					 .generations = keep,
					 .max_spaces = 8,
					 .max_pages = MODEL_PAGES };
	err = pool_init();
	if (!err)
		err = be->ops->probe(be, &w->medium);
	if (err)
		return err;
	set_geometry(&w->geo);
	w->cfg.label_off = w->geo.base[WPP_SEC_INTERNAL];
	w->ws_len = wpp_store_workspace(&w->geo, &w->medium, &w->cfg);
	if (!w->ws_len)
		return WPP_EINVAL;
	w->ws = aligned_alloc(WPP_PAGE_SIZE, (w->ws_len + 4095) & ~4095ull);
	if (!w->ws)
		return WPP_ENOMEM;
	w->dirty = w->ws_len;
	return 0;
}

void world_fini(struct world *w)
{
	free(w->ws);
}

/*
 * Zeroing the whole workspace would be most of the work. The tables at its end are written before
 * they are read, so what lies before them will do, once we know where that is.
 */
int world_open(struct world *w, struct wpp_diag *diag)
{
	int err;

	memset(w->ws, 0, w->dirty);
	err = wpp_store_open(&w->st, w->be, &w->medium, &w->cfg, w->ws, w->ws_len, diag);
	w->dirty = w->ws_len;
	if (!err)
		w->dirty = (size_t)((uint8_t *)w->st->map.table - (uint8_t *)w->ws);
	return err;
}

void world_close(struct world *w)
{
	if (w->st)
		wpp_store_close(w->st);
	w->st = NULL;
	w->w = NULL;
	w->open = NULL;
}

void world_forget(struct world *w)
{
	memset(&w->now, 0, sizeof(w->now));
	memset(&w->next, 0, sizeof(w->next));
	w->book->nr = 0;
	w->book->next_tag = 0;
	w->formatting = false;
}

const char *world_strerror(int err)
{
	return err == WORLD_ENUMBER ? "the generation has an unexpected number" : wpp_strerror(err);
}

/* ---- Steps ------------------------------------------------------------------------------------
 */

static int do_format(struct world *w)
{
	int err;

	world_close(w);
	memset(&w->next, 0, sizeof(w->next));
	w->formatting = true;
	err = wpp_store_format(w->be, &w->medium, &w->geo, w->ws);
	if (err)
		return err;
	w->now = w->next;
	w->formatting = false;
	return world_open(w, NULL);
}

static int do_reopen(struct world *w)
{
	if (w->stay_open) {
		if (w->w)
			wpp_writer_abort(w->w);
		w->w = NULL;
		return 0;
	}
	world_close(w);
	return world_open(w, NULL);
}

static int do_begin(struct world *w, uint32_t image, uint32_t flags)
{
	const struct model_gen *newest = model_newest(&w->now, w->book, image);
	int err = wpp_writer_begin(w->st, model_image_name[image], flags, &w->w);

	if (err)
		return err;
	w->open = book_add(w->book, image, newest);
	if (flags & WPP_WRITER_EMPTY)
		*w->open = (struct model_gen){ .image = image, .generation = w->open->generation };
	return 0;
}

static void note_put(struct world *w, uint32_t space, const uint64_t *page, uint32_t nr,
		     uint32_t tag)
{
	for (uint32_t i = 0; i < nr; i++)
		gen_put(w->open, space, page[i], tag + i);
}

static void pages_of(const struct step *s, uint64_t *page)
{
	for (uint32_t i = 0; i < s->nr; i++)
		page[i] = s->page + (uint64_t)i * (s->stride ? s->stride : 1);
}

static int do_put(struct world *w, const struct step *s)
{
	uint64_t page[MODEL_PAGES];
	uint32_t tag = book_tags(w->book, s->nr);
	int err;

	pages_of(s, page);
	err = wpp_writer_put(w->w, s->id, page, s->nr, pool_page(tag));
	if (!err)
		note_put(w, s->id, page, s->nr, tag);
	return err;
}

static int do_fill(struct world *w, const struct step *s)
{
	uint64_t page[MODEL_PAGES];
	uint32_t tag = book_tags(w->book, s->nr);

	pages_of(s, page);
	for (uint32_t done = 0, got; done < s->nr; done += got) {
		uint8_t *p = wpp_writer_direct(w->w, s->nr - done, &got);
		const void *data = p;
		int err;

		if (p)
			memcpy(p, pool_page(tag + done), (size_t)got * WPP_PAGE_SIZE);
		else {
			got = s->nr - done;
			data = pool_page(tag + done);
		}
		err = wpp_writer_put(w->w, s->id, page + done, got, data);
		if (err)
			return err;
		note_put(w, s->id, page + done, got, tag + done);
	}
	return 0;
}

/* More than the medium has: refused as a whole, the writer goes on. */
static int do_put_too_much(struct world *w, const struct step *s)
{
	enum { NR = 2 * WORLD_BYTES / WPP_PAGE_SIZE };
	static uint64_t page[NR];
	int err;

	for (uint32_t i = 0; i < NR; i++)
		page[i] = s->page + i;
	err = wpp_writer_put(w->w, s->id, page, NR, pool_page(0));
	if (err == WPP_ENOSPC || err == WPP_ENOMEM)
		return 0;
	return err ? err : WPP_EINVAL;
}

static int do_cut(struct world *w, const struct step *s)
{
	int err = wpp_writer_cut(w->w, s->id, s->page, s->nr);

	if (!err)
		gen_cut(w->open, s->id, s->page, s->nr);
	return err;
}

static int do_stream(struct world *w, const struct step *s)
{
	uint32_t tag = book_tags(w->book, (s->nr + 4095) / 4096);
	int err = wpp_writer_stream(w->w, (enum wpp_stream)s->id, pool_page(tag), s->nr);

	if (err)
		return err;
	w->open->stream_tag[s->id] = tag;
	w->open->stream_len[s->id] = s->nr;
	return 0;
}

static int do_commit(struct world *w)
{
	uint32_t gen = (uint32_t)(w->open - w->book->gen);
	uint64_t generation = 0;
	int err;

	w->open->realtime_ns = 1000 + gen;
	w->next = w->now;
	model_commit(&w->next, w->open->image, gen, w->cfg.generations);
	err = wpp_writer_commit(w->w, w->open->realtime_ns, &generation);
	w->w = NULL;
	if (err)
		return err;
	err = generation == w->open->generation ? 0 : WORLD_ENUMBER;
	w->open->generation = generation;
	w->now = w->next;
	return err;
}

static int do_drop(struct world *w, const struct step *s)
{
	uint64_t generation = 0;
	int err;

	if (s->nr)
		generation = w->book->gen[w->now.image[s->id].gen[s->nr - 1]].generation;
	w->next = w->now;
	model_drop(&w->next, w->book, s->id, generation);
	err = wpp_store_drop(w->st, model_image_name[s->id], generation);
	if (!err)
		w->now = w->next;
	return err;
}

static int do_step(struct world *w, const struct step *s)
{
	switch (s->op) {
	case STEP_FORMAT:
		return do_format(w);
	case STEP_REOPEN:
		return do_reopen(w);
	case STEP_BEGIN:
		return do_begin(w, s->id, 0);
	case STEP_BEGIN_EMPTY:
		return do_begin(w, s->id, WPP_WRITER_EMPTY);
	case STEP_PUT:
		return do_put(w, s);
	case STEP_FILL:
		return do_fill(w, s);
	case STEP_PUT_TOO_MUCH:
		return do_put_too_much(w, s);
	case STEP_CUT:
		return do_cut(w, s);
	case STEP_STREAM:
		return do_stream(w, s);
	case STEP_SETTLE:
		return wpp_writer_settle(w->w);
	case STEP_COMMIT:
		return do_commit(w);
	case STEP_ABORT:
		wpp_writer_abort(w->w);
		w->w = NULL;
		return 0;
	case STEP_DROP:
		return do_drop(w, s);
	case STEP_END:
		break;
	}
	return WPP_EINVAL;
}

static int do_steps(struct world *w, const struct step *s)
{
	for (w->step = 0; s->op != STEP_END; s++, w->step++) {
		int err = do_step(w, s);

		if (err)
			return err;
	}
	return 0;
}

int world_play(struct world *w, const struct scenario *sc)
{
	int err;

	w->next = w->now;
	err = do_steps(w, sc->step);
	world_close(w);
	return err;
}

int world_commit_more(struct world *w, uint32_t image)
{
	const struct step steps[] = {
		{ STEP_BEGIN, image, 0, 0, 0 }, { STEP_PUT, 2, 0x401, 2, 1 },
		{ STEP_CUT, 2, 0x405, 1, 0 },	{ STEP_STREAM, WPP_STREAM_PCB, 0, 700, 0 },
		{ STEP_COMMIT, 0, 0, 0, 0 },	{ STEP_END, 0, 0, 0, 0 },
	};

	return do_steps(w, steps);
}
