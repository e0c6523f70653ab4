/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "sort_priv.h"

#include "plat.h"

struct heap {
	unsigned char *base;
	size_t size;
	bool (*less)(const void *a, const void *b);
};

static void *at(const struct heap *h, size_t i)
{
	return h->base + i * h->size;
}

static void swap(const struct heap *h, size_t i, size_t j)
{
	unsigned char tmp[32];

	wpp_memcpy(tmp, at(h, i), h->size);
	wpp_memcpy(at(h, i), at(h, j), h->size);
	wpp_memcpy(at(h, j), tmp, h->size);
}

static void sift_down(const struct heap *h, size_t i, size_t nr)
{
	while (2 * i + 1 < nr) {
		size_t child = 2 * i + 1;

		if (child + 1 < nr && h->less(at(h, child), at(h, child + 1)))
			child++;
		if (!h->less(at(h, i), at(h, child)))
			return;
		swap(h, i, child);
		i = child;
	}
}

void wppi_sort(void *base, size_t nr, size_t size, bool (*less)(const void *a, const void *b))
{
	const struct heap h = { .base = base, .size = size, .less = less };

	for (size_t i = nr / 2; i-- > 0;)
		sift_down(&h, i, nr);
	for (size_t end = nr; end > 1; end--) {
		swap(&h, 0, end - 1);
		sift_down(&h, 0, end - 1);
	}
}
