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

#define WPP_VA_BITS 57 /* of a virtual address */
#define WPP_PA_BITS 52 /* of a physical address */

/**
 * enum wpp_pte_size - how large a page is
 */
enum wpp_pte_size {
	WPP_PTE_4K = 0,	   /* 4 KiB */
	WPP_PTE_2M = 1,	   /* 2 MiB */
	WPP_PTE_1G = 2,	   /* 1 GiB */
	WPP_PTE_SIZES = 3, /* how many there are */
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

/**
 * struct wpp_ptes - a table of pages
 *
 * Whoever keeps tables in memory that others can write keeps this where they can't.
 */
struct wpp_ptes {
	/* private: */
	struct wppi_pte_bucket *bucket;
	uint64_t seed;
	uint64_t max;
	uint64_t count[WPP_PTE_SIZES];
	uint32_t nr_buckets;
};

/**
 * wpp_ptes_max() - entries that a table holds
 * @bytes: of memory, as for wpp_ptes_init().
 *
 * Seven eighths of its slots, so that a place for a new entry is always found fast. The thesis' 128
 * MiB hold 9175040 (35 GiB in pages of 4 KiB).
 * Context: any; no state.
 * Return:  entries, of all page sizes together.
 * Source:  DESIGN.md 3.0.
 */
WPP_API uint64_t wpp_ptes_max(uint64_t bytes);

/**
 * wpp_ptes_init() - an empty table
 * @t:     out.
 * @mem:   [@bytes], aligned to 64, lent for the table's life; cleared here.
 * @bytes: at least 128; what is over a multiple of 64, or over 256 GiB, is not used.
 * @seed:  secret number, so that nobody can choose addresses that collide; any value works.
 *
 * Context: any; O(@bytes); no allocation; stack <= 1 KiB.
 * Return:  0; WPP_EINVAL.
 * Source:  DESIGN.md 3.0.
 */
WPP_API WPP_MUST_CHECK int wpp_ptes_init(struct wpp_ptes *t, void *mem, uint64_t bytes,
					 uint64_t seed);

/**
 * wpp_ptes_add() - a page is mapped
 * @t:   the table.
 * @pte: in; copied.
 *
 * An entry for the same page of the same size is replaced: the newest event tells the truth.
 * Context: one thread at a time per table; O(1) expected for 4 KiB; a huge page also looks for
 *          smaller ones in its range unless there are none; no allocation; stack <= 1 KiB.
 * Return:  0; WPP_EINVAL; WPP_EEXIST: overlaps an entry of another page size, remove that first;
 *          WPP_ENOSPC: full. Behind an error nothing has changed.
 * Source:  DESIGN.md 3.0; [Streicher24 listing 5.4].
 */
WPP_API WPP_MUST_CHECK int wpp_ptes_add(struct wpp_ptes *t, const struct wpp_pte *pte);

/**
 * wpp_ptes_remove() - the page at @va, which was at @pa, is gone
 * @t:  the table.
 * @va: where its entry begins, whatever its size.
 * @pa: where the page was.
 *
 * Context: one thread at a time per table; O(1); no allocation; stack <= 1 KiB.
 * Return:  0; WPP_ENOENT: no such pair (a late event about a page that is elsewhere by now).
 * Source:  DESIGN.md 3.0.
 */
WPP_API WPP_MUST_CHECK int wpp_ptes_remove(struct wpp_ptes *t, uint64_t va, uint64_t pa);

/**
 * wpp_ptes_remove_range() - no page is present in [@va, @va + @len) any more
 * @t:   the table.
 * @va:  first address, a multiple of 4096.
 * @len: bytes, a multiple of 4096, > 0; the range ends at or below 2^57.
 *
 * A huge page that lies partly inside is split: the rest stays as the largest pages possible. Looks
 * up each page or walks the whole table, whichever is less.
 * Context: one thread at a time per table; O(min(pages, memory)); no allocation; stack <= 1280
 *          bytes.
 * Return:  0, also when nothing was there; WPP_EINVAL; WPP_ENOSPC: no room for the parts of a huge
 *          page (at most 2 * 1022). Behind an error nothing has changed.
 * Source:  DESIGN.md 3.0.
 */
WPP_API WPP_MUST_CHECK int wpp_ptes_remove_range(struct wpp_ptes *t, uint64_t va, uint64_t len);

/**
 * wpp_ptes_find() - the entry whose page contains an address
 * @t:   the table.
 * @va:  any address.
 * @pte: out; untouched behind an error.
 *
 * Context: one thread at a time per table; O(1), two cache lines for each page size in use; no
 *          allocation; stack <= 1 KiB.
 * Return:  0; WPP_ENOENT.
 * Source:  DESIGN.md 3.0.
 */
WPP_API WPP_MUST_CHECK int wpp_ptes_find(const struct wpp_ptes *t, uint64_t va,
					 struct wpp_pte *pte);

/**
 * wpp_ptes_next() - all entries, in no order
 * @t:   the table.
 * @pos: in/out cursor; 0 before the first one. Between calls entries may be removed, not added.
 * @pte: out; untouched at the end.
 *
 * Context: one thread at a time per table; no allocation; stack <= 1 KiB; a whole round is
 *          O(memory).
 * Return:  0; WPP_ENOENT at the end.
 * Source:  DESIGN.md 3.0.
 */
WPP_API WPP_MUST_CHECK int wpp_ptes_next(const struct wpp_ptes *t, uint64_t *pos,
					 struct wpp_pte *pte);

/**
 * wpp_ptes_count() - how full is it?
 * @t: the table.
 *
 * Context: one thread at a time per table; O(1).
 * Return:  entries in the table, of all sizes.
 * Source:  DESIGN.md 3.0.
 */
WPP_API uint64_t wpp_ptes_count(const struct wpp_ptes *t);

/**
 * enum wpp_pte_order - what wpp_ptes_sorted() sorts by
 */
enum wpp_pte_order {
	WPP_PTE_BY_VA = 0, /* virtual address */
	WPP_PTE_BY_PA = 1, /* physical address */
};

/**
 * wpp_ptes_sorted() - copy all entries out, in order of address
 * @t:     the table.
 * @order: of which address.
 * @out:   out, [@max].
 * @max:   entries that @out holds.
 * @nr:    out: entries copied; 0 behind an error.
 *
 * Context: one thread at a time per table; O(n log n); no allocation; stack <= 1 KiB.
 * Return:  0; WPP_ENOSPC: @max is less than wpp_ptes_count().
 * Source:  DESIGN.md 3.0.
 */
WPP_API WPP_MUST_CHECK int wpp_ptes_sorted(const struct wpp_ptes *t, enum wpp_pte_order order,
					   struct wpp_pte *out, uint64_t max, uint64_t *nr);

WPP_END_DECLS
#endif
