/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Streams of hand-made records. */
#ifndef TEST_STREAM_H
#define TEST_STREAM_H

#include <string.h>

#include <wpp/pcb.h>
#include <wpp/store.h>

struct stream {
	uint8_t bytes[64 << 10];
	size_t len;
};

static inline void stream_put(struct stream *s, uint16_t type, uint32_t task, uint64_t id,
			      const void *fields, uint32_t nr, const char *tail)
{
	const struct wpp_rec rec = {
		.type = type,
		.task = task,
		.id = id,
		.nr_fields = (uint16_t)nr,
		.tail_len = tail ? (uint32_t)strlen(tail) : 0,
		.tail = (const uint8_t *)tail,
	};
	int64_t n = wpp_rec_put(s->bytes + s->len, sizeof(s->bytes) - s->len, &rec, fields);

	assert_true(n > 0);
	s->len += (size_t)n;
}

#define PUT(s, NAME, task, id, x, tail) \
	stream_put((s), WPP_REC_##NAME, (task), (id), (x), WPP_REC_NR(*(x)), (tail))

#endif
