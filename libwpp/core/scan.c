/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * A generation whose tables do not fit the page map: walked depth first with one
 * table a level, block by block, for its places and for damage. As load.c judges
 * it, in the memory of a reader, of which none is open yet. FORMAT.md 3.3, 3.4.
 */
#include "plat.h"
#include "store_priv.h"

struct scan {
	struct wpp_store *st;
	struct wppi_bitmap *blocks;
	struct wpp_diag *diag;
	struct wppf_table **table; /* [WPPF_HEIGHT_MAX], one a level */
	uint64_t pages, stream_pages;
};

/* Claim the table that @ref names and read it. */
static int enter(struct scan *sc, uint32_t level, const struct wppf_ref *ref, uint64_t from)
{
	uint32_t place = wppf_get32(ref->place);
	int err = wppi_block_claim(sc->st, sc->blocks, WPP_SEC_MAPPINGS, place, "page table place",
				   from, sc->diag);

	return err ? err
		   : wppi_block_read(sc->st, "page table", place, wppf_get32(ref->crc),
				     sc->table[level], sc->diag);
}

static int claim_pages(struct scan *sc, enum wpp_section sec, uint64_t *nr)
{
	for (uint32_t i = 0; i < WPPF_TABLE_LEN; i++) {
		uint32_t place = wppf_get32(sc->table[0]->ref[i].place);
		int err;

		if (!place)
			continue;
		err = wppi_block_claim(sc->st, sc->blocks, sec, place, "page place", 0, sc->diag);
		if (err)
			return err;
		++*nr;
	}
	return 0;
}

/* Below the table at the top, which was entered. */
static int walk_tables(struct scan *sc, uint32_t top, enum wpp_section sec, uint64_t *nr)
{
	uint32_t at[WPPF_HEIGHT_MAX] = { 0 }, level = top;
	int err = 0;

	if (!top)
		return claim_pages(sc, sec, nr);
	while (!err && (level < top || at[level] < WPPF_TABLE_LEN)) {
		const struct wppf_ref *ref;

		if (at[level] == WPPF_TABLE_LEN) {
			level++;
			continue;
		}
		ref = &sc->table[level]->ref[at[level]++];
		if (!wppf_get32(ref->place))
			continue;
		err = enter(sc, level - 1, ref, 0);
		if (!err && level == 1)
			err = claim_pages(sc, sec, nr);
		else if (!err)
			at[--level] = 0;
	}
	return err;
}

static int scan_space(struct scan *sc, const struct wppf_space *raw, int64_t *last, uint64_t from)
{
	struct wppi_space space;
	struct wppf_ref root;
	uint64_t nr = 0;
	int err = wppi_space_decode(sc->st, raw, &space, &root);

	if (!err && *last >= (int64_t)space.id)
		err = WPP_ECORRUPT;
	if (err) {
		wppi_diag(sc->diag, "directory entry", from, 0, space.id);
		return err;
	}
	*last = space.id;
	err = enter(sc, space.height - 1, &root, from);
	if (!err)
		err = walk_tables(sc, space.height - 1, wppi_space_section(space.id), &nr);
	if (!err && (nr != space.nr_pages || (space.id < WPP_STREAM_COUNT &&
					      nr != wppi_stream_pages(sc->st->record, space.id)))) {
		wppi_diag_page(sc->diag, "page count", from, space.nr_pages, nr, space.id, ~0ull);
		err = WPP_ECORRUPT;
	}
	*(space.id < WPP_STREAM_COUNT ? &sc->stream_pages : &sc->pages) += nr;
	return err;
}

static int scan_dirs(struct scan *sc)
{
	struct wpp_store *st = sc->st;
	const struct wppf_commit *rec = st->record;
	uint32_t left = wppf_get32(rec->nr_spaces), nr_dirs = wppf_get32(rec->nr_dirs);
	int64_t last = -1;
	int err = 0;

	for (uint32_t i = 0; i < nr_dirs && !err; i++) {
		uint32_t place = wppf_get32(rec->dir[i].place);

		err = wppi_block_claim(st, sc->blocks, WPP_SEC_MAPPINGS, place, "directory place",
				       0, sc->diag);
		if (!err)
			err = wppi_block_read(st, "directory", place, wppf_get32(rec->dir[i].crc),
					      st->dir, sc->diag);
		for (uint32_t j = 0; j < WPPF_DIR_SPACES && left && !err; j++, left--)
			err = scan_space(sc, &st->dir->space[j], &last,
					 wppi_off(place) + j * sizeof(struct wppf_space));
	}
	return err;
}

int wppi_scan(struct wpp_store *st, const struct wppi_gen *gen, struct wppi_bitmap *blocks,
	      struct wpp_diag *diag)
{
	struct scan sc = { .st = st, .blocks = blocks, .diag = diag, .table = st->reader[0].table };
	int err;

	wppi_bitmap_clear(blocks);
	err = wppi_record_read(st, gen, st->record, diag);
	if (!err)
		err = scan_dirs(&sc);
	if (!err &&
	    (sc.pages != wppf_get64(st->record->nr_pages) ||
	     sc.stream_pages != wppi_stream_pages(st->record, WPP_STREAM_PCB) +
					wppi_stream_pages(st->record, WPP_STREAM_REGIONS))) {
		wppi_diag(diag, "page count", wppi_off(wppi_slot_place(st, gen->slot)),
			  wppf_get64(st->record->nr_pages), sc.pages);
		err = WPP_ECORRUPT;
	}
	if (err)
		wppi_bitmap_clear(blocks);
	return err;
}
