/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The clocks of another process: it may live in a time namespace. */
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "capture/capture.h"

/* Seconds and nanoseconds behind a name in /proc/PID/timens_offsets, in ns; 0: none. */
static int64_t offset_of(pid_t pid, const char *clock)
{
	char text[256];
	long long sec;
	long nsec;
	const char *p;

	if (wppi_proc_read(pid, "timens_offsets", text, sizeof(text)) < 0)
		return 0;
	p = strstr(text, clock);
	if (!p || sscanf(p + strlen(clock), "%lld %ld", &sec, &nsec) != 2)
		return 0;
	return sec * 1000000000 + nsec;
}

static uint64_t clock_of(pid_t pid, int clock, const char *name)
{
	int64_t shift = offset_of(pid, name) - offset_of(getpid(), name);

	return wppi_now_ns(clock) + (uint64_t)shift;
}

void wppi_clocks_of(pid_t pid, uint64_t *monotonic_ns, uint64_t *boottime_ns)
{
	*monotonic_ns = clock_of(pid, CLOCK_MONOTONIC, "monotonic");
	*boottime_ns = clock_of(pid, CLOCK_BOOTTIME, "boottime");
}

void wppi_boot_id(uint64_t *hi, uint64_t *lo)
{
	FILE *f = fopen("/proc/sys/kernel/random/boot_id", "re");
	char text[64] = "", hex[33] = "";
	size_t n = 0;

	if (f && !fgets(text, sizeof(text), f))
		text[0] = '\0';
	if (f)
		fclose(f);
	for (const char *p = text; *p && n < 32; p++) {
		if (*p != '-' && *p != '\n')
			hex[n++] = *p;
	}
	*lo = n == 32 ? strtoull(hex + 16, NULL, 16) : 0;
	hex[16] = '\0';
	*hi = n == 32 ? strtoull(hex, NULL, 16) : 0;
}
