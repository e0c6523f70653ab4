/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Names and status of files, as stat() and readlink() of /proc would tell them.
 */
#include <linux/dcache.h>
#include <linux/fs.h>
#include <linux/kdev_t.h>
#include <linux/mm.h>
#include <linux/namei.h>
#include <linux/seq_file.h>
#include <linux/slab.h>

#include "park/kcapture.h"

#define DELETED	   " (deleted)"
#define FDINFO_MAX ((size_t)64 << 20)

char *wppk_path(struct wppk_capture *c, const struct path *path)
{
	return d_path(path, c->path, PATH_MAX);
}

int wppk_stat(const struct path *path, struct kstat *st)
{
	return vfs_getattr(path, st, STATX_BASIC_STATS, AT_STATX_SYNC_AS_STAT);
}

u64 wppk_mtime_ns(const struct kstat *st)
{
	return (u64)st->mtime.tv_sec * NSEC_PER_SEC + st->mtime.tv_nsec;
}

u64 wppk_dev(dev_t dev)
{
	return new_encode_dev(dev);
}

bool wppk_is_named(const char *name, const struct kstat *st, bool follow)
{
	struct kstat there;
	struct path path;
	bool same;

	if (name[0] != '/' || kern_path(name, follow ? LOOKUP_FOLLOW : 0, &path))
		return false;
	same = !wppk_stat(&path, &there) && there.dev == st->dev && there.ino == st->ino;
	path_put(&path);
	return same;
}

bool wppk_is_deleted_name(const char *name)
{
	size_t len = strlen(name), tail = strlen(DELETED);

	return len > tail && !strcmp(name + len - tail, DELETED);
}

/* The text that /proc shows below "pos", "flags" ...; its form is ABI. */
char *wppk_fdinfo(struct file *file)
{
	struct seq_file m = { .file = file, .size = PAGE_SIZE };

	mutex_init(&m.lock);
	for (;; m.size *= 2) {
		m.buf = kvmalloc(m.size, GFP_KERNEL_ACCOUNT);
		if (!m.buf)
			return ERR_PTR(-ENOMEM);
		m.count = 0;
		if (file->f_op->show_fdinfo)
			file->f_op->show_fdinfo(&m, file);
		if (m.count < m.size) {
			m.buf[m.count] = '\0';
			return m.buf;
		}
		kvfree(m.buf);
		if (m.size >= FDINFO_MAX)
			return ERR_PTR(-EOVERFLOW);
	}
}
