/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The generations that the store knows, and their slots. */
#include "plat.h"
#include "store_priv.h"

static bool same_image(const struct wppi_gen *gen, const char *image)
{
	for (uint32_t i = 0; i <= WPP_IMAGE_NAME_MAX; i++) {
		if (gen->image[i] != image[i])
			return false;
		if (!image[i])
			return true;
	}
	return false;
}

struct wppi_gen *wppi_gen_find(const struct wpp_store *st, const char *image, uint64_t generation)
{
	struct wppi_gen *best = NULL;

	for (uint32_t i = 0; i < WPPI_GENS; i++) {
		struct wppi_gen *gen = &st->gen[i];

		if (gen->state != WPPI_GEN_LIVE || !same_image(gen, image) ||
		    (generation && gen->generation != generation))
			continue;
		if (!best || gen->seq > best->seq)
			best = gen;
	}
	return best;
}

uint64_t wppi_gen_last_number(const struct wpp_store *st, const char *image)
{
	uint64_t last = 0;

	for (uint32_t i = 0; i < WPPI_GENS; i++) {
		const struct wppi_gen *gen = &st->gen[i];

		if ((gen->state == WPPI_GEN_LIVE || gen->state == WPPI_GEN_LOST) &&
		    gen->generation > last && same_image(gen, image))
			last = gen->generation;
	}
	return last;
}

static uint32_t count_live(const struct wpp_store *st)
{
	uint32_t nr = 0;

	for (uint32_t i = 0; i < WPPI_GENS; i++)
		nr += st->gen[i].state == WPPI_GEN_LIVE;
	return nr;
}

static struct wppi_gen *find_state(const struct wpp_store *st, uint32_t state)
{
	for (uint32_t i = 0; i < WPPI_GENS; i++)
		if (st->gen[i].state == state)
			return &st->gen[i];
	return NULL;
}

/* A free entry; NULL when WPPF_LIVE_MAX generations are live. */
struct wppi_gen *wppi_gen_new(struct wpp_store *st)
{
	struct wppi_gen *gen;

	if (count_live(st) >= WPPF_LIVE_MAX)
		return NULL;
	gen = find_state(st, WPPI_GEN_FREE);
	return gen ? gen : find_state(st, WPPI_GEN_LOST);
}

void wppi_gen_release(struct wpp_store *st, struct wppi_gen *gen)
{
	st->slot[gen->slot] = WPPI_SLOT_STALE;
	gen->state = gen->readers ? WPPI_GEN_DYING : WPPI_GEN_FREE;
}

void wppi_gen_put(struct wppi_gen *gen)
{
	gen->readers--;
	if (!gen->readers && gen->state == WPPI_GEN_DYING)
		gen->state = WPPI_GEN_FREE;
}

/* The slot of the next record: stale ones first, so that few stale records are ever around. */
uint32_t wppi_slot_pick(const struct wpp_store *st)
{
	uint32_t best = st->nr_slots;

	for (uint32_t i = 0; i < st->nr_slots; i++) {
		if (st->slot[i] == WPPI_SLOT_STALE)
			return i;
		if (st->slot[i] == WPPI_SLOT_EMPTY && best == st->nr_slots)
			best = i;
	}
	return best;
}

static int image_cmp(const struct wppi_gen *a, const struct wppi_gen *b)
{
	for (uint32_t i = 0; i <= WPP_IMAGE_NAME_MAX; i++) {
		if (a->image[i] != b->image[i])
			return (uint8_t)a->image[i] < (uint8_t)b->image[i] ? -1 : 1;
		if (!a->image[i])
			return 0;
	}
	return 0;
}

static bool listed_before(const struct wppi_gen *a, const struct wppi_gen *b)
{
	int cmp = image_cmp(a, b);

	return cmp < 0 || (!cmp && a->seq > b->seq);
}

/* The live generation that @pos others are listed before. */
int wpp_store_list(const struct wpp_store *st, uint32_t *pos, struct wpp_generation *gen)
{
	for (uint32_t i = 0; i < WPPI_GENS; i++) {
		const struct wppi_gen *g = &st->gen[i];
		uint32_t before = 0;

		if (g->state != WPPI_GEN_LIVE)
			continue;
		for (uint32_t j = 0; j < WPPI_GENS; j++)
			before +=
				st->gen[j].state == WPPI_GEN_LIVE && listed_before(&st->gen[j], g);
		if (before != *pos)
			continue;
		wppi_gen_describe(g, gen);
		++*pos;
		return 0;
	}
	return WPP_ENOENT;
}

void wppi_gen_describe(const struct wppi_gen *g, struct wpp_generation *gen)
{
	*gen = (struct wpp_generation){
		.generation = g->generation,
		.nr_pages = g->nr_pages,
		.nr_written = g->nr_written,
		.realtime_ns = g->realtime_ns,
		.nr_spaces = g->nr_spaces,
		.flags = g->big ? WPP_GENERATION_BIG : 0,
	};
	wpp_memcpy(gen->image, g->image, sizeof(gen->image));
}
