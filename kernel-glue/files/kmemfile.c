/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Files whose bytes have to be in the image: memfd, tmpfs, and those that have
 * no name any more.
 */
#include <linux/fs.h>
#include <linux/magic.h>

#include "files/kfiles.h"
#include "state/kmemobj.h"
#include "record/filesystem.h"

static bool match_memobj(struct wppk_member *m, const struct wppk_file *f)
{
	unsigned long magic = wppk_file_fs(f);

	if (!S_ISREG(f->st.mode) || f->link[0] != '/')
		return false;
	if (magic == TMPFS_MAGIC || magic == HUGETLBFS_MAGIC)
		return true;
	return !wppr_fs_is_special(magic) && !wppk_file_named(f);
}

static int check_memobj(struct wppk_member *m, struct wppk_file *f)
{
	if (wppk_file_fs(f) == HUGETLBFS_MAGIC)
		wppk_file_drop(m, f, "hugetlb", "(%s) is of huge pages", f->link);
	else if (f->st.nlink && !wppk_file_named(f))
		wppk_file_drop(m, f, "unlinked-name", "(%s): its file has another name", f->link);
	return 0;
}

static u32 memobj_kind(const struct wppk_file *f)
{
	if (!strncmp(f->link, "/memfd:", 7))
		return WPP_MEMOBJ_MEMFD;
	return wppk_file_fs(f) == TMPFS_MAGIC ? WPP_MEMOBJ_SHMFS : WPP_MEMOBJ_DELETED;
}

static int collect_memobj(struct wppk_member *m, struct wppk_file *f, struct wpp_rec_ofd *rec)
{
	size_t len = strlen(f->link);
	struct wppk_memobj *o;

	if (!f->st.nlink && wppk_is_deleted_name(f->link))
		len -= strlen(WPPK_DELETED);
	o = wppk_memobj_get(m->tree, memobj_kind(f), f->file, f->link, len);
	if (IS_ERR(o))
		return PTR_ERR(o);
	rec->object = o->id;
	return 0;
}

const struct wppk_file_kind wppk_file_memobj = {
	.kind = WPP_OFD_MEMOBJ,
	.match = match_memobj,
	.check = check_memobj,
	.collect = collect_memobj,
};
