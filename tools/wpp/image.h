/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* One generation, opened for looking into it: both streams in memory, pages on demand. */
#ifndef WPP_TOOL_IMAGE_H
#define WPP_TOOL_IMAGE_H

#include <wpp/pcb.h>

#include "tool.h"

struct image {
	struct wpp_media *media;
	struct wpp_reader *reader;
	struct wpp_generation gen;
	uint8_t *stream[WPP_STREAM_COUNT];
	size_t len[WPP_STREAM_COUNT];
};

/* Complains itself. Returns 0 or an exit code. */
int image_open(struct tool *t, const char *name, uint64_t generation, struct image *im);
void image_close(struct image *im);
/* The next record of @type (0: any) from *@pos on; 0, WPP_ENOENT, or what the decoder says. */
int image_next(const struct image *im, enum wpp_stream stream, uint16_t type, size_t *pos,
	       struct wpp_rec *rec);
/* The first record of @type of @task (0: any). */
int image_find(const struct image *im, uint16_t type, uint32_t task, struct wpp_rec *rec);

#endif
