/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* epoll: the set, each target found by its open file description and its number at that time. */
#include <errno.h>
#include <fcntl.h>
#include <linux/kcmp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "files.h"

#define PRIVATE_EVENTS (EPOLLWAKEUP | EPOLLONESHOT | EPOLLET | EPOLLEXCLUSIVE)

static bool match_epoll(struct files *fs, const struct file *f)
{
	(void)fs;
	return !strcmp(f->link, "anon_inode:[eventpoll]");
}

/* ---- Capture ---- */

static bool is_target(const struct files *fs, const struct file *e, const struct file *f,
		      unsigned int tfd, unsigned int nth)
{
	struct kcmp_epoll_slot slot = { .efd = (unsigned int)e->num, .tfd = tfd, .toff = nth };

	return syscall(SYS_kcmp, fs->c->pid, fs->c->pid, KCMP_EPOLL_TFD, f->num, &slot) == 0;
}

/* Usually what the number still stands for; else the description lives on under another number. */
static const struct file *find_target(const struct files *fs, const struct file *e,
				      unsigned int tfd, unsigned int nth)
{
	for (size_t i = 0; i < fs->nr_nums; i++) {
		const struct file *f = &fs->v[fs->nums[i].file];

		if (fs->nums[i].num == (int)tfd && is_target(fs, e, f, tfd, nth))
			return f;
	}
	for (size_t i = 0; i < fs->nr; i++) {
		if (is_target(fs, e, &fs->v[i], tfd, nth))
			return &fs->v[i];
	}
	return NULL;
}

/* Which of the entries with the same number this is, in the order that fdinfo and kcmp share. */
static unsigned int nth_of(const char *info, const char *line, unsigned int tfd)
{
	const char *pos = info, *l;
	unsigned int n = 0;

	while ((l = wppi_file_line(&pos, "tfd:")) && l < line)
		n += strtoul(l, NULL, 10) == tfd;
	return n;
}

static int each_item(struct files *fs, struct file *f, bool collect)
{
	const char *pos = f->info, *line;

	while ((line = wppi_file_line(&pos, "tfd:"))) {
		unsigned int tfd, events;
		unsigned long long data;
		const struct file *target;
		struct wpp_rec_epitem rec;

		if (sscanf(line, " %u events: %x data: %llx", &tfd, &events, &data) != 3)
			return WPP_EFORMAT;
		target = find_target(fs, f, tfd, nth_of(f->info, line, tfd));
		if (!target && !collect)
			wppi_refuse(&fs->c->notes, "epoll-target",
				    "descriptor %d: its epoll set has %u, which is closed here and "
				    "open in another process",
				    f->num, tfd);
		if (!target || !collect)
			continue;
		rec = (struct wpp_rec_epitem){ tfd, target->id, events, data };
		WPPI_REC(&fs->c->pcb, EPITEM, 0, f->id, &rec, NULL, 0);
	}
	return 0;
}

static int check_epoll(struct files *fs, struct file *f)
{
	return each_item(fs, f, false);
}

static int collect_epoll(struct files *fs, struct file *f, struct wpp_rec_ofd *rec)
{
	(void)rec;
	return each_item(fs, f, true);
}

/* ---- Recreate ---- */

static int open_epoll(struct rebuild *b, struct ofd *o)
{
	return wppi_ofd_put(b, o, epoll_create1(EPOLL_CLOEXEC));
}

/*
 * A one-shot item that has fired has no events but the kernel adds errors and hang-up to every new
 * one: let it fire once while it is alone in the set.
 */
static int disarm(int ep, int fd, struct epoll_event *ev)
{
	struct epoll_event fire = { .events = EPOLLIN | EPOLLOUT | (ev->events & PRIVATE_EVENTS),
				    .data = ev->data };
	struct epoll_event got;

	if (epoll_ctl(ep, EPOLL_CTL_ADD, fd, &fire))
		return -errno;
	if (epoll_wait(ep, &got, 1, 0) == 1)
		return 0;
	return epoll_ctl(ep, EPOLL_CTL_MOD, fd, ev) ? -errno : 0;
}

static bool is_spent(const struct wpp_rec_epitem *item)
{
	return item->events & EPOLLONESHOT && !(item->events & ~(uint64_t)PRIVATE_EVENTS);
}

static int add_item(int ep, int fd, const struct wpp_rec_epitem *item)
{
	struct epoll_event ev = { .events = (uint32_t)item->events, .data.u64 = item->data };

	if (is_spent(item))
		return disarm(ep, fd, &ev);
	return epoll_ctl(ep, EPOLL_CTL_ADD, fd, &ev) ? -errno : 0;
}

/* The target has to have the number that it had when it was added, if only for the call. */
static int add_as(struct rebuild *b, int ep, const struct ofd *target,
		  const struct wpp_rec_epitem *item)
{
	int num = (int)item->fd, flags = fcntl(num, F_GETFD), save = -1, err;

	if (flags >= 0) {
		save = fcntl(num, F_DUPFD_CLOEXEC, b->gap);
		if (save < 0)
			return -errno;
	}
	if (ep == num)
		ep = save;
	err = dup2(target->fd == num ? save : target->fd, num) < 0 ? -errno : 0;
	if (!err)
		err = add_item(ep, num, item);
	if (save >= 0) {
		if (dup3(save, num, flags & FD_CLOEXEC ? O_CLOEXEC : 0) < 0 && !err)
			err = -errno;
		close(save);
	} else {
		close(num);
	}
	return err;
}

static bool has_number(const struct rebuild *b, const struct ofd *o, uint64_t num)
{
	for (size_t i = 0; i < b->nr_nums; i++) {
		if ((uint64_t)b->nums[i].num == num)
			return &b->v[b->nums[i].file] == o;
	}
	return false;
}

static int finish_items(struct rebuild *b, struct ofd *o, bool spent)
{
	struct wpp_rec_epitem item;
	struct wpp_rec rec;
	size_t pos = 0;
	int err = 0;

	while (!err && wppi_ofd_next(b, o, WPP_REC_EPITEM, &pos, &rec) == 0) {
		const struct ofd *target;

		wpp_rec_get(&rec, (uint64_t *)&item, WPP_REC_NR(item));
		target = wppi_ofd_find(b, item.ofd);
		if (is_spent(&item) != spent || !target || target->fd < 0)
			continue; /* its file was let go */
		err = has_number(b, target, item.fd) ? add_item(o->fd, (int)item.fd, &item)
						     : add_as(b, o->fd, target, &item);
	}
	return err;
}

static int finish_epoll(struct rebuild *b, struct ofd *o)
{
	int err = finish_items(b, o, true);

	return err ? err : finish_items(b, o, false);
}

const struct file_kind wppi_file_epoll = {
	.kind = WPP_OFD_EPOLL,
	.match = match_epoll,
	.check = check_epoll,
	.collect = collect_epoll,
	.open = open_epoll,
	.finish = finish_epoll,
};
