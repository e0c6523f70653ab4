/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Memory that pages go through on their way to the medium and back. */
#ifndef WPPI_RING_H
#define WPPI_RING_H

#include <wpp/store.h>

/* Lent by the store when its medium has such memory, else ours. */
struct ring_memory {
	uint8_t *mem;
	size_t len;
	struct wpp_store *lender; /* NULL: mapped by us */
};

/* @len: a multiple of 2 MiB. The memory is aligned to that. Return: 0, WPP_ENOMEM. */
int wppi_ring_get(struct ring_memory *r, struct wpp_store *st, size_t len);
/* Nothing when there is none. */
void wppi_ring_put(struct ring_memory *r);

#endif
