/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Files whose bytes have to be in the image: memfd, tmpfs, and those that have no name any more. */
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <string.h>
#include <unistd.h>

#include "files/file_path.h"
#include "memory/memory.h"
#include "record/filesystem.h"

#define MEMFD	"/memfd:"
#define DELETED " (deleted)"

static bool match_memobj(struct files *fs, const struct file *f)
{
	uint64_t magic;

	(void)fs;
	if (!S_ISREG(f->st.st_mode) || f->link[0] != '/')
		return false;
	magic = wppi_file_fs(f);
	if (magic == TMPFS_MAGIC || magic == HUGETLBFS_MAGIC)
		return true;
	return !wppr_fs_is_special(magic) && !wppi_file_named(f);
}

static int check_memobj(struct files *fs, struct file *f)
{
	if (wppi_file_fs(f) == HUGETLBFS_MAGIC) {
		wppi_refuse(fs->m, "hugetlb", "descriptor %d (%s) is of huge pages", f->num,
			    f->link);
		f->kind = NULL;
	} else if (f->st.st_nlink && !wppi_file_named(f)) {
		wppi_refuse(fs->m, "unlinked-name",
			    "descriptor %d: %s no longer leads to its file, which has another name",
			    f->num, f->link);
		f->kind = NULL;
	}
	return 0;
}

static uint32_t memobj_kind(const struct file *f)
{
	if (!strncmp(f->link, MEMFD, strlen(MEMFD)))
		return WPP_MEMOBJ_MEMFD;
	return wppi_file_fs(f) == TMPFS_MAGIC ? WPP_MEMOBJ_SHMFS : WPP_MEMOBJ_DELETED;
}

static int collect_memobj(struct files *fs, struct file *f, struct wpp_rec_ofd *rec)
{
	int fd = wppi_file_reopen(fs, f, O_RDONLY);
	size_t len = strlen(f->link);
	char name[PATH_MAX];
	struct memobj *m;

	if (fd < 0)
		return fd;
	if (len > strlen(DELETED) && !strcmp(f->link + len - strlen(DELETED), DELETED) &&
	    !wppi_file_named(f))
		len -= strlen(DELETED);
	snprintf(name, sizeof(name), "%.*s", (int)len, f->link);
	m = wppi_capture_memobj(fs->m, memobj_kind(f), fd, name);
	if (!m)
		return WPP_ENOMEM;
	rec->object = m->id;
	return 0;
}

static int open_memobj(struct rebuild *b, struct ofd *o)
{
	int obj = wppi_memobj_fd(b->m->tree, o->rec.object);
	int err;

	if (obj < 0)
		return WPP_ECORRUPT;
	err = wppi_ofd_put(b, o, wppi_fd_reopen(obj, o->rec.flags));
	if (err || !o->rec.pos || o->rec.flags & O_PATH)
		return err;
	return lseek(o->fd, (off_t)o->rec.pos, SEEK_SET) < 0 ? -errno : 0;
}

const struct file_kind wppi_file_memobj = {
	.kind = WPP_OFD_MEMOBJ,
	.match = match_memobj,
	.check = check_memobj,
	.collect = collect_memobj,
	.open = open_memobj,
};
