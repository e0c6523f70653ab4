/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include <wpp/sized.h>

#include "crc32c_priv.h"
#include "plat.h"
#include "store_priv.h"

#define READER_BLOCKS (WPPF_HEIGHT_MAX + 3)

/* How much of each thing a store of this geometry and configuration has. */
struct sizes {
	uint32_t nr_nodes;
	uint32_t nr_moves;
	uint32_t max_spaces;
	uint32_t max_dirs;
	uint32_t words; /* of one bitmap */
};

static uint64_t round_up(uint64_t v, uint64_t to)
{
	return (v + to - 1) & ~(to - 1);
}

static bool take_cfg(struct wpp_store_cfg *cfg, const struct wpp_store_cfg *theirs)
{
	return !wpp_sized_in(cfg, sizeof(*cfg), theirs,
			     WPP_SIZE_UPTO(struct wpp_store_cfg, label_off)) &&
	       !(cfg->flags & ~WPP_STORE_RDONLY) &&
	       (!cfg->generations ||
		(cfg->generations >= 2 && cfg->generations <= WPP_GENERATIONS_MAX)) &&
	       cfg->max_spaces <= WPPF_DIRS_MAX * WPPF_DIR_SPACES - WPP_STREAM_COUNT;
}

static uint32_t medium_blocks(const struct wpp_geometry *geo)
{
	uint64_t end = 0;

	for (uint32_t i = 0; i < WPP_SEC_COUNT; i++)
		if (geo->base[i] + geo->size[i] > end)
			end = geo->base[i] + geo->size[i];
	return (uint32_t)(end >> WPP_PAGE_SHIFT);
}

/*
 * Tables: one leaf for each 512 pages, a quarter more for sparse address spaces
 * and inner tables, and some for each space; without a limit on pages, half of
 * what fits the medium, because two generations must. Never fewer than the commit
 * slots, whose blocks are read into the same memory.
 */
static uint32_t tables_for(const struct wpp_geometry *geo, const struct wpp_store_cfg *cfg,
			   uint32_t max_spaces)
{
	uint64_t pages = geo->size[WPP_SEC_PAGES] >> WPP_PAGE_SHIFT;
	uint64_t half = geo->size[WPP_SEC_MAPPINGS] >> (WPP_PAGE_SHIFT + 1);
	uint64_t nr = (geo->size[WPP_SEC_METADATA] + geo->size[WPP_SEC_REGIONS]) >>
		      (WPP_PAGE_SHIFT + WPPF_TABLE_SHIFT);

	if (cfg->max_pages && cfg->max_pages < pages)
		pages = cfg->max_pages;
	nr += (pages >> 9) + (pages >> 11) + 24ull * max_spaces + WPPF_SLOTS_MAX;
	return (uint32_t)(!cfg->max_pages && half > nr ? half : nr);
}

static void size_up(struct sizes *sz, const struct wpp_geometry *geo, const struct wpp_medium *m,
		    const struct wpp_store_cfg *cfg)
{
	sz->max_spaces = (cfg->max_spaces ? cfg->max_spaces : 64) + WPP_STREAM_COUNT;
	sz->max_dirs = (sz->max_spaces + WPPF_DIR_SPACES - 1) / WPPF_DIR_SPACES;
	sz->nr_nodes = tables_for(geo, cfg, sz->max_spaces);
	sz->nr_moves = m->queue_depth < WPPI_MOVES_MAX ? m->queue_depth : WPPI_MOVES_MAX;
	sz->words = (uint32_t)(((uint64_t)medium_blocks(geo) + 64) >> 6);
}

/* Offsets in the workspace, which begins with struct wpp_store. */
struct layout {
	uint64_t gen, move, space, dir_place, node;
	uint64_t scratch, reader, bitmap, bounce, table;
	uint64_t total;
};

static uint64_t carve(uint64_t *end, uint64_t nr, uint64_t size, uint64_t align)
{
	uint64_t at = round_up(*end, align);

	*end = at + nr * size;
	return at;
}

static void lay_out(struct layout *lo, const struct sizes *sz)
{
	uint64_t end = sizeof(struct wpp_store);

	lo->gen = carve(&end, WPPI_GENS, sizeof(struct wppi_gen), 64);
	lo->move = carve(&end, sz->nr_moves, sizeof(struct wppi_move), 64);
	lo->space = carve(&end, sz->max_spaces + 1, sizeof(struct wppi_space), 64);
	lo->dir_place = carve(&end, sz->max_dirs, sizeof(uint32_t), 64);
	lo->node = carve(&end, sz->nr_nodes + 1ull, sizeof(struct wppi_node), 64);
	lo->bitmap = carve(&end, WPPI_GENS + 2, sz->words * 8ull, 64);
	lo->scratch = carve(&end, 2, WPP_PAGE_SIZE, WPP_PAGE_SIZE);
	lo->reader = carve(&end, WPPI_READERS_MAX * READER_BLOCKS, WPP_PAGE_SIZE, WPP_PAGE_SIZE);
	lo->bounce = carve(&end, sz->nr_moves, WPP_PAGE_SIZE, WPP_PAGE_SIZE);
	lo->table = carve(&end, sz->nr_nodes, WPP_PAGE_SIZE, WPP_PAGE_SIZE);
	lo->total = end;
}

uint64_t wpp_store_workspace(const struct wpp_geometry *geo, const struct wpp_medium *m,
			     const struct wpp_store_cfg *cfg)
{
	struct wpp_store_cfg ours;
	struct sizes sz;
	struct layout lo;

	if (!take_cfg(&ours, cfg) || !wppi_medium_ok(m) || wpp_geometry_check(geo, m->size))
		return 0;
	size_up(&sz, geo, m, &ours);
	lay_out(&lo, &sz);
	return lo.total;
}

static void point_readers(struct wpp_store *st, uint8_t *block)
{
	for (uint32_t i = 0; i < WPPI_READERS_MAX; i++) {
		struct wpp_reader *r = &st->reader[i];

		r->record = (struct wppf_commit *)block;
		r->dir = (struct wppf_dir *)(block + WPP_PAGE_SIZE);
		r->page = block + 2 * WPP_PAGE_SIZE;
		for (uint32_t j = 0; j < WPPF_HEIGHT_MAX; j++)
			r->table[j] = (struct wppf_table *)(block + (3 + j) * WPP_PAGE_SIZE);
		block += READER_BLOCKS * WPP_PAGE_SIZE;
	}
}

/* Make *@st, at the start of @ws, use the rest of it. */
static void point(struct wpp_store *st, uint8_t *ws, const struct layout *lo,
		  const struct sizes *sz)
{
	uint64_t *word = (uint64_t *)(ws + (size_t)lo->bitmap);

	st->gen = (struct wppi_gen *)(ws + (size_t)lo->gen);
	st->moves.move = (struct wppi_move *)(ws + (size_t)lo->move);
	st->dir_place = (uint32_t *)(ws + (size_t)lo->dir_place);
	st->max_dirs = sz->max_dirs;
	st->record = (struct wppf_commit *)(ws + (size_t)lo->scratch);
	st->dir = (struct wppf_dir *)(ws + (size_t)lo->scratch + WPP_PAGE_SIZE);
	st->map.space = (struct wppi_space *)(ws + (size_t)lo->space);
	st->map.max_spaces = sz->max_spaces;
	st->map.node = (struct wppi_node *)(ws + (size_t)lo->node);
	st->map.table = (union wppi_table *)(ws + (size_t)lo->table);
	st->map.nr_nodes = sz->nr_nodes;
	st->alloc.used.word = word;
	st->writer.blocks.word = word + sz->words;
	for (uint32_t i = 0; i < WPPI_GENS; i++)
		st->gen[i].blocks.word = word + (i + 2) * (size_t)sz->words;
	for (uint32_t i = 0; i < sz->nr_moves; i++)
		st->moves.move[i].bounce = ws + (size_t)lo->bounce + i * WPP_PAGE_SIZE;
	point_readers(st, ws + (size_t)lo->reader);
}

static void take_geometry(struct wpp_store *st, const struct wppi_label *label)
{
	st->geo = label->geo;
	st->id = label->store;
	st->nr_slots = label->nr_slots;
	for (uint32_t i = 0; i < WPP_SEC_COUNT; i++) {
		st->sec[i].first = (uint32_t)(label->geo.base[i] >> WPP_PAGE_SHIFT);
		st->sec[i].end =
			st->sec[i].first + (uint32_t)(label->geo.size[i] >> WPP_PAGE_SHIFT);
	}
}

static int open_with(struct wpp_store *st, struct wpp_backend *be, const struct wppi_label *label,
		     const struct wpp_medium *m, const struct wpp_store_cfg *cfg, uint64_t ws_len,
		     struct wpp_diag *diag)
{
	struct sizes sz;
	struct layout lo;

	if (label->ro_compat & ~WPPF_RO_COMPAT_KNOWN && !(cfg->flags & WPP_STORE_RDONLY))
		return WPP_EROFS;
	size_up(&sz, &label->geo, m, cfg);
	lay_out(&lo, &sz);
	if (ws_len < lo.total || lo.total > (size_t)-1)
		return WPP_ENOMEM;
	point(st, (uint8_t *)st, &lo, &sz);
	take_geometry(st, label);
	st->be = be;
	st->medium = *m;
	st->generations = cfg->generations ? cfg->generations : 2;
	st->rdonly = cfg->flags & WPP_STORE_RDONLY;
	st->crc_hw = wppi_crc32c_hw();
	wppi_moves_init(&st->moves, be, m, sz.nr_moves);
	wppi_pagemap_reset(&st->map);
	return wppi_recover(st, diag);
}

int wpp_store_open(struct wpp_store **out, struct wpp_backend *be, const struct wpp_medium *m,
		   const struct wpp_store_cfg *cfg, void *ws, uint64_t ws_len,
		   struct wpp_diag *diag)
{
	/* The label is read where the tables will be; that memory was zero and is again. */
	uint8_t *scratch = (uint8_t *)ws + round_up(sizeof(struct wpp_store), WPP_PAGE_SIZE);
	struct wpp_store_cfg ours;
	struct wppi_label label;
	int err;

	*out = NULL;
	if (diag)
		*diag = (struct wpp_diag){ .space = ~0u, .page = ~0ull };
	if (!take_cfg(&ours, cfg) || !wppi_medium_ok(m) || (uintptr_t)ws & (WPP_PAGE_SIZE - 1))
		return WPP_EINVAL;
	if (ws_len < round_up(sizeof(struct wpp_store), WPP_PAGE_SIZE) + WPP_PAGE_SIZE)
		return WPP_ENOMEM;
	err = wppi_label_read(be, m, ours.label_off, (struct wppf_label *)scratch, &label, diag);
	wpp_memset(scratch, 0, WPP_PAGE_SIZE);
	if (!err)
		err = open_with(ws, be, &label, m, &ours, ws_len, diag);
	if (!err)
		*out = ws;
	return err;
}

void wpp_store_close(struct wpp_store *st)
{
	int err;

	if (st->writer.st)
		wpp_writer_abort(&st->writer);
	err = wppi_moves_settle(&st->moves); /* a drop that failed half way */
	(void)err;
}

const struct wpp_medium *wpp_store_medium(const struct wpp_store *st)
{
	return &st->medium;
}

void *wpp_store_lend(struct wpp_store *st, uint64_t len)
{
	const struct wpp_backend_ops *ops = st->be->ops;

	if (!len || len & (WPP_PAGE_SIZE - 1) || !WPP_BACKEND_HAS(ops, lend))
		return NULL;
	return ops->lend(st->be, len);
}

void wpp_store_give_back(struct wpp_store *st, void *mem, uint64_t len)
{
	st->be->ops->give_back(st->be, mem, len);
}

/* Blocks of PAGES that any generation (@live: a live one) holds. */
static uint32_t count_pages(const struct wpp_store *st, bool live)
{
	const struct wppi_range *sec = &st->sec[WPP_SEC_PAGES];
	uint32_t nr = 0;

	for (uint32_t bit = sec->first; bit < sec->end; bit = (bit | 63) + 1) {
		uint64_t word = 0;
		struct wppi_bitmap one = { .word = &word, .hi = 1 };
		uint32_t end = sec->end - (bit & ~63u) < 64 ? sec->end - (bit & ~63u) : 64;

		for (uint32_t i = 0; i < WPPI_GENS; i++)
			if (st->gen[i].state == WPPI_GEN_LIVE ||
			    (!live && st->gen[i].state == WPPI_GEN_DYING))
				word |= st->gen[i].blocks.word[bit >> 6];
		if (!live && st->writer.st)
			word |= st->writer.blocks.word[bit >> 6];
		if (word)
			nr += wppi_bitmap_count(&one, bit & 63, end);
	}
	return nr;
}

void wpp_store_usage(const struct wpp_store *st, struct wpp_usage *usage)
{
	usage->total = st->geo.size[WPP_SEC_PAGES];
	usage->used = (uint64_t)count_pages(st, true) << WPP_PAGE_SHIFT;
	usage->free = usage->total - ((uint64_t)count_pages(st, false) << WPP_PAGE_SHIFT);
}
