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

/* Bytes of an image's name without the NUL: [A-Za-z0-9._-], not starting with '.' or '-'. */
#define WPP_IMAGE_NAME_MAX  63
#define WPP_GENERATIONS_MAX 16		 /* kept per image */
#define WPP_PAGE_INDEX_MAX  (1ull << 45) /* pages of one space: 57-bit addresses */

/**
 * enum wpp_stream - the streams of records (pcb.h): spaces 0 and 1, so they are checked like pages
 */
enum wpp_stream {
	WPP_STREAM_PCB = 0,	/* processes, threads, files ... */
	WPP_STREAM_REGIONS = 1, /* mappings */
	WPP_STREAM_COUNT = 2,	/* how many there are */
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
 * @max_pages:   pages of one generation that a writer must be able to hold tables for; 0: as many
 *               as the page section has.
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
 * @be:      backend, probed with @m; borrowed for the call.
 * @m:       what its probe() said.
 * @geo:     where the sections shall lie; checked as by wpp_geometry_check().
 * @scratch: [4096] bytes, aligned to 4096; overwritten.
 *
 * Whatever was there is unreachable afterwards. A cut in between leaves the old store, none, or the
 * new one. Durable on return.
 * Context: the backend's thread; no allocation; stack <= 1 KiB; waits for the medium.
 * Return:  0; WPP_EINVAL (@m or @geo is unsound), WPP_ERANGE (@geo leaves the medium): nothing was
 *          written; WPP_EIO or another error of the backend: as after a cut.
 * Source:  FORMAT.md 3.1.
 */
WPP_API WPP_MUST_CHECK int wpp_store_format(struct wpp_backend *be, const struct wpp_medium *m,
					    const struct wpp_geometry *geo, void *scratch);

/**
 * wpp_store_probe() - is there a store, and of which geometry?
 * @be:        backend, probed with @m; borrowed for the call.
 * @m:         what its probe() said.
 * @label_off: where the label should be: bytes, a multiple of 4096.
 * @geo:       out; untouched behind an error.
 * @scratch:   [4096] bytes, aligned to 4096; overwritten.
 *
 * Only reads. The second label counts when the first one is damaged.
 * Context: the backend's thread; no allocation; stack <= 1 KiB; waits for the medium.
 * Return:  0; WPP_EFORMAT: no store of ours, or one of an unknown version; WPP_ECORRUPT: ours, but
 *          both labels are damaged; WPP_EINVAL (@m or @label_off); WPP_EIO or another error of the
 *          backend.
 * Source:  FORMAT.md 3.1.
 */
WPP_API WPP_MUST_CHECK int wpp_store_probe(struct wpp_backend *be, const struct wpp_medium *m,
					   uint64_t label_off, struct wpp_geometry *geo,
					   void *scratch);

/**
 * struct wpp_store_needs - how large the generations on a medium are: the sizes for who opens it
 * @size:           in: sizeof(struct wpp_store_needs), see wpp/sized.h.
 * @nr_generations: commit records that verify; at most so many generations are live.
 * @max_spaces:     most page spaces of one of them, streams not counted; for wpp_store_cfg.
 * @reserved:       0.
 * @max_pages:      most pages of one of them, streams not counted; for wpp_store_cfg.
 * @workspace:      wpp_store_workspace() of a cfg with just these two: each generation fits, unless
 *                  its pages lie very scattered.
 */
struct wpp_store_needs {
	uint32_t size;
	uint32_t nr_generations;
	uint32_t max_spaces;
	uint32_t reserved;
	uint64_t max_pages;
	uint64_t workspace;
};

/**
 * wpp_store_needs() - how large are the generations on a medium?
 * @be:        backend, probed with @m; borrowed for the call.
 * @m:         what its probe() said.
 * @label_off: where the label lies, as for wpp_store_probe().
 * @needs:     in/out; untouched but for its size behind an error.
 * @scratch:   [4096] bytes, aligned to 4096; overwritten.
 *
 * Reads label and commit slots, no table. A bound, not a count: a record that was released and not
 * yet overwritten counts, too. A store opens with less (see struct wpp_generation), and a writer
 * that is to grow an image wants more.
 * Context: the backend's thread; no allocation; waits for the medium.
 * Return:  0, for an empty store, too; WPP_EINVAL: @needs or @m; what wpp_store_probe() returns;
 *          WPP_EIO or another error of the backend.
 * Source:  FORMAT.md 3.1, 3.2; DESIGN.md 3.4.
 */
WPP_API WPP_MUST_CHECK int wpp_store_needs(struct wpp_backend *be, const struct wpp_medium *m,
					   uint64_t label_off, struct wpp_store_needs *needs,
					   void *scratch);

/**
 * wpp_store_workspace() - bytes that wpp_store_open() needs for this geometry
 * @geo: sections, as wpp_store_probe() found them.
 * @m:   what the backend's probe() said.
 * @cfg: as for wpp_store_open().
 *
 * Most of it is touched only in proportion to what is stored.
 * Context: any thread; no state.
 * Return:  bytes, or 0 when @geo, @m or @cfg is not valid.
 * Source:  DESIGN.md 3.3, 4.3.
 */
WPP_API uint64_t wpp_store_workspace(const struct wpp_geometry *geo, const struct wpp_medium *m,
				     const struct wpp_store_cfg *cfg);

/**
 * wpp_store_open() - find the live generations of a medium (I3)
 * @out:    the store, inside @ws; NULL behind an error.
 * @be:     probed backend; borrowed until wpp_store_close().
 * @m:      what its probe() said; copied.
 * @cfg:    how to open it; copied.
 * @ws:     [@ws_len] zeroed bytes aligned to 4096, lent until wpp_store_close(). Behind an error
 *          they must be zeroed again before another try.
 * @ws_len: bytes, at least wpp_store_workspace().
 * @diag:   out, may be NULL: the first damage met, even when the store opened without it.
 *
 * A commit record that does not verify is left out; the generation before it is used. What can't be
 * read at all (WPP_EIO) fails the open, because it may be whole: the next commit must not take its
 * place. With WPP_STORE_RDONLY it is left out, too. A medium without any generation opens. A
 * generation whose tables @ws can't hold opens as well: see struct wpp_generation.
 *
 * A store has one thread at a time, its backend's: the caller serialises all calls with the store,
 * its writer and its readers, but for wpp_store_sums(). Limits of the stack leave out what the
 * backend takes.
 * Context: the store's thread; no allocation; stack <= 1280 bytes; waits for the medium.
 * Return:  0; WPP_EINVAL: @cfg, @m or the alignment of @ws; WPP_EFORMAT: no store, or one of an
 *          unknown version; WPP_ECORRUPT: both labels are damaged; WPP_EROFS: a later version
 *          allows to read only; WPP_ENOMEM: @ws is too small for the geometry; WPP_EIO or another
 *          error of the backend.
 * Source:  DESIGN.md 3.4, invariants I3, I6; FORMAT.md 3.2.
 */
WPP_API WPP_MUST_CHECK int wpp_store_open(struct wpp_store **out, struct wpp_backend *be,
					  const struct wpp_medium *m,
					  const struct wpp_store_cfg *cfg, void *ws,
					  uint64_t ws_len, struct wpp_diag *diag);

/**
 * wpp_store_close() - forget the store
 * @st: the store; its memory is the caller's again.
 *
 * Aborts an open writer and waits for moves in flight. Readers are gone as well; the backend stays
 * open.
 * Context: the store's thread; no allocation; stack <= 640 bytes; waits for the medium.
 * Source:  DESIGN.md 3.3.
 */
WPP_API void wpp_store_close(struct wpp_store *st);

/**
 * struct wpp_generation - one committed generation, as its record tells
 * @image:       name, NUL-terminated.
 * @generation:  from 1, +1 per commit of this image.
 * @nr_pages:    pages of all spaces without the streams.
 * @nr_written:  pages that this commit wrote (the rest is shared with older generations).
 * @realtime_ns: the committer's clock, ns since 1970; 0 if it had none.
 * @nr_spaces:   page spaces that have pages, streams included.
 * @flags:       WPP_GENERATION_BIG: more spaces or tables than the store's workspace holds
 *               (wpp_store_needs() tells how much it takes). It can be read and dropped, and its
 *               places are safe; but wpp_writer_begin() can't go on from it (WPP_ENOMEM), only
 *               from nothing (WPP_WRITER_EMPTY).
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

#define WPP_GENERATION_BIG (1u << 0)

/**
 * wpp_store_list() - the live generations, by image name, newest first
 * @st:  the store.
 * @pos: in/out cursor; start with 0. Not to be kept across a commit or a drop.
 * @gen: out; untouched at the end.
 *
 * Context: the store's thread; no allocation; does not touch the medium.
 * Return:  0; WPP_ENOENT at the end.
 * Source:  DESIGN.md 3.4.
 */
WPP_API WPP_MUST_CHECK int wpp_store_list(const struct wpp_store *st, uint32_t *pos,
					  struct wpp_generation *gen);

/**
 * struct wpp_usage - how full the page section is, in bytes
 * @total: of the section.
 * @used:  in live generations; what they share counts once.
 * @free:  that a writer can take now: neither live, nor still being read, nor just written.
 */
struct wpp_usage {
	uint64_t total;
	uint64_t used;
	uint64_t free;
};

/**
 * wpp_store_usage() - how full is it?
 * @st:    the store.
 * @usage: out.
 *
 * Context: the store's thread; no allocation; does not touch the medium; O(size of the medium).
 * Source:  DESIGN.md 3.3.
 */
WPP_API void wpp_store_usage(const struct wpp_store *st, struct wpp_usage *usage);

/**
 * wpp_store_drop() - remove one generation, or all of an image
 * @st:         store, opened for writing.
 * @image:      name.
 * @generation: its number; 0: all of the image.
 *
 * Durable on return; a cut leaves each generation whole or gone.
 * Context: the store's thread; no allocation; stack <= 640 bytes; waits for the medium.
 * Return:  0; WPP_ENOENT (no such generation), WPP_EBUSY (a writer or reader of that image is
 *          open), WPP_EROFS, WPP_EPOISON: nothing was changed; WPP_EIO or another error of the
 *          backend: the store is poisoned, each generation is whole or gone.
 * Source:  FORMAT.md 4.
 */
WPP_API WPP_MUST_CHECK int wpp_store_drop(struct wpp_store *st, const char *image,
					  uint64_t generation);

/**
 * wpp_store_medium() - the facts that wpp_store_open() was given
 * @st: the store.
 *
 * Context: any thread.
 * Return:  never NULL; valid until wpp_store_close().
 * Source:  DESIGN.md 4.
 */
WPP_API const struct wpp_medium *wpp_store_medium(const struct wpp_store *st);

/**
 * wpp_store_lend() - memory from which the medium is reached at least cost
 * @st:  the store.
 * @len: bytes, a multiple of 4096.
 *
 * For buffers of wpp_writer_put() and wpp_reader_read(); see struct wpp_backend_ops. Contents are
 * undefined. Give it back before wpp_store_close(), when nothing is lent to a writer any more.
 * Context: the store's thread; the backend may allocate.
 * Return:  aligned to 4096, and to 2 MiB when @len is that or more; NULL when the medium has none
 *          that long: take any other memory.
 * Source:  DESIGN.md 4.
 */
WPP_API void *wpp_store_lend(struct wpp_store *st, uint64_t len);

/**
 * wpp_store_give_back() - end of a loan
 * @st:  the store.
 * @mem: what wpp_store_lend() returned; not NULL.
 * @len: as it was lent.
 *
 * Context: the store's thread; no move of @mem is in flight.
 * Source:  DESIGN.md 4.
 */
WPP_API void wpp_store_give_back(struct wpp_store *st, void *mem, uint64_t len);

/* ---- Writing ------------------------------------------------------------------------------ */

#define WPP_WRITER_EMPTY (1u << 0) /* start from nothing instead of the newest generation */

/**
 * wpp_writer_begin() - open the next generation of an image
 * @st:    store, opened for writing. It has one writer at a time.
 * @image: name; a new one makes a new image.
 * @flags: WPP_WRITER_EMPTY.
 * @out:   the writer, inside the store; NULL behind an error. Ends with wpp_writer_commit() or
 *         wpp_writer_abort().
 *
 * Reads the page tables of the newest generation when they are not in the workspace already, so
 * begin ahead of the trigger: what follows costs what changed (I5).
 * Context: the store's thread; no allocation; stack <= 640 bytes; waits for the medium.
 * Return:  0; WPP_EINVAL (name or flags), WPP_EROFS, WPP_EPOISON, WPP_EBUSY (there is a writer),
 *          WPP_ENOSPC (no commit slot, or 64 generations of all images are live), WPP_ENOMEM (the
 *          workspace is too small for the tables), WPP_ECORRUPT, WPP_EIO or another error of the
 *          backend. Behind an error there is no writer, and the store is usable.
 * Source:  DESIGN.md 3.2, invariant I5; FORMAT.md 4.
 */
WPP_API WPP_MUST_CHECK int wpp_writer_begin(struct wpp_store *st, const char *image, uint32_t flags,
					    struct wpp_writer **out);

/**
 * wpp_writer_number() - give the generation being written a number of one's choice
 * @w:          the writer.
 * @generation: higher than any of the image, below 2^63.
 *
 * For who copies a generation that has a number already.
 * Context: the store's thread; does not touch the medium.
 * Return:  0; WPP_EINVAL: the image has this number or a later one, or no record can hold it.
 * Source:  FORMAT.md 3.2.
 */
WPP_API WPP_MUST_CHECK int wpp_writer_number(struct wpp_writer *w, uint64_t generation);

/**
 * wpp_writer_put() - pages of a space for the generation being written
 * @w:     the writer.
 * @space: WPP_SPACE_FIRST .. WPP_SPACE_MAX; comes into being with its first page.
 * @page:  in, [@nr]: page indices (va >> 12 for address spaces), strictly increasing, below
 *         WPP_PAGE_INDEX_MAX; not kept.
 * @nr:    pages, 1 .. 65536.
 * @data:  in, [@nr][4096] bytes, aligned to the medium's buf_align. Borrowed until
 *         wpp_writer_settle() returns. Inside what wpp_writer_direct() gave: in place, no copy.
 *
 * Putting a page again replaces it. The newest committed generation is not touched (I1).
 * Context: the store's thread; no allocation; stack <= 640 bytes; waits when the medium's queue is
 *          full.
 * Return:  0; WPP_EINVAL, WPP_ENOSPC, WPP_ENOMEM: nothing of this call was taken, the writer is
 *          usable; WPP_EIO or another error of the backend: the store is poisoned, only
 *          wpp_writer_abort() is left.
 * Source:  DESIGN.md 3.2, invariant I1; FORMAT.md 4.
 */
WPP_API WPP_MUST_CHECK int wpp_writer_put(struct wpp_writer *w, uint32_t space,
					  const uint64_t *page, uint32_t nr, const void *data);

/**
 * wpp_writer_arm() - from now on write as in an emergency
 * @w: the writer, begun with WPP_WRITER_EMPTY.
 *
 * For who may only commit: firmware, a panic, an NMI. Until this writer's commit or abort, which
 * end it as always, all goes out by the backend's emergency_write: puts, streams and the commit
 * read nothing, submit nothing, poll nothing and allocate nothing; what one of them has written is
 * durable when it returns, and the record is written last. A cut leaves this generation or the one
 * before (I2, I3). wpp_writer_direct() gives nothing any more.
 * Context: the store's thread, while it may still wait for the medium; what follows it may run
 *          wherever the backend's emergency_write may.
 * Return:  0; WPP_EINVAL: the medium lacks WPP_CAP_EMERGENCY, or the writer builds on an older
 *          generation, whose tables might have to be read; WPP_EIO or another error of the backend:
 *          an earlier write failed, only wpp_writer_abort() is left.
 * Source:  DESIGN.md 3.1, 3.4; FORMAT.md 4.
 */
WPP_API WPP_MUST_CHECK int wpp_writer_arm(struct wpp_writer *w);

/**
 * wpp_store_sums() - checksums of pages, for wpp_writer_put_summed()
 * @st:   the store; only asked whether the CPU has the instruction.
 * @data: in, [@nr][4096] bytes, any alignment.
 * @nr:   pages.
 * @crc:  out, [@nr]: the CRC-32C of each page.
 *
 * Context: any thread, also while another one uses the store; does not touch the medium.
 * Source:  FORMAT.md 1.1.
 */
WPP_API void wpp_store_sums(const struct wpp_store *st, const void *data, uint32_t nr,
			    uint32_t *crc);

/**
 * wpp_writer_put_summed() - as wpp_writer_put(), with checksums that are known already
 * @w:     the writer.
 * @space: as for wpp_writer_put().
 * @page:  as for wpp_writer_put().
 * @nr:    as for wpp_writer_put().
 * @data:  as for wpp_writer_put().
 * @crc:   in, [@nr]: what wpp_store_sums() gave for @data; NULL: sum them here. Taken as it is:
 *         with a wrong one the page is damaged for every reader.
 *
 * For who can sum pages while they are in the cache of a CPU, or on several CPUs.
 * Context: as wpp_writer_put(), stack <= 640 bytes.
 * Return:  as wpp_writer_put().
 * Source:  DESIGN.md 4.1.
 */
WPP_API WPP_MUST_CHECK int wpp_writer_put_summed(struct wpp_writer *w, uint32_t space,
						 const uint64_t *page, uint32_t nr,
						 const void *data, const uint32_t *crc);

/**
 * wpp_writer_put_pages() - as wpp_writer_put(), for pages that lie anywhere in memory
 * @w:     the writer.
 * @space: as for wpp_writer_put().
 * @page:  as for wpp_writer_put().
 * @nr:    as for wpp_writer_put().
 * @data:  in, [@nr]: address of each page, aligned to the medium's buf_align; the pages are
 *         borrowed until wpp_writer_settle() returns, the array is not kept. Not inside what
 *         wpp_writer_direct() gave.
 *
 * Pages with neighbouring addresses go out in one move; the others lie side by side on the medium
 * all the same, so that a backend can gather them.
 * Context: as wpp_writer_put(), stack <= 640 bytes.
 * Return:  as wpp_writer_put().
 * Source:  DESIGN.md 4.3.
 */
WPP_API WPP_MUST_CHECK int wpp_writer_put_pages(struct wpp_writer *w, uint32_t space,
						const uint64_t *page, uint32_t nr,
						const void *const *data);

/**
 * wpp_writer_direct() - free places of a byte-addressable medium to fill in place
 * @w:    the writer.
 * @want: pages wanted, >= 1.
 * @got:  out: contiguous pages at the address returned, <= @want; 0 behind NULL.
 *
 * Fill the first n <= *@got pages, then wpp_writer_put() them with this pointer as data; what was
 * not put is free again with the next call of wpp_writer_direct(), commit or abort.
 * Context: the store's thread; no allocation; stack <= 640 bytes; may wait for the medium.
 * Return:  address of [*@got][4096] bytes; NULL when the medium is not WPP_CAP_DIRECT, is full, or
 *          has failed: put from other memory, which tells which.
 * Source:  DESIGN.md 4, invariant I1.
 */
WPP_API void *wpp_writer_direct(struct wpp_writer *w, uint32_t want, uint32_t *got);

/**
 * wpp_writer_cut() - pages [@first, @first + @nr) of a space are no longer part of the generation
 * @w:     the writer.
 * @space: WPP_SPACE_FIRST .. WPP_SPACE_MAX.
 * @first: page index.
 * @nr:    pages; the range ends at or below WPP_PAGE_INDEX_MAX.
 *
 * Older generations keep them. A space without pages is gone.
 * Context: the store's thread; no allocation; stack <= 640 bytes; does not touch the medium.
 * Return:  0, also when there were none; WPP_EINVAL: nothing was changed.
 * Source:  DESIGN.md 3.2.
 */
WPP_API WPP_MUST_CHECK int wpp_writer_cut(struct wpp_writer *w, uint32_t space, uint64_t first,
					  uint64_t nr);

/**
 * wpp_writer_stream() - replace one record stream
 * @w:      the writer.
 * @stream: which one.
 * @data:   in, [@len] bytes, any alignment; copied, or borrowed until wpp_writer_settle() returns.
 * @len:    bytes; 0 empties the stream.
 *
 * Context: as wpp_writer_put(), stack <= 640 bytes.
 * Return:  as wpp_writer_put(); WPP_ENOSPC also when the stream is longer than its section.
 * Source:  FORMAT.md 3.4.
 */
WPP_API WPP_MUST_CHECK int wpp_writer_stream(struct wpp_writer *w, enum wpp_stream stream,
					     const void *data, uint64_t len);

/**
 * wpp_writer_settle() - wait until every buffer lent so far is free again
 * @w: the writer.
 *
 * Nothing is durable by that: wpp_writer_commit() is what makes it so.
 * Context: the store's thread; no allocation; stack <= 640 bytes; waits for the medium.
 * Return:  0; WPP_EIO or another error of the backend: of the first write that failed; the store is
 *          poisoned, the buffers are free all the same.
 * Source:  DESIGN.md 4.
 */
WPP_API WPP_MUST_CHECK int wpp_writer_settle(struct wpp_writer *w);

/**
 * wpp_writer_mark() - a mark behind all that was put so far
 * @w: the writer.
 *
 * For who has a ring of buffers and fills one while others are still lent.
 * Context: the store's thread; does not touch the medium.
 * Return:  for wpp_writer_settle_to() of the same writer; later marks are not smaller.
 * Source:  DESIGN.md 4.1.
 */
WPP_API uint64_t wpp_writer_mark(const struct wpp_writer *w);

/**
 * wpp_writer_settle_to() - wait until the buffers lent before a mark are free again
 * @w:    the writer.
 * @mark: from wpp_writer_mark().
 *
 * Context: the store's thread; no allocation; stack <= 640 bytes; waits for the medium.
 * Return:  as wpp_writer_settle().
 * Source:  DESIGN.md 4.1.
 */
WPP_API WPP_MUST_CHECK int wpp_writer_settle_to(struct wpp_writer *w, uint64_t mark);

/**
 * wpp_writer_commit() - make the generation live: data, flush, commit record, flush (I2)
 * @w:           the writer; gone afterwards, whatever was returned.
 * @realtime_ns: the caller's clock, ns since 1970, kept in the record; 0 if it has none.
 * @generation:  out, may be NULL: its number; untouched behind an error.
 *
 * What was reported saved survives a power cut at that instant. The oldest generations beyond
 * cfg.generations are released. A medium with WPP_CAP_FUA takes the record as one durable write
 * instead of the second flush.
 * Context: the store's thread; no allocation; stack <= 640 bytes; waits for the medium.
 * Return:  0; WPP_ENOSPC (no room for the tables): nothing was committed, the older generation is
 *          live, the store is usable; WPP_EIO or another error of the backend: the store is
 *          poisoned; reopen it to learn which generation is live.
 * Source:  DESIGN.md 3.2, 4, invariants I1, I2; FORMAT.md 4.
 */
WPP_API WPP_MUST_CHECK int wpp_writer_commit(struct wpp_writer *w, uint64_t realtime_ns,
					     uint64_t *generation);

/**
 * wpp_writer_abort() - give the generation up; the live ones are as before
 * @w: the writer; gone afterwards, and no buffer of it is used any more.
 *
 * Context: the store's thread; no allocation; stack <= 640 bytes; waits for moves in flight.
 * Source:  DESIGN.md 3.1, invariant I1.
 */
WPP_API void wpp_writer_abort(struct wpp_writer *w);

/* ---- Reading ------------------------------------------------------------------------------ */

/**
 * wpp_reader_open() - read one generation
 * @st:         the store.
 * @image:      name.
 * @generation: its number; 0: the newest.
 * @out:        the reader, inside the store; NULL behind an error. At most 8 are open.
 * @diag:       out, may be NULL: what is damaged.
 *
 * A generation that is released while it is read keeps its blocks until wpp_reader_close().
 * Context: the store's thread; no allocation; stack <= 1 KiB; waits for the medium.
 * Return:  0; WPP_ENOENT; WPP_EBUSY (8 readers are open); WPP_ECORRUPT: its commit record does not
 *          verify any more; WPP_EIO or another error of the backend.
 * Source:  DESIGN.md 3.2; FORMAT.md 5.
 */
WPP_API WPP_MUST_CHECK int wpp_reader_open(struct wpp_store *st, const char *image,
					   uint64_t generation, struct wpp_reader **out,
					   struct wpp_diag *diag);

/**
 * wpp_reader_close() - end of reading
 * @r: the reader; gone afterwards.
 *
 * Context: the store's thread; does not touch the medium.
 * Source:  DESIGN.md 3.3.
 */
WPP_API void wpp_reader_close(struct wpp_reader *r);

/**
 * wpp_reader_generation() - what is being read
 * @r:   the reader.
 * @gen: out.
 *
 * Context: the store's thread; does not touch the medium.
 * Source:  FORMAT.md 3.2.
 */
WPP_API void wpp_reader_generation(const struct wpp_reader *r, struct wpp_generation *gen);

/**
 * wpp_reader_stream_len() - bytes of a stream
 * @r:      the reader.
 * @stream: which one.
 *
 * Context: the store's thread; does not touch the medium.
 * Return:  bytes, as the commit record says.
 * Source:  FORMAT.md 3.2.
 */
WPP_API uint64_t wpp_reader_stream_len(const struct wpp_reader *r, enum wpp_stream stream);

/**
 * wpp_reader_stream() - read and verify a part of a stream
 * @r:      the reader.
 * @stream: which one.
 * @off:    bytes from its start.
 * @buf:    out, [@len] bytes, any alignment; undefined behind an error.
 * @len:    bytes; the part ends at or before wpp_reader_stream_len().
 *
 * Context: the store's thread; no allocation; stack <= 1 KiB; waits for the medium.
 * Return:  0; WPP_EINVAL (no such stream), WPP_ERANGE, WPP_ECORRUPT, WPP_EIO or another error of
 *          the backend.
 * Source:  FORMAT.md 3.4, 5; invariant I4.
 */
WPP_API WPP_MUST_CHECK int wpp_reader_stream(struct wpp_reader *r, enum wpp_stream stream,
					     uint64_t off, void *buf, uint64_t len);

/**
 * struct wpp_run - pages of a space that are neighbours in the space and on the medium
 * @page:  first page index.
 * @off:   first byte on the medium.
 * @space: page space.
 * @nr:    pages, >= 1.
 */
struct wpp_run {
	uint64_t page;
	uint64_t off;
	uint32_t space;
	uint32_t nr;
};

/**
 * wpp_reader_next() - the first run of a space at or after a page
 * @r:     the reader.
 * @space: page space; a stream is one, too.
 * @page:  page index to begin at.
 * @max:   longest run wanted, in pages, >= 1.
 * @run:   out; untouched when there is none.
 *
 * Context: the store's thread; no allocation; stack <= 1 KiB; waits for the medium (tables).
 * Return:  0; WPP_ENOENT: no page there or behind; WPP_EINVAL (@max is 0); WPP_ECORRUPT, WPP_EIO or
 *          another error of the backend.
 * Source:  FORMAT.md 3.4.
 */
WPP_API WPP_MUST_CHECK int wpp_reader_next(struct wpp_reader *r, uint32_t space, uint64_t page,
					   uint32_t max, struct wpp_run *run);

/**
 * wpp_reader_next_space() - the first page space from an id on
 * @r:     the reader.
 * @space: id to begin at; 0 finds the streams, too.
 * @found: out: the smallest id >= @space that has pages; untouched behind an error.
 *
 * Context: the store's thread; no allocation; stack <= 1 KiB; waits for the medium (directory).
 * Return:  0; WPP_ENOENT when there is none; WPP_ECORRUPT, WPP_EIO or another error of the backend.
 * Source:  FORMAT.md 3.3.
 */
WPP_API WPP_MUST_CHECK int wpp_reader_next_space(struct wpp_reader *r, uint32_t space,
						 uint32_t *found);

/**
 * wpp_reader_read() - read the pages of a run and verify each one (I4)
 * @r:    the reader.
 * @run:  in: from wpp_reader_next(), or a part of such a run.
 * @buf:  out, [run->nr][4096] bytes, aligned to the medium's buf_align; must not be used behind an
 *        error.
 * @diag: out, may be NULL: the first damaged page.
 *
 * Context: the store's thread; no allocation; stack <= 1 KiB; waits for the medium.
 * Return:  0; WPP_EINVAL: not a run of this generation, or @buf is not aligned; WPP_ECORRUPT: at
 *          least one page is damaged; WPP_EIO or another error of the backend.
 * Source:  FORMAT.md 5; invariant I4.
 */
WPP_API WPP_MUST_CHECK int wpp_reader_read(struct wpp_reader *r, const struct wpp_run *run,
					   void *buf, struct wpp_diag *diag);

/**
 * wpp_reader_gather() - read several runs into one buffer and verify each page (I4)
 * @r:    the reader.
 * @run:  in, [@nr]: each as for wpp_reader_read().
 * @nr:   runs, >= 1.
 * @buf:  out, [sum of run->nr][4096] bytes, the pages of one run behind those of the run before;
 *        aligned to the medium's buf_align; must not be used behind an error.
 * @diag: out, may be NULL: the first damaged page.
 *
 * Runs that are neighbours on the medium are read in one move: scattered pages cost what they
 * weigh.
 * Context: the store's thread; no allocation; stack <= 1 KiB; waits for the medium.
 * Return:  as wpp_reader_read().
 * Source:  DESIGN.md 4; invariant I4.
 */
WPP_API WPP_MUST_CHECK int wpp_reader_gather(struct wpp_reader *r, const struct wpp_run *run,
					     uint32_t nr, void *buf, struct wpp_diag *diag);

/**
 * wpp_reader_check() - do these bytes, read by the caller itself, belong to the run?
 * @r:    the reader.
 * @run:  in: as for wpp_reader_read().
 * @buf:  in, [run->nr][4096] bytes, any alignment.
 * @diag: out, may be NULL: the first damaged page.
 *
 * For those who move the pages by their own means (mmap, DMA): verification only, no I/O on pages.
 * Context: the store's thread; no allocation; stack <= 1 KiB; waits for the medium (tables).
 * Return:  as wpp_reader_read().
 * Source:  FORMAT.md 5; invariant I4.
 */
WPP_API WPP_MUST_CHECK int wpp_reader_check(struct wpp_reader *r, const struct wpp_run *run,
					    const void *buf, struct wpp_diag *diag);

WPP_END_DECLS
#endif
