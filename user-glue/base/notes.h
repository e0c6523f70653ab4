/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* What the user is told: notes to his report, refusals, losses that he allowed. */
#ifndef WPP_NOTES_H
#define WPP_NOTES_H

#include <stdarg.h>

#include <wpp/process.h>

#include "base/buf.h"

struct member;

struct notes {
	const struct wpp_report *report; /* may be NULL */
	const char *const *allow_lossy;	 /* may be NULL */
	unsigned int nr_refused;
	struct buf lossy; /* LOSS records of what was let go */
};

void wppi_note(struct notes *n, enum wpp_note_kind kind, const char *name, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));
/*
 * Something of @m can't be captured. Returns true when the user allowed to lose it (then it is
 * noted as lossy and recorded, and the caller goes on without it), false when it is refused
 * (counted; keep checking, so that all reasons are listed).
 */
bool wppi_refuse(struct member *m, const char *name, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

#endif
