/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include <stdio.h>
#include <string.h>

#include "base/tree.h"

#define NOTE_MAX 1024

static void note_send(const struct notes *n, enum wpp_note_kind kind, const char *name,
		      const char *text)
{
	struct wpp_note note = { .kind = kind, .name = name, .text = text };

	if (n->report && n->report->note)
		n->report->note(n->report->arg, &note);
}

void wppi_note(struct notes *n, enum wpp_note_kind kind, const char *name, const char *fmt, ...)
{
	char text[NOTE_MAX];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	note_send(n, kind, name, text);
}

static bool lossy_allowed(const struct notes *n, const char *name)
{
	for (const char *const *p = n->allow_lossy; p && *p; p++) {
		if (!strcmp(*p, name))
			return true;
	}
	return false;
}

/* The same loss is met again when the check before the freeze is followed by the collection. */
static bool lossy_known(const struct notes *n, const char *text)
{
	struct wpp_rec rec;
	size_t pos = 0;

	while (wpp_rec_next(n->lossy.data, n->lossy.len, &pos, &rec) == 0) {
		if (rec.tail_len == strlen(text) && !memcmp(rec.tail, text, rec.tail_len))
			return true;
	}
	return false;
}

bool wppi_refuse(struct member *m, const char *name, const char *fmt, ...)
{
	struct notes *n = &m->tree->notes;
	struct wpp_rec_loss loss = { 0 };
	char text[NOTE_MAX];
	va_list ap;
	int len;

	len = snprintf(text, sizeof(text), "%s: ", name);
	va_start(ap, fmt);
	vsnprintf(text + len, sizeof(text) - (size_t)len, fmt, ap);
	va_end(ap);
	if (!lossy_allowed(n, name)) {
		n->nr_refused++;
		note_send(n, WPP_NOTE_REFUSED, name, text + len);
		return false;
	}
	if (!lossy_known(n, text)) {
		WPPI_REC(&n->lossy, LOSS, m->pid, 0, &loss, text, strlen(text));
		note_send(n, WPP_NOTE_LOSSY, name, text + len);
	}
	return true;
}
