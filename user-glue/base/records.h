/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The records of an image, indexed. A cursor is bound to a task, so no loop can
 * take another process' records for its own; a look-up takes log(n).
 */
#ifndef WPP_RECORDS_H
#define WPP_RECORDS_H

#include <stdbool.h>

#include "base/buf.h"

/* Where a record begins. */
struct rec_place {
	uint64_t id;
	size_t pos;
	uint32_t task;
	uint16_t type;
};

struct records {
	uint8_t *stream; /* owned */
	size_t len;
	struct rec_place *at; /* ascending by task, type, id and place */
	size_t nr;
};

struct rec_cursor {
	const struct records *in;
	size_t next, end;
};

/*
 * Takes over @stream, malloced and hostile, and walks it once. 0; WPP_ENOMEM, or what
 * wpp_rec_next() says of a broken stream. To be freed in any case.
 */
int wppi_records_load(struct records *r, uint8_t *stream, size_t len);
void wppi_records_free(struct records *r);

/* Those of a type that name @task (0: what tasks share), by ascending id, then in their order. */
struct rec_cursor wppi_rec_all(const struct records *r, uint32_t task, uint16_t type);
/* Of them, those with this id. */
struct rec_cursor wppi_rec_of(const struct records *r, uint32_t task, uint16_t type, uint64_t id);
/* The next one into @rec; false: there is none. */
bool wppi_rec_next(struct rec_cursor *c, struct wpp_rec *rec);
/* The first of a type. False: there is none. */
bool wppi_rec_find(const struct records *r, uint32_t task, uint16_t type, struct wpp_rec *rec);

/* The fields of a record, native. */
#define WPPI_GET(rec, x) wpp_rec_get((rec), (uint64_t *)(x), WPP_REC_NR(*(x)))

#endif
