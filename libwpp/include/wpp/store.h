/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Images and their generations on a medium: the commit engine (DESIGN.md 3,
 * invariants I1-I7; FORMAT.md).
 *
 * A store holds named images; an image is one process tree; each image holds
 * the newest generations that were committed. A generation is a set of page
 * spaces (address spaces, shared memory objects), each a sparse array of
 * 4096-byte pages with a CRC32C each, and two streams of records (pcb.h).
 *
 * A writer builds the next generation beside the live ones, sharing every page
 * that did not change, and wpp_writer_commit() makes it live in one step.
 */
#ifndef WPP_STORE_H
#define WPP_STORE_H

#include <wpp/backend.h>
#include <wpp/error.h>
#include <wpp/geometry.h>
#include <wpp/types.h>

WPP_BEGIN_DECLS

#define WPP_IMAGE_NAME_MAX \
	63 /* bytes without the NUL: [A-Za-z0-9._-], not starting with '.' or '-' */
#define WPP_GENERATIONS_MAX 16		 /* kept per image */
#define WPP_PAGE_INDEX_MAX  (1ull << 45) /* pages of one space: 57-bit addresses */

/* Streams of records (pcb.h); they are spaces 0 and 1, so they are checked like pages. */
enum wpp_stream {
	WPP_STREAM_PCB = 0,
	WPP_STREAM_REGIONS = 1,
	WPP_STREAM_COUNT = 2,
};
#define WPP_SPACE_FIRST 2u	 /* the first space id of the caller's */
#define WPP_SPACE_MAX	0x3ffffu /* the last one */

struct wpp_store;
struct wpp_writer;
struct wpp_reader;

/**
 * struct wpp_store_cfg - how to open a store; zero means default
 * @size:        sizeof(struct wpp_store_cfg).
 * @flags:       WPP_STORE_RDONLY.
 * @generations: kept per image, 2 .. WPP_GENERATIONS_MAX; 0: 2.
 * @max_spaces:  page spaces of one generation, 0: 64.
 * @max_pages:   pages of one generation that a writer must be able to hold tables for;
 *               0: as many as the page section has.
 * @label_off:   where the label lies: base of the INTERNAL section (0 for wpp_geometry_fit()).
 */
struct wpp_store_cfg {
	uint32_t size;
	uint32_t flags;
	uint32_t generations;
	uint32_t max_spaces;
	uint64_t max_pages;
	uint64_t label_off;
};
#define WPP_STORE_RDONLY (1u << 0)

/**
 * wpp_store_format() - put an empty store on a medium
 * @be:      probed with @m.
 * @m:       what probe() said.
 * @geo:     sections; checked.
 * @scratch: [4096] bytes, aligned to 4096.
 *
 * Everything that was there is unreachable afterwards. Durable on return.
 * Return: 0, WPP_EINVAL, WPP_ERANGE, WPP_EIO.
 * Source: FORMAT.md 3.1.
 */
WPP_API WPP_MUST_CHECK int wpp_store_format(struct wpp_backend *be, const struct wpp_medium *m,
					    const struct wpp_geometry *geo, void *scratch);

/**
 * wpp_store_probe() - is there a store, and of which geometry?
 * @be, @m:  as for wpp_store_format().
 * @label_off: where the label should be, in bytes.
 * @geo:     out.
 * @scratch: [4096] bytes, aligned to 4096.
 *
 * Return: 0; WPP_EFORMAT: no store of ours, or one of an unknown version; WPP_ECORRUPT: ours, but
 *         both labels are damaged; WPP_EIO.
 */
WPP_API WPP_MUST_CHECK int wpp_store_probe(struct wpp_backend *be, const struct wpp_medium *m,
					   uint64_t label_off, struct wpp_geometry *geo,
					   void *scratch);

/**
 * wpp_store_workspace() - bytes that wpp_store_open() needs for this geometry
 * Most of it is touched only in proportion to what is stored.
 * Return: bytes, or 0 when @cfg or @geo is not valid.
 */
WPP_API uint64_t wpp_store_workspace(const struct wpp_geometry *geo, const struct wpp_medium *m,
				     const struct wpp_store_cfg *cfg);

/**
 * wpp_store_open() - find the live generations of a medium (I3)
 * @out:  the store, inside @ws; NULL behind an error.
 * @be:   probed backend; borrowed until wpp_store_close().
 * @m:    what probe() said; copied.
 * @cfg:  copied.
 * @ws:   [@ws_len] zeroed bytes aligned to 4096, lent until wpp_store_close().
 * @diag: out, may be NULL: the first damage met, even when the store opened without it.
 *
 * A commit record that does not verify is left out; the generation before it is used. What can't
 * be read at all (WPP_EIO) fails the open, because it may be whole: the next commit must not take
 * its place. With WPP_STORE_RDONLY it is left out, too.
 * Context: one thread per store; no allocation; stack <= 1 KiB.
 * Return:  0; WPP_EFORMAT, WPP_ECORRUPT, WPP_ENOMEM (workspace too small), WPP_EIO.
 */
WPP_API WPP_MUST_CHECK int wpp_store_open(struct wpp_store **out, struct wpp_backend *be,
					  const struct wpp_medium *m,
					  const struct wpp_store_cfg *cfg, void *ws,
					  uint64_t ws_len, struct wpp_diag *diag);

/** wpp_store_close() - forget the store; aborts an open writer; the backend stays open. */
WPP_API void wpp_store_close(struct wpp_store *st);

/**
 * struct wpp_generation - one committed generation, as its record tells
 * @image:       name, NUL-terminated.
 * @generation:  from 1, +1 per commit of this image.
 * @nr_pages:    pages of all spaces without the streams.
 * @nr_written:  pages that this commit wrote (the rest is shared with older generations).
 * @realtime_ns: the committer's clock, ns since 1970; 0 if it had none.
 */
struct wpp_generation {
	char image[WPP_IMAGE_NAME_MAX + 1];
	uint64_t generation;
	uint64_t nr_pages;
	uint64_t nr_written;
	uint64_t realtime_ns;
	uint32_t nr_spaces;
	uint32_t flags;
};

/**
 * wpp_store_list() - the live generations, by image name, newest first
 * @pos: in/out cursor; start with 0.
 * Return: 0 and *@gen filled; WPP_ENOENT at the end.
 */
WPP_API WPP_MUST_CHECK int wpp_store_list(const struct wpp_store *st, uint32_t *pos,
					  struct wpp_generation *gen);

/** struct wpp_usage - bytes of the page section: all, in live generations, free now */
struct wpp_usage {
	uint64_t total;
	uint64_t used;
	uint64_t free;
};
WPP_API void wpp_store_usage(const struct wpp_store *st, struct wpp_usage *usage);

/**
 * wpp_store_drop() - remove one generation, or all of an image
 * @generation: 0: all. Durable on return; a cut leaves each generation whole or gone.
 * Return: 0, WPP_ENOENT, WPP_EBUSY (a writer or reader of that image is open), WPP_EROFS, WPP_EIO.
 */
WPP_API WPP_MUST_CHECK int wpp_store_drop(struct wpp_store *st, const char *image,
					  uint64_t generation);

/** wpp_store_medium() - the facts that wpp_store_open() was given */
WPP_API const struct wpp_medium *wpp_store_medium(const struct wpp_store *st);

/**
 * wpp_store_lend() - memory from which the medium is reached at least cost
 * @len: bytes, a multiple of 4096.
 *
 * For buffers of wpp_writer_put() and wpp_reader_read(); see struct wpp_backend_ops. Contents are
 * undefined. Give it back before wpp_store_close(), when nothing is lent to a writer any more.
 * Return: aligned to 4096, and to 2 MiB when @len is that or more; NULL when the medium has none:
 *         take any other memory.
 */
WPP_API void *wpp_store_lend(struct wpp_store *st, uint64_t len);

/** wpp_store_give_back() - @mem and @len as wpp_store_lend() had them */
WPP_API void wpp_store_give_back(struct wpp_store *st, void *mem, uint64_t len);

/* ---- Writing ------------------------------------------------------------------------------ */

#define WPP_WRITER_EMPTY (1u << 0) /* start from nothing instead of the newest generation */

/**
 * wpp_writer_begin() - open the next generation of an image
 * @image: name; a new one makes a new image.
 * @flags: WPP_WRITER_EMPTY.
 *
 * One writer per store. Reads the page tables of the newest generation when they are not in the
 * workspace already, so begin ahead of the trigger: what follows costs what changed (I5).
 * Return: 0; WPP_EINVAL (name), WPP_EBUSY, WPP_EROFS, WPP_EPOISON, WPP_ENOSPC (no commit slot, or
 *         64 generations of all images are live), WPP_ENOMEM, WPP_ECORRUPT, WPP_EIO.
 */
WPP_API WPP_MUST_CHECK int wpp_writer_begin(struct wpp_store *st, const char *image, uint32_t flags,
					    struct wpp_writer **out);

/**
 * wpp_writer_number() - give the generation being written a number of one's choice
 * For who copies a generation that has one already.
 * Return: 0; WPP_EINVAL: the image has this number or a later one, or no record can hold it.
 */
WPP_API WPP_MUST_CHECK int wpp_writer_number(struct wpp_writer *w, uint64_t generation);

/**
 * wpp_writer_put() - pages of a space for the generation being written
 * @space: WPP_SPACE_FIRST .. WPP_SPACE_MAX; comes into being with its first page.
 * @page:  in, [nr]: page indices (va >> 12 for address spaces), strictly increasing.
 * @nr:    1 .. 65536.
 * @data:  in, [nr][4096] bytes, aligned to the medium's buf_align. Borrowed until
 *         wpp_writer_settle() returns. The pointer that wpp_writer_direct() gave: in place, no
 * copy.
 *
 * Putting a page again replaces it. The newest committed generation is not touched (I1).
 * Return: 0; WPP_EINVAL; WPP_ENOSPC, WPP_ENOMEM: nothing of this call was taken, the writer is
 *         usable; WPP_EIO: the store is poisoned, only wpp_writer_abort() is left.
 */
WPP_API WPP_MUST_CHECK int wpp_writer_put(struct wpp_writer *w, uint32_t space,
					  const uint64_t *page, uint32_t nr, const void *data);

/**
 * wpp_store_sums() - checksums of pages, for wpp_writer_put_summed()
 * @data: [@nr][4096] bytes.
 * @crc:  out, [@nr].
 * Context: any thread, also while another one uses the store.
 */
WPP_API void wpp_store_sums(const struct wpp_store *st, const void *data, uint32_t nr,
			    uint32_t *crc);

/**
 * wpp_writer_put_summed() - as wpp_writer_put(), with checksums that are known already
 * @crc: in, [nr]: what wpp_store_sums() gave for @data. Taken as it is: with a wrong one the page
 * is damaged for every reader. For who can sum pages while they are in his CPU's cache, or on
 * several CPUs.
 */
WPP_API WPP_MUST_CHECK int wpp_writer_put_summed(struct wpp_writer *w, uint32_t space,
						 const uint64_t *page, uint32_t nr,
						 const void *data, const uint32_t *crc);

/**
 * wpp_writer_put_pages() - as wpp_writer_put(), for pages that lie anywhere in memory
 * @data: in, [nr]: address of each page, aligned to the medium's buf_align; the array itself is not
 *        kept. Not inside what wpp_writer_direct() gave.
 *
 * Pages with neighbouring addresses go out in one move; the others lie side by side on the medium
 * all the same, so that a backend can gather them.
 * Return: as wpp_writer_put().
 */
WPP_API WPP_MUST_CHECK int wpp_writer_put_pages(struct wpp_writer *w, uint32_t space,
						const uint64_t *page, uint32_t nr,
						const void *const *data);

/**
 * wpp_writer_direct() - free places of a byte-addressable medium to fill in place
 * @want: pages wanted, >= 1.
 * @got:  out: contiguous pages at the address returned, <= @want.
 *
 * Fill the first n <= *@got pages, then wpp_writer_put() them with this pointer as data; what was
 * not put is free again with the next call of wpp_writer_direct(), commit or abort.
 * Return: address of [*@got][4096] bytes; NULL when the medium is not WPP_CAP_DIRECT or is full.
 */
WPP_API void *wpp_writer_direct(struct wpp_writer *w, uint32_t want, uint32_t *got);

/**
 * wpp_writer_cut() - pages [@first, @first + @nr) of @space are no longer part of the generation
 * Return: 0 (also when there were none), WPP_EINVAL, WPP_ENOMEM.
 */
WPP_API WPP_MUST_CHECK int wpp_writer_cut(struct wpp_writer *w, uint32_t space, uint64_t first,
					  uint64_t nr);

/**
 * wpp_writer_stream() - replace one record stream
 * @data: [@len] bytes, copied or borrowed until wpp_writer_settle().
 * Return: as wpp_writer_put().
 */
WPP_API WPP_MUST_CHECK int wpp_writer_stream(struct wpp_writer *w, enum wpp_stream stream,
					     const void *data, uint64_t len);

/** wpp_writer_settle() - wait until every buffer lent so far is free again. Return: 0, WPP_EIO. */
WPP_API WPP_MUST_CHECK int wpp_writer_settle(struct wpp_writer *w);

/**
 * wpp_writer_mark() - a mark behind all that was put so far
 * wpp_writer_settle_to() - wait until the buffers lent before @mark are free again
 * For who has a ring of buffers and wants to fill one while others are still lent.
 * Return: 0; WPP_EIO and others: the first failed write; the store is poisoned.
 */
WPP_API uint64_t wpp_writer_mark(const struct wpp_writer *w);
WPP_API WPP_MUST_CHECK int wpp_writer_settle_to(struct wpp_writer *w, uint64_t mark);

/**
 * wpp_writer_commit() - make the generation live: data, flush, commit record, flush (I2)
 * A medium with WPP_CAP_FUA takes the record without the second flush.
 * @realtime_ns: the caller's clock, kept in the record; 0 if none.
 * @generation:  out, may be NULL.
 *
 * What was reported saved survives a power cut at that instant. The oldest generations beyond
 * cfg.generations are released. The writer is gone afterwards, whatever was returned.
 * Return: 0; WPP_ENOSPC, WPP_ENOMEM: nothing committed, the older generation is live; WPP_EIO: the
 *         store is poisoned; reopen to learn which generation is live.
 */
WPP_API WPP_MUST_CHECK int wpp_writer_commit(struct wpp_writer *w, uint64_t realtime_ns,
					     uint64_t *generation);

/** wpp_writer_abort() - give the generation up; the live ones are as before. */
WPP_API void wpp_writer_abort(struct wpp_writer *w);

/* ---- Reading ------------------------------------------------------------------------------ */

/**
 * wpp_reader_open() - read one generation
 * @image:      name.
 * @generation: 0: the newest.
 * @diag:       out, may be NULL.
 * Return: 0; WPP_ENOENT; WPP_ECORRUPT (its tables do not verify); WPP_EBUSY (8 readers are open).
 */
WPP_API WPP_MUST_CHECK int wpp_reader_open(struct wpp_store *st, const char *image,
					   uint64_t generation, struct wpp_reader **out,
					   struct wpp_diag *diag);
WPP_API void wpp_reader_close(struct wpp_reader *r);

/** wpp_reader_generation() - what is being read */
WPP_API void wpp_reader_generation(const struct wpp_reader *r, struct wpp_generation *gen);

/** wpp_reader_stream_len() - bytes of a stream */
WPP_API uint64_t wpp_reader_stream_len(const struct wpp_reader *r, enum wpp_stream stream);

/**
 * wpp_reader_stream() - read and verify bytes [@off, @off + @len) of a stream
 * Return: 0, WPP_ERANGE, WPP_ECORRUPT, WPP_EIO.
 */
WPP_API WPP_MUST_CHECK int wpp_reader_stream(struct wpp_reader *r, enum wpp_stream stream,
					     uint64_t off, void *buf, uint64_t len);

/**
 * struct wpp_run - pages of a space that are neighbours in the space and on the medium
 * @page: first page index.
 * @off:  first byte on the medium.
 * @nr:   pages, >= 1.
 */
struct wpp_run {
	uint64_t page;
	uint64_t off;
	uint32_t space;
	uint32_t nr;
};

/**
 * wpp_reader_next() - the first run of @space at or after @page
 * @max: longest run wanted, in pages.
 * Return: 0; WPP_ENOENT when there is none; WPP_ECORRUPT, WPP_EIO.
 */
WPP_API WPP_MUST_CHECK int wpp_reader_next(struct wpp_reader *r, uint32_t space, uint64_t page,
					   uint32_t max, struct wpp_run *run);

/** wpp_reader_next_space() - the first space id >= @space; WPP_ENOENT when there is none */
WPP_API WPP_MUST_CHECK int wpp_reader_next_space(struct wpp_reader *r, uint32_t space,
						 uint32_t *found);

/**
 * wpp_reader_read() - read the pages of a run and verify each one (I4)
 * @buf:  [run->nr][4096] bytes, aligned to the medium's buf_align.
 * @diag: out, may be NULL: the first damaged page.
 * Return: 0; WPP_ECORRUPT: at least one page is damaged (@buf must not be used); WPP_EIO.
 */
WPP_API WPP_MUST_CHECK int wpp_reader_read(struct wpp_reader *r, const struct wpp_run *run,
					   void *buf, struct wpp_diag *diag);

/**
 * wpp_reader_gather() - read several runs into one buffer and verify each page (I4)
 * @run:  in, [nr].
 * @nr:   runs, >= 1.
 * @buf:  [sum of run->nr][4096] bytes, the pages of one run behind those of the run before; aligned
 * to the medium's buf_align.
 * @diag: out, may be NULL: the first damaged page.
 *
 * Runs that are neighbours on the medium are read in one move: scattered pages cost what they
 * weigh. Return: as wpp_reader_read().
 */
WPP_API WPP_MUST_CHECK int wpp_reader_gather(struct wpp_reader *r, const struct wpp_run *run,
					     uint32_t nr, void *buf, struct wpp_diag *diag);

/**
 * wpp_reader_check() - do these bytes, read by the caller itself, belong to the run?
 * For those who move the pages by their own means (mmap, DMA): verification only, no I/O on pages.
 * Return: as wpp_reader_read().
 */
WPP_API WPP_MUST_CHECK int wpp_reader_check(struct wpp_reader *r, const struct wpp_run *run,
					    const void *buf, struct wpp_diag *diag);

WPP_END_DECLS
#endif
