/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Codec of the record streams (FORMAT.md 7). */
#include <wpp/pcb.h>

#include "plat.h"

/* Header: 0 type le16, 2 version le16, 4 nr_fields le16, 6 flags le16, 8 task le32, 12 tail le32,
 * 16 id le64 */
#define REC_HEADER 24u

/* What the codec has to know of a type; words are in schema.c. */
static const struct known {
	uint16_t type, version, flags;
} known[] = {
#define X(code, version, must, stream, name, NAME, task, id, tail) \
	{ code, version, WPP_REC_##must },
	WPP_REC_TYPES(X)
#undef X
};

static const struct known *find(uint16_t type)
{
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		if (known[i].type == type)
			return &known[i];
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
	const struct known *type = find(rec->type);
	uint8_t *p = buf;
	size_t size;

	if (rec->nr_fields > WPP_REC_FIELDS_MAX || rec->tail_len > WPP_REC_TAIL_MAX)
		return WPP_EINVAL;
	size = wpp_rec_size(rec->nr_fields, rec->tail_len);
	if (size > cap)
		return WPP_ENOSPC;
	put_le(p, rec->type, 2);
	put_le(p + 2, type ? type->version : 1, 2);
	put_le(p + 4, rec->nr_fields, 2);
	put_le(p + 6, rec->flags | (type ? type->flags : 0), 2);
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

/* The header, checked against what is left. */
static int decode(const uint8_t *p, size_t left, struct wpp_rec *rec)
{
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
	if (wpp_rec_size(rec->nr_fields, rec->tail_len) > left)
		return WPP_ECORRUPT;
	rec->fields = p + REC_HEADER;
	rec->tail = rec->fields + (size_t)rec->nr_fields * 8;
	return 0;
}

int wpp_rec_next(const void *buf, size_t len, size_t *pos, struct wpp_rec *rec)
{
	const struct known *type;
	bool later;
	int err;

	do {
		if (*pos >= len)
			return *pos == len ? WPP_ENOENT : WPP_ECORRUPT;
		err = decode((const uint8_t *)buf + *pos, len - *pos, rec);
		if (err)
			return err;
		type = find(rec->type);
		later = type && rec->version > type->version;
		if ((rec->flags & WPP_REC_MUST) && (!type || later))
			return WPP_EFORMAT;
		*pos += wpp_rec_size(rec->nr_fields, rec->tail_len);
	} while (later);
	return 0;
}

void wpp_rec_get(const struct wpp_rec *rec, uint64_t *fields, uint32_t nr)
{
	for (uint32_t i = 0; i < nr; i++)
		fields[i] = i < rec->nr_fields ? get_le(rec->fields + (size_t)i * 8, 8) : 0;
}
