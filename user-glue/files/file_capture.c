/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Capture of all descriptors: finds the kind of each file and lets it speak. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/kcmp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "files/file_path.h"
#include "record/refuse.h"

#define CHECKS 3 /* of a running process, until all fits together */

/* ---- What no kind takes ---- */

bool wppi_file_refuse(struct files *fs, const struct file *f)
{
	const char *name = wppr_refuse_file(f->link, wppi_file_fs(f), f->st.st_mode);

	if (!strcmp(name, "device"))
		return wppi_refuse(fs->m, name, "descriptor %d is the device %s (%u:%u)", f->num,
				   f->link, major(f->st.st_rdev), minor(f->st.st_rdev));
	return wppi_refuse(fs->m, name, "descriptor %d (%s) can't be made anew; close it before",
			   f->num, f->link);
}

/* Threads with a table of descriptors of their own (CLONE_FILES not given, or unshared). */
static int check_tables(struct member *m)
{
	char path[64];
	struct dirent *d;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/task", (int)m->pid);
	dir = opendir(path);
	if (!dir)
		return -errno;
	while ((d = readdir(dir))) {
		pid_t tid = atoi(d->d_name);

		if (tid > 0 && syscall(SYS_kcmp, m->pid, tid, KCMP_FILES, 0, 0) > 0)
			wppi_refuse(m, "unshared-files",
				    "thread %d has a table of descriptors of its own", (int)tid);
	}
	closedir(dir);
	return 0;
}

/* ---- One file ---- */

static const struct file_kind *classify(struct files *fs, const struct file *f)
{
	for (size_t i = 0; i < wppi_nr_file_kinds; i++) {
		const struct file_kind *k = wppi_file_kinds[i];

		if (f->flags & O_PATH && k != &wppi_file_path && k != &wppi_file_memobj)
			continue;
		if (k->match(fs, f))
			return k;
	}
	return NULL;
}

static int check_lease(struct files *fs, struct file *f)
{
	int lease = S_ISREG(f->st.st_mode) ? fcntl(f->fd, F_GETLEASE) : -1;

	if (lease >= 0 && lease != F_UNLCK)
		wppi_refuse(fs->m, "lease", "descriptor %d holds a lease on %s", f->num, f->link);
	return 0;
}

static int check_file(struct files *fs, struct file *f)
{
	int err;

	f->kind = classify(fs, f);
	if (!f->kind) {
		wppi_file_refuse(fs, f);
		return 0;
	}
	/* A check that lets a file go takes its kind away. */
	/* cppcheck-suppress nullPointerRedundantCheck */
	err = f->kind->check ? f->kind->check(fs, f) : 0;
	if (!err && f->kind)
		err = check_lease(fs, f);
	if (!err && f->kind)
		err = wppi_locks_check(fs, f);
	return err;
}

static void fill_owner(const struct file *f, struct wpp_rec_ofd *rec)
{
	struct f_owner_ex own = { 0 };
	int sig;

	if (f->flags & O_PATH)
		return;
	if (fcntl(f->fd, F_GETOWN_EX, &own) == 0 && own.pid) {
		rec->owner = (uint64_t)own.pid;
		rec->owner_type = (uint64_t)own.type;
	}
	sig = fcntl(f->fd, F_GETSIG);
	rec->sig = sig > 0 ? (uint64_t)sig : 0;
}

static int collect_file(struct files *fs, struct file *f)
{
	const struct stat *st = &f->st;
	struct wpp_rec_ofd rec = {
		.kind = f->kind->kind,
		.flags = f->flags,
		.pos = (uint64_t)f->pos,
		.dev = st->st_dev,
		.ino = st->st_ino,
		.mode = st->st_mode,
		.size = (uint64_t)st->st_size,
		.mtime_ns =
			(uint64_t)st->st_mtim.tv_sec * 1000000000u + (uint64_t)st->st_mtim.tv_nsec,
		.nlink = st->st_nlink,
		.rdev = st->st_rdev,
	};
	int err;

	fill_owner(f, &rec);
	err = f->kind->collect ? f->kind->collect(fs, f, &rec) : 0;
	if (err)
		return err;
	WPPI_REC(&fs->m->tree->pcb, OFD, 0, f->id, &rec, f->link, strlen(f->link));
	wppi_locks_collect(fs, f);
	return 0;
}

static int visit(struct files *fs, struct file *f)
{
	int err;

	f->fd = (int)syscall(SYS_pidfd_getfd, fs->m->pidfd, f->num, 0);
	if (f->fd < 0)
		return !fs->frozen && errno == EBADF ? 0 : -errno;
	err = check_file(fs, f);
	if (!err && fs->frozen && f->kind)
		err = collect_file(fs, f);
	close(f->fd);
	f->fd = -1;
	return err;
}

static void add_numbers(struct files *fs)
{
	for (size_t i = 0; i < fs->nr_nums; i++) {
		const struct fd_num *n = &fs->nums[i];
		const struct file *f = &fs->v[n->file];
		struct wpp_rec_fd rec = { .ofd = f->id, .cloexec = n->cloexec };

		if (f->kind)
			WPPI_REC(&fs->m->tree->pcb, FD, fs->m->pid, n->num, &rec, NULL, 0);
	}
}

static int run(struct member *m, bool frozen)
{
	struct files fs = { .frozen = frozen };
	int err = wppi_files_scan(&fs, m);

	for (size_t i = 0; !err && i < fs.nr; i++)
		err = visit(&fs, &fs.v[i]);
	if (!err && frozen)
		add_numbers(&fs);
	if (fs.nr_reset)
		wppi_note(&m->tree->notes, WPP_NOTE_INFO, "tcp-established",
			  "%zu TCP connections will be reset by their peers: %s%s", fs.nr_reset,
			  fs.first_reset, fs.nr_reset > 1 ? " ..." : "");
	wppi_files_free(&fs);
	return err ? err : m->tree->pcb.failed ? WPP_ENOMEM : 0;
}

/* ---- The check of a running process ---- */

static void keep_note(void *arg, const struct wpp_note *note)
{
	struct buf *kept = arg;

	wppi_buf_add(kept, &note->kind, sizeof(note->kind));
	wppi_buf_add(kept, note->name, strlen(note->name) + 1);
	wppi_buf_add(kept, note->text, strlen(note->text) + 1);
}

static void say_notes(struct notes *n, const struct buf *kept)
{
	for (size_t pos = 0; !kept->failed && pos < kept->len;) {
		const char *name = (const char *)kept->data + pos + sizeof(enum wpp_note_kind);
		const char *text = name + strlen(name) + 1;
		enum wpp_note_kind kind;

		memcpy(&kind, kept->data + pos, sizeof(kind));
		wppi_note(n, kind, name, "%s", text);
		pos = (size_t)(text + strlen(text) + 1 - (const char *)kept->data);
	}
}

/*
 * What is read of a process that runs may not fit together (a descriptor closed here, added to an
 * epoll set there), and what doesn't fit is refused: only what is refused each time is believed.
 */
static int files_check(struct member *m)
{
	struct buf kept = { 0 };
	struct wpp_report keeper = { .note = keep_note, .arg = &kept };
	int err = check_tables(m);
	struct notes *n = &m->tree->notes, before = *n;

	n->report = &keeper;
	for (int i = 0; !err && i < CHECKS; i++) {
		n->nr_refused = before.nr_refused;
		n->lossy.len = before.lossy.len;
		kept.len = 0;
		err = run(m, false);
		if (n->nr_refused == before.nr_refused)
			break;
	}
	n->report = before.report;
	say_notes(n, &kept);
	wppi_buf_free(&kept);
	return err;
}

static int files_collect(struct member *m)
{
	return run(m, true);
}

const struct capture_class wppi_capture_files = {
	.name = "files",
	.check = files_check,
	.collect = files_collect,
};
