/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Names and status of files, as stat() and readlink() of /proc would tell them.
 */
#include <linux/fs.h>
#include <linux/kdev_t.h>
#include <linux/namei.h>
#include <linux/string.h>

#include "base/kpath.h"

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
	size_t len = strlen(name), tail = strlen(WPPK_DELETED);

	return len > tail && !strcmp(name + len - tail, WPPK_DELETED);
}
