/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include <wpp/pte.h>

#include "hash_priv.h"
#include "plat.h"
#include "sort_priv.h"

#define SLOTS	    5u
#define NR_BUCKETS  0xffffffffu
#define NONE	    UINT64_MAX
#define KEY_MASK    ((1ull << FLAGS_SHIFT) - 1)
#define VPN_BITS    (WPP_VA_BITS - WPP_PAGE_SHIFT)
#define VA_END	    (1ull << WPP_VA_BITS)
#define SIZE_MASK   (3ull << VPN_BITS)
#define FLAGS_SHIFT (VPN_BITS + 2)
#define PFN_SHIFT   (FLAGS_SHIFT + 8)
#define LOOKUP_COST 8	/* buckets that are walked in the time of one lookup */
#define SEARCH_MAX  96u /* buckets looked at for a free slot; 7/8 full, it takes about 5 */

/*
 * 64 bytes, one cache line: five entries. A slot's bits from the lowest up are
 * in @key the page number (45), the page size plus 1 (2; 0: free), flags (8)
 * and the upper 8 bits of the frame number; in @frame its lower 32.
 */
struct wppi_pte_bucket {
	uint64_t key[SLOTS];
	uint32_t frame[SLOTS];
	uint32_t unused;
};
_Static_assert(sizeof(struct wppi_pte_bucket) == 64, "a bucket is one cache line");

static unsigned int shift_of(uint32_t size)
{
	return WPP_PAGE_SHIFT + 9 * size;
}

static uint64_t bytes_of(uint32_t size)
{
	return 1ull << shift_of(size);
}

/* The key of the page of this size that contains @va. */
static uint64_t key_of(uint64_t va, uint32_t size)
{
	return (va >> shift_of(size) << (shift_of(size) - WPP_PAGE_SHIFT)) | (uint64_t)(size + 1)
										     << VPN_BITS;
}

/* Of a free slot: no size, that is, more than any. */
static uint32_t key_size(uint64_t key)
{
	return (uint32_t)(key >> VPN_BITS & 3) - 1;
}

static uint64_t key_va(uint64_t key)
{
	return (key & ((1ull << VPN_BITS) - 1)) << WPP_PAGE_SHIFT;
}

/* The two buckets of a key. */
struct pair {
	uint32_t b[2];
};

static struct pair pair_of(const struct wpp_ptes *t, uint64_t key)
{
	uint64_t hash = wppi_hash(t->seed, key & KEY_MASK);
	struct pair p = { { wppi_hash_below((uint32_t)hash, t->nr_buckets),
			    wppi_hash_below((uint32_t)(hash >> 32), t->nr_buckets) } };

	if (p.b[0] == p.b[1])
		p.b[1] = p.b[0] ? p.b[0] - 1 : 1;
	return p;
}

/* A slot's place in the table, as one number. */
static uint64_t place(uint32_t bucket, uint32_t slot)
{
	return (uint64_t)bucket << 3 | slot;
}

static uint64_t *key_at(const struct wpp_ptes *t, uint64_t at)
{
	return &t->bucket[at >> 3].key[at & 7];
}

static uint32_t *frame_at(const struct wpp_ptes *t, uint64_t at)
{
	return &t->bucket[at >> 3].frame[at & 7];
}

static uint64_t find_in(const struct wpp_ptes *t, uint32_t bucket, uint64_t key, uint64_t mask)
{
	const struct wppi_pte_bucket *b = &t->bucket[bucket];

	for (uint32_t i = 0; i < SLOTS; i++) {
		if ((b->key[i] & mask) == key)
			return place(bucket, i);
	}
	return NONE;
}

static uint64_t find_free(const struct wpp_ptes *t, uint32_t bucket)
{
	return find_in(t, bucket, 0, SIZE_MASK);
}

static uint64_t find_in_pair(const struct wpp_ptes *t, struct pair p, uint64_t key)
{
	uint64_t at;

	__builtin_prefetch(&t->bucket[p.b[1]]); /* one wait for memory instead of two */
	at = find_in(t, p.b[0], key, KEY_MASK);
	return at != NONE ? at : find_in(t, p.b[1], key, KEY_MASK);
}

static uint64_t find_key(const struct wpp_ptes *t, uint64_t key)
{
	return find_in_pair(t, pair_of(t, key), key);
}

static void slot_set(struct wpp_ptes *t, uint64_t at, const struct wpp_pte *pte)
{
	uint64_t pfn = pte->pa >> WPP_PAGE_SHIFT;

	*key_at(t, at) = key_of(pte->va, pte->size) | (uint64_t)(pte->flags & 0xff) << FLAGS_SHIFT |
			 pfn >> 32 << PFN_SHIFT;
	*frame_at(t, at) = (uint32_t)pfn;
}

static void slot_get(const struct wpp_ptes *t, uint64_t at, struct wpp_pte *pte)
{
	uint64_t key = *key_at(t, at);

	pte->va = key_va(key);
	pte->pa = (key >> PFN_SHIFT << 32 | *frame_at(t, at)) << WPP_PAGE_SHIFT;
	pte->size = key_size(key);
	pte->flags = key >> FLAGS_SHIFT & 0xff;
}

static void slot_clear(struct wpp_ptes *t, uint64_t at, uint32_t size)
{
	t->count[size]--;
	*key_at(t, at) = 0;
}

/*
 * Breadth-first search for a free slot. The entry in slot[i] of bucket[parent[i]]
 * may move to bucket[i], its other one; the first two are where the new key
 * belongs. Nothing moves before the whole way is known.
 */
struct search {
	uint32_t nr;
	uint32_t bucket[SEARCH_MAX];
	uint8_t parent[SEARCH_MAX];
	uint8_t slot[SEARCH_MAX];
};

static bool on_the_way(const struct search *s, uint32_t i, uint32_t bucket)
{
	for (;; i = s->parent[i]) {
		if (s->bucket[i] == bucket)
			return true;
		if (i < 2)
			return false;
	}
}

static void search_expand(const struct wpp_ptes *t, struct search *s, uint32_t i)
{
	const struct wppi_pte_bucket *b = &t->bucket[s->bucket[i]];

	for (uint32_t slot = 0; slot < SLOTS && s->nr < SEARCH_MAX; slot++) {
		struct pair p = pair_of(t, b->key[slot]);
		uint32_t other = p.b[p.b[0] == s->bucket[i]];

		if (on_the_way(s, i, other))
			continue;
		s->bucket[s->nr] = other;
		s->parent[s->nr] = (uint8_t)i;
		s->slot[s->nr++] = (uint8_t)slot;
	}
}

/* Move the entries along the way, the last one first; returns the slot to overwrite then. */
static uint64_t search_shift(struct wpp_ptes *t, const struct search *s, uint32_t i, uint64_t to)
{
	for (; i >= 2; i = s->parent[i]) {
		uint64_t from = place(s->bucket[s->parent[i]], s->slot[i]);

		*key_at(t, to) = *key_at(t, from);
		*frame_at(t, to) = *frame_at(t, from);
		to = from;
	}
	return to;
}

/* A free slot in one of the two buckets, or NONE and nothing moved. */
static uint64_t make_room(struct wpp_ptes *t, struct pair p)
{
	struct search s;

	s.nr = 2;
	s.bucket[0] = p.b[0];
	s.bucket[1] = p.b[1];
	for (uint32_t i = 0; i < s.nr; i++) {
		uint64_t at = find_free(t, s.bucket[i]);

		if (at != NONE)
			return search_shift(t, &s, i, at);
		search_expand(t, &s, i);
	}
	return NONE;
}

/* A new entry that overlaps none; @p: the buckets of its key. */
static int insert(struct wpp_ptes *t, struct pair p, const struct wpp_pte *pte)
{
	uint64_t at = NONE;

	if (wpp_ptes_count(t) < t->max)
		at = make_room(t, p);
	if (at == NONE)
		return WPP_ENOSPC;
	slot_set(t, at, pte);
	t->count[pte->size]++;
	return 0;
}

/* A range of addresses; only entries of fewer than @sizes sizes count. */
struct range {
	uint64_t start;
	uint64_t end;
	uint32_t sizes;
};

static bool in_range(const struct range *r, uint64_t key)
{
	uint32_t size = key_size(key);

	return size < r->sizes && key_va(key) < r->end && key_va(key) + bytes_of(size) > r->start;
}

/* Visit by walking the memory: true if an entry was met, which is removed if @remove. */
static bool range_walk(struct wpp_ptes *t, const struct range *r, bool remove)
{
	bool met = false;

	for (uint32_t b = 0; b < t->nr_buckets; b++) {
		for (uint32_t i = 0; i < SLOTS; i++) {
			uint64_t key = t->bucket[b].key[i];

			if (!in_range(r, key))
				continue;
			if (!remove)
				return true;
			slot_clear(t, place(b, i), key_size(key));
			met = true;
		}
	}
	return met;
}

/* The same by looking up each page of one size. */
static bool range_lookup(struct wpp_ptes *t, const struct range *r, uint32_t size, bool remove)
{
	uint64_t va = r->start & ~(bytes_of(size) - 1);
	bool met = false;

	for (; va < r->end && t->count[size]; va += bytes_of(size)) {
		uint64_t at = find_key(t, key_of(va, size));

		if (at == NONE)
			continue;
		if (!remove)
			return true;
		slot_clear(t, at, size);
		met = true;
	}
	return met;
}

static bool range_visit(struct wpp_ptes *t, const struct range *r, bool remove)
{
	uint64_t lookups = 0;
	bool met = false;

	for (uint32_t size = 0; size < r->sizes; size++) {
		if (t->count[size])
			lookups += ((r->end - r->start) >> shift_of(size)) + 2;
	}
	if (lookups > t->nr_buckets / LOOKUP_COST)
		return range_walk(t, r, remove);
	for (uint32_t size = 0; size < r->sizes && (remove || !met); size++)
		met |= range_lookup(t, r, size, remove);
	return met;
}

static bool pte_ok(const struct wpp_pte *pte)
{
	return pte->size < WPP_PTE_SIZES && pte->flags <= 0xff && pte->va < VA_END &&
	       pte->pa >> WPP_PA_BITS == 0 && !((pte->va | pte->pa) & (bytes_of(pte->size) - 1));
}

static bool overlaps_other_size(struct wpp_ptes *t, const struct wpp_pte *pte)
{
	struct range r = { pte->va, pte->va + bytes_of(pte->size), pte->size };

	for (uint32_t size = pte->size + 1; size < WPP_PTE_SIZES; size++) {
		if (t->count[size] && find_key(t, key_of(pte->va, size)) != NONE)
			return true;
	}
	return pte->size > WPP_PTE_4K && range_visit(t, &r, false);
}

uint64_t wpp_ptes_max(uint64_t bytes)
{
	uint64_t buckets = bytes >> 6 < NR_BUCKETS ? bytes >> 6 : NR_BUCKETS;

	return buckets * SLOTS - (buckets * SLOTS >> 3);
}

int wpp_ptes_init(struct wpp_ptes *t, void *mem, uint64_t bytes, uint64_t seed)
{
	uint64_t buckets = bytes >> 6 < NR_BUCKETS ? bytes >> 6 : NR_BUCKETS;

	if (buckets < 2 || bytes > SIZE_MAX || ((uintptr_t)mem & 63))
		return WPP_EINVAL;
	*t = (struct wpp_ptes){ .bucket = mem, .seed = seed, .nr_buckets = (uint32_t)buckets };
	t->max = wpp_ptes_max(bytes);
	wpp_memset(mem, 0, (size_t)buckets << 6);
	return 0;
}

int wpp_ptes_add(struct wpp_ptes *t, const struct wpp_pte *pte)
{
	struct pair p;
	uint64_t key, at;

	if (!pte_ok(pte))
		return WPP_EINVAL;
	key = key_of(pte->va, pte->size);
	p = pair_of(t, key);
	at = find_in_pair(t, p, key);
	if (at != NONE) {
		slot_set(t, at, pte);
		return 0;
	}
	if (overlaps_other_size(t, pte))
		return WPP_EEXIST;
	return insert(t, p, pte);
}

int wpp_ptes_remove(struct wpp_ptes *t, uint64_t va, uint64_t pa)
{
	for (uint32_t size = 0; size < WPP_PTE_SIZES && va < VA_END; size++) {
		struct wpp_pte pte;
		uint64_t at;

		if (!t->count[size] || (va & (bytes_of(size) - 1)))
			continue;
		at = find_key(t, key_of(va, size));
		if (at == NONE)
			continue;
		slot_get(t, at, &pte);
		if (pte.pa != pa)
			continue;
		slot_clear(t, at, size);
		return 0;
	}
	return WPP_ENOENT;
}

/* The largest page, smaller than @size, that starts at @va and ends at or before @end. */
static uint32_t part_size(uint32_t size, uint64_t va, uint64_t end)
{
	while (--size) {
		if (!(va & (bytes_of(size) - 1)) && end - va >= bytes_of(size))
			break;
	}
	return size;
}

/* Take back the parts below @upto of those that parts_add() made up to @end. */
static void parts_remove(struct wpp_ptes *t, const struct wpp_pte *whole, uint64_t va,
			 uint64_t upto, uint64_t end)
{
	while (va < upto) {
		uint32_t size = part_size(whole->size, va, end);
		uint64_t at = find_key(t, key_of(va, size));

		if (at != NONE)
			slot_clear(t, at, size);
		va += bytes_of(size);
	}
}

/* Entries for [@va, @end) of a huge page, beside its own; all of them or none. */
static int parts_add(struct wpp_ptes *t, const struct wpp_pte *whole, uint64_t va, uint64_t end)
{
	struct wpp_pte part = *whole;

	for (part.va = va; part.va < end; part.va += bytes_of(part.size)) {
		int err;

		part.size = part_size(whole->size, part.va, end);
		part.pa = whole->pa + (part.va - whole->va);
		err = insert(t, pair_of(t, key_of(part.va, part.size)), &part);
		if (err) {
			parts_remove(t, whole, va, part.va, end);
			return err;
		}
	}
	return 0;
}

static uint64_t end_of(const struct wpp_pte *pte)
{
	return pte->va + bytes_of(pte->size);
}

int wpp_ptes_remove_range(struct wpp_ptes *t, uint64_t va, uint64_t len)
{
	struct range r = { va, va + len, WPP_PTE_SIZES };
	struct wpp_pte first, last;
	bool cut_first, cut_last;
	int err = 0;

	if (((va | len) & (WPP_PAGE_SIZE - 1)) || !len || len > VA_END || va > VA_END - len)
		return WPP_EINVAL;
	cut_first = !wpp_ptes_find(t, va, &first) && first.va < va;
	cut_last = !wpp_ptes_find(t, r.end - 1, &last) && end_of(&last) > r.end;
	if (cut_first)
		err = parts_add(t, &first, first.va, va);
	if (err)
		return err;
	if (cut_last)
		err = parts_add(t, &last, r.end, end_of(&last));
	if (err) {
		if (cut_first)
			parts_remove(t, &first, first.va, va, va);
		return err;
	}
	range_visit(t, &r, true);
	return 0;
}

int wpp_ptes_find(const struct wpp_ptes *t, uint64_t va, struct wpp_pte *pte)
{
	for (uint32_t size = 0; size < WPP_PTE_SIZES && va < VA_END; size++) {
		uint64_t at = t->count[size] ? find_key(t, key_of(va, size)) : NONE;

		if (at == NONE)
			continue;
		slot_get(t, at, pte);
		return 0;
	}
	return WPP_ENOENT;
}

int wpp_ptes_next(const struct wpp_ptes *t, uint64_t *pos, struct wpp_pte *pte)
{
	for (; *pos >> 3 < t->nr_buckets; ++*pos) {
		if ((*pos & 7) >= SLOTS || !(*key_at(t, *pos) & SIZE_MASK))
			continue;
		slot_get(t, *pos, pte);
		++*pos;
		return 0;
	}
	return WPP_ENOENT;
}

uint64_t wpp_ptes_count(const struct wpp_ptes *t)
{
	return t->count[WPP_PTE_4K] + t->count[WPP_PTE_2M] + t->count[WPP_PTE_1G];
}

static bool less_va(const void *a, const void *b)
{
	return ((const struct wpp_pte *)a)->va < ((const struct wpp_pte *)b)->va;
}

static bool less_pa(const void *a, const void *b)
{
	return ((const struct wpp_pte *)a)->pa < ((const struct wpp_pte *)b)->pa;
}

int wpp_ptes_sorted(const struct wpp_ptes *t, enum wpp_pte_order order, struct wpp_pte *out,
		    uint64_t max, uint64_t *nr)
{
	uint64_t pos = 0;

	*nr = 0;
	if (wpp_ptes_count(t) > max)
		return WPP_ENOSPC;
	while (*nr < max && !wpp_ptes_next(t, &pos, &out[*nr]))
		++*nr;
	wppi_sort(out, (size_t)*nr, sizeof(*out), order == WPP_PTE_BY_PA ? less_pa : less_va);
	return 0;
}
