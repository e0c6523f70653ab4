/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The page tables of one generation in memory: a radix tree for each space, of
 * 4096-byte nodes from a pool. A leaf is kept as it lies on the medium; an inner
 * node holds the numbers of its children, whose places and checksums are in
 * their struct wppi_node. Node 0 means none.
 */
#ifndef WPPI_PAGEMAP_PRIV_H
#define WPPI_PAGEMAP_PRIV_H

#include "format.h"

struct wppi_node {
	uint32_t parent; /* 0: root */
	uint32_t next;	 /* on the free, dirty or load list */
	uint32_t fresh;	 /* next on the fresh list */
	uint32_t place;	 /* on the medium; 0: not there yet */
	uint32_t crc;
	uint32_t space; /* id */
	uint32_t mark;	/* last count that saw this node */
	uint16_t slot;	/* index in the parent */
	uint16_t nr;	/* entries in use */
	uint8_t level;	/* 0: leaf */
	uint8_t dirty;
};

union wppi_table {
	struct wppf_table leaf;
	uint32_t child[WPPF_TABLE_LEN];
	uint8_t bytes[WPP_PAGE_SIZE];
};

struct wppi_space {
	uint64_t nr_pages;
	uint64_t found; /* pages met while loading */
	uint32_t id;
	uint32_t height; /* levels; 0: empty */
	uint32_t root;
	uint32_t fresh; /* made by the call in progress */
};

struct wppi_pagemap {
	struct wppi_node *node; /* [nr_nodes + 1] */
	union wppi_table *table;
	struct wppi_space *space; /* [max_spaces], by id */
	uint32_t nr_nodes, max_spaces;
	uint32_t nr_spaces;
	uint64_t stream_len[WPP_STREAM_COUNT];
	uint32_t used;	/* nodes 1 .. used were handed out since the last reset */
	uint32_t free;	/* list */
	uint32_t fresh; /* list: made by the call in progress, newest first */
	uint32_t dirty[WPPF_HEIGHT_MAX];
	uint32_t nr_dirty;
	uint32_t mark;
};

static inline union wppi_table *wppi_node_table(const struct wppi_pagemap *map, uint32_t node)
{
	return &map->table[node - 1];
}

void wppi_pagemap_reset(struct wppi_pagemap *map);
uint32_t wppi_node_new(struct wppi_pagemap *map, uint32_t space, uint32_t level);
void wppi_node_free(struct wppi_pagemap *map, uint32_t node);
void wppi_node_dirty(struct wppi_pagemap *map, uint32_t node);
void wppi_node_unlink(struct wppi_pagemap *map, uint32_t node);

/* Clean nodes on the way from @node to its root that no call since the last mark counted. */
uint32_t wppi_node_count_clean(struct wppi_pagemap *map, uint32_t node);

struct wppi_space *wppi_space_find(const struct wppi_pagemap *map, uint32_t id);
/* Find or add; NULL when all are in use. */
struct wppi_space *wppi_space_get(struct wppi_pagemap *map, uint32_t id);
void wppi_node_link(struct wppi_pagemap *map, uint32_t parent, uint32_t slot, uint32_t child);
void wppi_space_remove(struct wppi_pagemap *map, struct wppi_space *space);

/* The leaf that holds @page, or 0. */
uint32_t wppi_leaf_find(const struct wppi_pagemap *map, const struct wppi_space *space,
			uint64_t page);
/* The same, made when missing (on the fresh list); 0: the pool is used up. */
uint32_t wppi_leaf_get(struct wppi_pagemap *map, struct wppi_space *space, uint64_t page);
/* The first leaf at or after @page; *@first: its first page. 0: none. */
uint32_t wppi_leaf_next(const struct wppi_pagemap *map, const struct wppi_space *space,
			uint64_t page, uint64_t *first);

/* Nodes made by the call in progress that wppi_node_count_clean() did not count. */
uint32_t wppi_fresh_count(struct wppi_pagemap *map);
/* Keep, or take back, all nodes (and the space) made by the call in progress. */
void wppi_fresh_keep(struct wppi_pagemap *map, struct wppi_space *space);
void wppi_fresh_undo(struct wppi_pagemap *map, uint32_t space_id);

#endif
