/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The process that is persisted while wpp is killed. Three threads count on a
 * page each and keep floating point state; main writes a line a millisecond and
 * ends with a message when a thread's state is not what it computed before.
 */
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define THREADS 3

static volatile uint64_t counters[THREADS][512];
static volatile int broken;

static void *count(void *arg)
{
	volatile uint64_t *page = arg;
	double x = 1.0, y;

	for (uint64_t n = 1;; n++) {
		y = x * 1.0000001;
		for (int i = 0; i < 512; i++)
			page[i] = n;
		if (y != x * 1.0000001 || page[0] != page[511])
			broken = 1;
		x = y > 1e6 ? 1.0 : y;
	}
	return NULL;
}

int main(int argc, char **argv)
{
	FILE *log = argc > 1 ? fopen(argv[1], "a") : NULL;
	struct timespec ms = { .tv_nsec = 1000000 };
	uint64_t last[THREADS] = { 0 };
	pthread_t thread;

	if (!log)
		return 2;
	setvbuf(log, NULL, _IOLBF, 0);
	for (uintptr_t i = 0; i < THREADS; i++) {
		if (pthread_create(&thread, NULL, count, (void *)counters[i]) != 0)
			return 2;
	}
	for (uint64_t line = 0; !broken; line++) {
		for (int i = 0; i < THREADS; i++) {
			if (counters[i][0] < last[i])
				broken = 1;
			last[i] = counters[i][0];
		}
		fprintf(log, "%llu\n", (unsigned long long)line);
		if (nanosleep(&ms, NULL) != 0)
			broken = 2;
	}
	fprintf(log, "broken %d\n", broken);
	return 1;
}
