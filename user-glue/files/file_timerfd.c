/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* timerfd: the clock goes on where it stood, a wall-clock time stays that time. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "files/files.h"

#ifndef TFD_IOC_SET_TICKS
#define TFD_IOC_SET_TICKS _IOW('T', 0, uint64_t)
#endif
#define NS 1000000000u

static bool match_timerfd(struct files *fs, const struct file *f)
{
	(void)fs;
	return !strcmp(f->link, "anon_inode:[timerfd]");
}

static uint64_t to_ns(const struct timespec *t)
{
	return (uint64_t)t->tv_sec * NS + (uint64_t)t->tv_nsec;
}

static struct timespec to_timespec(uint64_t ns)
{
	return (struct timespec){ .tv_sec = (time_t)(ns / NS), .tv_nsec = (long)(ns % NS) };
}

/* Absolute times of the wall clock are kept; all others are what was left. */
static bool keeps_wall_time(const struct wpp_rec_timerfd *t)
{
	return t->settime_flags & TFD_TIMER_ABSTIME &&
	       (t->clock == CLOCK_REALTIME || t->clock == CLOCK_REALTIME_ALARM);
}

/*
 * This brings an expired interval timer up to date. No time left with an interval: it is disarmed,
 * or it is due and its interrupt is on the way; that passes.
 */
static int read_left(int fd, struct itimerspec *left)
{
	const struct timespec nap = { .tv_nsec = 50000 };

	for (unsigned int try = 0; try < 20; try++) {
		if (timerfd_gettime(fd, left))
			return -errno;
		if (to_ns(&left->it_value) || !to_ns(&left->it_interval))
			return 0;
		nanosleep(&nap, NULL);
	}
	return 0;
}

static int collect_timerfd(struct files *fs, struct file *f, struct wpp_rec_ofd *ofd)
{
	struct wpp_rec_timerfd rec;
	struct itimerspec left;
	char name[32], *info;
	ssize_t n;
	int err;

	(void)ofd;
	err = read_left(f->fd, &left);
	if (err)
		return err;
	/* fdinfo has the ticks that this brought */
	snprintf(name, sizeof(name), "fdinfo/%d", f->num);
	n = wppi_proc_read_all(fs->m->pid, name, &info);
	if (n < 0)
		return (int)n;
	free(f->info);
	f->info = info;
	rec = (struct wpp_rec_timerfd){
		.clock = wppi_file_info(f, "clockid", 10, CLOCK_MONOTONIC),
		.ticks = wppi_file_info(f, "ticks", 10, 0),
		.settime_flags = wppi_file_info(f, "settime flags", 8, 0),
		.value_ns = to_ns(&left.it_value),
		.interval_ns = to_ns(&left.it_interval),
	};
	if (rec.value_ns && keeps_wall_time(&rec))
		rec.value_ns += wppi_now_ns(CLOCK_REALTIME);
	WPPI_REC(&fs->m->tree->pcb, TIMERFD, 0, f->id, &rec, NULL, 0);
	return 0;
}

static int arm(int fd, const struct wpp_rec_timerfd *t)
{
	struct itimerspec its = { .it_interval = to_timespec(t->interval_ns) };
	uint64_t value = t->value_ns;

	if (value && t->settime_flags & TFD_TIMER_ABSTIME && !keeps_wall_time(t))
		value += wppi_now_ns((int)t->clock);
	its.it_value = to_timespec(value);
	if (timerfd_settime(fd, (int)t->settime_flags, &its, NULL))
		return -errno;
	return t->ticks && ioctl(fd, TFD_IOC_SET_TICKS, &t->ticks) ? -errno : 0;
}

static int open_timerfd(struct rebuild *b, struct ofd *o)
{
	struct wpp_rec_timerfd t;
	struct wpp_rec rec;
	int err;

	if (!wppi_shared_find(b->m->tree, WPP_REC_TIMERFD, o->id, &rec))
		return WPP_ECORRUPT;
	wpp_rec_get(&rec, (uint64_t *)&t, WPP_REC_NR(t));
	err = wppi_ofd_put(b, o, timerfd_create((int)t.clock, TFD_CLOEXEC));
	return err ? err : arm(o->fd, &t);
}

const struct file_kind wppi_file_timerfd = {
	.kind = WPP_OFD_TIMERFD,
	.match = match_timerfd,
	.collect = collect_timerfd,
	.open = open_timerfd,
};
