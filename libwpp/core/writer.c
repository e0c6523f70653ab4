/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Building the next generation. Each put first makes sure that tables and places
 * suffice, then can only fail with the medium, so that nothing is half done.
 */
#include "crc32c_priv.h"
#include "plat.h"
#include "writer_priv.h"

#define PUT_MAX 65536u

/*
 * One call's pages: @page NULL: 0, 1, 2 ...; @at NULL: @data has them all in a row, @len bytes, the
 * last one may be short.
 */
struct batch {
	struct wpp_writer *w;
	uint32_t space;
	uint32_t nr;
	const uint64_t *page;
	const void *const *at;
	const uint8_t *data;
	const uint32_t *crc; /* NULL: to be taken */
	uint64_t len;
	uint32_t place; /* in place on a byte-addressable medium; 0: to be written */
};

static uint64_t batch_page(const struct batch *b, uint32_t i)
{
	return b->page ? b->page[i] : i;
}

static void copy_name(char *to, const char *from)
{
	uint32_t i = 0;

	for (; from[i]; i++)
		to[i] = from[i];
	wpp_memset(to + i, 0, WPP_IMAGE_NAME_MAX + 1 - i);
}

/* The tables of the parent into st->map, its blocks into the writer's bitmap. */
static int take_tables(struct wpp_store *st, struct wpp_writer *w)
{
	if (!w->parent) {
		wppi_pagemap_reset(&st->map);
		wppi_bitmap_clear(&w->blocks);
		st->map_seq = 0;
		st->nr_dirs = 0;
		return 0;
	}
	if (st->map_seq != w->parent->seq)
		return wppi_load(st, w->parent, &w->blocks, NULL);
	wppi_bitmap_copy(&w->blocks, &w->parent->blocks);
	return 0;
}

static int begin_check(const struct wpp_store *st, const char *image, uint32_t flags)
{
	if (!wppi_image_ok(image) || flags & ~WPP_WRITER_EMPTY)
		return WPP_EINVAL;
	if (st->rdonly)
		return WPP_EROFS;
	if (wppi_poisoned(st))
		return WPP_EPOISON;
	if (st->writer.st)
		return WPP_EBUSY;
	if (st->last_seq >= WPPF_NUMBER_MAX || wppi_gen_last_number(st, image) >= WPPF_NUMBER_MAX)
		return WPP_ENOSPC;
	return wppi_slot_pick(st) == st->nr_slots ? WPP_ENOSPC : 0;
}

int wpp_writer_begin(struct wpp_store *st, const char *image, uint32_t flags,
		     struct wpp_writer **out)
{
	struct wpp_writer *w = &st->writer;
	int err = begin_check(st, image, flags);

	*out = NULL;
	if (err)
		return err;
	w->gen = wppi_gen_new(st);
	if (!w->gen)
		return WPP_ENOSPC;
	w->parent = flags & WPP_WRITER_EMPTY ? NULL : wppi_gen_find(st, image, 0);
	err = take_tables(st, w);
	if (err)
		return err;
	w->st = st;
	w->generation = wppi_gen_last_number(st, image) + 1;
	w->nr_written = 0;
	w->direct = NULL;
	copy_name(w->image, image);
	wppi_alloc_rebuild(st);
	*out = w;
	return 0;
}

int wpp_writer_number(struct wpp_writer *w, uint64_t generation)
{
	if (generation <= wppi_gen_last_number(w->st, w->image) || generation > WPPF_NUMBER_MAX)
		return WPP_EINVAL;
	w->generation = generation;
	return 0;
}

/* Until commit the tables in memory are nobody's: the next begin reads them again. */
static void touch(struct wpp_writer *w)
{
	w->st->map_seq = 0;
}

/* Make all leaves; count the clean tables that will have to be written again. */
static int reserve_tables(const struct batch *b, struct wppi_space *space, uint64_t *nr_tables)
{
	struct wppi_pagemap *map = &b->w->st->map;
	uint64_t last = ~0ull;

	*nr_tables = 0;
	map->mark++;
	for (uint32_t i = 0; i < b->nr; i++) {
		uint64_t first = batch_page(b, i) >> WPPF_TABLE_SHIFT;
		uint32_t leaf;

		if (first == last)
			continue;
		last = first;
		leaf = wppi_leaf_get(map, space, batch_page(b, i));
		if (!leaf)
			return WPP_ENOMEM;
		*nr_tables += wppi_node_count_clean(map, leaf);
	}
	*nr_tables += wppi_fresh_count(map);
	return 0;
}

static int reserve(const struct batch *b, struct wppi_space *space)
{
	struct wpp_store *st = b->w->st;
	uint64_t nr_tables;
	int err = reserve_tables(b, space, &nr_tables);

	if (!err)
		err = wppi_alloc_check(st, WPP_SEC_MAPPINGS,
				       nr_tables + st->map.nr_dirty +
					       wppi_dirs_for(st->map.nr_spaces));
	if (!err && !b->place)
		err = wppi_alloc_check(st, wppi_space_section(b->space), b->nr);
	return err;
}

static bool is_shared(const struct wpp_writer *w, uint32_t place)
{
	return w->parent && wppi_bitmap_test(&w->parent->blocks, place);
}

static void set_page(struct wpp_writer *w, struct wppi_space *space, uint32_t leaf, uint64_t page,
		     uint32_t place, uint32_t crc)
{
	struct wppi_pagemap *map = &w->st->map;
	struct wppf_ref *ref = &wppi_node_table(map, leaf)->leaf.ref[page & (WPPF_TABLE_LEN - 1)];
	uint32_t old = wppf_get32(ref->place);

	if (old) {
		wppi_bitmap_reset(&w->blocks, old);
	} else {
		map->node[leaf].nr++;
		space->nr_pages++;
	}
	if (space->id >= WPP_SPACE_FIRST && (!old || is_shared(w, old)))
		w->nr_written++;
	ref->place = wppf_put32(place);
	ref->crc = wppf_put32(crc);
	wppi_bitmap_set(&w->blocks, place);
}

/* A page that can't be lent to the medium as it is: short, or at a crooked address. */
static int move_copy(const struct batch *b, const uint8_t *data, uint32_t len, uint32_t place,
		     uint32_t *crc)
{
	struct wpp_store *st = b->w->st;
	struct wppi_move *mv;
	int err = wppi_moves_bounce(&st->moves, &mv);

	if (err)
		return err;
	wpp_memcpy(mv->bounce, data, len);
	wpp_memset(mv->bounce + len, 0, WPP_PAGE_SIZE - len);
	*crc = wppi_block_crc(st, mv->bounce);
	return wppi_moves_write_bounce(&st->moves, mv, place);
}

static int move_page(const struct batch *b, uint32_t i, uint32_t place, uint32_t *crc)
{
	struct wpp_store *st = b->w->st;
	const uint8_t *data = b->at ? b->at[i] : b->data + (size_t)i * WPP_PAGE_SIZE;
	uint64_t left = b->len - (uint64_t)i * WPP_PAGE_SIZE;

	if (left < WPP_PAGE_SIZE)
		return move_copy(b, data, (uint32_t)left, place, crc);
	if ((uintptr_t)data & (st->medium.buf_align - 1))
		return move_copy(b, data, WPP_PAGE_SIZE, place, crc);
	*crc = b->crc ? b->crc[i] : wppi_block_crc(st, data);
	return wppi_moves_add(&st->moves, WPP_IO_WRITE, place, (void *)(uintptr_t)data);
}

/* Pages @i .. @i + @nr - 1 to neighbouring places. */
static int put_run(const struct batch *b, struct wppi_space *space, uint32_t i, uint32_t nr,
		   uint32_t place)
{
	struct wppi_pagemap *map = &b->w->st->map;
	uint64_t last = ~0ull;
	uint32_t leaf = 0;

	for (; nr; i++, nr--, place++) {
		uint64_t page = batch_page(b, i);
		uint32_t crc;
		int err = move_page(b, i, place, &crc);

		if (err)
			return err;
		if (page >> WPPF_TABLE_SHIFT != last) {
			last = page >> WPPF_TABLE_SHIFT;
			leaf = wppi_leaf_find(map, space, page);
			wppi_node_dirty(map, leaf);
		}
		set_page(b->w, space, leaf, page, place, crc);
	}
	return 0;
}

static int put_all(const struct batch *b, struct wppi_space *space)
{
	struct wpp_store *st = b->w->st;
	uint32_t place = b->place;
	int err = 0;

	if (place)
		err = put_run(b, space, 0, b->nr, place);
	for (uint32_t i = 0; !place && i < b->nr && !err;) {
		uint32_t at;
		uint32_t nr = wppi_alloc_run(st, wppi_space_section(b->space), b->nr - i, &at);

		WPP_ASSERT(nr);
		err = put_run(b, space, i, nr, at);
		i += nr;
	}
	if (!err)
		err = wppi_moves_push(&st->moves);
	return err ? err : st->moves.write_err;
}

static int put(const struct batch *b)
{
	struct wpp_writer *w = b->w;
	struct wppi_pagemap *map = &w->st->map;
	struct wppi_space *space;
	int err;

	if (w->st->moves.write_err)
		return w->st->moves.write_err;
	touch(w);
	space = wppi_space_get(map, b->space);
	if (!space)
		return WPP_ENOMEM;
	err = reserve(b, space);
	if (err) {
		wppi_fresh_undo(map, b->space);
		return err;
	}
	wppi_fresh_keep(map, space);
	return put_all(b, space);
}

/* Is @data in the places that wpp_writer_direct() gave? Takes them out of the reserve. */
static int find_direct(struct batch *b)
{
	struct wpp_writer *w = b->w;
	uint64_t off;

	if (!w->direct || (uintptr_t)b->data < (uintptr_t)w->direct)
		return 0;
	off = (uint64_t)((uintptr_t)b->data - (uintptr_t)w->direct);
	if (off >= (uint64_t)w->direct_nr << WPP_PAGE_SHIFT)
		return 0;
	if (off & (WPP_PAGE_SIZE - 1) || b->nr > w->direct_nr - (off >> WPP_PAGE_SHIFT))
		return WPP_EINVAL;
	b->place = w->direct_place + (uint32_t)(off >> WPP_PAGE_SHIFT);
	return 0;
}

static void shrink_direct(struct wpp_writer *w, const struct batch *b)
{
	uint32_t passed = b->place - w->direct_place;

	wppi_alloc_give_back(w->st, WPP_SEC_PAGES, w->direct_place, passed);
	w->direct += (size_t)(passed + b->nr) * WPP_PAGE_SIZE;
	w->direct_place += passed + b->nr;
	w->direct_nr -= passed + b->nr;
	if (!w->direct_nr)
		w->direct = NULL;
}

static bool pages_ok(const uint64_t *page, uint32_t nr)
{
	for (uint32_t i = 1; i < nr; i++)
		if (page[i] <= page[i - 1])
			return false;
	return page[nr - 1] < WPP_PAGE_INDEX_MAX;
}

static bool put_ok(uint32_t space, const uint64_t *page, uint32_t nr)
{
	return space >= WPP_SPACE_FIRST && space <= WPP_SPACE_MAX && nr && nr <= PUT_MAX &&
	       pages_ok(page, nr);
}

int wpp_writer_put_summed(struct wpp_writer *w, uint32_t space, const uint64_t *page, uint32_t nr,
			  const void *data, const uint32_t *crc)
{
	struct batch b = {
		.w = w, .space = space, .nr = nr, .page = page, .data = data, .crc = crc
	};
	int err;

	if (!put_ok(space, page, nr) || (uintptr_t)data & (w->st->medium.buf_align - 1))
		return WPP_EINVAL;
	b.len = (uint64_t)nr << WPP_PAGE_SHIFT;
	err = find_direct(&b);
	if (!err)
		err = put(&b);
	if (!err && b.place)
		shrink_direct(w, &b);
	return err;
}

int wpp_writer_put(struct wpp_writer *w, uint32_t space, const uint64_t *page, uint32_t nr,
		   const void *data)
{
	return wpp_writer_put_summed(w, space, page, nr, data, NULL);
}

int wpp_writer_put_pages(struct wpp_writer *w, uint32_t space, const uint64_t *page, uint32_t nr,
			 const void *const *data)
{
	struct batch b = { .w = w, .space = space, .nr = nr, .page = page, .at = data };

	if (!put_ok(space, page, nr))
		return WPP_EINVAL;
	for (uint32_t i = 0; i < nr; i++)
		if ((uintptr_t)data[i] & (w->st->medium.buf_align - 1))
			return WPP_EINVAL;
	b.len = (uint64_t)nr << WPP_PAGE_SHIFT;
	return put(&b);
}

static void drop_direct(struct wpp_writer *w)
{
	if (w->direct)
		wppi_alloc_give_back(w->st, WPP_SEC_PAGES, w->direct_place, w->direct_nr);
	w->direct = NULL;
}

void *wpp_writer_direct(struct wpp_writer *w, uint32_t want, uint32_t *got)
{
	struct wpp_store *st = w->st;
	uint32_t place, nr;

	*got = 0;
	drop_direct(w);
	if (!(st->medium.caps & WPP_CAP_DIRECT) || !want || st->moves.armed || wppi_poisoned(st) ||
	    wppi_alloc_check(st, WPP_SEC_PAGES, 1))
		return NULL;
	nr = wppi_alloc_run(st, WPP_SEC_PAGES, want, &place);
	w->direct = st->be->ops->direct(st->be, wppi_off(place), (uint64_t)nr << WPP_PAGE_SHIFT);
	if (!w->direct) {
		wppi_alloc_give_back(st, WPP_SEC_PAGES, place, nr);
		return NULL;
	}
	w->direct_place = place;
	w->direct_nr = nr;
	*got = nr;
	return w->direct;
}

static void cut_page(struct wpp_writer *w, struct wppi_space *space, uint32_t leaf,
		     struct wppf_ref *ref)
{
	uint32_t old = wppf_get32(ref->place);

	if (!old)
		return;
	wppi_node_dirty(&w->st->map, leaf);
	wppi_bitmap_reset(&w->blocks, old);
	if (space->id >= WPP_SPACE_FIRST && !is_shared(w, old))
		w->nr_written--;
	*ref = (struct wppf_ref){ .place = wppf_put32(0) };
	w->st->map.node[leaf].nr--;
	space->nr_pages--;
}

void wppi_writer_cut(struct wpp_writer *w, struct wppi_space *space, uint64_t first, uint64_t nr)
{
	struct wppi_pagemap *map = &w->st->map;
	uint64_t end = first + nr, base = 0;
	uint32_t leaf;

	for (; first < end; first = base + WPPF_TABLE_LEN) {
		uint64_t stop;

		leaf = wppi_leaf_next(map, space, first, &base);
		if (!leaf || base >= end)
			return;
		stop = end - base < WPPF_TABLE_LEN ? end - base : WPPF_TABLE_LEN;
		for (uint64_t i = first > base ? first - base : 0; i < stop; i++)
			cut_page(w, space, leaf, &wppi_node_table(map, leaf)->leaf.ref[i]);
	}
}

int wpp_writer_cut(struct wpp_writer *w, uint32_t space, uint64_t first, uint64_t nr)
{
	struct wppi_space *s;

	if (space < WPP_SPACE_FIRST || space > WPP_SPACE_MAX || first > WPP_PAGE_INDEX_MAX ||
	    nr > WPP_PAGE_INDEX_MAX - first)
		return WPP_EINVAL;
	touch(w);
	s = wppi_space_find(&w->st->map, space);
	if (s)
		wppi_writer_cut(w, s, first, nr);
	return 0;
}

int wpp_writer_stream(struct wpp_writer *w, enum wpp_stream stream, const void *data, uint64_t len)
{
	struct batch b = { .w = w, .space = stream, .data = data, .len = len };
	uint64_t nr = (len >> WPP_PAGE_SHIFT) + !!(len & (WPP_PAGE_SIZE - 1));
	struct wppi_space *space;
	enum wpp_section sec = wppi_space_section(stream);
	int err = 0;

	if ((uint32_t)stream >= WPP_STREAM_COUNT)
		return WPP_EINVAL;
	if (nr > w->st->sec[sec].end - w->st->sec[sec].first)
		return WPP_ENOSPC;
	b.nr = (uint32_t)nr;
	if (nr)
		err = put(&b);
	if (err)
		return err;
	touch(w);
	w->st->map.stream_len[stream] = len;
	space = wppi_space_find(&w->st->map, stream);
	if (space)
		wppi_writer_cut(w, space, nr, WPP_PAGE_INDEX_MAX - nr);
	return 0;
}

int wpp_writer_settle(struct wpp_writer *w)
{
	return wppi_moves_settle(&w->st->moves);
}

uint64_t wpp_writer_mark(const struct wpp_writer *w)
{
	return w->st->moves.started; /* each put starts all of its moves */
}

int wpp_writer_settle_to(struct wpp_writer *w, uint64_t mark)
{
	return wppi_moves_settle_to(&w->st->moves, mark);
}

void wppi_writer_forget(struct wpp_writer *w, bool keep)
{
	/* What is in flight borrows buffers that the caller gets back now. */
	int err = wppi_moves_settle(&w->st->moves);

	(void)err;
	w->st->moves.armed = false;
	if (!keep)
		w->st->map_seq = 0;
	w->direct = NULL;
	w->st = NULL;
}

void wpp_writer_abort(struct wpp_writer *w)
{
	bool untouched = w->parent && w->st->map_seq == w->parent->seq;

	wppi_writer_forget(w, untouched);
}
