/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"

void *wppi_buf_reserve(struct buf *b, size_t len)
{
	size_t cap = b->cap ? b->cap : 4096;
	uint8_t *data;

	if (b->failed || len > SIZE_MAX / 2 - b->len)
		goto fail;
	while (cap < b->len + len)
		cap *= 2;
	if (cap != b->cap) {
		data = realloc(b->data, cap);
		if (!data)
			goto fail;
		b->data = data;
		b->cap = cap;
	}
	b->len += len;
	return b->data + b->len - len;
fail:
	b->failed = true;
	return NULL;
}

void wppi_buf_add(struct buf *b, const void *data, size_t len)
{
	void *room = wppi_buf_reserve(b, len);

	if (room && len)
		memcpy(room, data, len);
}

void wppi_buf_free(struct buf *b)
{
	free(b->data);
	memset(b, 0, sizeof(*b));
}

void wppi_rec_add(struct buf *b, uint16_t type, uint32_t task, uint64_t id, const void *fields,
		  uint32_t nr_fields, const void *tail, size_t tail_len)
{
	struct wpp_rec rec = {
		.type = type,
		.task = task,
		.id = id,
		.nr_fields = (uint16_t)nr_fields,
		.tail_len = (uint32_t)tail_len,
		.tail = tail,
	};
	size_t size;
	void *room;

	if (tail_len > WPP_REC_TAIL_MAX) {
		b->failed = true;
		return;
	}
	size = wpp_rec_size(nr_fields, rec.tail_len);
	room = wppi_buf_reserve(b, size);
	if (room && wpp_rec_put(room, size, &rec, fields) != (int64_t)size)
		b->failed = true;
}
