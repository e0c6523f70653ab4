/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Removing generations. A slot is emptied with zeros; torn or not, it is no
 * record any more. Stale records go first and for good: behind a dropped newest
 * record they must not speak for the image again.
 */
#include "plat.h"
#include "store_priv.h"

static bool same_name(const char *a, const char *b)
{
	while (*a && *a == *b) {
		a++;
		b++;
	}
	return *a == *b;
}

static bool image_busy(const struct wpp_store *st, const char *image)
{
	if (st->writer.st && same_name(st->writer.image, image))
		return true;
	for (uint32_t i = 0; i < WPPI_READERS_MAX; i++)
		if (st->reader[i].st && same_name(st->reader[i].gen->image, image))
			return true;
	return false;
}

static bool chosen(const struct wppi_gen *gen, const char *image, uint64_t generation)
{
	return gen->state == WPPI_GEN_LIVE && same_name(gen->image, image) &&
	       (!generation || gen->generation == generation);
}

static int empty_slot(struct wpp_store *st, uint32_t slot)
{
	return wppi_moves_add(&st->moves, WPP_IO_WRITE, wppi_slot_place(st, slot), st->record);
}

static int empty_stale(struct wpp_store *st)
{
	int err = 0;

	for (uint32_t i = 0; i < st->nr_slots && !err; i++)
		if (st->slot[i] == WPPI_SLOT_STALE)
			err = empty_slot(st, i);
	if (!err)
		err = wppi_moves_flush(&st->moves);
	for (uint32_t i = 0; i < st->nr_slots && !err; i++)
		if (st->slot[i] == WPPI_SLOT_STALE)
			st->slot[i] = WPPI_SLOT_EMPTY;
	return err;
}

static int empty_chosen(struct wpp_store *st, const char *image, uint64_t generation)
{
	int err = 0;

	for (uint32_t i = 0; i < WPPI_GENS && !err; i++)
		if (chosen(&st->gen[i], image, generation))
			err = empty_slot(st, st->gen[i].slot);
	return err ? err : wppi_moves_flush(&st->moves);
}

int wpp_store_drop(struct wpp_store *st, const char *image, uint64_t generation)
{
	int err;

	if (st->rdonly)
		return WPP_EROFS;
	if (wppi_poisoned(st))
		return WPP_EPOISON;
	if (!wppi_image_ok(image) || !wppi_gen_find(st, image, generation))
		return WPP_ENOENT;
	if (image_busy(st, image))
		return WPP_EBUSY;
	wpp_memset(st->record, 0, sizeof(*st->record));
	err = empty_stale(st);
	if (!err)
		err = empty_chosen(st, image, generation);
	if (err)
		return err;
	for (uint32_t i = 0; i < WPPI_GENS; i++) {
		if (!chosen(&st->gen[i], image, generation))
			continue;
		st->slot[st->gen[i].slot] = WPPI_SLOT_EMPTY;
		st->gen[i].state = WPPI_GEN_FREE;
	}
	return 0;
}
