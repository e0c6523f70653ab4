/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * sim: a medium in RAM with a volatile cache, for tests of power cuts. Hosted.
 *
 * A write is pending until a FLUSH that covers it is done, or it itself with WPP_IO_FUA. When power
 * fails, each pending write is lost, applied or torn; what the capabilities rule out does not
 *happen (an ORDERED medium loses a suffix only, a write within atomic_len is not torn, a POWERSAFE
 *medium has no garbage). Each of these outcomes is an image with a number, so that a state can be
 *visited again:
 *
 *	wpp_sim_cut_at(be, n);                run the scenario; it dies at media operation n
 *	for (i = 0; i < wpp_sim_images(be); i++)
 *		wpp_sim_boot(be, i);          the power is back: recover, check
 */
#ifndef WPP_SIM_H
#define WPP_SIM_H

#include <wpp/backend.h>

WPP_BEGIN_DECLS

#define WPP_SIM_DEFER (1u << 0) /* done() runs later, from poll(), in shuffled order */

/**
 * struct wpp_sim_cfg - what medium to model; zero means default
 * @size:        sizeof(struct wpp_sim_cfg).
 * @flags:       WPP_SIM_DEFER.
 * @bytes:       size of the medium, a multiple of 4096, required.
 * @seed:        decides the order of completions and what torn writes look like.
 * @caps:        enum wpp_cap.
 * @io_align:    as in struct wpp_medium; 0: 512.
 * @buf_align:   as in struct wpp_medium; 0: 8.
 * @io_max:      as in struct wpp_medium; 0: 65536.
 * @atomic_len:  as in struct wpp_medium; 0: none.
 * @queue_depth: as in struct wpp_medium; 0: 1.
 * @tear:        bytes that are never torn themselves: 8, 512 or 4096; 0: 512.
 */
struct wpp_sim_cfg {
	uint32_t size;
	uint32_t flags;
	uint64_t bytes;
	uint64_t seed;
	uint32_t caps;
	uint32_t io_align;
	uint32_t buf_align;
	uint32_t io_max;
	uint32_t atomic_len;
	uint32_t queue_depth;
	uint32_t tear;
	uint32_t reserved;
};

/**
 * wpp_sim_open() - a medium full of zeros, with power
 * @cfg: copied.
 * @out: the backend, to be probed; NULL behind an error. Freed by its ops->close().
 *
 * Context: any thread, then the backend's; allocates, as do its moves: running out of memory there
 *          ends the move with WPP_ENOMEM.
 * Return:  0; WPP_EINVAL, WPP_ENOMEM.
 * Source:  DESIGN.md 2, 4.
 */
WPP_API WPP_MUST_CHECK int wpp_sim_open(const struct wpp_sim_cfg *cfg, struct wpp_backend **out);

/**
 * wpp_sim_load() - power on with other contents, all of it durable
 * @be:       from wpp_sim_open(); no move is in flight.
 * @contents: in, the whole medium, borrowed until the next load or close; NULL: the same as last
 *            time, which is quick, because only what changed since is copied.
 *
 * Context: the backend's thread; no allocation.
 * Source:  DESIGN.md 3.1.
 */
WPP_API void wpp_sim_load(struct wpp_backend *be, const void *contents);

/**
 * wpp_sim_damage() - overwrite durable bytes behind everybody's back
 * @be:    from wpp_sim_open().
 * @off:   bytes from the start of the medium; what does not fit it is ignored as a whole.
 * @bytes: in, [@len].
 * @len:   bytes.
 *
 * Undone by wpp_sim_load() and wpp_sim_boot().
 * Context: the backend's thread; no allocation.
 * Source:  DESIGN.md 3.1, invariants I4, I6.
 */
WPP_API void wpp_sim_damage(struct wpp_backend *be, uint64_t off, const void *bytes, uint64_t len);

/**
 * wpp_sim_contents() - the durable bytes
 * @be: from wpp_sim_open().
 *
 * Context: the backend's thread; no allocation.
 * Return:  the whole medium; valid until the next call.
 * Source:  DESIGN.md 3.1.
 */
WPP_API const void *wpp_sim_contents(const struct wpp_backend *be);

/**
 * wpp_sim_cut_at() - let power fail at the n-th media operation from now
 * @be: from wpp_sim_open().
 * @n:  from 1; 0: never.
 *
 * That operation is one of those in flight at the cut; it and all later ones end with WPP_EIO.
 * Writes and flushes count, reads do not.
 * Context: the backend's thread; no allocation.
 * Source:  DESIGN.md 3.1, invariants I1-I3.
 */
WPP_API void wpp_sim_cut_at(struct wpp_backend *be, uint64_t n);

/**
 * wpp_sim_cut() - power fails now, between two operations
 * @be: from wpp_sim_open(); nothing happens when power has failed already.
 *
 * Context: the backend's thread.
 * Source:  DESIGN.md 3.1, invariants I1-I3.
 */
WPP_API void wpp_sim_cut(struct wpp_backend *be);

/**
 * wpp_sim_dead() - has power failed?
 * @be: from wpp_sim_open().
 *
 * Context: the backend's thread; no allocation.
 * Return:  true until wpp_sim_boot() or wpp_sim_load().
 * Source:  DESIGN.md 3.1.
 */
WPP_API bool wpp_sim_dead(const struct wpp_backend *be);

/**
 * wpp_sim_ops() - how far has the scenario come?
 * @be: from wpp_sim_open().
 *
 * Context: the backend's thread; no allocation.
 * Return:  media operations since power came on, as wpp_sim_cut_at() counts them.
 * Source:  DESIGN.md 3.1.
 */
WPP_API uint64_t wpp_sim_ops(const struct wpp_backend *be);

/**
 * wpp_sim_in_flight() - is a buffer still in use?
 * @be: from wpp_sim_open().
 *
 * Context: the backend's thread; no allocation.
 * Return:  moves submitted and not done; 0 when a store has been closed.
 * Source:  DESIGN.md 4.
 */
WPP_API uint32_t wpp_sim_in_flight(const struct wpp_backend *be);

/**
 * wpp_sim_pending() - what could the last cut lose?
 * @be: from wpp_sim_open().
 *
 * Context: the backend's thread; no allocation.
 * Return:  writes that were not durable at the last cut.
 * Source:  DESIGN.md 3.1.
 */
WPP_API uint32_t wpp_sim_pending(const struct wpp_backend *be);

/**
 * wpp_sim_images() - how many images the last cut can leave behind
 * @be: from wpp_sim_open().
 *
 * All of them while at most 12 writes are pending (WPP_SIM_EXHAUSTIVE); beyond, any number is an
 * image: first none, all, all but one and only one of them, then random choices.
 * Context: the backend's thread; no allocation.
 * Return:  images numbered 0 .. result - 1, at least 1; UINT64_MAX: as many as wanted.
 * Source:  DESIGN.md 3.1.
 */
WPP_API uint64_t wpp_sim_images(const struct wpp_backend *be);
#define WPP_SIM_EXHAUSTIVE 12u

/**
 * wpp_sim_boot() - power comes back and the medium holds one image of the last cut
 * @be:  from wpp_sim_open().
 * @img: number of the image, below wpp_sim_images().
 *
 * May be called again and again; what ran since the last boot is undone first. Another cut takes
 * the place of the last one.
 * Context: the backend's thread; no allocation.
 * Return:  0; WPP_EINVAL: there was no cut yet, or no such image; WPP_EBUSY: moves are in flight.
 *          Behind an error nothing has changed.
 * Source:  DESIGN.md 3.1.
 */
WPP_API WPP_MUST_CHECK int wpp_sim_boot(struct wpp_backend *be, uint64_t img);

WPP_END_DECLS
#endif
