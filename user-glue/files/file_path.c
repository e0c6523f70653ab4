/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Files that a name leads to: regular files, directories, O_PATH, and those of /proc and /sys. */
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "file_path.h"

#define AUX_PSEUDO 1 /* rec.aux: a file of /proc or /sys, without size and time */

uint64_t wppi_file_fs(const struct file *f)
{
	struct statfs sfs;

	return fstatfs(f->fd, &sfs) ? 0 : (uint64_t)sfs.f_type;
}

static bool is_pseudo(uint64_t magic)
{
	static const uint64_t pseudo[] = {
		PROC_SUPER_MAGIC, SYSFS_MAGIC,	 CGROUP_SUPER_MAGIC, CGROUP2_SUPER_MAGIC,
		DEBUGFS_MAGIC,	  TRACEFS_MAGIC, SECURITYFS_MAGIC,
	};

	for (size_t i = 0; i < sizeof(pseudo) / sizeof(pseudo[0]); i++) {
		if (magic == pseudo[i])
			return true;
	}
	return false;
}

bool wppi_file_named(const struct files *fs, const struct file *f)
{
	char path[PATH_MAX + 64];
	struct stat st;

	snprintf(path, sizeof(path), "%s%s", fs->root, f->link);
	return f->link[0] == '/' && lstat(path, &st) == 0 && st.st_dev == f->st.st_dev &&
	       st.st_ino == f->st.st_ino;
}

/* ---- Is it still the file that was recorded? ---- */

static const char *difference(const struct ofd *o, const struct stat *st)
{
	uint64_t mtime = (uint64_t)st->st_mtim.tv_sec * 1000000000u + (uint64_t)st->st_mtim.tv_nsec;

	if ((st->st_mode & S_IFMT) != (o->rec.mode & S_IFMT) || st->st_ino != o->rec.ino)
		return "was replaced by another file";
	if (!S_ISREG(st->st_mode))
		return NULL;
	if ((uint64_t)st->st_size != o->rec.size)
		return (uint64_t)st->st_size < o->rec.size ? "was shortened" : "has grown";
	if (mtime != o->rec.mtime_ns)
		return mtime < o->rec.mtime_ns ? "is older" : "is newer";
	return NULL;
}

/* Said once for a name that is open several times. */
static bool said_before(const struct rebuild *b, const struct ofd *o)
{
	for (const struct ofd *p = b->v; p < o; p++) {
		if (p->changed && !strcmp(p->path, o->path))
			return true;
	}
	return false;
}

static int compare_file(struct rebuild *b, struct ofd *o)
{
	struct recreate *r = b->r;
	const char *diff;
	struct stat st;

	if (o->rec.aux & AUX_PSEUDO)
		return 0;
	diff = lstat(o->path, &st) ? "is missing" : difference(o, &st);
	if (!diff)
		return 0;
	o->changed = true;
	if (!said_before(b, o))
		wppi_note(&r->notes, WPP_NOTE_CHANGED, "file-changed",
			  "%s %s since it was persisted%s", o->path, diff,
			  r->how->flags & WPP_RECREATE_FILES_WARN
				  ? ""
				  : "; put it back, or go on with --files=warn");
	if (r->how->flags & WPP_RECREATE_FILES_WARN)
		return 0;
	r->notes.nr_refused++;
	return WPP_EREFUSED;
}

/* ---- Regular files and directories ---- */

static bool match_reg(struct files *fs, const struct file *f)
{
	uint64_t magic;

	if (!S_ISREG(f->st.st_mode) || f->link[0] != '/')
		return false;
	magic = wppi_file_fs(f);
	return is_pseudo(magic) || wppi_file_named(fs, f);
}

static int collect_reg(struct files *fs, struct file *f, struct wpp_rec_ofd *rec)
{
	(void)fs;
	if (is_pseudo(wppi_file_fs(f)))
		rec->aux = AUX_PSEUDO;
	return 0;
}

static bool match_dir(struct files *fs, const struct file *f)
{
	return S_ISDIR(f->st.st_mode) && (is_pseudo(wppi_file_fs(f)) || wppi_file_named(fs, f));
}

/* With --files=warn: a file to write to is made anew, one to read from is empty. */
static int open_missing(const struct ofd *o, int flags)
{
	if (!S_ISREG(o->rec.mode))
		return -1;
	if ((flags & O_ACCMODE) != O_RDONLY)
		return open(o->path, flags | O_CREAT, (mode_t)(o->rec.mode & 07777));
	return memfd_create("missing", MFD_CLOEXEC);
}

static int open_path(struct rebuild *b, struct ofd *o)
{
	int flags = wppi_open_flags(o->rec.flags) & ~O_ASYNC;
	int fd = open(o->path, flags), err;

	if (fd < 0 && errno == ENOENT && b->r->how->flags & WPP_RECREATE_FILES_WARN)
		fd = open_missing(o, flags);
	err = wppi_ofd_put(b, o, fd);
	if (err || !o->rec.pos || flags & O_PATH)
		return err;
	if (lseek(o->fd, (off_t)o->rec.pos, SEEK_SET) < 0 && !(o->rec.aux & AUX_PSEUDO))
		return -errno;
	return 0;
}

const struct file_kind wppi_file_reg = {
	.kind = WPP_OFD_REG,
	.match = match_reg,
	.collect = collect_reg,
	.prepare = compare_file,
	.open = open_path,
};

const struct file_kind wppi_file_dir = {
	.kind = WPP_OFD_DIR,
	.match = match_dir,
	.collect = collect_reg,
	.prepare = compare_file,
	.open = open_path,
};

/* ---- O_PATH ---- */

static bool match_path(struct files *fs, const struct file *f)
{
	return f->flags & O_PATH && wppi_file_named(fs, f);
}

const struct file_kind wppi_file_path = {
	.kind = WPP_OFD_PATH,
	.match = match_path,
	.collect = collect_reg,
	.prepare = compare_file,
	.open = open_path,
};
