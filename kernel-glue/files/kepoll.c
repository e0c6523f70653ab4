/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * epoll: the set as fdinfo lists it. Which open file description an item watches is
 * found from the file's side, where the items that watch it are listed.
 */
#include <linux/fs.h>
#include <linux/list.h>
#include <linux/slab.h>
#include <linux/sort.h>

#include "compat/kcompat.h"
#include "files/kfiles.h"

#define LINE "tfd:"

struct item {
	unsigned int tfd, events, order;
	unsigned long long data;
	const struct wppk_file *target;
};

struct items {
	u32 nr;
	struct item v[];
};

static bool match_epoll(struct wppk_member *m, const struct wppk_file *f)
{
	return !strcmp(f->link, "anon_inode:[eventpoll]");
}

/* ---- What an item watches ---- */

static bool watches(const struct wppk_epitem *e, const struct file *epoll, const struct file *file,
		    const struct item *it)
{
	return e->ffd.file == file && e->ep == epoll->private_data && e->ffd.fd == (int)it->tfd &&
	       (__force u32)e->event.events == it->events && e->event.data == it->data;
}

static bool is_target(const struct file *epoll, struct file *file, const struct item *it)
{
	const struct wppk_epitem *e;
	bool found = false;

	spin_lock(&file->f_lock);
	if (file->f_ep) {
		hlist_for_each_entry(e, file->f_ep, fllink)
			found |= watches(e, epoll, file, it);
	}
	spin_unlock(&file->f_lock);
	return found;
}

/* Usually what the number still stands for; else the description lives on under another number. */
static const struct wppk_file *find_target(const struct wppk_member *m,
					   const struct wppk_file *epoll, const struct item *it)
{
	const struct wppk_file *f = wppk_find_fd(m, it->tfd);
	const struct wppk_files *fs = m->files;
	u32 i;

	if (f && is_target(epoll->file, f->file, it))
		return f;
	for (i = 0; i < fs->nr; i++) {
		if (is_target(epoll->file, fs->v[i].file, it))
			return &fs->v[i];
	}
	return NULL;
}

/* ---- The set ---- */

static u32 count_items(const char *info)
{
	u32 nr = 0;

	while (wppk_info_line(&info, LINE))
		nr++;
	return nr;
}

/* "      5 events:       19 data: 5  pos:0 ino:1f sdev:8" */
static bool parse(const char *line, struct item *it)
{
	return sscanf(line, " %u events: %x data: %llx", &it->tfd, &it->events, &it->data) == 3;
}

static int compare(const void *pa, const void *pb)
{
	const struct item *a = pa, *b = pb;

	if (a->tfd != b->tfd)
		return a->tfd < b->tfd ? -1 : 1;
	return a->order < b->order ? -1 : a->order > b->order;
}

static int check_epoll(struct wppk_member *m, struct wppk_file *f)
{
	u32 nr = count_items(f->info);
	struct items *items = kvzalloc(struct_size(items, v, nr), GFP_KERNEL_ACCOUNT);
	const char *pos = f->info, *line;

	if (!items)
		return -ENOMEM;
	f->state = items;
	while ((line = wppk_info_line(&pos, LINE))) {
		struct item *it = &items->v[items->nr];

		if (!parse(line, it))
			return -EIO;
		it->order = items->nr++;
		it->target = find_target(m, f, it);
		if (!it->target) {
			wppk_file_drop(m, f, "epoll-target",
				       "is an epoll set with %u, which is closed here", it->tfd);
			break;
		}
	}
	sort(items->v, items->nr, sizeof(items->v[0]), compare, NULL);
	return 0;
}

static int collect_epoll(struct wppk_member *m, struct wppk_file *f, struct wpp_rec_ofd *ofd)
{
	const struct items *items = f->state;
	u32 i;

	for (i = 0; i < items->nr; i++) {
		const struct item *it = &items->v[i];
		struct wpp_rec_epitem rec = {
			.fd = it->tfd,
			.ofd = it->target->id,
			.events = it->events,
			.data = it->data,
		};

		WPPK_REC_SHARED(m, EPITEM, f->id, &rec, NULL, 0);
	}
	return 0;
}

const struct wppk_file_kind wppk_file_epoll = {
	.kind = WPP_OFD_EPOLL,
	.match = match_epoll,
	.check = check_epoll,
	.collect = collect_epoll,
};
