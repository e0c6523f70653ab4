/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Clocks that never jump back: after a reboot CLOCK_MONOTONIC and
 * CLOCK_BOOTTIME start at zero again, so the process gets a time namespace in
 * which they go on from where they were.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "state/state.h"

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

#ifndef CLONE_NEWTIME
#define CLONE_NEWTIME 0x00000080
#endif
#define NS_PER_S 1000000000ll
#define OFFSETS	 "/proc/self/timens_offsets"

static uint64_t behind(uint64_t recorded, int clock)
{
	uint64_t now = wppi_now_ns(clock);

	return recorded > now ? recorded - now : 0;
}

int wppi_timens_prepare(struct tree *t)
{
	const struct wpp_rec_machine *m = &t->machine;

	if (m->monotonic_ns > INT64_MAX / 2 || m->boottime_ns > INT64_MAX / 2)
		return WPP_ECORRUPT;
	t->clock_shift_ns = behind(m->monotonic_ns, CLOCK_MONOTONIC);
	t->boot_shift_ns = behind(m->boottime_ns, CLOCK_BOOTTIME);
	return 0;
}

/* Offsets are counted from the machine's own clocks, and we may be in a namespace ourselves. */
static int read_offsets(int64_t *monotonic, int64_t *boottime)
{
	FILE *f = fopen(OFFSETS, "re");
	char clock[32];
	long long s, ns;

	*monotonic = *boottime = 0;
	if (!f)
		return -errno;
	while (fscanf(f, "%31s %lld %lld", clock, &s, &ns) == 3)
		*(strcmp(clock, "monotonic") ? boottime : monotonic) = s * NS_PER_S + ns;
	fclose(f);
	return 0;
}

static int write_offset(int fd, const char *clock, int64_t ns)
{
	int64_t s = ns / NS_PER_S - (ns % NS_PER_S < 0);
	char line[96];
	int len = snprintf(line, sizeof(line), "%s %lld %lld\n", clock, (long long)s,
			   (long long)(ns - s * NS_PER_S));

	return write(fd, line, (size_t)len) == len ? 0 : -errno;
}

int wppi_timens_enter(const struct tree *t)
{
	int64_t monotonic, boottime;
	int fd, err;

	if (!t->clock_shift_ns && !t->boot_shift_ns)
		return 0;
	err = read_offsets(&monotonic, &boottime);
	if (err)
		return err;
	if (unshare(CLONE_NEWTIME))
		return -errno;
	fd = open(OFFSETS, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	err = write_offset(fd, "monotonic", monotonic + (int64_t)t->clock_shift_ns);
	if (!err)
		err = write_offset(fd, "boottime", boottime + (int64_t)t->boot_shift_ns);
	close(fd);
	return err;
}
