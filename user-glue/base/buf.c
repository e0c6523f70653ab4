/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "record/append.h"

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

static void *reserve(void *buffer, size_t len)
{
	return wppi_buf_reserve(buffer, len);
}

void wppi_rec_add(struct buf *b, uint16_t type, uint32_t task, uint64_t id, const void *fields,
		  uint32_t nr_fields, const void *tail, size_t tail_len)
{
	struct wpp_rec rec = {
		.type = type,
		.task = task,
		.id = id,
		.nr_fields = (uint16_t)nr_fields,
		.tail = tail,
	};

	if (wppr_append(reserve, b, rec, fields, tail_len))
		b->failed = true;
}
