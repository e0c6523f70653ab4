/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The table of descriptors and the open file descriptions that they share, copied by the leader.
 */
#include <linux/bsearch.h>
#include <linux/fdtable.h>
#include <linux/file.h>
#include <linux/slab.h>
#include <linux/sort.h>

#include "compat/kcompat.h"
#include "files/kfiles.h"

#define FDS_SPARE 16

struct copy {
	struct wppk_fd *fds;
	u32 nr, cap;
};

/* Under the lock of the table. */
static int copy_fd(const void *arg, struct file *file, unsigned int num)
{
	struct copy *copy = (struct copy *)arg;

	if (copy->nr < copy->cap)
		copy->fds[copy->nr] = (struct wppk_fd){
			.num = num,
			.cloexec = wppk_close_on_exec(num, current->files),
			.file = get_file(file),
		};
	copy->nr++;
	return 0;
}

static void drop_fds(struct wppk_fd *fds, u32 nr)
{
	u32 i;

	for (i = 0; i < nr; i++)
		fput(fds[i].file);
	kvfree(fds);
}

static int copy_table(struct wppk_files *fs)
{
	struct copy copy = { 0 };
	u32 cap = FDS_SPARE;

	for (;;) {
		copy.fds = kvcalloc(cap, sizeof(*copy.fds), GFP_KERNEL_ACCOUNT);
		if (!copy.fds)
			return -ENOMEM;
		copy.nr = 0;
		copy.cap = cap;
		iterate_fd(current->files, 0, copy_fd, &copy);
		if (copy.nr <= cap)
			break;
		drop_fds(copy.fds, cap);
		cap = copy.nr + FDS_SPARE;
	}
	fs->fds = copy.fds;
	fs->nr_fds = copy.nr;
	return 0;
}

static int by_file(const void *pa, const void *pb)
{
	const struct wppk_fd *a = pa, *b = pb;

	if (a->file != b->file)
		return a->file < b->file ? -1 : 1;
	return a->num - b->num;
}

static int by_num(const void *a, const void *b)
{
	return ((const struct wppk_fd *)a)->num - ((const struct wppk_fd *)b)->num;
}

static struct wppk_fd *find_num(const struct wppk_files *fs, int num)
{
	const struct wppk_fd key = { .num = num };

	return bsearch(&key, fs->fds, fs->nr_fds, sizeof(key), by_num);
}

static void mark_first(struct wppk_files *fs)
{
	struct wppk_fd *fd = fs->fds;
	u32 i;

	sort(fd, fs->nr_fds, sizeof(*fd), by_file, NULL);
	for (i = 0; i < fs->nr_fds; i++)
		fd[i].first = i && fd[i].file == fd[i - 1].file ? fd[i - 1].first : fd[i].num;
	sort(fd, fs->nr_fds, sizeof(*fd), by_num, NULL);
}

/* Ids by the lowest number of each description. */
static int number_files(struct wppk_tree *tree, struct wppk_files *fs)
{
	u32 i;

	mark_first(fs);
	fs->v = kvcalloc(fs->nr_fds + 1, sizeof(*fs->v), GFP_KERNEL_ACCOUNT);
	if (!fs->v)
		return -ENOMEM;
	for (i = 0; i < fs->nr_fds; i++) {
		struct wppk_fd *fd = &fs->fds[i];
		struct wppk_file *f = &fs->v[fs->nr];

		if (fd->first != fd->num) {
			fd->index = find_num(fs, fd->first)->index;
			continue;
		}
		fd->index = fs->nr++;
		f->id = wppr_ids_file(&tree->ids);
		if (!f->id)
			return -EOVERFLOW;
		f->num = fd->num;
		f->file = fd->file;
		f->flags = fd->file->f_flags & ~O_CLOEXEC;
	}
	return 0;
}

const struct wppk_file *wppk_find_fd(const struct wppk_member *m, int num)
{
	const struct wppk_fd *fd = find_num(m->files, num);

	return fd ? &m->files->v[fd->index] : NULL;
}

int wppk_files_copy(struct wppk_member *m)
{
	struct wppk_files *fs = kzalloc(sizeof(*fs), GFP_KERNEL_ACCOUNT);
	int err;

	if (!fs)
		return -ENOMEM;
	m->files = fs;
	err = copy_table(fs);
	return err ? err : number_files(m->tree, fs);
}

void wppk_files_free(struct wppk_member *m)
{
	struct wppk_files *fs = m->files;
	u32 i;

	if (!fs)
		return;
	for (i = 0; i < fs->nr; i++) {
		kfree(fs->v[i].link);
		kvfree(fs->v[i].info);
		kfree(fs->v[i].tty);
		kvfree(fs->v[i].state);
	}
	kvfree(fs->v);
	if (fs->fds)
		drop_fds(fs->fds, fs->nr_fds);
	kfree(fs);
}
