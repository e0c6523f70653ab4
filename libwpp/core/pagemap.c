/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "pagemap_priv.h"
#include "plat.h"

#define INDEX(page, level) \
	((uint32_t)((page) >> (WPPF_TABLE_SHIFT * (level))) & (WPPF_TABLE_LEN - 1))

void wppi_pagemap_reset(struct wppi_pagemap *map)
{
	map->nr_spaces = 0;
	map->used = 0;
	map->free = 0;
	map->fresh = 0;
	map->nr_dirty = 0;
	map->mark = 0;
	wpp_memset(map->stream_len, 0, sizeof(map->stream_len));
	wpp_memset(map->dirty, 0, sizeof(map->dirty));
}

uint32_t wppi_node_new(struct wppi_pagemap *map, uint32_t space, uint32_t level)
{
	uint32_t node = map->free;

	if (node)
		map->free = map->node[node].next;
	else if (map->used < map->nr_nodes)
		node = ++map->used;
	else
		return 0;
	map->node[node] = (struct wppi_node){ .space = space, .level = (uint8_t)level };
	wpp_memset(wppi_node_table(map, node), 0, sizeof(union wppi_table));
	return node;
}

void wppi_node_free(struct wppi_pagemap *map, uint32_t node)
{
	map->node[node].next = map->free;
	map->free = node;
}

/* A changed table changes the checksum in its parent, so all up to the root are written. */
void wppi_node_dirty(struct wppi_pagemap *map, uint32_t node)
{
	for (; node && !map->node[node].dirty; node = map->node[node].parent) {
		struct wppi_node *n = &map->node[node];

		n->dirty = 1;
		n->next = map->dirty[n->level];
		map->dirty[n->level] = node;
		map->nr_dirty++;
	}
}

uint32_t wppi_node_count_clean(struct wppi_pagemap *map, uint32_t node)
{
	uint32_t nr = 0;

	for (; node && !map->node[node].dirty; node = map->node[node].parent) {
		if (map->node[node].mark == map->mark)
			break;
		map->node[node].mark = map->mark;
		nr++;
	}
	return nr;
}

void wppi_node_unlink(struct wppi_pagemap *map, uint32_t node)
{
	uint32_t parent = map->node[node].parent;
	struct wppi_space *space;

	if (parent) {
		wppi_node_table(map, parent)->child[map->node[node].slot] = 0;
		map->node[parent].nr--;
		return;
	}
	space = wppi_space_find(map, map->node[node].space);
	space->root = 0;
	space->height = 0;
}

/* Index of the first space with an id >= @id. */
static uint32_t space_pos(const struct wppi_pagemap *map, uint32_t id)
{
	uint32_t lo = 0, hi = map->nr_spaces;

	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;

		if (map->space[mid].id < id)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

struct wppi_space *wppi_space_find(const struct wppi_pagemap *map, uint32_t id)
{
	uint32_t pos = space_pos(map, id);

	return pos < map->nr_spaces && map->space[pos].id == id ? &map->space[pos] : NULL;
}

struct wppi_space *wppi_space_get(struct wppi_pagemap *map, uint32_t id)
{
	uint32_t pos = space_pos(map, id);
	struct wppi_space *space = &map->space[pos];

	if (pos < map->nr_spaces && space->id == id)
		return space;
	if (map->nr_spaces == map->max_spaces)
		return NULL;
	wpp_memmove(space + 1, space, (map->nr_spaces - pos) * sizeof(*space));
	*space = (struct wppi_space){ .id = id, .fresh = 1 };
	map->nr_spaces++;
	return space;
}

void wppi_space_remove(struct wppi_pagemap *map, struct wppi_space *space)
{
	uint32_t pos = (uint32_t)(space - map->space);

	map->nr_spaces--;
	wpp_memmove(space, space + 1, (map->nr_spaces - pos) * sizeof(*space));
}

/* Does a tree of @height levels reach @page? */
static bool reaches(uint32_t height, uint64_t page)
{
	return page >> (WPPF_TABLE_SHIFT * height) == 0;
}

uint32_t wppi_leaf_find(const struct wppi_pagemap *map, const struct wppi_space *space,
			uint64_t page)
{
	uint32_t node = space->root;

	if (!reaches(space->height, page))
		return 0;
	for (uint32_t level = space->height - 1; node && level; level--)
		node = wppi_node_table(map, node)->child[INDEX(page, level)];
	return node;
}

static uint32_t fresh_node(struct wppi_pagemap *map, const struct wppi_space *space, uint32_t level)
{
	uint32_t node = wppi_node_new(map, space->id, level);

	if (node) {
		map->node[node].fresh = map->fresh;
		map->fresh = node;
	}
	return node;
}

void wppi_node_link(struct wppi_pagemap *map, uint32_t parent, uint32_t slot, uint32_t child)
{
	wppi_node_table(map, parent)->child[slot] = child;
	map->node[parent].nr++;
	map->node[child].parent = parent;
	map->node[child].slot = (uint16_t)slot;
}

/* Put new roots above the old one until the tree reaches @page. */
static bool grow(struct wppi_pagemap *map, struct wppi_space *space, uint64_t page)
{
	while (!space->root || !reaches(space->height, page)) {
		uint32_t height = space->height + 1;
		uint32_t root;

		if (!space->root)
			while (!reaches(height, page))
				height++;
		root = fresh_node(map, space, height - 1);
		if (!root)
			return false;
		if (space->root)
			wppi_node_link(map, root, 0, space->root);
		space->root = root;
		space->height = height;
	}
	return true;
}

uint32_t wppi_leaf_get(struct wppi_pagemap *map, struct wppi_space *space, uint64_t page)
{
	uint32_t node;

	if (!grow(map, space, page))
		return 0;
	node = space->root;
	for (uint32_t level = space->height - 1; level; level--) {
		uint32_t child = wppi_node_table(map, node)->child[INDEX(page, level)];

		if (!child) {
			child = fresh_node(map, space, level - 1);
			if (!child)
				return 0;
			wppi_node_link(map, node, INDEX(page, level), child);
		}
		node = child;
	}
	return node;
}

/* First used slot of an inner node at or after @slot, or WPPF_TABLE_LEN. */
static uint32_t next_child(const struct wppi_pagemap *map, uint32_t node, uint32_t slot)
{
	while (slot < WPPF_TABLE_LEN && !wppi_node_table(map, node)->child[slot])
		slot++;
	return slot;
}

uint32_t wppi_leaf_next(const struct wppi_pagemap *map, const struct wppi_space *space,
			uint64_t page, uint64_t *first)
{
	uint32_t node = space->root;
	uint32_t level = space->height - 1;

	if (!node || !reaches(space->height, page))
		return 0;
	*first = page >> WPPF_TABLE_SHIFT << WPPF_TABLE_SHIFT;
	while (level) {
		uint32_t slot = next_child(map, node, INDEX(*first, level));
		uint32_t shift = WPPF_TABLE_SHIFT * level;

		if (slot == WPPF_TABLE_LEN) {
			*first = ((*first >> (shift + WPPF_TABLE_SHIFT)) + 1)
				 << (shift + WPPF_TABLE_SHIFT);
			if (!reaches(space->height, *first))
				return 0;
			node = space->root;
			level = space->height - 1;
			continue;
		}
		if (slot != INDEX(*first, level))
			*first = (*first >> (shift + WPPF_TABLE_SHIFT)
						    << (shift + WPPF_TABLE_SHIFT)) +
				 ((uint64_t)slot << shift);
		node = wppi_node_table(map, node)->child[slot];
		level--;
	}
	return node;
}

uint32_t wppi_fresh_count(struct wppi_pagemap *map)
{
	uint32_t nr = 0;

	for (uint32_t node = map->fresh; node; node = map->node[node].fresh)
		nr += wppi_node_count_clean(map, node);
	return nr;
}

/*
 * All of them: roots between an old root and a new one are on no new page's path. Oldest first, so
 * that tables that are neighbours in memory become neighbours on the medium.
 */
void wppi_fresh_keep(struct wppi_pagemap *map, struct wppi_space *space)
{
	uint32_t oldest = 0;

	while (map->fresh) {
		uint32_t node = map->fresh;

		map->fresh = map->node[node].fresh;
		map->node[node].fresh = oldest;
		oldest = node;
	}
	for (; oldest; oldest = map->node[oldest].fresh)
		wppi_node_dirty(map, oldest);
	space->fresh = 0;
}

/* Newest first, so each node taken back has no children but, for a new root, the old tree. */
void wppi_fresh_undo(struct wppi_pagemap *map, uint32_t space_id)
{
	struct wppi_space *space = wppi_space_find(map, space_id);

	while (map->fresh) {
		uint32_t node = map->fresh;
		uint32_t old = 0;

		map->fresh = map->node[node].fresh;
		if (node == space->root && map->node[node].level)
			old = wppi_node_table(map, node)->child[0];
		if (old) {
			space->root = old;
			space->height--;
			map->node[old].parent = 0;
		} else {
			wppi_node_unlink(map, node);
		}
		wppi_node_free(map, node);
	}
	if (space && space->fresh)
		wppi_space_remove(map, space);
}
