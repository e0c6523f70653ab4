/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * inotify: the watches with their numbers. What is watched is an inode; its
 * name is looked for in the mounts that the process is known to use.
 */
#include <linux/dcache.h>
#include <linux/fs.h>
#include <linux/fs_struct.h>
#include <linux/fsnotify_backend.h>
#include <linux/mount.h>
#include <linux/sched/task.h>
#include <linux/slab.h>

#include "kfiles.h"

#define WATCH "inotify wd:"

/* ---- The name of an inode ---- */

/* Is @mnt a mount of the inode's filesystem through which it has a name? Then c->path has it. */
static char *name_in(struct wppk_capture *c, struct vfsmount *mnt, struct dentry *dentry)
{
	struct path path = { .mnt = mnt, .dentry = dentry };
	struct kstat st;
	char *name;

	if (mnt->mnt_sb != dentry->d_sb || wppk_stat(&path, &st))
		return NULL;
	name = wppk_path(c, &path);
	return !IS_ERR(name) && wppk_is_named(name, &st, true) ? name : NULL;
}

/* Mounts of the root and working directory, and of files that are open. */
static char *find_name(struct wppk_capture *c, struct dentry *dentry)
{
	const struct wppk_files *fs = c->files;
	struct path pwd, root;
	char *name;
	u32 i;

	task_lock(c->leader);
	if (!c->leader->fs) {
		task_unlock(c->leader);
		return NULL;
	}
	get_fs_pwd(c->leader->fs, &pwd);
	get_fs_root(c->leader->fs, &root);
	task_unlock(c->leader);
	name = name_in(c, root.mnt, dentry);
	if (!name)
		name = name_in(c, pwd.mnt, dentry);
	path_put(&pwd);
	path_put(&root);
	for (i = 0; !name && i < fs->nr; i++)
		name = name_in(c, fs->v[i].file->f_path.mnt, dentry);
	return name;
}

/* The inode with this number that the group watches; a reference. */
static struct inode *find_inode(struct file *file, unsigned long ino, dev_t dev)
{
	struct fsnotify_group *group = file->private_data;
	struct fsnotify_mark *mark;
	struct inode *inode, *found = NULL;

	mutex_lock(&group->mark_mutex);
	list_for_each_entry(mark, &group->marks_list, g_list)
	{
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

static char *watch_name(struct wppk_capture *c, struct file *file, unsigned long ino, dev_t dev)
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
	name = find_name(c, dentry);
	dput(dentry);
	return name;
}

/* ---- The kind ---- */

static bool match_inotify(struct wppk_capture *c, const struct wppk_file *f)
{
	return !strcmp(f->link, "anon_inode:inotify");
}

/* Records are made at once: the names count from our root. */
static int check_inotify(struct wppk_capture *c, struct wppk_file *f)
{
	const char *pos = f->info, *line, *name;

	while (f->kind && (line = wppk_info_line(&pos, WATCH))) {
		unsigned int wd, dev, mask;
		struct wpp_rec_inotify rec;
		unsigned long ino;

		if (sscanf(line, "%x ino:%lx sdev:%x mask:%x", &wd, &ino, &dev, &mask) != 4)
			return -EIO;
		name = watch_name(c, f->file, ino, dev);
		if (!name) {
			wppk_file_drop(c, f, "inotify",
				       "watches inode %lu, whose name can't be found", ino);
			break;
		}
		rec = (struct wpp_rec_inotify){ wd, mask, wppk_dev(dev), ino };
		WPPK_REC(wppk_pcb(c), INOTIFY, 0, f->id, &rec, name, strlen(name));
	}
	return 0;
}

static int collect_inotify(struct wppk_capture *c, struct wppk_file *f, struct wpp_rec_ofd *rec)
{
	struct fsnotify_group *group = f->file->private_data;

	if (!list_empty(&group->notification_list))
		wppk_note(c->notes, "inotify-events",
			  "descriptor %d: events that are still unread will be lost", f->num);
	return 0;
}

const struct wppk_file_kind wppk_file_inotify = {
	.kind = WPP_OFD_INOTIFY,
	.match = match_inotify,
	.check = check_inotify,
	.collect = collect_inotify,
};
