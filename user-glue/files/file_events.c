/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* eventfd and signalfd: a few words of state each. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "files/files.h"

/* ---- eventfd ---- */

static bool match_eventfd(struct files *fs, const struct file *f)
{
	(void)fs;
	return !strcmp(f->link, "anon_inode:[eventfd]");
}

/*
 * Kernels before 6.5 don't say whether it is a semaphore: a read takes one, or all. Nobody else
 * reads meanwhile, the process is stopped, and the count is put back.
 */
static int probe_semaphore(int fd, uint64_t count, bool *semaphore)
{
	uint64_t two = 2, got, back;

	if (count < 2 && write(fd, &two, sizeof(two)) != sizeof(two))
		return -errno;
	if (read(fd, &got, sizeof(got)) != sizeof(got))
		return -errno;
	*semaphore = got == 1;
	if (count >= 2) {
		back = got;
		return write(fd, &back, sizeof(back)) == sizeof(back) ? 0 : -errno;
	}
	for (uint64_t left = two + count - got; *semaphore && left > count; left--) {
		if (read(fd, &got, sizeof(got)) != sizeof(got))
			return -errno;
	}
	if (!*semaphore && count && write(fd, &count, sizeof(count)) != sizeof(count))
		return -errno;
	return 0;
}

static int collect_eventfd(struct files *fs, struct file *f, struct wpp_rec_ofd *ofd)
{
	struct wpp_rec_eventfd rec = { .count = wppi_file_info(f, "eventfd-count", 16, 0) };
	bool semaphore = wppi_file_info(f, "eventfd-semaphore", 10, 0);
	int err = 0;

	(void)ofd;
	if (!wppi_proc_field(f->info, "eventfd-semaphore"))
		err = probe_semaphore(f->fd, rec.count, &semaphore);
	rec.flags = semaphore ? EFD_SEMAPHORE : 0;
	WPPI_REC(&fs->m->tree->pcb, EVENTFD, 0, f->id, &rec, NULL, 0);
	return err;
}

static int open_eventfd(struct rebuild *b, struct ofd *o)
{
	struct wpp_rec_eventfd e;
	struct wpp_rec rec;
	int err;

	if (!wppi_shared_find(b->m->tree, WPP_REC_EVENTFD, o->id, &rec))
		return WPP_ECORRUPT;
	wpp_rec_get(&rec, (uint64_t *)&e, WPP_REC_NR(e));
	err = wppi_ofd_put(b, o, eventfd(0, EFD_CLOEXEC | ((int)e.flags & EFD_SEMAPHORE)));
	if (err || !e.count)
		return err;
	if (e.count == UINT64_MAX) /* an overflow that only the kernel can make */
		e.count--;
	return write(o->fd, &e.count, sizeof(e.count)) == sizeof(e.count) ? 0 : -errno;
}

const struct file_kind wppi_file_eventfd = {
	.kind = WPP_OFD_EVENTFD,
	.match = match_eventfd,
	.collect = collect_eventfd,
	.open = open_eventfd,
};

/* ---- signalfd ---- */

static bool match_signalfd(struct files *fs, const struct file *f)
{
	(void)fs;
	return !strcmp(f->link, "anon_inode:[signalfd]");
}

static int collect_signalfd(struct files *fs, struct file *f, struct wpp_rec_ofd *ofd)
{
	struct wpp_rec_signalfd rec = { .mask = wppi_file_info(f, "sigmask", 16, 0) };

	(void)ofd;
	WPPI_REC(&fs->m->tree->pcb, SIGNALFD, 0, f->id, &rec, NULL, 0);
	return 0;
}

static int open_signalfd(struct rebuild *b, struct ofd *o)
{
	struct wpp_rec_signalfd s;
	struct wpp_rec rec;

	if (!wppi_shared_find(b->m->tree, WPP_REC_SIGNALFD, o->id, &rec))
		return WPP_ECORRUPT;
	wpp_rec_get(&rec, (uint64_t *)&s, WPP_REC_NR(s));
	return wppi_ofd_put(b, o,
			    (int)syscall(SYS_signalfd4, -1, &s.mask, sizeof(s.mask), SFD_CLOEXEC));
}

const struct file_kind wppi_file_signalfd = {
	.kind = WPP_OFD_SIGNALFD,
	.match = match_signalfd,
	.collect = collect_signalfd,
	.open = open_signalfd,
};
