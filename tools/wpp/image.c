/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include <stdlib.h>

#include "image.h"

#define STREAM_MAX ((uint64_t)1 << 30)

static int load_stream(struct image *im, enum wpp_stream stream)
{
	uint64_t len = wpp_reader_stream_len(im->reader, stream);

	if (len > STREAM_MAX)
		return WPP_ECORRUPT;
	im->stream[stream] = malloc(len + 1);
	if (!im->stream[stream])
		return WPP_ENOMEM;
	im->len[stream] = len;
	return len ? wpp_reader_stream(im->reader, stream, 0, im->stream[stream], len) : 0;
}

int image_open(struct tool *t, const char *name, uint64_t generation, struct image *im)
{
	struct wpp_diag diag = { 0 };
	int err, code;

	*im = (struct image){ 0 };
	code = medium_open(t, WPP_MEDIA_RDONLY | WPP_MEDIA_WAIT, &im->media);
	if (code)
		return code;
	err = generation_find(wpp_media_store(im->media), name, generation, &im->gen);
	if (!err)
		err = wpp_reader_open(wpp_media_store(im->media), name, im->gen.generation,
				      &im->reader, &diag);
	for (int s = 0; !err && s < WPP_STREAM_COUNT; s++)
		err = load_stream(im, (enum wpp_stream)s);
	if (!err)
		return 0;
	if (err == WPP_ECORRUPT && diag.what) {
		complain_damage(wpp_media_path(im->media), &diag);
		offer_older(wpp_media_store(im->media), &im->gen);
	}
	code = fail(err, name);
	image_close(im);
	return code;
}

void image_close(struct image *im)
{
	if (im->reader)
		wpp_reader_close(im->reader);
	wpp_media_close(im->media);
	for (int s = 0; s < WPP_STREAM_COUNT; s++)
		free(im->stream[s]);
}

int image_next(const struct image *im, enum wpp_stream stream, uint16_t type, size_t *pos,
	       struct wpp_rec *rec)
{
	int err;

	do {
		err = wpp_rec_next(im->stream[stream], im->len[stream], pos, rec);
	} while (!err && type && rec->type != type);
	return err;
}

int image_find(const struct image *im, uint16_t type, uint32_t task, struct wpp_rec *rec)
{
	size_t pos = 0;
	int err;

	do {
		err = image_next(im, WPP_STREAM_PCB, type, &pos, rec);
	} while (!err && task && rec->task != task);
	return err;
}
