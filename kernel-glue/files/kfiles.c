/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The class of open files: which kinds there are, and what none of them takes.
 */
#include <linux/fs.h>
#include <linux/mm.h>
#include <linux/slab.h>

#include "base/ksync.h"
#include "compat/kcompat.h"
#include "files/kfiles.h"
#include "record/refuse.h"

/* In the order in which they are asked. */
static const struct wppk_file_kind *const kinds[] = {
	&wppk_file_path,    &wppk_file_stdio,	 &wppk_file_tty,     &wppk_file_pidfd,
	&wppk_file_memobj,  &wppk_file_reg,	 &wppk_file_dir,     &wppk_file_chr,
	&wppk_file_pipe,    &wppk_file_fifo,	 &wppk_file_socket,  &wppk_file_eventfd,
	&wppk_file_timerfd, &wppk_file_signalfd, &wppk_file_inotify, &wppk_file_epoll,
};

/* ---- What no kind takes ---- */

static const char *stranger_name(const struct wppk_file *f)
{
	return wppr_refuse_file(f->link, wppk_file_fs(f), f->st.mode);
}

/* ---- By us: names and kinds ---- */

static int name_file(struct wppk_member *m, struct wppk_file *f)
{
	char *path = wppk_path(m, &f->file->f_path);
	int err;

	if (IS_ERR(path))
		return PTR_ERR(path);
	f->link = kstrdup(path, GFP_KERNEL_ACCOUNT);
	if (!f->link)
		return -ENOMEM;
	err = wppk_stat(&f->file->f_path, &f->st);
	if (err || !f->file->f_op->show_fdinfo || f->tty)
		return err;
	f->info = wppk_fdinfo(f->file);
	if (IS_ERR(f->info)) {
		err = PTR_ERR(f->info);
		f->info = NULL;
	}
	return err;
}

static const struct wppk_file_kind *classify(struct wppk_member *m, const struct wppk_file *f)
{
	u32 i;

	for (i = 0; i < ARRAY_SIZE(kinds); i++) {
		if (f->flags & O_PATH && kinds[i] != &wppk_file_path &&
		    kinds[i] != &wppk_file_memobj)
			continue;
		if (kinds[i]->match(m, f))
			return kinds[i];
	}
	return NULL;
}

static int check_file(struct wppk_member *m, struct wppk_file *f)
{
	int err;

	f->kind = classify(m, f);
	if (!f->kind) {
		wppk_refuse(&m->tree->notes, stranger_name(f),
			    "descriptor %d (%s) can't be made anew", f->num, f->link);
		return 0;
	}
	err = f->kind->check ? f->kind->check(m, f) : 0;
	if (!err && f->kind)
		wppk_locks_check(m, f);
	return err;
}

/* ---- By the leader: records ---- */

static void fill_owner(const struct wppk_file *f, struct wpp_rec_ofd *rec)
{
	static const u8 types[] = { [PIDTYPE_PID] = F_OWNER_TID,
				    [PIDTYPE_TGID] = F_OWNER_PID,
				    [PIDTYPE_PGID] = F_OWNER_PGRP };
	const struct fown_struct *own = wppk_file_owner(f->file);

	if (!own || f->flags & O_PATH)
		return;
	rec->owner = pid_nr(own->pid);
	if (own->pid && own->pid_type < ARRAY_SIZE(types))
		rec->owner_type = types[own->pid_type];
	rec->sig = own->signum;
}

static int collect_file(struct wppk_member *m, struct wppk_file *f)
{
	const struct kstat *st = &f->st;
	struct wpp_rec_ofd rec = {
		.kind = f->kind->kind,
		.flags = f->flags,
		.pos = f->file->f_pos,
		.dev = wppk_dev(st->dev),
		.ino = st->ino,
		.mode = st->mode,
		.size = st->size,
		.mtime_ns = wppk_mtime_ns(st),
		.nlink = st->nlink,
		.rdev = wppk_dev(st->rdev),
	};
	int err;

	fill_owner(f, &rec);
	err = f->kind->collect ? f->kind->collect(m, f, &rec) : 0;
	if (err)
		return err;
	WPPK_REC_SHARED(m, OFD, f->id, &rec, f->link, strlen(f->link));
	return wppk_locks_collect(m, f);
}

static int collect_files(void *arg)
{
	struct wppk_member *m = arg;
	struct wppk_files *fs = m->files;
	int err = 0;
	u32 i;

	for (i = 0; !err && i < fs->nr; i++)
		err = collect_file(m, &fs->v[i]);
	wppk_files_page_drop(fs);
	return err;
}

/* ---- The class ---- */

static int look_at_ttys(struct wppk_member *m)
{
	struct wppk_files *fs = m->files;
	u32 i;

	for (i = 0; i < fs->nr; i++) {
		fs->v[i].tty = wppk_tty_look(m, fs->v[i].file);
		if (IS_ERR(fs->v[i].tty)) {
			int err = PTR_ERR(fs->v[i].tty);

			fs->v[i].tty = NULL;
			return err;
		}
	}
	return 0;
}

static int files_inside(struct wppk_member *m)
{
	int err = wppk_files_copy(m);

	if (!err)
		err = look_at_ttys(m);
	if (m->files)
		wppk_files_page_drop(m->files);
	return err;
}

static void record_numbers(struct wppk_member *m)
{
	const struct wppk_files *fs = m->files;
	u32 i;

	for (i = 0; i < fs->nr_fds; i++) {
		const struct wppk_fd *fd = &fs->fds[i];
		struct wpp_rec_fd rec = { fs->v[fd->index].id, fd->cloexec };

		WPPK_REC(m, FD, fd->num, &rec, NULL, 0);
	}
}

static int files_collect(struct wppk_member *m)
{
	struct wppk_files *fs = m->files;
	int err = 0;
	u32 i;

	for (i = 0; !err && i < fs->nr; i++)
		err = name_file(m, &fs->v[i]);
	for (i = 0; !err && i < fs->nr; i++)
		err = check_file(m, &fs->v[i]);
	if (err || m->tree->notes.refused)
		return err;
	err = wppk_group_run(m->group, collect_files, m);
	if (!err)
		record_numbers(m);
	return err;
}

int wppk_sync_descriptors(struct wppk_member *m)
{
	struct wppk_files *fs = m->files;
	int err = 0;
	u32 i;

	for (i = 0; !err && i < fs->nr; i++) {
		struct file *file = fs->v[i].file;
		umode_t mode = file_inode(file)->i_mode;

		if ((S_ISREG(mode) || S_ISBLK(mode)) && file->f_mode & FMODE_WRITE)
			err = wppk_sync_file(&m->tree->notes, file);
	}
	return err;
}

const struct wppk_class wppk_class_files = {
	.inside = files_inside,
	.collect = files_collect,
	.done = wppk_files_free,
};
