/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#ifndef WPP_ERROR_H
#define WPP_ERROR_H

#include <wpp/types.h>

WPP_BEGIN_DECLS

/**
 * enum wpp_err - what functions return
 *
 * Every function that can fail returns 0 or one of these. errno values where one fits; our own
 * below -4095, so that they are never an errno. Hosted functions return other negative errno
 * values, too, where their comment says so.
 */
enum wpp_err {
	WPP_OK = 0,	      /* done */
	WPP_EPERM = -1,	      /* a capability is missing; the note names it */
	WPP_ENOENT = -2,      /* no such image, generation, page or process */
	WPP_EIO = -5,	      /* the medium failed */
	WPP_ENOMEM = -12,     /* the memory lent by the caller is used up */
	WPP_EBUSY = -16,      /* queue full, or somebody else holds the medium */
	WPP_EEXIST = -17,     /* overlaps or is there already (a pid that is taken, too) */
	WPP_EINVAL = -22,     /* an argument is out of its documented range */
	WPP_ENOSPC = -28,     /* table or medium full; nothing was changed */
	WPP_EROFS = -30,      /* opened read-only, or ro-compat bits unknown */
	WPP_ERANGE = -34,     /* offset + length leaves the medium or the buffer */
	WPP_ECORRUPT = -5001, /* a checksum or structure on the medium is wrong */
	WPP_EFORMAT = -5002,  /* not ours, or of a version or feature we don't know */
	WPP_EPOISON = -5003,  /* an earlier write failed; reopen the medium */
	WPP_EREFUSED = -5004, /* the process has state we can't carry; named in the notes */
	WPP_EWINDOW = -5005,  /* the window is too short for the plan */
};

/**
 * wpp_strerror() - one short English sentence for an error code
 * @err: a value of enum wpp_err or any negative errno value.
 *
 * Context: any; no state.
 * Return:  static, never NULL.
 * Source:  DESIGN.md 3.
 */
WPP_API const char *wpp_strerror(int err);

/**
 * struct wpp_diag - where on a medium something was wrong
 * @off:      bytes from the start of the medium.
 * @expected: checksum or value that should be there.
 * @found:    what is there.
 * @page:     page index in @space (va >> 12 for an address space), or UINT64_MAX.
 * @space:    page space concerned (store.h), or UINT32_MAX.
 * @what:     static string: "label", "commit record", "page table", "page", "stream", ...
 */
struct wpp_diag {
	uint64_t off;
	uint64_t expected;
	uint64_t found;
	uint64_t page;
	uint32_t space;
	uint32_t reserved;
	const char *what;
};

WPP_END_DECLS
#endif
