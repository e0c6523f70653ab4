/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The thesis' synthetic load (6.3): allocates argv[1] MiB, fills it with random data, then sleeps.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	size_t len = argc > 2 ? (size_t)strtoull(argv[1], NULL, 10) << 20 : 0;
	uint64_t *p, x = 88172645463325252ull;
	FILE *ready;

	if (!len)
		return 2;
	p = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (p == MAP_FAILED)
		return 1;
	for (size_t i = 0; i < len / sizeof(*p); i++) {
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		p[i] = x;
	}
	ready = fopen(argv[2], "w");
	if (!ready || fclose(ready) != 0)
		return 1;
	for (;;)
		pause();
}
