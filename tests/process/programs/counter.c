/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The smallest: it counts in registers, on the stack, in .data and on the heap. */
#include "selfcheck.h"

static volatile long in_data = 1000;
static volatile long *on_heap;

static void check(int round)
{
	EXPECT_EQ(in_data, 1000 + round - 1);
	EXPECT_EQ(*on_heap, 2000 + round - 1);
	in_data++;
	(*on_heap)++;
	EXPECT(getenv("WPP_TEST_DIR") != NULL);
}

int main(void)
{
	on_heap = malloc(sizeof(*on_heap));
	MUST(on_heap);
	*on_heap = 2000;
	selfcheck(check);
}
