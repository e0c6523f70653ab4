/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The tree of the region table, looked at from inside: is it balanced after each change? */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "core/rtree.c"
#include "prop.h"

#define NODES 4096u

/* Height of the tree under @i, whose starts lie in [lo, hi); counts its nodes. */
static uint32_t check(const struct prop *p, const struct wpp_regions *t, uint32_t i, uint64_t lo,
		      uint64_t hi, uint32_t *count)
{
	const struct wppi_region_node *n = &t->node[i];
	uint32_t left, right;

	if (!i)
		return 0;
	prop_assert(p, n->start >= lo && n->start < hi);
	left = check(p, t, n->child[0], lo, n->start, count);
	right = check(p, t, n->child[1], n->start + 1, hi, count);
	prop_assert(p, left <= right + 1 && right <= left + 1);
	prop_assert(p, n->height == 1 + (left > right ? left : right));
	++*count;
	return n->height;
}

static struct wpp_regions *tree_new(void)
{
	struct wpp_regions *t = calloc(1, sizeof(*t));

	t->node = calloc(NODES, sizeof(t->node[0]));
	t->nr_nodes = NODES;
	t->nr_used = 1;
	return t;
}

static void tree_free(struct wpp_regions *t)
{
	free(t->node);
	free(t);
}

static void toggle(struct prop *p, struct wpp_regions *t, uint64_t start)
{
	uint32_t i = wppi_rtree_at_or_before(t, start);

	if (i && t->node[i].start == start) {
		prop_assert(p, wppi_rtree_erase(t, i));
		return;
	}
	i = wppi_rtree_alloc(t);
	prop_assert(p, i != 0);
	t->node[i].start = start;
	wppi_rtree_insert(t, i);
}

static void check_tree(struct prop *p, const struct wpp_regions *t)
{
	uint32_t count = 0;

	check(p, t, t->root, 0, UINT64_MAX, &count);
	prop_assert(p, count == t->count);
}

static void random_changes_keep_it_balanced(void **state)
{
	struct prop p = prop_begin(__func__, 1);
	struct wpp_regions *t = tree_new();

	(void)state;
	for (p.step = 0; p.step < 20000; p.step++) {
		toggle(&p, t, prop_below(&p, p.step < 10000 ? 60 : 500));
		check_tree(&p, t);
	}
	tree_free(t);
}

static void ordered_changes_keep_it_balanced(void **state)
{
	struct prop p = prop_begin(__func__, 2);
	struct wpp_regions *t = tree_new();

	(void)state;
	for (p.step = 0; p.step < 2 * (NODES - 1); p.step++) {
		toggle(&p, t, p.step % (NODES - 1));
		if (p.step % 64 == 0)
			check_tree(&p, t);
	}
	prop_assert(&p, t->count == 0 && t->root == 0);
	tree_free(t);
}

/* The longest way of the thinnest tree fits: an AVL tree of height h has F(h + 2) - 1 nodes. */
static void no_way_is_longer_than_expected(void **state)
{
	uint64_t thin = 1, thinner = 0; /* nodes of heights 1 and 0 */

	(void)state;
	for (uint32_t h = 2; h <= DEPTH_MAX + 1; h++) {
		uint64_t next = thin + thinner + 1;

		thinner = thin;
		thin = next;
	}
	assert_true(thin > (1u << 24) + 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(random_changes_keep_it_balanced),
		cmocka_unit_test(ordered_changes_keep_it_balanced),
		cmocka_unit_test(no_way_is_longer_than_expected),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
