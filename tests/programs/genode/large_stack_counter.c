/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* B.4: a stack that is nearly used up. */
#include "common.h"

#define COUNT 31650

static int count(FILE *log)
{
	volatile uint16_t counters[COUNT] = { 0 };

	for (;;) {
		for (int i = 0; i < COUNT; i++)
			counters[i]++;
		for (int i = 1; i < COUNT; i++) {
			if (counters[i] != counters[0])
				return 1;
		}
		fprintf(log, "%u\n", counters[0]);
		delay();
	}
}

int main(int argc, char **argv)
{
	FILE *log = open_log(argv);

	(void)argc;
	return count(log);
}
