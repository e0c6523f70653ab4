/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* fault: wraps any backend and lets chosen operations fail, for tests. Hosted. */
#ifndef WPP_FAULT_H
#define WPP_FAULT_H

#include <wpp/backend.h>

WPP_BEGIN_DECLS

/**
 * enum wpp_fault_kind - how an operation fails
 */
enum wpp_fault_kind {
	WPP_FAULT_NONE = 0, /* it does not */
	WPP_FAULT_SUBMIT,   /* submit() refuses with @err; nothing is done */
	WPP_FAULT_DONE,	    /* done(@err); nothing is done */
	WPP_FAULT_LATE,	    /* done(@err), although the medium did it */
	WPP_FAULT_LIE,	    /* done(0), but nothing is done (reads leave the buffer alone) */
	WPP_FAULT_BUSY,	    /* submit() says WPP_EBUSY; the same move may come again */
};

/**
 * struct wpp_fault_rule - which operations fail, and how
 * @kind: enum wpp_fault_kind.
 * @ops:  bits 1u << WPP_IO_READ, ..._WRITE, ..._FLUSH that are counted; an emergency write counts
 *        as a write.
 * @nth:  the first one that fails, from 1, counted since wpp_fault_set().
 * @nr:   how many fail in a row; 0: all from then on.
 * @err:  the error; 0: WPP_EIO.
 */
struct wpp_fault_rule {
	enum wpp_fault_kind kind;
	uint32_t ops;
	uint64_t nth;
	uint64_t nr;
	int err;
};
#define WPP_FAULT_ANY (1u << WPP_IO_READ | 1u << WPP_IO_WRITE | 1u << WPP_IO_FLUSH)

/**
 * wpp_fault_wrap() - put a wrapper around a backend that was not probed yet
 * @inner: owned by the wrapper from now on; ops->close() closes both. Behind an error the caller's.
 * @out:   the wrapper, without a rule; NULL behind an error.
 *
 * Context: any thread, then the backend's; allocates (so do moves under WPP_FAULT_LATE).
 * Return:  0; WPP_EINVAL (ops of an unknown ABI), WPP_ENOMEM.
 * Source:  DESIGN.md 2, 4.
 */
WPP_API WPP_MUST_CHECK int wpp_fault_wrap(struct wpp_backend *inner, struct wpp_backend **out);

/**
 * wpp_fault_set() - take a new rule, start to count anew
 * @be:   from wpp_fault_wrap().
 * @rule: copied; NULL: no faults.
 *
 * Context: the backend's thread.
 * Source:  DESIGN.md 4.
 */
WPP_API void wpp_fault_set(struct wpp_backend *be, const struct wpp_fault_rule *rule);

/**
 * wpp_fault_fired() - has the rule struck?
 * @be: from wpp_fault_wrap().
 *
 * Context: the backend's thread.
 * Return:  operations that failed since wpp_fault_set().
 * Source:  DESIGN.md 4.
 */
WPP_API uint64_t wpp_fault_fired(const struct wpp_backend *be);

WPP_END_DECLS
#endif
