/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Capture: the descriptors of a process and the open file descriptions that they share. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/kcmp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "files/files.h"

#define INFO_MAX 4096 /* usual size of fdinfo; only epoll and inotify have more */

/* A descriptor as /proc shows it, while the table is built. */
struct entry {
	int num;
	bool cloexec;
	struct file f;
};

struct order {
	pid_t pid;
	int err;
};

/* ---- Reading /proc/PID/fd and fdinfo ---- */

static int compare_ints(const void *a, const void *b)
{
	int x = *(const int *)a, y = *(const int *)b;

	return (x > y) - (x < y);
}

static int list_numbers(pid_t pid, struct buf *out)
{
	char path[64];
	struct dirent *d;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/fd", (int)pid);
	dir = opendir(path);
	if (!dir)
		return -errno;
	while ((d = readdir(dir))) {
		int num = atoi(d->d_name);

		if (d->d_name[0] != '.')
			wppi_buf_add(out, &num, sizeof(num));
	}
	closedir(dir);
	if (out->failed)
		return WPP_ENOMEM;
	if (out->len)
		qsort(out->data, out->len / sizeof(int), sizeof(int), compare_ints);
	return 0;
}

uint64_t wppi_file_info(const struct file *f, const char *key, int base, uint64_t def)
{
	const char *text = wppi_proc_field(f->info, key);

	return text ? strtoull(text, NULL, base) : def;
}

const char *wppi_file_line(const char **pos, const char *prefix)
{
	size_t len = strlen(prefix);

	while (**pos) {
		const char *line = *pos, *end = strchr(line, '\n');

		*pos = end ? end + 1 : line + strlen(line);
		if (!strncmp(line, prefix, len))
			return line + len;
	}
	return NULL;
}

/* A copy of no more than its size: there may be many. */
static int read_info(pid_t pid, int num, char **out)
{
	char name[64], text[INFO_MAX];
	ssize_t n;

	snprintf(name, sizeof(name), "fdinfo/%d", num);
	n = wppi_proc_read(pid, name, text, sizeof(text));
	if (n == -EOVERFLOW) {
		n = wppi_proc_read_all(pid, name, out);
		return n < 0 ? (int)n : 0;
	}
	*out = n < 0 ? NULL : strdup(text);
	return n < 0 ? (int)n : *out ? 0 : WPP_ENOMEM;
}

/* 0; -ENOENT when the descriptor was closed meanwhile. */
static int read_entry(pid_t pid, int num, struct entry *e)
{
	char name[64], path[96], link[PATH_MAX];
	struct file *f = &e->f;
	ssize_t n;
	int err;

	memset(e, 0, sizeof(*e));
	e->num = f->num = num;
	f->fd = -1;
	snprintf(name, sizeof(name), "fd/%d", num);
	n = wppi_proc_readlink(pid, name, link, sizeof(link));
	if (n < 0)
		return (int)n;
	snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, name);
	if (stat(path, &f->st))
		return -errno;
	err = read_info(pid, num, &f->info);
	if (err)
		return err;
	f->link = strdup(link);
	f->pos = (int64_t)wppi_file_info(f, "pos", 10, 0);
	f->flags = wppi_file_info(f, "flags", 8, 0);
	e->cloexec = f->flags & O_CLOEXEC;
	f->flags &= ~(uint64_t)O_CLOEXEC;
	return f->link ? 0 : WPP_ENOMEM;
}

/* ---- Which descriptors share one open file description ---- */

#define COMPARE(x, y)                              \
	do {                                       \
		if ((x) != (y))                    \
			return (x) < (y) ? -1 : 1; \
	} while (0)

/* What two descriptors of one description have in common; kcmp decides the rest. */
static int compare_visible(const struct file *a, const struct file *b)
{
	COMPARE(a->st.st_dev, b->st.st_dev);
	COMPARE(a->st.st_ino, b->st.st_ino);
	COMPARE(a->flags, b->flags);
	COMPARE(a->pos, b->pos);
	return 0;
}

static int compare_entries(const void *pa, const void *pb, void *arg)
{
	const struct entry *a = pa, *b = pb;
	struct order *o = arg;
	int diff = compare_visible(&a->f, &b->f);
	long k;

	if (diff || a->num == b->num)
		return diff;
	k = syscall(SYS_kcmp, o->pid, o->pid, KCMP_FILE, a->num, b->num);
	if (k == 1 || k == 2)
		return k == 1 ? -1 : 1;
	if (k)
		o->err = k < 0 ? -errno : -EINVAL;
	return 0;
}

static int compare_nums(const void *a, const void *b)
{
	return compare_ints(&((const struct fd_num *)a)->num, &((const struct fd_num *)b)->num);
}

/* By the lowest number of each, so that ids don't depend on kernel addresses. */
static int number_files(struct files *fs)
{
	size_t *map = calloc(fs->nr + 1, sizeof(*map));
	struct file *v = calloc(fs->nr + 1, sizeof(*v));
	size_t next = 0;
	int err = WPP_ENOMEM;

	if (!map || !v)
		goto out;
	qsort(fs->nums, fs->nr_nums, sizeof(*fs->nums), compare_nums);
	for (size_t i = 0; i < fs->nr_nums; i++) {
		struct fd_num *n = &fs->nums[i];

		if (!map[n->file]) {
			v[next] = fs->v[n->file];
			v[next].num = n->num;
			v[next].id = next + 1;
			map[n->file] = ++next;
		}
		n->file = map[n->file] - 1;
	}
	memcpy(fs->v, v, fs->nr * sizeof(*v));
	err = 0;
out:
	free(map);
	free(v);
	return err;
}

static void drop_file(struct file *f)
{
	free(f->link);
	free(f->info);
	f->link = f->info = NULL;
}

static int build(struct files *fs, struct entry *e, size_t nr)
{
	struct order o = { .pid = fs->m->pid };

	fs->v = calloc(nr + 1, sizeof(*fs->v));
	fs->nums = calloc(nr + 1, sizeof(*fs->nums));
	if (!fs->v || !fs->nums)
		return WPP_ENOMEM;
	if (nr)
		qsort_r(e, nr, sizeof(*e), compare_entries, &o);
	for (size_t i = 0; i < nr; i++) {
		if (i && compare_entries(&e[i - 1], &e[i], &o) == 0)
			drop_file(&e[i].f);
		else
			fs->v[fs->nr++] = e[i].f;
		fs->nums[fs->nr_nums++] = (struct fd_num){ e[i].num, e[i].cloexec, fs->nr - 1 };
		e[i].f.link = e[i].f.info = NULL;
	}
	return o.err ? o.err : number_files(fs);
}

int wppi_files_scan(struct files *fs, struct member *m)
{
	struct buf nums = { 0 }, entries = { 0 };
	const int *num;
	struct entry *e;
	size_t nr = 0;
	int err;

	fs->m = m;
	err = list_numbers(m->pid, &nums);
	num = (const int *)nums.data;
	for (size_t i = 0; !err && i < nums.len / sizeof(int); i++) {
		e = wppi_buf_reserve(&entries, sizeof(*e));
		if (!e) {
			err = WPP_ENOMEM;
			break;
		}
		err = read_entry(m->pid, num[i], e);
		if (err == -ENOENT) {
			drop_file(&e->f);
			entries.len -= sizeof(*e);
			err = 0;
		}
	}
	e = (struct entry *)entries.data;
	nr = entries.len / sizeof(*e);
	if (!err)
		err = build(fs, e, nr);
	for (size_t i = 0; i < nr; i++)
		drop_file(&e[i].f);
	wppi_buf_free(&entries);
	wppi_buf_free(&nums);
	return err;
}

void wppi_files_free(struct files *fs)
{
	for (size_t i = 0; i < fs->nr; i++)
		drop_file(&fs->v[i]);
	free(fs->v);
	free(fs->nums);
	free(fs->unix_table);
	memset(fs, 0, sizeof(*fs));
}

int wppi_file_reopen(const struct files *fs, const struct file *f, int flags)
{
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/fd/%d", (int)fs->m->pid, f->num);
	fd = open(path, flags | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}
