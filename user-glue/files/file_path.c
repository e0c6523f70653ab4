/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Files that a name leads to: regular files, directories, O_PATH, and those of /proc and /sys. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/changed.h"
#include "files/file_path.h"
#include "record/filesystem.h"

uint64_t wppi_file_fs(const struct file *f)
{
	struct statfs sfs;

	return fstatfs(f->fd, &sfs) ? 0 : (uint64_t)sfs.f_type;
}

bool wppi_file_named(const struct file *f)
{
	struct stat st;

	return f->link[0] == '/' && lstat(f->link, &st) == 0 && st.st_dev == f->st.st_dev &&
	       st.st_ino == f->st.st_ino;
}

/* ---- Is it still the file that was recorded? ---- */

static int report(struct rebuild *b, const struct ofd *o, const char *name, const char *text)
{
	bool warn = b->m->tree->how.flags & WPP_RECREATE_FILES_WARN;

	wppi_note(&b->m->tree->notes, warn ? WPP_NOTE_CHANGED : WPP_NOTE_REFUSED, name,
		  "%s, which the process has open, %s", o->path, text);
	return warn ? 0 : WPP_EREFUSED;
}

/* Said once for a name that is open several times. */
static bool said_before(const struct rebuild *b, const struct ofd *o)
{
	for (const struct ofd *p = b->v; p < o; p++) {
		if (p->kind == o->kind && !strcmp(p->path, o->path))
			return true;
	}
	return false;
}

static int compare_reg(struct rebuild *b, const struct ofd *o)
{
	struct was_file was = {
		.what = "open",
		.path = o->path,
		.ino = o->rec.ino,
		.size = o->rec.size,
		.mtime_ns = o->rec.mtime_ns,
	};
	int fd = open(o->path, O_PATH | O_NOFOLLOW | O_CLOEXEC), err;

	if (fd < 0)
		return report(b, o, "file-missing", "is missing");
	err = wppi_file_compare(b->m, &was, fd);
	close(fd);
	return err;
}

static int compare_file(struct rebuild *b, struct ofd *o)
{
	struct stat st;

	if (o->rec.aux & WPP_AUX_PSEUDO || said_before(b, o))
		return 0;
	if (o->kind == &wppi_file_reg)
		return compare_reg(b, o);
	if (lstat(o->path, &st))
		return report(b, o, "file-missing", "is missing");
	if ((st.st_mode & S_IFMT) != (o->rec.mode & S_IFMT))
		return report(b, o, "file-type", "is of another type");
	return 0;
}

/* ---- Regular files and directories ---- */

static bool match_reg(struct files *fs, const struct file *f)
{
	uint64_t magic;

	(void)fs;
	if (!S_ISREG(f->st.st_mode) || f->link[0] != '/')
		return false;
	magic = wppi_file_fs(f);
	return wppr_fs_is_pseudo(magic) || wppi_file_named(f);
}

static int collect_reg(struct files *fs, struct file *f, struct wpp_rec_ofd *rec)
{
	(void)fs;
	if (wppr_fs_is_pseudo(wppi_file_fs(f)))
		rec->aux = WPP_AUX_PSEUDO;
	return 0;
}

static bool match_dir(struct files *fs, const struct file *f)
{
	(void)fs;
	return S_ISDIR(f->st.st_mode) && (wppr_fs_is_pseudo(wppi_file_fs(f)) || wppi_file_named(f));
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

	if (fd < 0 && errno == ENOENT && b->m->tree->how.flags & WPP_RECREATE_FILES_WARN)
		fd = open_missing(o, flags);
	err = wppi_ofd_put(b, o, fd);
	if (err || !o->rec.pos || flags & O_PATH)
		return err;
	if (lseek(o->fd, (off_t)o->rec.pos, SEEK_SET) < 0 && !(o->rec.aux & WPP_AUX_PSEUDO))
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
	(void)fs;
	return f->flags & O_PATH && wppi_file_named(f);
}

const struct file_kind wppi_file_path = {
	.kind = WPP_OFD_PATH,
	.match = match_path,
	.collect = collect_reg,
	.prepare = compare_file,
	.open = open_path,
};
