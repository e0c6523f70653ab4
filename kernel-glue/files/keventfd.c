/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * eventfd, signalfd, timerfd: a few words of state each, as fdinfo tells.
 */
#include <linux/eventfd.h>
#include <linux/fs.h>
#include <linux/timekeeping.h>
#include <linux/timerfd.h>
#include <linux/uaccess.h>
#include <linux/wait.h>

#include "compat/kcompat.h"
#include "files/kfiles.h"

#define TRIES 5

/* ---- eventfd ---- */

static bool match_eventfd(struct wppk_member *m, const struct wppk_file *f)
{
	return !strcmp(f->link, "anon_inode:[eventfd]");
}

#if WPPK_SINCE(6, 5)
static int is_semaphore(struct wppk_file *f, u64 count)
{
	return wppk_info_value(f, "eventfd-semaphore", 10, 0);
}
#else
/*
 * The kernel doesn't say whether it is a semaphore: a read takes one, or all. Nobody else reads
 * meanwhile, the process stands, and the count is put back.
 */
static int is_semaphore(struct wppk_file *f, u64 count)
{
	u64 want = max(count, 2ull), got = 0;
	struct eventfd_ctx *ctx = eventfd_ctx_fileget(f->file);
	int semaphore;

	if (IS_ERR(ctx))
		return PTR_ERR(ctx);
	if (want > count)
		eventfd_signal(ctx, want - count);
	semaphore = kernel_read(f->file, &got, sizeof(got), NULL) == sizeof(got) ? got == 1 : -EIO;
	if (semaphore >= 0) {
		u64 left = want - got;

		for (; left > count; left--)
			kernel_read(f->file, &got, sizeof(got), NULL);
		if (left < count)
			eventfd_signal(ctx, count - left);
	}
	eventfd_ctx_put(ctx);
	return semaphore;
}
#endif

static int collect_eventfd(struct wppk_member *m, struct wppk_file *f, struct wpp_rec_ofd *ofd)
{
	struct wpp_rec_eventfd rec = { .count = wppk_info_value(f, "eventfd-count", 16, 0) };
	int semaphore = is_semaphore(f, rec.count);

	if (semaphore < 0)
		return semaphore;
	rec.flags = semaphore ? EFD_SEMAPHORE : 0;
	WPPK_REC_SHARED(m, EVENTFD, f->id, &rec, NULL, 0);
	return 0;
}

const struct wppk_file_kind wppk_file_eventfd = {
	.kind = WPP_OFD_EVENTFD,
	.match = match_eventfd,
	.collect = collect_eventfd,
};

/* ---- signalfd ---- */

static bool match_signalfd(struct wppk_member *m, const struct wppk_file *f)
{
	return !strcmp(f->link, "anon_inode:[signalfd]");
}

static int collect_signalfd(struct wppk_member *m, struct wppk_file *f, struct wpp_rec_ofd *ofd)
{
	struct wpp_rec_signalfd rec = { .mask = wppk_info_value(f, "sigmask", 16, 0) };

	WPPK_REC_SHARED(m, SIGNALFD, f->id, &rec, NULL, 0);
	return 0;
}

const struct wppk_file_kind wppk_file_signalfd = {
	.kind = WPP_OFD_SIGNALFD,
	.match = match_signalfd,
	.collect = collect_signalfd,
};

/* ---- timerfd ---- */

static bool match_timerfd(struct wppk_member *m, const struct wppk_file *f)
{
	return !strcmp(f->link, "anon_inode:[timerfd]");
}

/* "key: (seconds, nanoseconds)" */
static u64 info_time(const struct wppk_file *f, const char *key)
{
	unsigned long long sec, nsec;
	const char *pos = f->info, *text = wppk_info_line(&pos, key);

	if (!text || sscanf(text, ": (%llu, %llu)", &sec, &nsec) != 2)
		return 0;
	return sec * NSEC_PER_SEC + nsec;
}

/* Absolute times of the wall clock are kept; all others are what was left. */
static bool keeps_wall_time(const struct wpp_rec_timerfd *t)
{
	return t->settime_flags & TFD_TIMER_ABSTIME &&
	       (t->clock == CLOCK_REALTIME || t->clock == CLOCK_REALTIME_ALARM);
}

/*
 * An interval timer that has expired stands until it is read: its phase is known to the kernel
 * alone. Reading brings it up to date, and the ticks are given back.
 */
static int bring_up_to_date(struct wppk_member *m, struct wppk_file *f)
{
	void __user *page = wppk_files_page(m);
	char *info;
	u64 ticks;
	long n;

	if (!page)
		return -ENOMEM;
	n = wppk_read_u64(f->file, page, &ticks);
	if (n != sizeof(ticks) || copy_to_user(page, &ticks, sizeof(ticks)))
		return n < 0 ? n : -EIO;
	n = f->file->f_op->unlocked_ioctl(f->file, TFD_IOC_SET_TICKS, (unsigned long)page);
	if (n)
		return n;
	info = wppk_fdinfo(f->file);
	if (IS_ERR(info))
		return PTR_ERR(info);
	kvfree(f->info);
	f->info = info;
	return 0;
}

static bool is_behind(const struct wppk_file *f)
{
	return info_time(f, "it_interval") && !info_time(f, "it_value") &&
	       wppk_info_value(f, "ticks", 10, 0);
}

static int collect_timerfd(struct wppk_member *m, struct wppk_file *f, struct wpp_rec_ofd *ofd)
{
	struct wpp_rec_timerfd rec;
	int i, err = 0;

	for (i = 0; !err && is_behind(f) && i < TRIES; i++)
		err = bring_up_to_date(m, f);
	if (err)
		return err;
	rec = (struct wpp_rec_timerfd){
		.clock = wppk_info_value(f, "clockid", 10, CLOCK_MONOTONIC),
		.ticks = wppk_info_value(f, "ticks", 10, 0),
		.settime_flags = wppk_info_value(f, "settime flags", 8, 0),
		.value_ns = info_time(f, "it_value"),
		.interval_ns = info_time(f, "it_interval"),
	};
	if (is_behind(f)) /* its interval is too short to be caught */
		rec.value_ns = rec.interval_ns;
	if (rec.value_ns && keeps_wall_time(&rec))
		rec.value_ns += ktime_get_real_ns();
	WPPK_REC_SHARED(m, TIMERFD, f->id, &rec, NULL, 0);
	return 0;
}

const struct wppk_file_kind wppk_file_timerfd = {
	.kind = WPP_OFD_TIMERFD,
	.match = match_timerfd,
	.collect = collect_timerfd,
};
