/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Writes a line every few milliseconds to argv[1]; has a page that can be found on the medium. */
#include <stdio.h>
#include <string.h>
#include <time.h>

static _Alignas(4096) char marked[4096];

static void count(FILE *out)
{
	struct timespec pause = { .tv_nsec = 5000000 };

	for (unsigned long n = 0;; n++) {
		fprintf(out, "%lu\n", n);
		nanosleep(&pause, NULL);
	}
}

int main(int argc, char **argv)
{
	FILE *out = argc > 1 ? fopen(argv[1], "w") : NULL;

	if (!out)
		return 2;
	for (size_t i = 0; i < sizeof(marked); i += 8)
		memcpy(marked + i, "wpp-mark", 8);
	setvbuf(out, NULL, _IOLBF, 0);
	count(out);
	return 0;
}
