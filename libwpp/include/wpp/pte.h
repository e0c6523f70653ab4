/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Where the resident pages of one address space are: a cuckoo hash table in
 * memory that the caller lends. An entry takes 12 bytes and lies in one of two
 * cache lines, so a lookup or a removal reads at most two lines for each page
 * size that is in use, whatever the fill and the addresses.
 *
 * The memory holds no pointers and no indices. Somebody who scribbles over it
 * makes answers wrong and harms nothing else (I6); keep the handle elsewhere.
 */
#ifndef WPP_PTE_H
#define WPP_PTE_H

#include <wpp/error.h>
#include <wpp/types.h>

WPP_BEGIN_DECLS

#define WPP_VA_BITS 57
#define WPP_PA_BITS 52

enum wpp_pte_size {
	WPP_PTE_4K = 0,
	WPP_PTE_2M = 1,
	WPP_PTE_1G = 2,
	WPP_PTE_SIZES = 3,
};

/**
 * struct wpp_pte - one page that is present
 * @va:    virtual address, below 2^57, a multiple of the page size.
 * @pa:    physical address, below 2^52, a multiple of the page size.
 * @size:  enum wpp_pte_size.
 * @flags: 0 .. 255; kept, not interpreted here (enum wpp_page_flag for the planner).
 *
 * Source: [Streicher24 listing 5.4].
 */
struct wpp_pte {
	uint64_t va;
	uint64_t pa;
	uint32_t size;
	uint32_t flags;
};

/** struct wpp_ptes - a table; the members are private */
struct wpp_ptes {
	struct wppi_pte_bucket *bucket;
	uint64_t seed;
	uint64_t max;
	uint64_t count[WPP_PTE_SIZES];
	uint32_t nr_buckets;
};

/**
 * wpp_ptes_max() - entries that a table in @bytes of memory holds
 * Seven eighths of its slots, so that a place for a new entry is always found fast. The thesis'
 * 128 MiB hold 9175040 (35 GiB in pages of 4 KiB).
 */
WPP_API uint64_t wpp_ptes_max(uint64_t bytes);

/**
 * wpp_ptes_init() - an empty table
 * @t:     out.
 * @mem:   [@bytes], aligned to 64, lent for the table's life; cleared here.
 * @bytes: at least 128; what is over a multiple of 64, or over 256 GiB, is not used.
 * @seed:  secret number, so that nobody can choose addresses that collide; any value works.
 *
 * Return: 0, WPP_EINVAL.
 */
WPP_API WPP_MUST_CHECK int wpp_ptes_init(struct wpp_ptes *t, void *mem, uint64_t bytes,
					 uint64_t seed);

/**
 * wpp_ptes_add() - a page is mapped
 * An entry for the same page of the same size is replaced: the newest event tells the truth.
 *
 * Context: O(1) expected for 4 KiB; a huge page also looks for smaller ones in its range unless
 * there are none. No allocation; stack <= 1 KiB; the caller serialises. So for all below. Return:
 * 0; WPP_EINVAL; WPP_EEXIST: overlaps an entry of another page size, remove that first; WPP_ENOSPC:
 * full. Behind an error nothing has changed.
 */
WPP_API WPP_MUST_CHECK int wpp_ptes_add(struct wpp_ptes *t, const struct wpp_pte *pte);

/**
 * wpp_ptes_remove() - the page at @va, which was at @pa, is gone
 * @va, @pa: where its entry begins, whatever its size.
 *
 * Return: 0; WPP_ENOENT: no such pair (a late event about a page that is elsewhere by now).
 */
WPP_API WPP_MUST_CHECK int wpp_ptes_remove(struct wpp_ptes *t, uint64_t va, uint64_t pa);

/**
 * wpp_ptes_remove_range() - no page is present in [@va, @va + @len) any more
 * @va, @len: multiples of 4096, the range ends at or below 2^57.
 *
 * A huge page that lies partly inside is split: the rest stays as the largest pages possible.
 * Looks up each page or walks the whole table, what is less: O(min(pages, memory)).
 * Return: 0, also when nothing was there; WPP_EINVAL; WPP_ENOSPC: no room for the parts of a huge
 *         page (at most 2 * 1022), nothing has changed.
 */
WPP_API WPP_MUST_CHECK int wpp_ptes_remove_range(struct wpp_ptes *t, uint64_t va, uint64_t len);

/** wpp_ptes_find() - the entry whose page contains @va. Return: 0 or WPP_ENOENT. */
WPP_API WPP_MUST_CHECK int wpp_ptes_find(const struct wpp_ptes *t, uint64_t va,
					 struct wpp_pte *pte);

/**
 * wpp_ptes_next() - all entries, in no order
 * @pos: in/out cursor; 0 before the first one. Between calls entries may be removed, not added.
 * Return: 0 or, at the end, WPP_ENOENT.
 */
WPP_API WPP_MUST_CHECK int wpp_ptes_next(const struct wpp_ptes *t, uint64_t *pos,
					 struct wpp_pte *pte);

/** wpp_ptes_count() - entries in the table, of all sizes */
WPP_API uint64_t wpp_ptes_count(const struct wpp_ptes *t);

enum wpp_pte_order {
	WPP_PTE_BY_VA = 0,
	WPP_PTE_BY_PA = 1,
};

/**
 * wpp_ptes_sorted() - copy all entries out, in order of address
 * @out: [@max], @max >= wpp_ptes_count(); else WPP_ENOSPC.
 * @nr:  out.
 *
 * Context: O(n log n).
 */
WPP_API WPP_MUST_CHECK int wpp_ptes_sorted(const struct wpp_ptes *t, enum wpp_pte_order order,
					   struct wpp_pte *out, uint64_t max, uint64_t *nr);

WPP_END_DECLS
#endif
