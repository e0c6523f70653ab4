/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* B.1 and B.3: COUNT dataspaces of PAGES pages each. */
#include "common.h"

#define SIZE (PAGES * 4096)

int main(int argc, char **argv)
{
	FILE *log = open_log(argv);
	uint16_t *data[COUNT];

	(void)argc;
	for (int i = 0; i < COUNT; i++)
		data[i] = dataspace_attach(dataspace_alloc(SIZE), SIZE);
	for (;;) {
		for (int i = 0; i < COUNT; i++)
			*data[i] += 1;
		for (int i = 1; i < COUNT; i++) {
			if (*data[i] != *data[0])
				return 1;
		}
		fprintf(log, "%u\n", *data[0]);
		delay();
	}
}
