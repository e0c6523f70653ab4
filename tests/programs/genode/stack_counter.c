/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* B.2: a counter on the stack. */
#include "common.h"

int main(int argc, char **argv)
{
	FILE *log = open_log(argv);
	volatile uint16_t counter = 1;

	(void)argc;
	for (;;) {
		fprintf(log, "%u\n", counter);
		counter++;
		delay();
	}
}
