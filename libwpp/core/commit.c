/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Making the generation live (I2): changed tables from the leaves up, directory,
 * flush, commit record, flush. All of it goes to free places (I1), so until the
 * record verifies the older generation is what a reader finds (I3).
 */
#include "crc32c_priv.h"
#include "plat.h"
#include "writer_priv.h"

/* A supply of neighbouring free table places. */
struct places {
	struct wpp_store *st;
	uint32_t next, left; /* in the present run */
	uint32_t want;	     /* still to come in all */
};

static uint32_t take_place(struct places *pl)
{
	if (!pl->left)
		pl->left = wppi_alloc_run(pl->st, WPP_SEC_MAPPINGS, pl->want, &pl->next);
	WPP_ASSERT(pl->left);
	pl->left--;
	pl->want--;
	wppi_bitmap_set(&pl->st->writer.blocks, pl->next);
	return pl->next++;
}

/* Unlink empty tables; leaves each dirty list oldest first, so that moves join. */
static void prune_level(struct wppi_pagemap *map, uint32_t level, struct wppi_bitmap *blocks)
{
	uint32_t node = map->dirty[level];

	map->dirty[level] = 0;
	while (node) {
		uint32_t next = map->node[node].next;

		if (map->node[node].nr) {
			map->node[node].next = map->dirty[level];
			map->dirty[level] = node;
		} else {
			if (map->node[node].place)
				wppi_bitmap_reset(blocks, map->node[node].place);
			wppi_node_unlink(map, node);
			wppi_node_free(map, node);
			map->nr_dirty--;
		}
		node = next;
	}
}

static void prune(struct wpp_store *st)
{
	struct wppi_pagemap *map = &st->map;

	for (uint32_t level = 0; level < WPPF_HEIGHT_MAX; level++)
		prune_level(map, level, &st->writer.blocks);
	for (uint32_t i = map->nr_spaces; i-- > 0;)
		if (!map->space[i].nr_pages)
			wppi_space_remove(map, &map->space[i]);
}

static void encode_inner(const struct wppi_pagemap *map, uint32_t node, struct wppf_table *out)
{
	const uint32_t *child = wppi_node_table(map, node)->child;

	wpp_memset(out, 0, sizeof(*out));
	for (uint32_t i = 0; i < WPPF_TABLE_LEN; i++) {
		if (!child[i])
			continue;
		out->ref[i].place = wppf_put32(map->node[child[i]].place);
		out->ref[i].crc = wppf_put32(map->node[child[i]].crc);
	}
}

static int write_inner(struct wpp_store *st, uint32_t node)
{
	struct wppi_move *mv;
	int err = wppi_moves_bounce(&st->moves, &mv);

	if (err)
		return err;
	encode_inner(&st->map, node, (struct wppf_table *)mv->bounce);
	st->map.node[node].crc = wppi_block_crc(st, mv->bounce);
	return wppi_moves_write_bounce(&st->moves, mv, st->map.node[node].place);
}

static int write_table(struct wpp_store *st, uint32_t node, uint32_t place)
{
	struct wppi_node *n = &st->map.node[node];

	if (n->place)
		wppi_bitmap_reset(&st->writer.blocks, n->place);
	n->place = place;
	n->dirty = 0;
	if (n->level)
		return write_inner(st, node);
	n->crc = wppi_block_crc(st, wppi_node_table(&st->map, node));
	return wppi_moves_add(&st->moves, WPP_IO_WRITE, place, wppi_node_table(&st->map, node));
}

static int write_tables(struct wpp_store *st, struct places *pl)
{
	struct wppi_pagemap *map = &st->map;

	for (uint32_t level = 0; level < WPPF_HEIGHT_MAX; level++) {
		for (uint32_t n = map->dirty[level]; n; n = map->node[n].next) {
			int err = write_table(st, n, take_place(pl));

			if (err)
				return err;
		}
		map->dirty[level] = 0;
	}
	map->nr_dirty = 0;
	return 0;
}

static void encode_dir(const struct wppi_pagemap *map, uint32_t first, struct wppf_dir *out)
{
	uint32_t nr = map->nr_spaces - first;

	if (nr > WPPF_DIR_SPACES)
		nr = WPPF_DIR_SPACES;
	wpp_memset(out, 0, sizeof(*out));
	for (uint32_t i = 0; i < nr; i++) {
		const struct wppi_space *space = &map->space[first + i];
		const struct wppi_node *root = &map->node[space->root];

		out->space[i] = (struct wppf_space){
			.space = wppf_put32(space->id),
			.height = wppf_put32(space->height),
			.root = { wppf_put32(root->place), wppf_put32(root->crc) },
			.nr_pages = wppf_put64(space->nr_pages),
		};
	}
}

static int write_dirs(struct wpp_store *st, struct places *pl, struct wppf_commit *rec)
{
	uint32_t nr = wppi_dirs_for(st->map.nr_spaces);

	for (uint32_t i = 0; i < st->nr_dirs; i++)
		wppi_bitmap_reset(&st->writer.blocks, st->dir_place[i]);
	st->nr_dirs = nr;
	for (uint32_t i = 0; i < nr; i++) {
		struct wppi_move *mv;
		uint32_t place = take_place(pl);
		int err = wppi_moves_bounce(&st->moves, &mv);

		if (err)
			return err;
		encode_dir(&st->map, i * WPPF_DIR_SPACES, (struct wppf_dir *)mv->bounce);
		st->dir_place[i] = place;
		rec->dir[i].place = wppf_put32(place);
		rec->dir[i].crc = wppf_put32(wppi_block_crc(st, mv->bounce));
		err = wppi_moves_write_bounce(&st->moves, mv, place);
		if (err)
			return err;
	}
	return 0;
}

/* The newest live generation of the image with a sequence number below @seq. */
static struct wppi_gen *next_older(const struct wpp_store *st, const char *image, uint64_t seq)
{
	struct wppi_gen *best = NULL;

	for (uint32_t i = 0; i < WPPI_GENS; i++) {
		struct wppi_gen *gen = &st->gen[i];

		if (gen->state == WPPI_GEN_LIVE && gen->seq < seq &&
		    (!best || gen->seq > best->seq) &&
		    !wpp_memcmp(gen->image, image, sizeof(gen->image)))
			best = gen;
	}
	return best;
}

static void fill_gen(const struct wpp_writer *w, uint64_t realtime_ns, struct wppi_gen *gen)
{
	const struct wpp_store *st = w->st;

	wpp_memcpy(gen->image, w->image, sizeof(gen->image));
	gen->seq = st->last_seq + 1;
	gen->generation = w->generation;
	gen->nr_pages = 0;
	for (uint32_t i = 0; i < st->map.nr_spaces; i++)
		if (st->map.space[i].id >= WPP_SPACE_FIRST)
			gen->nr_pages += st->map.space[i].nr_pages;
	gen->nr_written = w->nr_written;
	gen->realtime_ns = realtime_ns;
	gen->nr_spaces = st->map.nr_spaces;
	gen->slot = wppi_slot_pick(st);
	gen->readers = 0;
	gen->big = false;
}

static void encode_record(const struct wpp_writer *w, const struct wppi_gen *gen,
			  struct wppf_commit *rec)
{
	const struct wpp_store *st = w->st;
	const struct wppi_gen *older = NULL;

	wpp_memcpy(rec->head.magic, WPPF_COMMIT_MAGIC, sizeof(rec->head.magic));
	rec->head.major = wppf_put16(WPPF_MAJOR);
	rec->head.minor = wppf_put16(WPPF_MINOR);
	rec->store = wppf_put64(st->id);
	rec->seq = wppf_put64(gen->seq);
	rec->generation = wppf_put64(gen->generation);
	rec->parent = wppf_put64(w->parent ? w->parent->generation : 0);
	rec->nr_pages = wppf_put64(gen->nr_pages);
	rec->nr_written = wppf_put64(gen->nr_written);
	rec->realtime_ns = wppf_put64(gen->realtime_ns);
	rec->nr_spaces = wppf_put32(gen->nr_spaces);
	rec->nr_dirs = wppf_put32(st->nr_dirs);
	for (uint32_t i = 0; i < WPP_STREAM_COUNT; i++)
		rec->stream_len[i] = wppf_put64(st->map.stream_len[i]);
	wpp_memcpy(rec->image, gen->image, sizeof(rec->image));
	for (uint32_t i = 0; i + 1 < st->generations; i++) {
		older = next_older(st, gen->image, older ? older->seq : gen->seq);
		if (!older)
			break;
		rec->kept[i] = wppf_put64(older->seq);
	}
	rec->crc = wppf_put32(wppi_record_crc(st->crc_hw, rec));
}

/* All but the record, and durable. */
static int write_generation(struct wpp_store *st)
{
	struct places pl = { .st = st };
	int err;

	prune(st);
	pl.want = st->map.nr_dirty + wppi_dirs_for(st->map.nr_spaces);
	err = wppi_alloc_check(st, WPP_SEC_MAPPINGS, pl.want);
	if (err)
		return err;
	wpp_memset(st->record, 0, sizeof(*st->record));
	err = write_tables(st, &pl);
	if (!err)
		err = write_dirs(st, &pl, st->record);
	return err ? err : wppi_moves_flush(&st->moves);
}

static int write_record(struct wpp_store *st, uint32_t slot)
{
	return wppi_moves_write_durable(&st->moves, wppi_slot_place(st, slot), st->record);
}

static void release_older(struct wpp_store *st, const struct wppi_gen *newest)
{
	struct wppi_gen *gen = next_older(st, newest->image, newest->seq);

	for (uint32_t kept = 1; gen; kept++) {
		struct wppi_gen *older = next_older(st, newest->image, gen->seq);

		if (kept >= st->generations)
			wppi_gen_release(st, gen);
		gen = older;
	}
}

/* A lost generation's slot is about to hold another record: forget its number. */
static void forget_lost(struct wpp_store *st, const struct wppi_gen *newest)
{
	for (uint32_t i = 0; i < WPPI_GENS; i++)
		if (st->gen[i].state == WPPI_GEN_LOST && st->gen[i].slot == newest->slot)
			st->gen[i].state = WPPI_GEN_FREE;
}

static void make_live(struct wpp_writer *w, struct wppi_gen *gen)
{
	struct wpp_store *st = w->st;
	struct wppi_bitmap blocks = gen->blocks;

	forget_lost(st, gen);
	gen->blocks = w->blocks;
	w->blocks = blocks;
	gen->state = WPPI_GEN_LIVE;
	st->slot[gen->slot] = WPPI_SLOT_LIVE;
	st->last_seq = gen->seq;
	st->map_seq = gen->seq;
	release_older(st, gen);
}

int wpp_writer_commit(struct wpp_writer *w, uint64_t realtime_ns, uint64_t *generation)
{
	struct wpp_store *st = w->st;
	struct wppi_gen *gen = w->gen;
	int err = st->moves.write_err; /* of this writer: begin saw none */

	st->map_seq = 0;
	if (!err)
		err = write_generation(st);
	if (!err) {
		fill_gen(w, realtime_ns, gen);
		encode_record(w, gen, st->record);
		err = write_record(st, gen->slot);
	}
	if (!err) {
		make_live(w, gen);
		if (generation)
			*generation = gen->generation;
	}
	wppi_writer_forget(w, !err);
	return err;
}
