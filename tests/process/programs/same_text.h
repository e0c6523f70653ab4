/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* State that the kernel shows as text: remembered, and expected to read the same later. */
#ifndef SAME_TEXT_H
#define SAME_TEXT_H

#include "selfcheck.h"

struct same_text {
	char file[96];
	char prefix[32]; /* lines that begin with it; "": the whole file */
	char text[2048];
};

static inline void same_text_read(const struct same_text *s, char *text, size_t cap)
{
	FILE *f = fopen(s->file, "re");
	char line[1024];
	size_t len = 0;

	text[0] = '\0';
	while (f && fgets(line, sizeof(line), f)) {
		if (!strncmp(line, s->prefix, strlen(s->prefix)) && len + strlen(line) < cap)
			len = (size_t)(stpcpy(text + len, line) - text);
	}
	if (f)
		fclose(f);
}

static inline void same_text_remember(struct same_text *s, const char *file, const char *prefix)
{
	snprintf(s->file, sizeof(s->file), "%s", file);
	snprintf(s->prefix, sizeof(s->prefix), "%s", prefix);
	same_text_read(s, s->text, sizeof(s->text));
	if (!s->text[0])
		selfcheck_skip("%s has no '%s'", file, prefix);
}

static inline void same_text_expect(const struct same_text *s)
{
	char text[sizeof(s->text)];

	same_text_read(s, text, sizeof(text));
	if (strcmp(text, s->text) != 0)
		selfcheck_fail(s->file, 0, "is '%.150s', was '%.150s'", text, s->text);
}

#endif
