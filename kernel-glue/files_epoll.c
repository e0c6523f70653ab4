/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * epoll: the set as fdinfo lists it, each target found by its number at that
 * time, its inode, and whether some epoll set watches it at all.
 */
#include <linux/fs.h>
#include <linux/rculist.h>

#include "kfiles.h"

#define LINE "tfd:"

struct item {
	unsigned int tfd, events, dev;
	unsigned long long data;
	unsigned long ino;
};

static bool match_epoll(struct wppk_capture *c, const struct wppk_file *f)
{
	return !strcmp(f->link, "anon_inode:[eventpoll]");
}

/* "      tfd:        5 events:       19 data: 5  pos:0 ino:1f sdev:8" */
static bool next_item(const char **pos, struct item *it)
{
	const char *line;

	while ((line = wppk_info_line(pos, LINE))) {
		if (sscanf(line, " %u events: %x data: %llx pos:%*d ino:%lx sdev:%x", &it->tfd,
			   &it->events, &it->data, &it->ino, &it->dev) == 5)
			return true;
	}
	return false;
}

static bool is_target(const struct wppk_file *f, const struct item *it)
{
	const struct inode *inode = file_inode(f->file);
	const struct hlist_head *watchers = READ_ONCE(f->file->f_ep);

	return inode->i_ino == it->ino && inode->i_sb->s_dev == it->dev && watchers &&
	       !hlist_empty(watchers);
}

/* Usually what the number still stands for; else the description lives on under another number. */
static const struct wppk_file *find_target(const struct wppk_capture *c, const struct item *it)
{
	const struct wppk_file *f = wppk_find_fd(c, it->tfd), *found = NULL;
	const struct wppk_files *fs = c->files;
	u32 i;

	if (f && is_target(f, it))
		return f;
	for (i = 0; i < fs->nr; i++) {
		if (!is_target(&fs->v[i], it))
			continue;
		if (found)
			return NULL; /* which of them it is can't be told */
		found = &fs->v[i];
	}
	return found;
}

static int check_epoll(struct wppk_capture *c, struct wppk_file *f)
{
	const char *pos = f->info;
	struct item it;

	while (f->kind && next_item(&pos, &it)) {
		if (!find_target(c, &it))
			wppk_file_drop(c, f, "epoll-target",
				       ": its epoll set has %u, which is closed here", it.tfd);
	}
	return 0;
}

static int collect_epoll(struct wppk_capture *c, struct wppk_file *f, struct wpp_rec_ofd *ofd)
{
	const char *pos = f->info;
	struct item it;

	while (next_item(&pos, &it)) {
		const struct wppk_file *target = find_target(c, &it);
		struct wpp_rec_epitem rec = {
			.fd = it.tfd,
			.ofd = target ? target->id : 0,
			.events = it.events,
			.data = it.data,
		};

		if (!target)
			return -EREMOTEIO;
		WPPK_REC(wppk_pcb(c), EPITEM, 0, f->id, &rec, NULL, 0);
	}
	return 0;
}

const struct wppk_file_kind wppk_file_epoll = {
	.kind = WPP_OFD_EPOLL,
	.match = match_epoll,
	.check = check_epoll,
	.collect = collect_epoll,
};
