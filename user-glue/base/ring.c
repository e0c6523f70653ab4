/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include <string.h>
#include <sys/mman.h>

#include "base/ring.h"

#define HUGE_PAGE (2u << 20)

/* Aligned, so that huge pages fit: what sticks out on both sides is given back. */
static uint8_t *map_aligned(size_t len)
{
	uint8_t *p = mmap(NULL, len + HUGE_PAGE, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	size_t head;

	if (p == MAP_FAILED)
		return NULL;
	head = -(uintptr_t)p & (HUGE_PAGE - 1);
	if (head)
		munmap(p, head);
	munmap(p + head + len, HUGE_PAGE - head);
	madvise(p + head, len, MADV_HUGEPAGE);
	return p + head;
}

int wppi_ring_get(struct ring_memory *r, struct wpp_store *st, size_t len)
{
	r->len = len;
	r->lender = st;
	r->mem = wpp_store_lend(st, len);
	if (r->mem)
		return 0;
	r->lender = NULL;
	r->mem = map_aligned(len);
	return r->mem ? 0 : WPP_ENOMEM;
}

void wppi_ring_put(struct ring_memory *r)
{
	if (r->mem && r->lender)
		wpp_store_give_back(r->lender, r->mem, r->len);
	else if (r->mem)
		munmap(r->mem, r->len);
	memset(r, 0, sizeof(*r));
}
