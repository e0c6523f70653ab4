/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Free places: in no live generation and not in the open writer (I1). First fit
 * from a hint that moves up, taking runs of at least RUN_MIN blocks when that
 * many are wanted, so that moves stay long; short holes are used when no long
 * run is left. What a writer takes and gives up again within one generation
 * counts as used until a rebuild, because a move to it may be in flight.
 */
#include "store_priv.h"

#define RUN_MIN 16u

static void count_free(struct wpp_store *st)
{
	for (uint32_t i = 0; i < WPP_SEC_COUNT; i++) {
		st->alloc.free[i] =
			st->sec[i].end - st->sec[i].first -
			wppi_bitmap_count(&st->alloc.used, st->sec[i].first, st->sec[i].end);
		st->alloc.hint[i] = st->sec[i].first;
		st->alloc.scrape[i] = false;
	}
}

void wppi_alloc_rebuild(struct wpp_store *st)
{
	struct wppi_bitmap *used = &st->alloc.used;
	const struct wpp_writer *w = &st->writer;

	wppi_bitmap_clear(used);
	wppi_bitmap_set(used, 0); /* place 0 means none */
	for (uint32_t i = 0; i < WPPI_GENS; i++)
		if (st->gen[i].state == WPPI_GEN_LIVE || st->gen[i].state == WPPI_GEN_DYING)
			wppi_bitmap_or(used, &st->gen[i].blocks);
	if (w->st)
		wppi_bitmap_or(used, &w->blocks);
	if (w->direct)
		wppi_bitmap_set_run(used, w->direct_place, w->direct_nr);
	count_free(st);
}

/* The next free run at or after the hint, of at least @min blocks; 0: none. */
static uint32_t find_run(struct wpp_store *st, enum wpp_section sec, uint32_t min, uint32_t want,
			 uint32_t *place)
{
	const struct wppi_bitmap *used = &st->alloc.used;
	uint32_t end = st->sec[sec].end;
	uint32_t bit = st->alloc.hint[sec];

	while ((bit = wppi_bitmap_next_clear(used, bit, end)) < end) {
		uint32_t limit = end - bit > want ? bit + want : end;
		uint32_t stop = wppi_bitmap_next_set(used, bit, limit);

		if (stop - bit >= min) {
			*place = bit;
			return stop - bit;
		}
		bit = stop;
	}
	return 0;
}

uint32_t wppi_alloc_run(struct wpp_store *st, enum wpp_section sec, uint32_t want, uint32_t *place)
{
	struct wppi_alloc *al = &st->alloc;
	uint32_t min = want < RUN_MIN ? want : RUN_MIN;
	uint32_t nr = 0;

	if (!want || !al->free[sec])
		return 0;
	if (!al->scrape[sec])
		nr = find_run(st, sec, min, want, place);
	if (!nr) {
		if (!al->scrape[sec])
			al->hint[sec] = st->sec[sec].first;
		al->scrape[sec] = true;
		nr = find_run(st, sec, 1, want, place);
	}
	if (!nr)
		return 0;
	wppi_bitmap_set_run(&al->used, *place, nr);
	al->free[sec] -= nr;
	al->hint[sec] = *place + nr;
	return nr;
}

void wppi_alloc_give_back(struct wpp_store *st, enum wpp_section sec, uint32_t place, uint32_t nr)
{
	if (!nr)
		return;
	wppi_bitmap_clear_run(&st->alloc.used, place, nr);
	st->alloc.free[sec] += nr;
	if (place < st->alloc.hint[sec])
		st->alloc.hint[sec] = place;
}

int wppi_alloc_check(struct wpp_store *st, enum wpp_section sec, uint64_t nr)
{
	int err;

	if (nr <= st->alloc.free[sec])
		return 0;
	err = wppi_moves_settle(&st->moves);
	if (err)
		return err;
	wppi_alloc_rebuild(st);
	return nr <= st->alloc.free[sec] ? 0 : WPP_ENOSPC;
}
