/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Names and status of files, as stat() and readlink() of /proc would tell them. */
#ifndef WPPK_KPATH_H
#define WPPK_KPATH_H

#include <linux/path.h>
#include <linux/stat.h>
#include <linux/types.h>

#define WPPK_DELETED " (deleted)"

/* stat(): 0 or an error of the filesystem. */
int wppk_stat(const struct path *path, struct kstat *st);
u64 wppk_mtime_ns(const struct kstat *st);
/* Device numbers as user space sees them. */
u64 wppk_dev(dev_t dev);
/* Does the name lead to this file? @follow: as stat(), else as lstat(). */
bool wppk_is_named(const char *name, const struct kstat *st, bool follow);
/* Does it end with WPPK_DELETED? */
bool wppk_is_deleted_name(const char *name);

#endif
