/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include <stdlib.h>
#include <string.h>

#include "model.h"

const char *const model_image_name[MODEL_IMAGES] = { "redis", "b", "c.3-x_y" };

static uint8_t *pool;

int model_image_by_name(const char *name)
{
	for (int i = 0; i < MODEL_IMAGES; i++)
		if (!strcmp(name, model_image_name[i]))
			return i;
	return -1;
}

int pool_init(void)
{
	if (pool)
		return 0;
	pool = aligned_alloc(WPP_PAGE_SIZE, (size_t)POOL_PAGES * WPP_PAGE_SIZE);
	if (!pool)
		return WPP_ENOMEM;
	for (size_t i = 0; i < (size_t)POOL_PAGES * WPP_PAGE_SIZE / 8; i++) {
		uint64_t word = (i + 1) * 0x9e3779b97f4a7c15u;

		word ^= word >> 29;
		memcpy(pool + 8 * i, &word, 8);
	}
	return 0;
}

const uint8_t *pool_page(uint32_t tag)
{
	return pool + (size_t)tag * WPP_PAGE_SIZE;
}

uint32_t book_tags(struct book *b, uint32_t nr)
{
	uint32_t tag = b->next_tag;

	if (nr > POOL_PAGES - tag)
		abort(); /* the scenario is too long for the pool */
	b->next_tag += nr;
	return tag;
}

struct model_gen *book_add(struct book *b, uint32_t image, const struct model_gen *from)
{
	struct model_gen *g = &b->gen[b->nr++];

	if (b->nr > BOOK_GENS)
		abort(); /* the scenario is too long for the book */
	memset(g, 0, offsetof(struct model_gen, page));
	if (from)
		memcpy(g, from,
		       offsetof(struct model_gen, page) + from->nr * sizeof(from->page[0]));
	g->image = image;
	g->generation++;
	return g;
}

static bool before(const struct model_page *p, uint32_t space, uint64_t page)
{
	return p->space < space || (p->space == space && p->page < page);
}

static uint32_t lower_bound(const struct model_gen *g, uint32_t space, uint64_t page)
{
	uint32_t i = 0;

	while (i < g->nr && before(&g->page[i], space, page))
		i++;
	return i;
}

void gen_put(struct model_gen *g, uint32_t space, uint64_t page, uint32_t tag)
{
	uint32_t i = lower_bound(g, space, page);

	if (i == g->nr || g->page[i].space != space || g->page[i].page != page) {
		if (g->nr == MODEL_PAGES)
			abort(); /* the scenario is too big for the model */
		memmove(&g->page[i + 1], &g->page[i], (g->nr - i) * sizeof(g->page[0]));
		g->nr++;
	}
	g->page[i] = (struct model_page){ .space = space, .page = page, .tag = tag };
}

void gen_cut(struct model_gen *g, uint32_t space, uint64_t first, uint64_t nr)
{
	uint32_t from = lower_bound(g, space, first);
	uint32_t to = lower_bound(g, space, first + nr);

	memmove(&g->page[from], &g->page[to], (g->nr - to) * sizeof(g->page[0]));
	g->nr -= to - from;
}

const struct model_gen *model_newest(const struct model *m, const struct book *b, uint32_t image)
{
	uint32_t nr = m->image[image].nr;

	return nr ? &b->gen[m->image[image].gen[nr - 1]] : NULL;
}

bool model_has(const struct model *m, uint32_t image, uint32_t gen)
{
	for (uint32_t i = 0; i < m->image[image].nr; i++)
		if (m->image[image].gen[i] == gen)
			return true;
	return false;
}

static void forget(struct model *m, uint32_t image, uint32_t i)
{
	uint32_t *gen = m->image[image].gen;

	m->image[image].nr--;
	memmove(gen + i, gen + i + 1, (m->image[image].nr - i) * sizeof(*gen));
}

void model_commit(struct model *m, uint32_t image, uint32_t gen, uint32_t keep)
{
	while (m->image[image].nr >= keep)
		forget(m, image, 0);
	m->image[image].gen[m->image[image].nr++] = gen;
}

void model_drop(struct model *m, const struct book *b, uint32_t image, uint64_t generation)
{
	for (uint32_t i = m->image[image].nr; i-- > 0;)
		if (!generation || b->gen[m->image[image].gen[i]].generation == generation)
			forget(m, image, i);
}
