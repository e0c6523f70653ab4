/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include <linux/kernel.h>

#include "base/knotes.h"

/* Whole lines only: what does not fit is left out. */
__printf(3, 0) static void note(struct wppk_notes *notes, const char *name, const char *fmt,
				va_list args)
{
	const size_t size = sizeof(notes->text);
	size_t len = notes->len;

	len += snprintf(notes->text + len, size - len, "%s: ", name);
	if (len < size)
		len += vsnprintf(notes->text + len, size - len, fmt, args);
	if (len < size - 1) {
		notes->text[len] = '\n';
		notes->len = len + 1;
	}
	notes->text[notes->len] = '\0';
}

void wppk_note(struct wppk_notes *notes, const char *name, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	note(notes, name, fmt, args);
	va_end(args);
}

void wppk_refuse(struct wppk_notes *notes, const char *name, const char *fmt, ...)
{
	va_list args;

	notes->refused = true;
	va_start(args, fmt);
	note(notes, name, fmt, args);
	va_end(args);
}
