/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* inotify: the watches with their numbers; what is watched is found by its file handle. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "files/files.h"

#define WATCH "inotify wd:"
/* Watches are given numbers in ascending order; beyond this it would take too long to count up. */
#define WD_MAX 10000000

struct watch {
	struct wpp_rec_inotify rec;
	unsigned int dev;	    /* as the kernel prints it */
	struct file_handle *handle; /* NULL: the filesystem has none */
};

static bool match_inotify(struct files *fs, const struct file *f)
{
	(void)fs;
	return !strcmp(f->link, "anon_inode:inotify");
}

/* ---- The path of a watch ---- */

static struct file_handle *parse_handle(unsigned int bytes, unsigned int type, const char *hex)
{
	struct file_handle *h;

	if (bytes > MAX_HANDLE_SZ || strlen(hex) < 2 * (size_t)bytes)
		return NULL;
	h = calloc(1, sizeof(*h) + MAX_HANDLE_SZ);
	if (!h)
		return NULL;
	h->handle_bytes = bytes;
	h->handle_type = (int)type;
	for (unsigned int i = 0; i < bytes; i++) {
		unsigned int byte;

		sscanf(hex + 2 * i, "%2x", &byte);
		h->f_handle[i] = (unsigned char)byte;
	}
	return h;
}

static bool parse_watch(const char *text, struct watch *w)
{
	unsigned int wd, dev, mask, bytes, type;
	unsigned long ino;
	int at = 0;

	memset(w, 0, sizeof(*w));
	if (sscanf(text, "%x ino:%lx sdev:%x mask:%x", &wd, &ino, &dev, &mask) != 4)
		return false;
	w->rec.wd = wd;
	w->rec.mask = mask;
	w->rec.ino = ino;
	w->dev = dev;
	w->rec.dev = makedev(dev >> 20, dev & 0xfffff);
	text = strstr(text, "fhandle-bytes:");
	if (text &&
	    sscanf(text, "fhandle-bytes:%x fhandle-type:%x f_handle:%n", &bytes, &type, &at) == 2)
		w->handle = parse_handle(bytes, type, text + at);
	return true;
}

/* A mount point of the device; -1 when there is none. */
static int open_mount(const struct files *fs, unsigned int dev)
{
	char *info, *save = NULL;
	int fd = -1;

	if (wppi_proc_read_all(fs->m->pid, "mountinfo", &info) < 0)
		return -1;
	for (char *line = strtok_r(info, "\n", &save); line && fd < 0;
	     line = strtok_r(NULL, "\n", &save)) {
		char point[PATH_MAX];
		unsigned int maj, min;

		if (sscanf(line, "%*d %*d %u:%u %*s %4095s", &maj, &min, point) != 3 ||
		    maj != dev >> 20 || min != (dev & 0xfffff))
			continue;
		fd = open(point, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	}
	free(info);
	return fd;
}

static bool watch_path(const struct files *fs, const struct watch *w, char *path)
{
	int mount = w->handle ? open_mount(fs, w->dev) : -1, fd;
	char name[64];
	ssize_t n;

	if (mount < 0)
		return false;
	fd = open_by_handle_at(mount, w->handle, O_PATH | O_CLOEXEC);
	close(mount);
	if (fd < 0)
		return false;
	snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);
	n = readlink(name, path, PATH_MAX - 1);
	path[n > 0 ? n : 0] = '\0';
	close(fd);
	return n > 0 && access(path, F_OK) == 0;
}

/* ---- Capture ---- */

static int each_watch(struct files *fs, struct file *f, bool collect)
{
	const char *pos = f->info, *line;
	char path[PATH_MAX];
	struct watch w;

	while ((line = wppi_file_line(&pos, WATCH))) {
		bool found = parse_watch(line, &w) && watch_path(fs, &w, path);

		if (!found && !collect)
			wppi_refuse(fs->m, "inotify",
				    "descriptor %d watches inode %llu, whose name can't be found",
				    f->num, (unsigned long long)w.rec.ino);
		if (found && collect)
			WPPI_REC(&fs->m->tree->pcb, INOTIFY, 0, f->id, &w.rec, path, strlen(path));
		free(w.handle);
	}
	return 0;
}

static int check_inotify(struct files *fs, struct file *f)
{
	int queued = 0;

	if (ioctl(f->fd, FIONREAD, &queued) == 0 && queued)
		wppi_files_info(fs, "inotify-events",
				"descriptor %d: events that are still unread will be lost", f->num);
	return each_watch(fs, f, false);
}

static int collect_inotify(struct files *fs, struct file *f, struct wpp_rec_ofd *rec)
{
	(void)rec;
	return each_watch(fs, f, true);
}

/* ---- Recreate ---- */

static int open_inotify(struct rebuild *b, struct ofd *o)
{
	return wppi_ofd_put(b, o, inotify_init1(IN_CLOEXEC | IN_NONBLOCK));
}

struct wanted {
	uint64_t wd;
	uint32_t mask;
	char *path;
};

static int compare_wanted(const void *a, const void *b)
{
	const struct wanted *x = a, *y = b;

	return (x->wd > y->wd) - (x->wd < y->wd);
}

static int load_wanted(struct rebuild *b, const struct ofd *o, struct buf *out)
{
	struct wpp_rec_inotify in;
	struct wpp_rec rec;
	struct rec_cursor c = wppi_shared_of(b->m->tree, WPP_REC_INOTIFY, o->id);

	while (wppi_rec_next(&c, &rec)) {
		struct wanted w;

		wpp_rec_get(&rec, (uint64_t *)&in, WPP_REC_NR(in));
		w = (struct wanted){ in.wd, (uint32_t)in.mask,
				     strndup((const char *)rec.tail, rec.tail_len) };
		wppi_buf_add(out, &w, sizeof(w));
		if (!w.path || out->failed)
			return WPP_ENOMEM;
		if (!in.wd || in.wd > WD_MAX)
			return WPP_ECORRUPT;
	}
	if (out->len)
		qsort(out->data, out->len / sizeof(struct wanted), sizeof(struct wanted),
		      compare_wanted);
	return 0;
}

/* Numbers count up and are never used twice: add and remove until the right one comes. */
static int add_watch(int fd, const struct wanted *w)
{
	for (;;) {
		int wd = inotify_add_watch(fd, w->path, w->mask);

		if (wd < 0)
			return -errno;
		if ((uint64_t)wd == w->wd)
			return 0;
		if ((uint64_t)wd > w->wd)
			return WPP_ECORRUPT;
		inotify_rm_watch(fd, wd);
	}
}

/* What making the watches has put into the queue. */
static void drain_events(int fd)
{
	char events[4096];

	while (read(fd, events, sizeof(events)) > 0)
		;
}

static int finish_inotify(struct rebuild *b, struct ofd *o)
{
	struct buf list = { 0 };
	int err = load_wanted(b, o, &list);
	struct wanted *w = (struct wanted *)list.data;
	size_t nr = list.len / sizeof(*w);

	for (size_t i = 0; i < nr && !err; i++) {
		err = add_watch(o->fd, &w[i]);
		if (err == -ENOENT || err == -ENOTDIR) {
			wppi_child_note(b->m, WPP_NOTE_CHANGED, "inotify",
					"%s, which is watched, is missing", w[i].path);
			err = 0;
		}
	}
	drain_events(o->fd);
	for (size_t i = 0; i < nr; i++)
		free(w[i].path);
	wppi_buf_free(&list);
	return err;
}

const struct file_kind wppi_file_inotify = {
	.kind = WPP_OFD_INOTIFY,
	.match = match_inotify,
	.check = check_inotify,
	.collect = collect_inotify,
	.open = open_inotify,
	.finish = finish_inotify,
};
