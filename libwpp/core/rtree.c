/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "rtree_priv.h"

#include "plat.h"

#define DEPTH_MAX 36u /* 1.44 * log2(2^24 + 3), rounded up */

/* The way down from the root: at node[i] it went to child[side[i]]. */
struct path {
	uint32_t len;
	uint32_t node[DEPTH_MAX];
	uint8_t side[DEPTH_MAX];
};

uint32_t wppi_rtree_at_or_before(const struct wpp_regions *t, uint64_t addr)
{
	uint32_t found = 0;
	uint32_t i = t->root;

	for (uint32_t depth = 0; i && depth < DEPTH_MAX; depth++) {
		const struct wppi_region_node *n = wppi_rtree_node(t, i);

		if (n->start <= addr)
			found = i;
		i = n->child[n->start <= addr];
	}
	return found;
}

uint32_t wppi_rtree_at_or_after(const struct wpp_regions *t, uint64_t addr)
{
	uint32_t found = 0;
	uint32_t i = t->root;

	for (uint32_t depth = 0; i && depth < DEPTH_MAX; depth++) {
		const struct wppi_region_node *n = wppi_rtree_node(t, i);

		if (n->start >= addr)
			found = i;
		i = n->child[n->start < addr];
	}
	return found;
}

uint32_t wppi_rtree_alloc(struct wpp_regions *t)
{
	uint32_t i = t->free;

	if (i && i < t->nr_used) {
		t->free = t->node[i].child[0];
		return i;
	}
	t->free = 0;
	return t->nr_used < t->nr_nodes ? t->nr_used++ : 0;
}

static void path_push(struct path *p, uint32_t i, bool right)
{
	if (p->len < DEPTH_MAX) {
		p->node[p->len] = i;
		p->side[p->len++] = right;
	}
}

/* Make @i the child that the first @depth steps of the path lead to. */
static void path_link(struct wpp_regions *t, const struct path *p, uint32_t depth, uint32_t i)
{
	if (depth == 0)
		t->root = i;
	else
		wppi_rtree_node(t, p->node[depth - 1])->child[p->side[depth - 1]] = i;
}

/* Down to the node that starts at @start, or to where it belongs. */
static uint32_t path_find(const struct wpp_regions *t, uint64_t start, struct path *p)
{
	uint32_t i = t->root;

	p->len = 0;
	p->node[0] = 0;
	p->side[0] = 0;
	while (i && p->len < DEPTH_MAX && wppi_rtree_node(t, i)->start != start) {
		bool right = wppi_rtree_node(t, i)->start < start;

		path_push(p, i, right);
		i = wppi_rtree_node(t, i)->child[right];
	}
	return i;
}

static uint32_t height(const struct wpp_regions *t, uint32_t i)
{
	return i ? wppi_rtree_node(t, i)->height : 0;
}

static void update_height(struct wpp_regions *t, uint32_t i)
{
	struct wppi_region_node *n = wppi_rtree_node(t, i);
	uint32_t left = height(t, n->child[0]);
	uint32_t right = height(t, n->child[1]);

	n->height = 1 + (left > right ? left : right);
}

/* The child on @side takes the place of @i, which becomes its child. */
static uint32_t rotate(struct wpp_regions *t, uint32_t i, bool side)
{
	struct wppi_region_node *n = wppi_rtree_node(t, i);
	uint32_t top = n->child[side];

	n->child[side] = wppi_rtree_node(t, top)->child[!side];
	wppi_rtree_node(t, top)->child[!side] = i;
	update_height(t, i);
	update_height(t, top);
	return top;
}

static uint32_t balance(struct wpp_regions *t, uint32_t i)
{
	struct wppi_region_node *n = wppi_rtree_node(t, i);
	uint32_t left = height(t, n->child[0]);
	uint32_t right = height(t, n->child[1]);
	bool side = right > left;
	const struct wppi_region_node *deep = wppi_rtree_node(t, n->child[side]);

	if (left <= right + 1 && right <= left + 1) {
		update_height(t, i);
		return i;
	}
	if (height(t, deep->child[!side]) > height(t, deep->child[side]))
		n->child[side] = rotate(t, n->child[side], !side);
	return rotate(t, i, side);
}

static void path_balance(struct wpp_regions *t, const struct path *p)
{
	for (uint32_t depth = p->len; depth-- > 0;)
		path_link(t, p, depth, balance(t, p->node[depth]));
}

void wppi_rtree_insert(struct wpp_regions *t, uint32_t i)
{
	struct wppi_region_node *n = wppi_rtree_node(t, i);
	struct path p;

	path_find(t, n->start, &p);
	n->child[0] = 0;
	n->child[1] = 0;
	n->height = 1;
	path_link(t, &p, p.len, i);
	path_balance(t, &p);
	t->count++;
}

/* The next node in order takes the place of @i, which has two children. */
static void replace_by_next(struct wpp_regions *t, struct path *p, uint32_t i)
{
	struct wppi_region_node *n = wppi_rtree_node(t, i);
	uint32_t depth = p->len;
	uint32_t next = n->child[1];
	struct wppi_region_node *s;

	path_push(p, i, true);
	while (wppi_rtree_node(t, next)->child[0] && p->len < DEPTH_MAX) {
		path_push(p, next, false);
		next = wppi_rtree_node(t, next)->child[0];
	}
	s = wppi_rtree_node(t, next);
	path_link(t, p, p->len, s->child[1]);
	s->child[0] = n->child[0];
	s->child[1] = n->child[1];
	path_link(t, p, depth, next);
	if (depth < DEPTH_MAX)
		p->node[depth] = next;
}

bool wppi_rtree_erase(struct wpp_regions *t, uint32_t i)
{
	struct wppi_region_node *n = wppi_rtree_node(t, i);
	struct path p;

	if (path_find(t, n->start, &p) != i || !i || !t->count)
		return false;
	if (n->child[0] && n->child[1])
		replace_by_next(t, &p, i);
	else
		path_link(t, &p, p.len, n->child[n->child[0] == 0]);
	path_balance(t, &p);
	n->child[0] = t->free;
	t->free = i;
	t->count--;
	return true;
}
