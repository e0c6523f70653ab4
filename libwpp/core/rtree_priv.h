/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The tree of a region table: AVL, ordered by start, with indices for links.
 * Node 0 is the empty tree. Its height is at most 1.44 log2(n), so the longest
 * path of 2^24 nodes is known and no walk needs recursion.
 */
#ifndef WPPI_RTREE_PRIV_H
#define WPPI_RTREE_PRIV_H

#include <wpp/region.h>

struct wppi_region_node {
	uint64_t start;
	uint64_t len;
	uint64_t flags;
	uint64_t file_off;
	struct wpp_file_id file;
	uint64_t cookie;
	uint32_t prot;
	uint32_t space;
	uint32_t path;
	uint32_t child[2];
	uint32_t height;
};

/* The checked way from an index to a node: a bad index is node 0. */
static inline struct wppi_region_node *wppi_rtree_node(const struct wpp_regions *t, uint32_t i)
{
	return &t->node[i < t->nr_used ? i : 0];
}

/* The last node that starts at or before @addr, the first one at or behind it; 0: none. */
uint32_t wppi_rtree_at_or_before(const struct wpp_regions *t, uint64_t addr);
uint32_t wppi_rtree_at_or_after(const struct wpp_regions *t, uint64_t addr);

/* A node that is not in the tree; 0 when all are. */
uint32_t wppi_rtree_alloc(struct wpp_regions *t);

void wppi_rtree_insert(struct wpp_regions *t, uint32_t i);

/* Takes node @i out and frees it; false if it is not in the tree. */
bool wppi_rtree_erase(struct wpp_regions *t, uint32_t i);

#endif
