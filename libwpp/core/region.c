/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include <wpp/region.h>

#include "plat.h"
#include "rtree_priv.h"
#include "strtab_priv.h"

#define NR_MAX	   (1u << 24)
#define SPARE	   2u	 /* a change may need two nodes in between that it gives back at its end */
#define PATHS_MIN  8192u /* two of WPP_REGION_PATH_MAX */
#define PATHS_MAX  0xfffff000u
#define PAGE_BYTES (WPP_PAGE_SIZE - 1)

static uint64_t last_of(const struct wppi_region_node *n)
{
	return n->start + (n->len - 1);
}

static bool range_ok(uint64_t start, uint64_t len)
{
	return len && !((start | len) & PAGE_BYTES) && len - 1 <= UINT64_MAX - start;
}

static uint64_t fixed_bytes(uint32_t nr_max)
{
	return ((uint64_t)nr_max + 1 + SPARE) * sizeof(struct wppi_region_node) +
	       ((uint64_t)nr_max + 1) * sizeof(struct wppi_str) +
	       (uint64_t)nr_max * sizeof(uint32_t);
}

uint64_t wpp_regions_bytes(uint32_t nr_max, uint32_t path_bytes)
{
	uint64_t area = wppi_strtab_area(path_bytes);

	if (!nr_max || nr_max > NR_MAX || area > PATHS_MAX)
		return 0;
	return fixed_bytes(nr_max) + (area > PATHS_MIN ? area : PATHS_MIN);
}

int wpp_regions_init(struct wpp_regions *t, void *mem, size_t bytes, uint32_t nr_max, uint64_t seed)
{
	uint64_t rest;

	if (!nr_max || nr_max > NR_MAX || ((uintptr_t)mem & 7))
		return WPP_EINVAL;
	if (bytes < fixed_bytes(nr_max) + PATHS_MIN)
		return WPP_ENOMEM;
	rest = bytes - fixed_bytes(nr_max);
	*t = (struct wpp_regions){ .node = mem, .nr_nodes = nr_max + 1 + SPARE, .nr_max = nr_max };
	t->nr_used = 1;
	wpp_memset(&t->node[0], 0, sizeof(t->node[0]));
	t->paths.nr_max = nr_max;
	t->paths.seed = seed;
	t->paths.str = (struct wppi_str *)(t->node + t->nr_nodes);
	t->paths.bucket = (uint32_t *)(t->paths.str + nr_max + 1);
	t->paths.bytes = (char *)(t->paths.bucket + nr_max);
	t->paths.size = rest > PATHS_MAX ? PATHS_MAX : (uint32_t)rest;
	wppi_strtab_init(&t->paths);
	return 0;
}

static void node_set(struct wppi_region_node *n, const struct wpp_region *r, uint32_t path)
{
	n->start = r->start;
	n->len = r->len;
	n->flags = r->flags;
	n->file_off = r->file_off;
	n->file = r->file;
	n->cookie = r->cookie;
	n->prot = r->prot;
	n->space = r->space;
	n->path = path;
}

static void node_get(const struct wpp_regions *t, uint32_t i, struct wpp_region *r)
{
	const struct wppi_region_node *n = wppi_rtree_node(t, i);

	r->path = wppi_strtab_text(&t->paths, n->path);
	r->start = n->start;
	r->len = n->len;
	r->prot = n->prot;
	r->space = n->space;
	r->flags = n->flags;
	r->file_off = n->file_off;
	r->file = n->file;
	r->cookie = n->cookie;
}

/* Would @b continue @a if both had the same protection? */
static bool continues(const struct wppi_region_node *a, const struct wppi_region_node *b)
{
	return a->start + a->len == b->start && a->file_off + a->len == b->file_off &&
	       a->flags == b->flags && a->cookie == b->cookie && a->space == b->space &&
	       a->path == b->path && !wpp_memcmp(&a->file, &b->file, sizeof(a->file));
}

static bool joins(const struct wppi_region_node *a, const struct wppi_region_node *b)
{
	return a->prot == b->prot && continues(a, b);
}

/* false: the table is scribbled over, so that the region is not where it should be */
static bool erase(struct wpp_regions *t, uint32_t i)
{
	uint32_t path = wppi_rtree_node(t, i)->path;

	if (!wppi_rtree_erase(t, i))
		return false;
	wppi_strtab_put(&t->paths, path);
	return true;
}

/* The first region that reaches to @addr or beyond; 0: none. */
static uint32_t first_reaching(const struct wpp_regions *t, uint64_t addr)
{
	uint32_t i = wppi_rtree_at_or_before(t, addr);

	if (i && last_of(wppi_rtree_node(t, i)) >= addr)
		return i;
	return wppi_rtree_at_or_after(t, addr);
}

static uint32_t node_before(const struct wpp_regions *t, uint64_t start)
{
	return start ? wppi_rtree_at_or_before(t, start - 1) : 0;
}

/* 0 behind a start that can't be, so that nobody walks in circles. */
static uint32_t node_after(const struct wpp_regions *t, uint32_t i)
{
	uint64_t start = wppi_rtree_node(t, i)->start;

	return start & PAGE_BYTES ? 0 : wppi_rtree_at_or_after(t, start + 1);
}

/* Put @n, whose place is free and whose path is referenced, into the table. */
static int insert_joined(struct wpp_regions *t, const struct wppi_region_node *n)
{
	uint32_t prev = node_before(t, n->start);
	uint32_t next = wppi_rtree_at_or_after(t, n->start);
	bool left = prev && joins(wppi_rtree_node(t, prev), n);
	bool right = next && joins(n, wppi_rtree_node(t, next));
	uint32_t i;

	if (!left && !right) {
		i = t->count < t->nr_max ? wppi_rtree_alloc(t) : 0;
		if (!i)
			return WPP_ENOSPC;
		t->node[i] = *n;
		wppi_rtree_insert(t, i);
		return 0;
	}
	wppi_strtab_put(&t->paths, n->path);
	if (!left) {
		struct wppi_region_node *r = wppi_rtree_node(t, next);

		r->start = n->start;
		r->file_off = n->file_off;
		r->len += n->len;
		return 0;
	}
	wppi_rtree_node(t, prev)->len += n->len;
	if (right) {
		wppi_rtree_node(t, prev)->len += wppi_rtree_node(t, next)->len;
		erase(t, next);
	}
	return 0;
}

int wpp_regions_add(struct wpp_regions *t, const struct wpp_region *r)
{
	struct wppi_region_node n;
	uint32_t path, i;
	int err;

	if (!range_ok(r->start, r->len) || r->len - 1 > UINT64_MAX - r->file_off)
		return WPP_EINVAL;
	i = first_reaching(t, r->start);
	if (i && wppi_rtree_node(t, i)->start <= r->start + (r->len - 1))
		return WPP_EEXIST;
	err = wppi_strtab_get(&t->paths, r->path, WPP_REGION_PATH_MAX, &path);
	if (err)
		return err;
	node_set(&n, r, path);
	err = insert_joined(t, &n);
	if (err)
		wppi_strtab_put(&t->paths, path);
	return err;
}

/* Cut the node in two at @addr, which lies inside of it; uses the spare nodes. */
static void split(struct wpp_regions *t, uint32_t i, uint64_t addr)
{
	struct wppi_region_node *n = wppi_rtree_node(t, i);
	uint64_t head = addr - n->start;
	uint32_t j = wppi_rtree_alloc(t);

	if (!j)
		return;
	t->node[j] = *n;
	t->node[j].start = addr;
	t->node[j].len = n->len - head;
	t->node[j].file_off = n->file_off + head;
	n->len = head;
	wppi_strtab_ref(&t->paths, n->path);
	wppi_rtree_insert(t, j);
}

/* Make a border at @addr if it lies inside of a region. */
static void split_at(struct wpp_regions *t, uint64_t addr)
{
	uint32_t i = wppi_rtree_at_or_before(t, addr);
	const struct wppi_region_node *n = wppi_rtree_node(t, i);

	if (i && n->start < addr && last_of(n) >= addr)
		split(t, i, addr);
}

/* Both borders of the range; @start + @len is 0 when the range ends at 2^64. */
static void split_around(struct wpp_regions *t, uint64_t start, uint64_t len)
{
	split_at(t, start);
	if (start + len)
		split_at(t, start + len);
}

int wpp_regions_remove(struct wpp_regions *t, uint64_t start, uint64_t len)
{
	uint64_t last = start + (len - 1);
	const struct wppi_region_node *n;
	uint32_t i;

	if (!range_ok(start, len))
		return WPP_EINVAL;
	i = first_reaching(t, start);
	n = wppi_rtree_node(t, i);
	if (i && n->start < start && last_of(n) > last && t->count >= t->nr_max)
		return WPP_ENOSPC;
	split_around(t, start, len);
	for (i = wppi_rtree_at_or_after(t, start); i; i = wppi_rtree_at_or_after(t, start)) {
		if (wppi_rtree_node(t, i)->start > last || !erase(t, i))
			break;
	}
	return 0;
}

/* Is there a border between @a and the adjacent @b once [start, last] has @prot? */
static bool border_after_protect(const struct wppi_region_node *a, const struct wppi_region_node *b,
				 uint64_t start, uint64_t last, uint32_t prot)
{
	uint32_t pa = b->start - 1 >= start && b->start - 1 <= last ? prot : a->prot;
	uint32_t pb = b->start >= start && b->start <= last ? prot : b->prot;

	return pa != pb || !continues(a, b);
}

/*
 * How many regions more there are once [start, last] has @prot: one for each
 * end that falls inside of a region of another protection, one less for each
 * border that goes. WPP_ENOENT when something in the range is not mapped.
 */
static int protect_growth(const struct wpp_regions *t, uint64_t start, uint64_t last, uint32_t prot,
			  int64_t *growth)
{
	uint32_t i = wppi_rtree_at_or_before(t, start);
	const struct wppi_region_node *n = wppi_rtree_node(t, i);
	const struct wppi_region_node *prev = wppi_rtree_node(t, node_before(t, start));

	*growth = 0;
	if (!i || last_of(n) < start)
		return WPP_ENOENT;
	if (n->start < start && n->prot != prot)
		++*growth;
	if (n->start == start && start && prev->len && last_of(prev) + 1 == start)
		*growth -= !border_after_protect(prev, n, start, last, prot);
	while (last_of(n) < last) {
		prev = n;
		i = node_after(t, i);
		n = wppi_rtree_node(t, i);
		if (!i || n->start != last_of(prev) + 1)
			return WPP_ENOENT;
		*growth -= !border_after_protect(prev, n, start, last, prot);
	}
	if (last_of(n) > last) {
		*growth += n->prot != prot;
		return 0;
	}
	i = node_after(t, i);
	if (i && wppi_rtree_node(t, i)->start == last + 1)
		*growth -= !border_after_protect(n, wppi_rtree_node(t, i), start, last, prot);
	return 0;
}

/* Join what continues each other, from the region before @start to the one behind @last. */
static void join_around(struct wpp_regions *t, uint64_t start, uint64_t last)
{
	uint32_t i = node_before(t, start);
	uint32_t next;

	if (!i)
		i = wppi_rtree_at_or_after(t, start);
	for (next = node_after(t, i); next; next = node_after(t, i)) {
		const struct wppi_region_node *n = wppi_rtree_node(t, next);

		if (n->start - 1 > last)
			return;
		if (joins(wppi_rtree_node(t, i), n)) {
			wppi_rtree_node(t, i)->len += n->len;
			if (!erase(t, next))
				return;
		} else {
			i = next;
		}
	}
}

int wpp_regions_protect(struct wpp_regions *t, uint64_t start, uint64_t len, uint32_t prot)
{
	uint64_t last = start + (len - 1);
	int64_t growth;
	uint32_t i;
	int err;

	if (!range_ok(start, len))
		return WPP_EINVAL;
	err = protect_growth(t, start, last, prot, &growth);
	if (err)
		return err;
	if ((int64_t)t->count + growth > (int64_t)t->nr_max)
		return WPP_ENOSPC;
	split_around(t, start, len);
	for (i = wppi_rtree_at_or_after(t, start); i; i = node_after(t, i)) {
		if (wppi_rtree_node(t, i)->start > last)
			break;
		wppi_rtree_node(t, i)->prot = prot;
	}
	join_around(t, start, last);
	return 0;
}

int wpp_regions_find(const struct wpp_regions *t, uint64_t addr, struct wpp_region *r)
{
	uint32_t i = wppi_rtree_at_or_before(t, addr);

	if (!i || last_of(wppi_rtree_node(t, i)) < addr)
		return WPP_ENOENT;
	node_get(t, i, r);
	return 0;
}

int wpp_regions_next(const struct wpp_regions *t, uint64_t *pos, struct wpp_region *r)
{
	uint32_t i = wppi_rtree_at_or_after(t, *pos);

	if (!i || (wppi_rtree_node(t, i)->start & PAGE_BYTES))
		return WPP_ENOENT;
	node_get(t, i, r);
	*pos = r->start + 1;
	return 0;
}

uint32_t wpp_regions_count(const struct wpp_regions *t)
{
	return t->count;
}
