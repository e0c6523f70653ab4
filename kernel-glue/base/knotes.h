/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Notes for the user: "name: sentence" lines, one per thing refused or worth knowing. */
#ifndef WPPK_KNOTES_H
#define WPPK_KNOTES_H

#include <linux/types.h>

#include <wpp/module.h>

/* Cut at WPP_KO_NOTES_LEN. */
struct wppk_notes {
	char text[WPP_KO_NOTES_LEN];
	size_t len;
	bool refused; /* at least one thing can't be carried */
};

/* @name stands in docs/LIMITS.md. */
__printf(3, 4) void wppk_note(struct wppk_notes *notes, const char *name, const char *fmt, ...);
__printf(3, 4) void wppk_refuse(struct wppk_notes *notes, const char *name, const char *fmt, ...);

#endif
