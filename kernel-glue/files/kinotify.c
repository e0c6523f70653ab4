/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * inotify: the watches with their numbers. What is watched is an inode; its
 * name is looked for in the mounts of its filesystem.
 */
#include <linux/dcache.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/fsnotify_backend.h>
#include <linux/kdev_t.h>
#include <linux/mount.h>
#include <linux/namei.h>
#include <linux/slab.h>

#include "compat/kcompat.h"
#include "files/kfiles.h"

#define TEXT_MIN ((size_t)64 << 10)
#define TEXT_MAX ((size_t)16 << 20)
#define WATCH	 "inotify wd:"

/* ---- The mounts of its filesystem ---- */

/* All of a file of /proc, NUL-terminated; kvfree() it. NULL: it can't be read. */
static char *read_text(const char *name)
{
	struct file *file = filp_open(name, O_RDONLY, 0);
	char *text = NULL;
	size_t cap = TEXT_MIN;
	ssize_t n = 0;

	if (IS_ERR(file))
		return NULL;
	for (; cap <= TEXT_MAX; cap *= 2) {
		loff_t pos = 0;

		text = kvmalloc(cap, GFP_KERNEL_ACCOUNT);
		while (text && pos < cap &&
		       (n = kernel_read(file, text + pos, cap - pos, &pos)) > 0)
			;
		if (!text || n < 0 || pos < cap) {
			if (text)
				text[pos] = '\0';
			break;
		}
		kvfree(text);
		text = NULL;
	}
	fput(file);
	return text;
}

/* Has the inode a name through @mnt? Then m->path has it. */
static char *name_in(struct wppk_member *m, struct vfsmount *mnt, struct dentry *dentry)
{
	struct path path = { .mnt = mnt, .dentry = dentry };
	struct kstat st;
	char *name;

	if (mnt->mnt_sb != dentry->d_sb || wppk_stat(&path, &st))
		return NULL;
	name = wppk_path(m, &path);
	return !IS_ERR(name) && wppk_is_named(name, &st, true) ? name : NULL;
}

/* "36 35 98:0 /root /point ..." */
static char *name_by_line(struct wppk_member *m, char *line, struct dentry *dentry)
{
	unsigned int major, minor;
	char *name, *point;
	struct path path;
	int i;

	if (sscanf(line, "%*d %*d %u:%u", &major, &minor) != 2 ||
	    MKDEV(major, minor) != dentry->d_sb->s_dev)
		return NULL;
	for (i = 0; i < 4; i++)
		strsep(&line, " ");
	point = strsep(&line, " ");
	if (!point || kern_path(point, LOOKUP_FOLLOW, &path))
		return NULL;
	name = name_in(m, path.mnt, dentry);
	path_put(&path);
	return name;
}

static char *find_name(struct wppk_member *m, struct dentry *dentry)
{
	char *text, *rest, *line, *name = NULL, proc[40];

	snprintf(proc, sizeof(proc), "/proc/%d/mountinfo", m->pid);
	text = rest = read_text(proc);
	while (!name && rest && (line = strsep(&rest, "\n")))
		name = name_by_line(m, line, dentry);
	kvfree(text);
	return name;
}

/* ---- What is watched ---- */

/* The inode with this number that the group watches; a reference. */
static struct inode *find_inode(struct file *file, unsigned long ino, dev_t dev)
{
	struct fsnotify_group *group = file->private_data;
	struct fsnotify_mark *mark;
	struct inode *inode, *found = NULL;

	mutex_lock(&group->mark_mutex);
	list_for_each_entry(mark, &group->marks_list, g_list) {
		spin_lock(&mark->lock);
		inode = wppk_marked_inode(mark);
		if (inode && inode->i_ino == ino && inode->i_sb->s_dev == dev)
			found = igrab(inode);
		spin_unlock(&mark->lock);
		if (found)
			break;
	}
	mutex_unlock(&group->mark_mutex);
	return found;
}

static char *watch_name(struct wppk_member *m, struct file *file, unsigned long ino, dev_t dev)
{
	struct inode *inode = find_inode(file, ino, dev);
	struct dentry *dentry;
	char *name;

	if (!inode)
		return NULL;
	dentry = d_find_any_alias(inode);
	iput(inode);
	if (!dentry)
		return NULL;
	name = find_name(m, dentry);
	dput(dentry);
	return name;
}

/* ---- The kind ---- */

static bool match_inotify(struct wppk_member *m, const struct wppk_file *f)
{
	return !strcmp(f->link, "anon_inode:inotify");
}

/* Records are made at once: the names count from our root. */
static int check_inotify(struct wppk_member *m, struct wppk_file *f)
{
	const char *pos = f->info, *line, *name;

	while (f->kind && (line = wppk_info_line(&pos, WATCH))) {
		unsigned int wd, dev, mask;
		struct wpp_rec_inotify rec;
		unsigned long ino;

		if (sscanf(line, "%x ino:%lx sdev:%x mask:%x", &wd, &ino, &dev, &mask) != 4)
			return -EIO;
		name = watch_name(m, f->file, ino, dev);
		if (!name) {
			wppk_file_drop(m, f, "inotify",
				       "watches inode %lu, whose name can't be found", ino);
			break;
		}
		rec = (struct wpp_rec_inotify){ wd, mask, wppk_dev(dev), ino };
		WPPK_REC_SHARED(m, INOTIFY, f->id, &rec, name, strlen(name));
	}
	return 0;
}

static int collect_inotify(struct wppk_member *m, struct wppk_file *f, struct wpp_rec_ofd *rec)
{
	struct fsnotify_group *group = f->file->private_data;

	if (!list_empty(&group->notification_list))
		wppk_note(&m->tree->notes, "inotify-events",
			  "descriptor %d: events that are still unread will be lost", f->num);
	return 0;
}

const struct wppk_file_kind wppk_file_inotify = {
	.kind = WPP_OFD_INOTIFY,
	.match = match_inotify,
	.check = check_inotify,
	.collect = collect_inotify,
};
