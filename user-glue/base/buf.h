/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* A growing buffer; after a failed allocation it stays failed (check once at the end). */
#ifndef WPP_BUF_H
#define WPP_BUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <wpp/pcb.h>

struct buf {
	uint8_t *data;
	size_t len, cap;
	bool failed;
};

void wppi_buf_add(struct buf *b, const void *data, size_t len);
/* Room for @len more bytes, counted in already; NULL when there is no memory. */
void *wppi_buf_reserve(struct buf *b, size_t len);
void wppi_buf_free(struct buf *b);

/*
 * Append a record. @fields is a struct wpp_rec_X: use WPPI_REC(b, NAME, task, id, &x, tail, len).
 */
void wppi_rec_add(struct buf *b, uint16_t type, uint32_t task, uint64_t id, const void *fields,
		  uint32_t nr_fields, const void *tail, size_t tail_len);
#define WPPI_REC(b, NAME, task, id, x, tail, tail_len)                                             \
	wppi_rec_add((b), WPP_REC_##NAME, (uint32_t)(task), (uint64_t)(id), (x), WPP_REC_NR(*(x)), \
		     (tail), (tail_len))

#endif
