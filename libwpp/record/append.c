/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "record/append.h"

int wppr_append(wppr_reserve *reserve, void *buffer, struct wpp_rec rec, const void *fields,
		size_t tail_len)
{
	size_t size;
	int64_t put;
	void *room;

	if (tail_len > WPP_REC_TAIL_MAX || rec.nr_fields > WPP_REC_FIELDS_MAX)
		return WPP_EINVAL;
	rec.tail_len = (uint32_t)tail_len;
	size = wpp_rec_size(rec.nr_fields, rec.tail_len);
	room = reserve(buffer, size);
	if (!room)
		return WPP_ENOMEM;
	put = wpp_rec_put(room, size, &rec, fields);
	return put < 0 ? (int)put : 0;
}
