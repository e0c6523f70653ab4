/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The regions of one address space: a balanced tree in memory that the caller
 * lends. The table is canonical: two regions that continue each other in every
 * respect are one, so its content depends on what is mapped and not on the
 * order of the calls, and it needs no more entries than the kernel does.
 *
 * The handle is apart from the memory it manages. Indices read from that
 * memory are checked before use and every walk is bounded, so a table that
 * somebody scribbled over gives wrong answers, but harms nothing outside of
 * itself (an SMM handler keeps the handle in SMRAM, the table outside).
 */
#ifndef WPP_REGION_H
#define WPP_REGION_H

#include <wpp/error.h>
#include <wpp/types.h>

WPP_BEGIN_DECLS

#define WPP_REGION_PATH_MAX 4096u /* bytes with the NUL, as Linux' PATH_MAX */

/**
 * struct wpp_file_id - which file, and which state of it, a region maps; all 0: none
 * @dev:      device that it lies on.
 * @ino:      its inode.
 * @size:     bytes.
 * @mtime_ns: last change, ns since 1970.
 */
struct wpp_file_id {
	uint64_t dev;
	uint64_t ino;
	uint64_t size;
	uint64_t mtime_ns;
};

/**
 * struct wpp_region - one mapping
 * @path:     file or NULL. In: copied. Out: in the table; valid until the next change of it.
 * @start:    first address, a multiple of 4096.
 * @len:      bytes, a multiple of 4096, > 0; the region may end at 2^64.
 * @prot:     as given to mmap().
 * @space:    page space that holds the contents (store.h).
 * @flags:    as given to mmap(), or the kernel's own; kept, not interpreted.
 * @file_off: where @start lies in the file or shared object. Advances when the start is cut off;
 *            for anonymous memory give @start, as Linux does, so that neighbours can join.
 * @file:     identity of the file.
 * @cookie:   the caller's; regions with different cookies never join.
 *
 * Source: [Streicher24 listing 5.3], which has path, address, length, protection and flags.
 */
struct wpp_region {
	const char *path;
	uint64_t start;
	uint64_t len;
	uint32_t prot;
	uint32_t space;
	uint64_t flags;
	uint64_t file_off;
	struct wpp_file_id file;
	uint64_t cookie;
};

/* Paths, each stored once; private to the library. */
struct wppi_strtab {
	struct wppi_str *str;
	uint32_t *bucket;
	char *bytes;
	uint64_t seed;
	uint32_t nr_max;
	uint32_t nr_used;
	uint32_t free;
	uint32_t size;
	uint32_t used;
	uint32_t dead;
};

/**
 * struct wpp_regions - a table of regions
 *
 * Whoever keeps tables in memory that others can write keeps this where they can't.
 */
struct wpp_regions {
	/* private: */
	struct wppi_region_node *node;
	uint32_t nr_nodes;
	uint32_t nr_max;
	uint32_t nr_used;
	uint32_t free;
	uint32_t root;
	uint32_t count;
	struct wppi_strtab paths;
};

/**
 * wpp_regions_bytes() - memory for a table
 * @nr_max:     regions, 1 .. 2^24.
 * @path_bytes: bytes of different paths, each with its NUL and 12 bytes more; 1/7 is added for
 *              those that were dropped and not yet reclaimed.
 *
 * Context: any; no state.
 * Return:  bytes for wpp_regions_init(); 0 when that is more than it can use.
 * Source:  DESIGN.md 3.0.
 */
WPP_API uint64_t wpp_regions_bytes(uint32_t nr_max, uint32_t path_bytes);

/**
 * wpp_regions_init() - an empty table
 * @t:      out.
 * @mem:    [@bytes], aligned to 8, lent for the table's life; its contents do not matter.
 * @bytes:  of @mem; wpp_regions_bytes() tells how many it takes.
 * @nr_max: regions it shall hold, 1 .. 2^24; what is left of the memory holds paths.
 * @seed:   secret number, so that nobody can choose paths that collide; any value works.
 *
 * The thesis' section of 48 MiB holds 65530 regions (Linux' limit) with 600 bytes of path each.
 * Context: any; O(@nr_max); no allocation; stack <= 640 bytes.
 * Return:  0; WPP_EINVAL; WPP_ENOMEM: less than wpp_regions_bytes(@nr_max, 0).
 * Source:  DESIGN.md 3.0.
 */
WPP_API WPP_MUST_CHECK int wpp_regions_init(struct wpp_regions *t, void *mem, size_t bytes,
					    uint32_t nr_max, uint64_t seed);

/**
 * wpp_regions_add() - a new region
 * @t: the table.
 * @r: in; its path is copied.
 *
 * Joins its neighbours where they continue each other.
 * Context: one thread at a time per table; O(log n), but for compacting the paths now and then; no
 *          allocation; stack <= 640 bytes.
 * Return:  0; WPP_EINVAL; WPP_EEXIST: overlaps a region; WPP_ENOSPC: no room for the region or for
 *          its path. Behind an error nothing has changed.
 * Source:  DESIGN.md 3.0; [Streicher24 listing 5.3].
 */
WPP_API WPP_MUST_CHECK int wpp_regions_add(struct wpp_regions *t, const struct wpp_region *r);

/**
 * wpp_regions_remove() - nothing is mapped in [@start, @start + @len) any more
 * @t:     the table.
 * @start: first address, a multiple of 4096.
 * @len:   bytes, a multiple of 4096, > 0; the range may end at 2^64.
 *
 * Regions that lie partly inside are trimmed or split, as munmap() does.
 * Context: one thread at a time per table; O(log n) for each region met; no allocation; stack <=
 *          640 bytes.
 * Return:  0, also when nothing was there; WPP_EINVAL; WPP_ENOSPC: a split needs one region more
 *          than there is room for. Behind an error nothing has changed.
 * Source:  DESIGN.md 3.0.
 */
WPP_API WPP_MUST_CHECK int wpp_regions_remove(struct wpp_regions *t, uint64_t start, uint64_t len);

/**
 * wpp_regions_protect() - change the protection of [@start, @start + @len), as mprotect() does
 * @t:     the table.
 * @start: first address, a multiple of 4096.
 * @len:   bytes, a multiple of 4096, > 0; the range may end at 2^64.
 * @prot:  as given to mprotect().
 *
 * Regions are split where it begins and ends, and join their neighbours where they become equal.
 * Context: one thread at a time per table; O(log n) for each region met; no allocation; stack <=
 *          640 bytes.
 * Return:  0; WPP_EINVAL; WPP_ENOENT: a part of it is not mapped; WPP_ENOSPC: no room for the
 *          splits. Behind an error nothing has changed.
 * Source:  DESIGN.md 3.0.
 */
WPP_API WPP_MUST_CHECK int wpp_regions_protect(struct wpp_regions *t, uint64_t start, uint64_t len,
					       uint32_t prot);

/**
 * wpp_regions_find() - the region that contains an address
 * @t:    the table.
 * @addr: any address.
 * @r:    out; its path is valid until the next change of the table. Untouched behind an error.
 *
 * Context: one thread at a time per table; O(log n); no allocation; stack <= 640 bytes.
 * Return:  0; WPP_ENOENT.
 * Source:  DESIGN.md 3.0.
 */
WPP_API WPP_MUST_CHECK int wpp_regions_find(const struct wpp_regions *t, uint64_t addr,
					    struct wpp_region *r);

/**
 * wpp_regions_next() - the regions in order of address
 * @t:   the table.
 * @pos: in/out cursor; 0 before the first one. The table may change between calls; to start in the
 *       middle, set it to an address: the first region that starts there or behind it comes next.
 * @r:   out; its path is valid until the next change of the table. Untouched behind an error.
 *
 * Context: one thread at a time per table; O(log n); no allocation; stack <= 640 bytes.
 * Return:  0; WPP_ENOENT at the end.
 * Source:  DESIGN.md 3.0.
 */
WPP_API WPP_MUST_CHECK int wpp_regions_next(const struct wpp_regions *t, uint64_t *pos,
					    struct wpp_region *r);

/**
 * wpp_regions_count() - how full is it?
 * @t: the table.
 *
 * Context: one thread at a time per table; O(1).
 * Return:  regions in the table.
 * Source:  DESIGN.md 3.0.
 */
WPP_API uint32_t wpp_regions_count(const struct wpp_regions *t);

WPP_END_DECLS
#endif
