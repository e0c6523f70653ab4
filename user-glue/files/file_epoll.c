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

#include "files/files.h"

#define PRIVATE_EVENTS (EPOLLWAKEUP | EPOLLONESHOT | EPOLLET | EPOLLEXCLUSIVE)

static bool match_epoll(struct files *fs, const struct file *f)
{
	(void)fs;
	return !strcmp(f->link, "anon_inode:[eventpoll]");
}

/* ---- Capture ---- */

/* A line of fdinfo; @nth of those with the same number, in the order that kcmp counts them. */
struct item {
	unsigned int tfd, events, nth, dev, order;
	unsigned long long data;
	unsigned long ino;
};

static int compare_items(const void *pa, const void *pb)
{
	const struct item *a = pa, *b = pb;

	if (a->tfd != b->tfd)
		return a->tfd < b->tfd ? -1 : 1;
	return (a->order > b->order) - (a->order < b->order);
}

static int load_items(const struct file *f, struct buf *out)
{
	const char *pos = f->info, *line;
	struct item it = { 0 }, *v;
	char head[HEAD_LEN];

	while ((line = wppi_file_line(&pos, "tfd:"))) {
		if (sscanf(wppi_head(line, head),
			   " %u events: %x data: %llx pos:%*d ino:%lx sdev:%x", &it.tfd, &it.events,
			   &it.data, &it.ino, &it.dev) != 5)
			return WPP_EFORMAT;
		wppi_buf_add(out, &it, sizeof(it));
		it.order++;
	}
	if (out->failed)
		return WPP_ENOMEM;
	v = (struct item *)out->data;
	if (out->len)
		qsort(v, out->len / sizeof(it), sizeof(it), compare_items);
	for (size_t i = 1; i < out->len / sizeof(it); i++)
		v[i].nth = v[i].tfd == v[i - 1].tfd ? v[i - 1].nth + 1 : 0;
	return 0;
}

/* Is descriptor @num what the item watches? As kcmp: 0 yes, above 0 no, below 0 no such item. */
static int compare_target(const struct files *fs, const struct file *e, int num,
			  const struct item *it)
{
	struct kcmp_epoll_slot slot = {
		.efd = (unsigned int)e->num,
		.tfd = it->tfd,
		.toff = it->nth,
	};

	return (int)syscall(SYS_kcmp, fs->m->pid, fs->m->pid, KCMP_EPOLL_TFD, num, &slot);
}

static bool is_target(const struct files *fs, const struct file *e, const struct file *f,
		      const struct item *it)
{
	/* The inode of a socket has one description; kcmp walks through the whole set. */
	if (S_ISSOCK(f->st.st_mode) || it->ino != f->st.st_ino)
		return it->ino == f->st.st_ino && S_ISSOCK(f->st.st_mode);
	return compare_target(fs, e, f->num, it) == 0;
}

/* A process that runs has removed it meanwhile, or opened it after the table was made. */
static bool has_changed(const struct files *fs, const struct file *e, const struct item *it)
{
	return compare_target(fs, e, e->num, it) < 0 ||
	       compare_target(fs, e, (int)it->tfd, it) == 0;
}

static int compare_num(const void *key, const void *elem)
{
	int num = (int)((const struct item *)key)->tfd, at = ((const struct fd_num *)elem)->num;

	return (num > at) - (num < at);
}

/* Usually what the number still stands for; else the description lives on under another number. */
static const struct file *find_target(const struct files *fs, const struct file *e,
				      const struct item *it)
{
	const struct fd_num *n = bsearch(it, fs->nums, fs->nr_nums, sizeof(*n), compare_num);

	if (n && is_target(fs, e, &fs->v[n->file], it))
		return &fs->v[n->file];
	for (size_t i = 0; i < fs->nr; i++) {
		if (is_target(fs, e, &fs->v[i], it))
			return &fs->v[i];
	}
	return NULL;
}

static void take_item(struct files *fs, const struct file *f, const struct item *it, bool collect)
{
	const struct file *target = find_target(fs, f, it);
	struct wpp_rec_epitem rec = { .fd = it->tfd, .events = it->events, .data = it->data };

	if (!target && !collect && !has_changed(fs, f, it))
		wppi_refuse(fs->m, "epoll-target",
			    "descriptor %d: its epoll set has %u, which is closed here and open in "
			    "another process",
			    f->num, it->tfd);
	if (!target || !collect)
		return;
	rec.ofd = target->id;
	WPPI_REC(&fs->m->tree->pcb, EPITEM, 0, f->id, &rec, NULL, 0);
}

static int each_item(struct files *fs, struct file *f, bool collect)
{
	struct buf items = { 0 };
	int err = load_items(f, &items);

	for (size_t i = 0; !err && i < items.len / sizeof(struct item); i++)
		take_item(fs, f, (struct item *)items.data + i, collect);
	wppi_buf_free(&items);
	return err;
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
	for (size_t i = 0; i < o->nr_nums; i++) {
		if ((uint64_t)b->nums[o->first_num + i].num == num)
			return true;
	}
	return false;
}

static bool is_replaced(const struct ofd *o)
{
	return o->rec.kind == WPP_OFD_STDIO || o->rec.kind == WPP_OFD_TTY;
}

static int finish_items(struct rebuild *b, struct ofd *o, bool spent)
{
	struct wpp_rec_epitem item;
	struct wpp_rec rec;
	struct rec_cursor c = wppi_shared_of(b->m->tree, WPP_REC_EPITEM, o->id);
	int err = 0;

	while (!err && wppi_rec_next(&c, &rec)) {
		const struct ofd *target;

		wpp_rec_get(&rec, (uint64_t *)&item, WPP_REC_NR(item));
		target = wppi_ofd_find(b, item.ofd);
		if (is_spent(&item) != spent || !target || target->fd < 0)
			continue; /* its file was let go */
		err = has_number(b, target, item.fd) ? add_item(o->fd, (int)item.fd, &item)
						     : add_as(b, o->fd, target, &item);
		/* /dev/null instead of a terminal or pipe can't be waited for. */
		if (err == -EPERM && is_replaced(target))
			err = 0;
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
