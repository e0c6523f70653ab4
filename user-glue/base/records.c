/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include <stdlib.h>

#include "base/records.h"

static int compare(const void *pa, const void *pb)
{
	const struct rec_place *a = pa, *b = pb;

	if (a->task != b->task)
		return a->task < b->task ? -1 : 1;
	if (a->type != b->type)
		return a->type < b->type ? -1 : 1;
	if (a->id != b->id)
		return a->id < b->id ? -1 : 1;
	return (a->pos > b->pos) - (a->pos < b->pos);
}

int wppi_records_load(struct records *r, uint8_t *stream, size_t len)
{
	struct buf list = { 0 };
	struct wpp_rec rec;
	size_t pos = 0;
	int err;

	*r = (struct records){ .stream = stream, .len = len };
	for (;;) {
		struct rec_place place = { .pos = pos };

		err = wpp_rec_next(stream, len, &pos, &rec);
		if (err)
			break;
		place.id = rec.id;
		place.task = rec.task;
		place.type = rec.type;
		wppi_buf_add(&list, &place, sizeof(place));
	}
	r->at = (struct rec_place *)(void *)list.data;
	r->nr = list.len / sizeof(*r->at);
	if (r->nr)
		qsort(r->at, r->nr, sizeof(*r->at), compare);
	return list.failed ? WPP_ENOMEM : err == WPP_ENOENT ? 0 : err;
}

void wppi_records_free(struct records *r)
{
	free(r->stream);
	free(r->at);
	*r = (struct records){ 0 };
}

/* Index of the first place that is not before @p. */
static size_t lower_bound(const struct records *r, const struct rec_place *p)
{
	size_t lo = 0, hi = r->nr;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (compare(&r->at[mid], p) < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

static struct rec_cursor between(const struct records *r, const struct rec_place *first,
				 const struct rec_place *last)
{
	return (struct rec_cursor){ r, lower_bound(r, first), lower_bound(r, last) };
}

/* No record begins at SIZE_MAX: the bound is behind all of them. */
struct rec_cursor wppi_rec_all(const struct records *r, uint32_t task, uint16_t type)
{
	const struct rec_place first = { .task = task, .type = type };
	const struct rec_place last = { UINT64_MAX, SIZE_MAX, task, type };

	return between(r, &first, &last);
}

struct rec_cursor wppi_rec_of(const struct records *r, uint32_t task, uint16_t type, uint64_t id)
{
	const struct rec_place first = { id, 0, task, type };
	const struct rec_place last = { id, SIZE_MAX, task, type };

	return between(r, &first, &last);
}

bool wppi_rec_next(struct rec_cursor *c, struct wpp_rec *rec)
{
	size_t pos;

	if (c->next >= c->end)
		return false;
	pos = c->in->at[c->next++].pos;
	return wpp_rec_next(c->in->stream, c->in->len, &pos, rec) == 0;
}

bool wppi_rec_find(const struct records *r, uint32_t task, uint16_t type, struct wpp_rec *rec)
{
	struct rec_cursor c = wppi_rec_all(r, task, type);

	return wppi_rec_next(&c, rec);
}
