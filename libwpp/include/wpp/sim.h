/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * sim: a medium in RAM with a volatile cache, for tests of power cuts. Hosted.
 *
 * A write is pending until a FLUSH that covers it is done, or it itself with WPP_IO_FUA. When power
 *fails, each pending write is lost, applied or torn; what the capabilities rule out does not happen
 *(an ORDERED medium loses a suffix only, a write within atomic_len is not torn, a POWERSAFE medium
 *has no garbage). Each of these outcomes is an image with a number, so that a state can be visited
 *again:
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
 * @out: the backend; NULL behind an error. Freed by its ops->close().
 *
 * Return: 0, WPP_EINVAL, WPP_ENOMEM.
 */
WPP_API WPP_MUST_CHECK int wpp_sim_open(const struct wpp_sim_cfg *cfg, struct wpp_backend **out);

/**
 * wpp_sim_load() - power on with other contents, all of it durable
 * @contents: the whole medium, borrowed until the next load or close; NULL: the same as last time,
 *            which is quick, because only what changed since is copied.
 */
WPP_API void wpp_sim_load(struct wpp_backend *be, const void *contents);

/** wpp_sim_damage() - overwrite durable bytes behind everybody's back; undone by load and boot */
WPP_API void wpp_sim_damage(struct wpp_backend *be, uint64_t off, const void *bytes, uint64_t len);

/** wpp_sim_contents() - the durable bytes: the whole medium, valid until the next call */
WPP_API const void *wpp_sim_contents(const struct wpp_backend *be);

/**
 * wpp_sim_cut_at() - let power fail at the @n-th media operation from now; 0: never
 * That operation is one of those in flight at the cut; it and all later ones end with WPP_EIO.
 * Writes and flushes count, reads do not.
 */
WPP_API void wpp_sim_cut_at(struct wpp_backend *be, uint64_t n);

/** wpp_sim_cut() - power fails now, between two operations */
WPP_API void wpp_sim_cut(struct wpp_backend *be);

/** wpp_sim_dead() - has power failed? */
WPP_API bool wpp_sim_dead(const struct wpp_backend *be);

/** wpp_sim_ops() - media operations since power came on */
WPP_API uint64_t wpp_sim_ops(const struct wpp_backend *be);

/** wpp_sim_in_flight() - moves submitted and not done; 0 when a store has been closed */
WPP_API uint32_t wpp_sim_in_flight(const struct wpp_backend *be);

/** wpp_sim_pending() - writes that the last cut could lose */
WPP_API uint32_t wpp_sim_pending(const struct wpp_backend *be);

/**
 * wpp_sim_images() - how many images the last cut can leave behind
 *
 * All of them while at most 12 writes are pending (WPP_SIM_EXHAUSTIVE); beyond, any number is an
 * image: first none, all, all but one and only one of them, then random choices.
 * Return: images numbered 0 .. result - 1, at least 1; UINT64_MAX: as many as wanted.
 */
WPP_API uint64_t wpp_sim_images(const struct wpp_backend *be);
#define WPP_SIM_EXHAUSTIVE 12u

/**
 * wpp_sim_boot() - power comes back and the medium holds image @img of the last cut
 * May be called again and again; what ran since the last boot is undone first. Another cut
 * takes the place of the last one.
 *
 * Return: 0; WPP_EINVAL: there was no cut yet, or no such image; WPP_EBUSY: moves are in flight.
 */
WPP_API WPP_MUST_CHECK int wpp_sim_boot(struct wpp_backend *be, uint64_t img);

WPP_END_DECLS
#endif
