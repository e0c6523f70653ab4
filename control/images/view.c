/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include <stdlib.h>

#include "control/images.h"

#define STREAM_MAX ((uint64_t)1 << 30)

static int load_stream(struct wppc_view *view, enum wpp_stream stream)
{
	uint64_t len = wpp_reader_stream_len(view->reader, stream);

	if (len > STREAM_MAX)
		return WPP_ECORRUPT;
	view->stream[stream] = malloc(len + 1);
	if (!view->stream[stream])
		return WPP_ENOMEM;
	view->len[stream] = len;
	return len ? wpp_reader_stream(view->reader, stream, 0, view->stream[stream], len) : 0;
}

int wppc_view_open(struct wpp_store *st, const char *name, uint64_t generation,
		   struct wppc_view *view, struct wpp_diag *diag)
{
	int err;

	*view = (struct wppc_view){ 0 };
	err = wppc_generation_find(st, name, generation, &view->gen);
	if (err) {
		view->gen.generation = 0;
		return err;
	}
	err = wpp_reader_open(st, name, view->gen.generation, &view->reader, diag);
	for (int s = 0; !err && s < WPP_STREAM_COUNT; s++)
		err = load_stream(view, (enum wpp_stream)s);
	if (err)
		wppc_view_close(view);
	return err;
}

void wppc_view_close(struct wppc_view *view)
{
	if (view->reader)
		wpp_reader_close(view->reader);
	view->reader = NULL;
	for (int s = 0; s < WPP_STREAM_COUNT; s++) {
		free(view->stream[s]);
		view->stream[s] = NULL;
	}
}

int wppc_view_next(const struct wppc_view *view, enum wpp_stream stream, uint16_t type, size_t *pos,
		   struct wpp_rec *rec)
{
	int err;

	do {
		err = wpp_rec_next(view->stream[stream], view->len[stream], pos, rec);
	} while (!err && type && rec->type != type);
	return err;
}

int wppc_view_find(const struct wppc_view *view, uint16_t type, uint32_t task, struct wpp_rec *rec)
{
	size_t pos = 0;
	int err;

	do {
		err = wppc_view_next(view, WPP_STREAM_PCB, type, &pos, rec);
	} while (!err && task && rec->task != task);
	return err;
}
