/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Figure 5.1: counters on the heap, on the stack, in an attached dataspace; one is not attached. */
#include "common.h"

#define SIZE (20 * 4096)

int main(int argc, char **argv)
{
	int attached = dataspace_alloc(SIZE), detached = dataspace_alloc(SIZE);
	FILE *log = open_log(argv);
	uint8_t *heap_n = calloc(1, 1);
	uint16_t *manual_n = dataspace_attach(attached, SIZE), unseen = 0;
	uint8_t stack_n = 0;

	(void)argc;
	if (!heap_n)
		return 2;
	for (;;) {
		++*heap_n;
		++stack_n;
		++*manual_n;
		if (pread(detached, &unseen, sizeof(unseen), 4096) < 0)
			return 2;
		unseen++;
		if (pwrite(detached, &unseen, sizeof(unseen), 4096) != sizeof(unseen))
			return 2;
		if (*heap_n != stack_n || (uint8_t)*manual_n != stack_n || unseen != *manual_n)
			return 1;
		fprintf(log, "%u\n", *manual_n);
		delay();
	}
}
