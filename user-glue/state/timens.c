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
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "recreate/recreate_priv.h"

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

int wppi_timens_prepare(struct build *b)
{
	const struct wpp_rec_machine *m = &b->r.machine;

	if (m->monotonic_ns > INT64_MAX / 2 || m->boottime_ns > INT64_MAX / 2)
		return WPP_ECORRUPT;
	b->r.clock_shift_ns = behind(m->monotonic_ns, CLOCK_MONOTONIC);
	b->boot_shift_ns = behind(m->boottime_ns, CLOCK_BOOTTIME);
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

int wppi_timens_enter(const struct build *b)
{
	int64_t monotonic, boottime;
	int fd, err;

	if (!b->r.clock_shift_ns && !b->boot_shift_ns)
		return 0;
	err = read_offsets(&monotonic, &boottime);
	if (err)
		return err;
	if (unshare(CLONE_NEWTIME))
		return -errno;
	fd = open(OFFSETS, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	err = write_offset(fd, "monotonic", monotonic + (int64_t)b->r.clock_shift_ns);
	if (!err)
		err = write_offset(fd, "boottime", boottime + (int64_t)b->boot_shift_ns);
	close(fd);
	return err;
}
