/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Recreation of all descriptors. The driver has left open only what is needed
 * still, at numbers that the image leaves free. Whatever is opened moves to a
 * gap between the image's numbers before it gets its own: nothing ever has to
 * make room.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/close_range.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "files/files.h"
#include "stop/script.h"

#define GAP_SPARE 64 /* temporaries that are open at the same time */

/* ---- Decoding ---- */

static const struct file_kind *kind_of(uint64_t kind)
{
	for (size_t i = 0; i < wppi_nr_file_kinds; i++) {
		if (wppi_file_kinds[i]->kind == kind)
			return wppi_file_kinds[i];
	}
	return NULL;
}

static int compare_nums(const void *pa, const void *pb)
{
	const struct fd_num *a = pa, *b = pb;

	return (a->num > b->num) - (a->num < b->num);
}

static int compare_nums_by_file(const void *pa, const void *pb)
{
	const struct fd_num *a = pa, *b = pb;

	if (a->file != b->file)
		return a->file < b->file ? -1 : 1;
	return compare_nums(pa, pb);
}

/* ---- Open file descriptions and their numbers ---- */

static int load_ofds(struct rebuild *b)
{
	struct rec_cursor c = wppi_shared(b->m->tree, WPP_REC_OFD);
	struct buf list = { 0 };
	struct wpp_rec rec;
	int err = 0;

	while (!err && wppi_rec_next(&c, &rec)) {
		struct ofd o = { .id = rec.id, .fd = -1 };

		wpp_rec_get(&rec, (uint64_t *)&o.rec, WPP_REC_NR(o.rec));
		o.kind = kind_of(o.rec.kind);
		o.path = strndup((const char *)rec.tail, rec.tail_len);
		wppi_buf_add(&list, &o, sizeof(o));
		if (!o.kind)
			err = WPP_EFORMAT;
		else if (strlen(o.path ? o.path : "") >= PATH_MAX)
			err = WPP_ECORRUPT;
		if (!o.path)
			err = WPP_ENOMEM;
	}
	b->v = (struct ofd *)list.data;
	b->nr = list.len / sizeof(*b->v);
	if (err || list.failed)
		return err ? err : WPP_ENOMEM;
	if (b->nr)
		qsort(b->v, b->nr, sizeof(*b->v), wppi_ofd_compare);
	for (size_t i = 1; i < b->nr; i++) {
		if (b->v[i].id == b->v[i - 1].id)
			return WPP_ECORRUPT;
	}
	return 0;
}

/* The first gap in the image's numbers that takes what is open for a while. */
static int find_gap(const struct rebuild *b)
{
	int need = GAP_SPARE + (int)b->m->tree->nr_objs, from = 0;

	for (size_t i = 0; i < b->nr_nums; i++) {
		if (b->nums[i].num - from >= need)
			break;
		from = b->nums[i].num + 1;
	}
	return from;
}

/* Every description has a number: there is no other way to it. */
static int group_nums(struct rebuild *b)
{
	if (b->nr_nums)
		qsort(b->nums, b->nr_nums, sizeof(*b->nums), compare_nums_by_file);
	for (size_t i = b->nr_nums; i-- > 0;) {
		b->v[b->nums[i].file].first_num = i;
		b->v[b->nums[i].file].nr_nums++;
	}
	for (size_t i = 0; i < b->nr; i++) {
		if (!b->v[i].nr_nums)
			return WPP_ECORRUPT;
	}
	return 0;
}

static int load_nums(struct rebuild *b)
{
	struct buf list = { 0 };
	struct wpp_rec_fd fd;
	struct rec_cursor c = wppi_own(b->m, WPP_REC_FD);
	struct wpp_rec rec;
	int err = 0;

	while (!err && wppi_rec_next(&c, &rec)) {
		struct fd_num n = { .num = (int)rec.id };
		struct ofd *o;

		wpp_rec_get(&rec, (uint64_t *)&fd, WPP_REC_NR(fd));
		o = wppi_ofd_find(b, fd.ofd);
		if (!o || rec.id > INT_MAX - GAP_SPARE) {
			err = WPP_ECORRUPT;
			continue;
		}
		n.cloexec = fd.cloexec;
		n.file = (size_t)(o - b->v);
		wppi_buf_add(&list, &n, sizeof(n));
	}
	b->nums = (struct fd_num *)list.data;
	b->nr_nums = list.len / sizeof(*b->nums);
	if (list.failed || err)
		return err ? err : WPP_ENOMEM;
	if (b->nr_nums)
		qsort(b->nums, b->nr_nums, sizeof(*b->nums), compare_nums);
	for (size_t i = 1; i < b->nr_nums; i++) {
		if (b->nums[i].num == b->nums[i - 1].num)
			return WPP_ECORRUPT;
	}
	b->gap = find_gap(b);
	b->top = b->nr_nums ? b->nums[b->nr_nums - 1].num + 1 : 0;
	return group_nums(b);
}

static void unload(struct rebuild *b)
{
	for (size_t i = 0; i < b->nr; i++)
		free(b->v[i].path);
	free(b->v);
	free(b->nums);
}

static int load(struct rebuild *b, struct member *m)
{
	int err;

	memset(b, 0, sizeof(*b));
	b->m = m;
	err = load_ofds(b);
	return err ? err : load_nums(b);
}

/* ---- Before anything is created ---- */

static int files_prepare(struct member *m)
{
	struct rebuild b;
	bool refused = false;
	int err = load(&b, m);

	for (size_t i = 0; !err && i < b.nr; i++) {
		int one = b.v[i].kind->prepare ? b.v[i].kind->prepare(&b, &b.v[i]) : 0;

		refused = refused || one == WPP_EREFUSED;
		if (one != WPP_EREFUSED)
			err = one;
	}
	unload(&b);
	return !err && refused ? WPP_EREFUSED : err;
}

/* ---- Numbers ---- */

static void raise_limit(const struct rebuild *b)
{
	rlim_t need = (rlim_t)b->gap + GAP_SPARE + b->m->tree->nr_objs;
	struct rlimit lim;

	if (need < (rlim_t)b->top)
		need = (rlim_t)b->top;
	if (getrlimit(RLIMIT_NOFILE, &lim) || lim.rlim_cur >= need)
		return;
	lim.rlim_cur = need;
	if (lim.rlim_max < need)
		lim.rlim_max = need;
	if (setrlimit(RLIMIT_NOFILE, &lim) == 0)
		return;
	lim.rlim_cur = lim.rlim_max;
	setrlimit(RLIMIT_NOFILE, &lim);
}

static int close_between(unsigned int first, unsigned int last)
{
	if (first > last)
		return 0;
	return syscall(SYS_close_range, first, last, 0) ? -errno : 0;
}

static int compare_ints(const void *a, const void *b)
{
	int x = *(const int *)a, y = *(const int *)b;

	return (x > y) - (x < y);
}

/* Closes everything but @nr numbers. */
static int close_others(int *keep, size_t nr)
{
	unsigned int from = 0;
	int err = 0;

	qsort(keep, nr, sizeof(*keep), compare_ints);
	for (size_t i = 0; i < nr && !err; i++) {
		if (keep[i] < 0)
			continue;
		if (keep[i] > 0)
			err = close_between(from, (unsigned int)keep[i] - 1);
		from = (unsigned int)keep[i] + 1;
	}
	return err ? err : close_between(from, UINT_MAX);
}

/* ---- In the child ---- */

static int open_all(struct rebuild *b)
{
	for (size_t i = 0; i < b->nr; i++) {
		struct ofd *o = &b->v[i];
		int err = o->fd < 0 ? o->kind->open(b, o) : 0;

		if (err)
			return wppi_child_fail(b->m, err, "%s can't be opened again: %s", o->path,
					       wppi_why(err));
	}
	return 0;
}

static int finish_all(struct rebuild *b)
{
	for (size_t k = 0; k < wppi_nr_file_kinds; k++) {
		for (size_t i = 0; i < b->nr; i++) {
			struct ofd *o = &b->v[i];
			int err;

			if (o->kind != wppi_file_kinds[k] || !o->kind->finish || o->fd < 0)
				continue;
			err = o->kind->finish(b, o);
			if (err)
				return wppi_child_fail(b->m, err, "%s can't be completed: %s",
						       o->path, wppi_why(err));
		}
	}
	return 0;
}

/* What belongs to every open file description. */
static int set_common(struct rebuild *b, const struct ofd *o)
{
	struct f_owner_ex own = { .type = (int)o->rec.owner_type, .pid = (pid_t)o->rec.owner };
	int flags = (int)o->rec.flags;

	if (o->fd < 0 || flags & O_PATH || o->rec.kind == WPP_OFD_STDIO)
		return 0;
	if (o->rec.sig && fcntl(o->fd, F_SETSIG, (int)o->rec.sig))
		return -errno;
	/* A thread isn't there yet: its turn comes in files_last(). */
	if (own.pid && (own.type != F_OWNER_TID || own.pid == b->m->pid) &&
	    fcntl(o->fd, F_SETOWN_EX, &own))
		wppi_child_note(b->m, WPP_NOTE_INFO, "file-owner",
				"%s sent its signals to %d, which is gone", o->path, (int)own.pid);
	return fcntl(o->fd, F_SETFL, flags) ? -errno : 0;
}

static int set_all(struct rebuild *b)
{
	for (size_t i = 0; i < b->nr; i++) {
		int err = set_common(b, &b->v[i]);

		if (err)
			return wppi_child_fail(b->m, err, "flags %#llo of %s can't be set: %s",
					       (unsigned long long)b->v[i].rec.flags, b->v[i].path,
					       wppi_why(err));
	}
	return 0;
}

static int close_temporaries(struct rebuild *b)
{
	size_t nr = b->nr_nums + 1 + b->m->tree->nr_objs, n = 0;
	int *keep = calloc(nr, sizeof(*keep));
	int err;

	if (!keep)
		return WPP_ENOMEM;
	for (size_t i = 0; i < b->nr_nums; i++)
		keep[n++] = b->nums[i].num;
	keep[n++] = b->m->control;
	for (size_t i = 0; i < b->m->tree->nr_objs; i++)
		keep[n++] = b->m->tree->objs[i].fd;
	err = close_others(keep, nr);
	free(keep);
	return err;
}

static int rebuild(struct rebuild *b)
{
	int err;

	for (int i = 0; i < 3; i++)
		b->stdio[i] = b->m->tree->how.stdio[i];
	raise_limit(b);
	err = open_all(b);
	if (!err)
		err = finish_all(b);
	if (!err)
		err = set_all(b);
	if (!err)
		err = close_temporaries(b);
	return err ? err : wppi_locks_recreate(b);
}

static int files_child(struct member *m)
{
	struct rebuild b;
	int err = load(&b, m);

	if (!err)
		err = rebuild(&b);
	unload(&b);
	return err;
}

/* Signals of a file that go to one thread: it exists now. */
static int files_last(struct member *m, uint32_t tid, struct script *s)
{
	struct wpp_rec_ofd ofd;
	struct rebuild b;
	int err = tid == (uint32_t)m->pid ? 0 : load(&b, m);

	if (err || tid == (uint32_t)m->pid)
		return err;
	for (size_t i = 0; i < b.nr_nums; i++) {
		struct f_owner_ex own = { .type = F_OWNER_TID, .pid = (pid_t)tid };

		ofd = b.v[b.nums[i].file].rec;
		if (ofd.owner == tid && ofd.owner_type == F_OWNER_TID)
			wppi_script_call(s, 0, SYS_fcntl, (uint64_t)b.nums[i].num, F_SETOWN_EX,
					 wppi_script_data(s, &own, sizeof(own)), 0, 0, 0);
	}
	unload(&b);
	return 0;
}

const struct recreate_class wppi_recreate_files = {
	.name = "files",
	.prepare = files_prepare,
	.child = files_child,
	.last = files_last,
};
