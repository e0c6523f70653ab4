/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The table of descriptors and the open file descriptions that they share.
 */
#include <linux/bsearch.h>
#include <linux/fdtable.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/magic.h>
#include <linux/mman.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/sort.h>

#include "files/kfiles.h"

#define MQUEUE_MAGIC 0x19800202
#define FDS_SPARE    16

/* In the order in which they are asked. */
static const struct wppk_file_kind *const kinds[] = {
	&wppk_file_path,    &wppk_file_stdio,	 &wppk_file_tty,     &wppk_file_pidfd,
	&wppk_file_memobj,  &wppk_file_reg,	 &wppk_file_dir,     &wppk_file_chr,
	&wppk_file_pipe,    &wppk_file_fifo,	 &wppk_file_socket,  &wppk_file_eventfd,
	&wppk_file_timerfd, &wppk_file_signalfd, &wppk_file_inotify, &wppk_file_epoll,
};

/* ---- The table, copied by the leader ---- */

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
static int number_files(struct wppk_files *fs)
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
		f->id = fs->nr;
		f->num = fd->num;
		f->file = fd->file;
		f->flags = fd->file->f_flags & ~O_CLOEXEC;
	}
	return 0;
}

const struct wppk_file *wppk_find_fd(const struct wppk_capture *c, int num)
{
	const struct wppk_fd *fd = find_num(c->files, num);

	return fd ? &c->files->v[fd->index] : NULL;
}

/* ---- A page to make calls with ---- */

void __user *wppk_files_page(struct wppk_capture *c)
{
	unsigned long at = c->files->page;

	if (!at) {
		at = vm_mmap(NULL, 0, PAGE_SIZE, PROT_READ | PROT_WRITE,
			     MAP_PRIVATE | MAP_ANONYMOUS, 0);
		if (IS_ERR_VALUE(at))
			return NULL;
		c->files->page = at;
	}
	return (void __user *)at;
}

static void drop_page(struct wppk_files *fs)
{
	if (fs->page)
		vm_munmap(fs->page, PAGE_SIZE);
	fs->page = 0;
}

/* ---- Texts ---- */

u64 wppk_info_value(const struct wppk_file *f, const char *key, int base, u64 def)
{
	const char *pos = f->info, *text;

	while (pos && (text = wppk_info_line(&pos, key))) {
		if (text[0] == ':')
			return simple_strtoull(skip_spaces(text + 1), NULL, base);
	}
	return def;
}

const char *wppk_info_line(const char **pos, const char *prefix)
{
	size_t len = strlen(prefix);

	while (**pos) {
		const char *line = *pos, *end = strchrnul(line, '\n');

		*pos = *end ? end + 1 : end;
		if (!strncmp(line, prefix, len))
			return line + len;
	}
	return NULL;
}

/* ---- What no kind takes ---- */

static const struct {
	const char *link, *name;
} strangers[] = {
	{ "anon_inode:[io_uring]", "io_uring" },
	{ "anon_inode:[userfaultfd]", "userfaultfd" },
	{ "anon_inode:[fanotify]", "fanotify" },
	{ "anon_inode:[perf_event]", "perf-event" },
	{ "anon_inode:bpf", "bpf" },
	{ "anon_inode:btf", "bpf" },
	{ "anon_inode:kvm", "kvm" },
	{ "anon_inode:[landlock", "landlock" },
	{ "anon_inode:seccomp notify", "seccomp-notify" },
	{ "anon_inode:[fscontext]", "mount-fd" },
	{ "anon_inode:[mount", "mount-fd" },
	{ "anon_inode:[secretmem]", "secretmem" },
	{ "/secretmem", "secretmem" },
	{ "/dev/kvm", "kvm" },
	{ "/dev/ptmx", "pty-master" },
	{ "/dev/pts/ptmx", "pty-master" },
	{ "mnt:[", "namespace-fd" },
	{ "net:[", "namespace-fd" },
	{ "pid:[", "namespace-fd" },
	{ "user:[", "namespace-fd" },
	{ "uts:[", "namespace-fd" },
	{ "ipc:[", "namespace-fd" },
	{ "time:[", "namespace-fd" },
	{ "cgroup:[", "namespace-fd" },
	{ "anon_inode:", "anon-inode" },
};

static const char *stranger_name(const struct wppk_file *f)
{
	u32 i;

	for (i = 0; i < ARRAY_SIZE(strangers); i++) {
		if (!strncmp(f->link, strangers[i].link, strlen(strangers[i].link)))
			return strangers[i].name;
	}
	if (wppk_file_fs(f) == MQUEUE_MAGIC)
		return "mqueue";
	if (S_ISDIR(f->st.mode))
		return "deleted-directory";
	return S_ISBLK(f->st.mode) || S_ISCHR(f->st.mode) ? "device" : "file";
}

/* ---- By us: names and kinds ---- */

static int name_file(struct wppk_capture *c, struct wppk_file *f)
{
	char *path = wppk_path(c, &f->file->f_path);
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

static const struct wppk_file_kind *classify(struct wppk_capture *c, const struct wppk_file *f)
{
	u32 i;

	for (i = 0; i < ARRAY_SIZE(kinds); i++) {
		if (f->flags & O_PATH && kinds[i] != &wppk_file_path &&
		    kinds[i] != &wppk_file_memobj)
			continue;
		if (kinds[i]->match(c, f))
			return kinds[i];
	}
	return NULL;
}

static int check_file(struct wppk_capture *c, struct wppk_file *f)
{
	int err;

	f->kind = classify(c, f);
	if (!f->kind) {
		wppk_refuse(c->notes, stranger_name(f), "descriptor %d (%s) can't be made anew",
			    f->num, f->link);
		return 0;
	}
	err = f->kind->check ? f->kind->check(c, f) : 0;
	if (!err && f->kind)
		wppk_locks_check(c, f);
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

static int collect_file(struct wppk_capture *c, struct wppk_file *f)
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
	err = f->kind->collect ? f->kind->collect(c, f, &rec) : 0;
	if (err)
		return err;
	WPPK_REC(wppk_pcb(c), OFD, 0, f->id, &rec, f->link, strlen(f->link));
	return wppk_locks_collect(c, f);
}

static int collect_all(struct wppk_capture *c)
{
	struct wppk_files *fs = c->files;
	int err = 0;
	u32 i;

	for (i = 0; !err && i < fs->nr; i++)
		err = collect_file(c, &fs->v[i]);
	drop_page(fs);
	return err;
}

/* ---- The class ---- */

static int look_at_ttys(struct wppk_capture *c)
{
	struct wppk_files *fs = c->files;
	u32 i;

	for (i = 0; i < fs->nr; i++) {
		fs->v[i].tty = wppk_tty_look(c, fs->v[i].file);
		if (IS_ERR(fs->v[i].tty)) {
			int err = PTR_ERR(fs->v[i].tty);

			fs->v[i].tty = NULL;
			return err;
		}
	}
	return 0;
}

static int files_inside(struct wppk_capture *c)
{
	struct wppk_files *fs = kzalloc(sizeof(*fs), GFP_KERNEL_ACCOUNT);
	int err;

	if (!fs)
		return -ENOMEM;
	c->files = fs;
	err = copy_table(fs);
	if (!err)
		err = number_files(fs);
	if (!err)
		err = look_at_ttys(c);
	drop_page(fs);
	return err;
}

static void record_numbers(struct wppk_capture *c)
{
	const struct wppk_files *fs = c->files;
	u32 i;

	for (i = 0; i < fs->nr_fds; i++) {
		const struct wppk_fd *fd = &fs->fds[i];
		struct wpp_rec_fd rec = { fs->v[fd->index].id, fd->cloexec };

		WPPK_REC(wppk_pcb(c), FD, c->pid, fd->num, &rec, NULL, 0);
	}
}

static int files_collect(struct wppk_capture *c)
{
	struct wppk_files *fs = c->files;
	int err = 0;
	u32 i;

	for (i = 0; !err && i < fs->nr; i++)
		err = name_file(c, &fs->v[i]);
	for (i = 0; !err && i < fs->nr; i++)
		err = check_file(c, &fs->v[i]);
	if (err || c->notes->refused)
		return err;
	err = wppk_leader_run(c, collect_all);
	if (!err)
		record_numbers(c);
	return err;
}

static void files_done(struct wppk_capture *c)
{
	struct wppk_files *fs = c->files;
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

int wppk_sync_descriptors(struct wppk_capture *c)
{
	struct wppk_files *fs = c->files;
	int err = 0;
	u32 i;

	for (i = 0; !err && i < fs->nr; i++) {
		struct file *file = fs->v[i].file;
		umode_t mode = file_inode(file)->i_mode;

		if ((S_ISREG(mode) || S_ISBLK(mode)) && file->f_mode & FMODE_WRITE)
			err = wppk_sync_file(c, file);
	}
	return err;
}

const struct wppk_class wppk_class_files = {
	.inside = files_inside,
	.collect = files_collect,
	.done = files_done,
};
