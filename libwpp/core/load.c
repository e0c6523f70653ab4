/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * All tables of a generation, from the commit record down, level by level: each
 * block is claimed in a bitmap before it is read, so no block counts twice and a
 * hostile image can't make the walk longer than the medium. FORMAT.md 3.3, 3.4.
 */
#include "plat.h"
#include "store_priv.h"

struct walk {
	struct wpp_store *st;
	struct wppi_bitmap *blocks;
	struct wpp_diag *diag;
	uint32_t head[WPPF_HEIGHT_MAX], tail[WPPF_HEIGHT_MAX]; /* tables to read, by level */
};

static int claim(struct walk *wk, enum wpp_section sec, uint32_t place, const char *what,
		 uint64_t from)
{
	return wppi_block_claim(wk->st, wk->blocks, sec, place, what, from, wk->diag);
}

static int add_table(struct walk *wk, uint32_t space, uint32_t level, struct wppf_ref ref,
		     uint64_t from, uint32_t *out)
{
	struct wppi_pagemap *map = &wk->st->map;
	uint32_t place = wppf_get32(ref.place);
	uint32_t node;
	int err = claim(wk, WPP_SEC_MAPPINGS, place, "page table place", from);

	if (err)
		return err;
	node = wppi_node_new(map, space, level);
	if (!node)
		return WPP_ENOMEM;
	map->node[node].place = place;
	map->node[node].crc = wppf_get32(ref.crc);
	if (wk->tail[level])
		map->node[wk->tail[level]].next = node;
	else
		wk->head[level] = node;
	wk->tail[level] = node;
	*out = node;
	return 0;
}

int wppi_space_decode(const struct wpp_store *st, const struct wppf_space *raw,
		      struct wppi_space *space, struct wppf_ref *root)
{
	enum wpp_section sec;

	*space = (struct wppi_space){
		.id = wppf_get32(raw->space),
		.height = wppf_get32(raw->height),
		.nr_pages = wppf_get64(raw->nr_pages),
	};
	*root = raw->root;
	sec = wppi_space_section(space->id);
	if (space->id > WPP_SPACE_MAX || !space->height || space->height > WPPF_HEIGHT_MAX ||
	    !space->nr_pages || space->nr_pages > st->sec[sec].end - st->sec[sec].first ||
	    !wppi_place_ok(st, WPP_SEC_MAPPINGS, wppf_get32(root->place)))
		return WPP_ECORRUPT;
	return 0;
}

static int add_space(struct walk *wk, const struct wppf_space *raw, uint64_t from)
{
	struct wppi_pagemap *map = &wk->st->map;
	struct wppi_space space, *new = NULL;
	struct wppf_ref root;
	int err = wppi_space_decode(wk->st, raw, &space, &root);

	if (!err && map->nr_spaces && map->space[map->nr_spaces - 1].id >= space.id)
		err = WPP_ECORRUPT;
	if (err) {
		wppi_diag(wk->diag, "directory entry", from, 0, space.id);
		return err;
	}
	new = wppi_space_get(map, space.id);
	if (!new)
		return WPP_ENOMEM;
	err = add_table(wk, space.id, space.height - 1, root, from, &space.root);
	if (!err)
		*new = space;
	return err;
}

static int load_dirs(struct walk *wk, const struct wppf_commit *rec)
{
	struct wpp_store *st = wk->st;
	uint32_t left = wppf_get32(rec->nr_spaces);

	st->nr_dirs = wppf_get32(rec->nr_dirs);
	if (st->nr_dirs > st->max_dirs)
		return WPP_ENOMEM;
	for (uint32_t i = 0; i < st->nr_dirs; i++) {
		uint32_t place = wppf_get32(rec->dir[i].place);
		int err = claim(wk, WPP_SEC_MAPPINGS, place, "directory place", 0);

		st->dir_place[i] = place;
		if (!err)
			err = wppi_block_read(st, "directory", place, wppf_get32(rec->dir[i].crc),
					      st->dir, wk->diag);
		for (uint32_t j = 0; j < WPPF_DIR_SPACES && left && !err; j++, left--)
			err = add_space(wk, &st->dir->space[j],
					wppi_off(place) + j * sizeof(struct wppf_space));
		if (err)
			return err;
	}
	return 0;
}

static int read_tables(struct walk *wk, uint32_t level)
{
	struct wpp_store *st = wk->st;
	struct wppi_pagemap *map = &st->map;
	int err = 0, settled;

	for (uint32_t n = wk->head[level]; n && !err; n = map->node[n].next)
		err = wppi_moves_add(&st->moves, WPP_IO_READ, map->node[n].place,
				     wppi_node_table(map, n));
	settled = wppi_moves_settle_reads(&st->moves);
	if (settled)
		wppi_diag(wk->diag, "page table", st->moves.read_err_off, 0, 0);
	return err ? err : settled;
}

static int check_table(struct walk *wk, uint32_t node)
{
	const struct wppi_pagemap *map = &wk->st->map;
	uint32_t crc = wppi_block_crc(wk->st, wppi_node_table(map, node));

	if (crc == map->node[node].crc)
		return 0;
	wppi_diag_page(wk->diag, "page table", wppi_off(map->node[node].place), map->node[node].crc,
		       crc, map->node[node].space, ~0ull);
	return WPP_ECORRUPT;
}

/* References become node numbers in place: 4 i never passes 8 i. */
static int expand_inner(struct walk *wk, uint32_t node)
{
	struct wppi_pagemap *map = &wk->st->map;
	union wppi_table *table = wppi_node_table(map, node);
	const uint32_t space = map->node[node].space, level = map->node[node].level;
	const uint64_t off = wppi_off(map->node[node].place);

	for (uint32_t i = 0; i < WPPF_TABLE_LEN; i++) {
		struct wppf_ref ref = table->leaf.ref[i];
		uint32_t child = 0;
		int err = 0;

		if (wppf_get32(ref.place))
			err = add_table(wk, space, level - 1, ref, off + i * sizeof(ref), &child);
		if (err)
			return err;
		table->child[i] = 0;
		if (child)
			wppi_node_link(map, node, i, child);
	}
	wpp_memset(table->bytes + sizeof(table->child), 0, sizeof(*table) - sizeof(table->child));
	return 0;
}

static int claim_pages(struct walk *wk, uint32_t node)
{
	struct wppi_pagemap *map = &wk->st->map;
	const struct wppf_ref *ref = wppi_node_table(map, node)->leaf.ref;
	struct wppi_node *n = &map->node[node];
	enum wpp_section sec = wppi_space_section(n->space);
	struct wppi_space *space = wppi_space_find(map, n->space);

	for (uint32_t i = 0; i < WPPF_TABLE_LEN; i++) {
		uint32_t place = wppf_get32(ref[i].place);
		int err;

		if (!place)
			continue;
		err = claim(wk, sec, place, "page place", wppi_off(n->place) + i * sizeof(*ref));
		if (err)
			return err;
		n->nr++;
	}
	space->found += n->nr;
	return 0;
}

static int load_level(struct walk *wk, uint32_t level)
{
	const struct wppi_pagemap *map = &wk->st->map;
	int err = read_tables(wk, level);

	for (uint32_t n = wk->head[level]; n && !err; n = map->node[n].next) {
		err = check_table(wk, n);
		if (!err)
			err = level ? expand_inner(wk, n) : claim_pages(wk, n);
	}
	return err;
}

/* Do the pages found add up to what directory and record say? */
static int check_counts(struct walk *wk, const struct wppf_commit *rec, uint64_t off)
{
	const struct wppi_pagemap *map = &wk->st->map;
	uint64_t sum = 0, streams = 0;

	for (uint32_t i = 0; i < map->nr_spaces; i++) {
		const struct wppi_space *space = &map->space[i];
		bool stream = space->id < WPP_STREAM_COUNT;

		if (space->found != space->nr_pages ||
		    (stream && space->nr_pages != wppi_stream_pages(rec, space->id))) {
			wppi_diag_page(wk->diag, "page count", off, space->nr_pages, space->found,
				       space->id, ~0ull);
			return WPP_ECORRUPT;
		}
		if (stream)
			streams += space->nr_pages;
		else
			sum += space->nr_pages;
	}
	if (sum == wppf_get64(rec->nr_pages) &&
	    streams == wppi_stream_pages(rec, WPP_STREAM_PCB) +
			       wppi_stream_pages(rec, WPP_STREAM_REGIONS))
		return 0;
	wppi_diag(wk->diag, "page count", off, wppf_get64(rec->nr_pages), sum);
	return WPP_ECORRUPT;
}

int wppi_load(struct wpp_store *st, const struct wppi_gen *gen, struct wppi_bitmap *blocks,
	      struct wpp_diag *diag)
{
	struct walk wk = { .st = st, .blocks = blocks, .diag = diag };
	int err;

	wppi_pagemap_reset(&st->map);
	st->map_seq = 0;
	wppi_bitmap_clear(blocks);
	err = wppi_record_read(st, gen, st->record, diag);
	if (!err)
		err = load_dirs(&wk, st->record);
	for (uint32_t level = WPPF_HEIGHT_MAX; level-- > 0 && !err;)
		err = load_level(&wk, level);
	if (!err)
		err = check_counts(&wk, st->record, wppi_off(wppi_slot_place(st, gen->slot)));
	if (err) {
		wppi_bitmap_clear(blocks);
		wppi_pagemap_reset(&st->map);
		return err;
	}
	for (uint32_t i = 0; i < WPP_STREAM_COUNT; i++)
		st->map.stream_len[i] = wppf_get64(st->record->stream_len[i]);
	st->map_seq = gen->seq;
	return 0;
}
