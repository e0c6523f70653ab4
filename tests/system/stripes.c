/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Walks over its pages again and again and raises the number in each by one. At any instant the
 * first pages hold n and the others n - 1: an image that mixes two instants shows, in the image and
 * to the program itself when it goes on. argv[1] is a file that tells how far it is.
 */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#define PAGES 256
#define MAGIC 0x7365706972747300ull /* ".stripes" */

struct stripe {
	uint64_t magic, index, n, rest[508], n_again;
};

static _Alignas(4096) volatile struct stripe stripes[PAGES];
static char name[256], new_name[264];

static void tell(const char *what, unsigned long long n)
{
	FILE *f;

	do {
		f = fopen(new_name, "w");
		if (!f || fprintf(f, "%s %llu\n", what, n) < 0 || fclose(f))
			abort();
	} while (rename(new_name, name) && errno == ENOENT); /* it was lost with the power */
}

static void raise_all(uint64_t n)
{
	for (uint64_t i = 0; i < PAGES; i++) {
		volatile struct stripe *s = &stripes[i];

		if (s->n != n - 1 || s->n_again != n - 1 || s->index != i) {
			tell("broken", n);
			abort();
		}
		s->n = n;
		s->n_again = n;
	}
}

int main(int argc, char **argv)
{
	if (argc != 2)
		return 2;
	snprintf(name, sizeof(name), "%s", argv[1]);
	snprintf(new_name, sizeof(new_name), "%s.new", argv[1]);
	for (uint64_t i = 0; i < PAGES; i++) {
		stripes[i].magic = MAGIC;
		stripes[i].index = i;
	}
	for (uint64_t n = 1;; n++) {
		raise_all(n);
		if (n % 64 == 0)
			tell("at", n);
	}
}
