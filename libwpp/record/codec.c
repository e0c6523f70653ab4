/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Codec of the record streams (FORMAT.md 5). */
#include <wpp/pcb.h>

#include "plat.h"

/* Header: 0 type le16, 2 version le16, 4 nr_fields le16, 6 flags le16, 8 task le32, 12 tail le32,
 * 16 id le64 */
#define REC_HEADER  24u
#define REC_VERSION 1u

#define FIELD_ROW(field, format) { #field, #format[0] },
#define X(code, name, NAME, text) \
	static const struct wpp_rec_field fields_##name[] = { WPP_FIELDS_##name(FIELD_ROW) };
WPP_REC_TYPES(X)
#undef X

static const struct wpp_rec_schema schemas[] = {
#define X(code, name, NAME, text) \
	{ code, sizeof(fields_##name) / sizeof(fields_##name[0]), #name, text, fields_##name },
	WPP_REC_TYPES(X)
#undef X
};

const struct wpp_rec_schema *wpp_rec_schema(uint16_t type)
{
	for (size_t i = 0; i < sizeof(schemas) / sizeof(schemas[0]); i++) {
		if (schemas[i].type == type)
			return &schemas[i];
	}
	return NULL;
}

static void put_le(uint8_t *p, uint64_t v, unsigned int bytes)
{
	for (unsigned int i = 0; i < bytes; i++)
		p[i] = (uint8_t)(v >> (8 * i));
}

static uint64_t get_le(const uint8_t *p, unsigned int bytes)
{
	uint64_t v = 0;

	for (unsigned int i = 0; i < bytes; i++)
		v |= (uint64_t)p[i] << (8 * i);
	return v;
}

size_t wpp_rec_size(uint32_t nr_fields, uint32_t tail_len)
{
	return REC_HEADER + (size_t)nr_fields * 8 + (((size_t)tail_len + 7) & ~(size_t)7);
}

int64_t wpp_rec_put(void *buf, size_t cap, const struct wpp_rec *rec, const uint64_t *fields)
{
	uint8_t *p = buf;
	size_t size;

	if (rec->nr_fields > WPP_REC_FIELDS_MAX || rec->tail_len > WPP_REC_TAIL_MAX)
		return WPP_EINVAL;
	size = wpp_rec_size(rec->nr_fields, rec->tail_len);
	if (size > cap)
		return WPP_ENOSPC;
	put_le(p, rec->type, 2);
	put_le(p + 2, REC_VERSION, 2);
	put_le(p + 4, rec->nr_fields, 2);
	put_le(p + 6, rec->flags, 2);
	put_le(p + 8, rec->task, 4);
	put_le(p + 12, rec->tail_len, 4);
	put_le(p + 16, rec->id, 8);
	p += REC_HEADER;
	for (uint32_t i = 0; i < rec->nr_fields; i++, p += 8)
		put_le(p, fields[i], 8);
	if (rec->tail_len) {
		wpp_memset((uint8_t *)buf + size - 8, 0, 8);
		wpp_memcpy(p, rec->tail, rec->tail_len);
	}
	return (int64_t)size;
}

int wpp_rec_next(const void *buf, size_t len, size_t *pos, struct wpp_rec *rec)
{
	const uint8_t *p;
	size_t left, size;

	if (*pos >= len)
		return *pos == len ? WPP_ENOENT : WPP_ECORRUPT;
	p = (const uint8_t *)buf + *pos;
	left = len - *pos;
	if (left < REC_HEADER)
		return WPP_ECORRUPT;
	rec->type = (uint16_t)get_le(p, 2);
	rec->version = (uint16_t)get_le(p + 2, 2);
	rec->nr_fields = (uint16_t)get_le(p + 4, 2);
	rec->flags = (uint16_t)get_le(p + 6, 2);
	rec->task = (uint32_t)get_le(p + 8, 4);
	rec->tail_len = (uint32_t)get_le(p + 12, 4);
	rec->id = get_le(p + 16, 8);
	if (rec->nr_fields > WPP_REC_FIELDS_MAX || rec->tail_len > WPP_REC_TAIL_MAX)
		return WPP_ECORRUPT;
	size = wpp_rec_size(rec->nr_fields, rec->tail_len);
	if (size > left)
		return WPP_ECORRUPT;
	if ((rec->flags & WPP_REC_MUST) &&
	    (!wpp_rec_schema(rec->type) || rec->version != REC_VERSION))
		return WPP_EFORMAT;
	rec->fields = p + REC_HEADER;
	rec->tail = rec->fields + (size_t)rec->nr_fields * 8;
	*pos += size;
	return 0;
}

void wpp_rec_get(const struct wpp_rec *rec, uint64_t *fields, uint32_t nr)
{
	for (uint32_t i = 0; i < nr; i++)
		fields[i] = i < rec->nr_fields ? get_le(rec->fields + (size_t)i * 8, 8) : 0;
}
