/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The record decoder: never beyond the buffer, always forward, and encode(decode(x)) == x. */
#include <stdlib.h>
#include <string.h>

#include <wpp/pcb.h>

#define CHECK(x)                 \
	do {                     \
		if (!(x))        \
			abort(); \
	} while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void use_schema(const struct wpp_rec *rec)
{
	const struct wpp_rec_schema *s = wpp_rec_schema(rec->type);

	CHECK(!s || s->type == rec->type);
	CHECK(!s || s->name);
}

/* What was decoded encodes to the same record, and decodes again to the same fields and tail. */
static void round_trip(const struct wpp_rec *rec, const uint64_t *fields)
{
	size_t cap = wpp_rec_size(rec->nr_fields, rec->tail_len), pos = 0;
	uint64_t again[WPP_REC_FIELDS_MAX];
	uint8_t *buf = malloc(cap);
	const struct wpp_rec_schema *schema = wpp_rec_schema(rec->type);
	uint16_t flags = rec->flags | (schema ? schema->flags : 0);
	struct wpp_rec back;

	CHECK(buf);
	CHECK(wpp_rec_put(buf, cap - 1, rec, fields) == WPP_ENOSPC);
	CHECK(wpp_rec_put(buf, cap, rec, fields) == (int64_t)cap);
	CHECK(!wpp_rec_next(buf, cap, &pos, &back) && pos == cap);
	CHECK(back.type == rec->type && back.flags == flags && back.task == rec->task);
	CHECK(back.id == rec->id && back.nr_fields == rec->nr_fields);
	CHECK(back.tail_len == rec->tail_len);
	CHECK(!rec->tail_len || !memcmp(back.tail, rec->tail, rec->tail_len));
	wpp_rec_get(&back, again, WPP_REC_FIELDS_MAX);
	CHECK(!memcmp(again, fields, sizeof(again)));
	free(buf);
}

static void use_record(const uint8_t *data, size_t size, const struct wpp_rec *rec)
{
	uint64_t fields[WPP_REC_FIELDS_MAX];

	CHECK((const uint8_t *)rec->fields >= data);
	CHECK((const uint8_t *)rec->tail + rec->tail_len <= data + size);
	CHECK(rec->nr_fields <= WPP_REC_FIELDS_MAX);
	wpp_rec_get(rec, fields, WPP_REC_FIELDS_MAX);
	for (uint32_t i = rec->nr_fields; i < WPP_REC_FIELDS_MAX; i++)
		CHECK(fields[i] == 0);
	use_schema(rec);
	round_trip(rec, fields);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct wpp_rec rec;
	size_t pos = 0, before = 0;
	int err;

	while (!(err = wpp_rec_next(data, size, &pos, &rec))) {
		CHECK(pos > before && pos <= size);
		before = pos;
		use_record(data, size, &rec);
	}
	CHECK(err == WPP_ENOENT || err == WPP_ECORRUPT || err == WPP_EFORMAT);
	CHECK((err == WPP_ENOENT) == (pos == size));
	return 0;
}
