/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Pipes and FIFOs with what is in them. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "files/files.h"
#include "record/pipe.h"

static bool is_fifo(const struct file *f)
{
	return S_ISFIFO(f->st.st_mode) && !(f->flags & O_PATH);
}

static bool is_pipe(const struct file *f)
{
	return is_fifo(f) && !strncmp(f->link, "pipe:", 5);
}

/* ---- Which ends there are ---- */

const struct file *wppi_pipe_end(const struct files *fs, const struct file *f, int acc)
{
	for (size_t i = 0; i < fs->nr; i++) {
		const struct file *e = &fs->v[i];

		if (is_fifo(e) && e->st.st_ino == f->st.st_ino && e->st.st_dev == f->st.st_dev &&
		    wppr_pipe_is_end(e->flags, (uint32_t)acc))
			return e;
	}
	return NULL;
}

static bool other_end_inside(const struct files *fs, const struct file *f)
{
	return wppr_access(f->flags) == WPPR_BOTH ||
	       wppi_pipe_end(fs, f, (int)wppr_pipe_other(f->flags));
}

static bool other_end_closed(const struct file *f)
{
	struct pollfd p = { .fd = f->fd };

	return poll(&p, 1, 0) == 1 && p.revents & (POLLHUP | POLLERR);
}

bool wppi_pipe_outside(struct files *fs, const struct file *f)
{
	return is_pipe(f) && !other_end_inside(fs, f) && !other_end_closed(f);
}

/* ---- Capture ---- */

static bool match_pipe(struct files *fs, const struct file *f)
{
	(void)fs;
	return is_pipe(f);
}

static int check_pipe(struct files *fs, struct file *f)
{
	/* When the user lets it go it becomes a pipe whose other end is closed. */
	if (wppi_pipe_outside(fs, f))
		wppi_refuse(fs->m, "pipe-outside",
			    "descriptor %d: the other end of %s belongs to another process", f->num,
			    f->link);
	return 0;
}

static bool has_packets(const struct files *fs, const struct file *f)
{
	for (size_t i = 0; i < fs->nr; i++) {
		if (is_fifo(&fs->v[i]) && fs->v[i].st.st_ino == f->st.st_ino &&
		    fs->v[i].flags & O_DIRECT)
			return true;
	}
	return false;
}

/* One read gives one packet, or all that is left of a stream. */
static int drain(int fd, struct buf *lens, struct buf *data, size_t cap)
{
	uint8_t *room = malloc(cap);
	ssize_t n = 0;

	while (room && (n = read(fd, room, cap)) > 0) {
		uint32_t len = (uint32_t)n;

		wppi_buf_add(lens, &len, sizeof(len));
		wppi_buf_add(data, room, len);
	}
	if (n < 0 && errno != EAGAIN)
		n = -errno;
	else
		n = room && !lens->failed && !data->failed ? 0 : WPP_ENOMEM;
	free(room);
	return (int)n;
}

/* tee() copies what is in the pipe without taking it out. */
static int copy_contents(int from, size_t cap, struct buf *lens, struct buf *data)
{
	int tmp[2], err = 0;
	ssize_t n;

	if (pipe2(tmp, O_CLOEXEC | O_NONBLOCK))
		return -errno;
	if (fcntl(tmp[1], F_SETPIPE_SZ, (int)cap) < 0) {
		err = -errno;
	} else {
		n = tee(from, tmp[1], INT_MAX, SPLICE_F_NONBLOCK);
		if (n < 0 && errno != EAGAIN)
			err = -errno;
	}
	close(tmp[1]);
	if (!err)
		err = drain(tmp[0], lens, data, cap);
	close(tmp[0]);
	return err;
}

/* The lowest end that can be read speaks for the pipe. */
static int collect_contents(struct files *fs, struct file *f)
{
	struct buf lens = { 0 }, data = { 0 };
	struct wpp_rec_pipe rec = { 0 };
	int cap = fcntl(f->fd, F_GETPIPE_SZ), err;

	if (cap < 0)
		return -errno;
	rec.capacity = (uint64_t)cap;
	err = wppr_access(f->flags) == WPPR_WRITE ? 0
						  : copy_contents(f->fd, (size_t)cap, &lens, &data);
	if (!err) {
		rec.len = data.len;
		if (has_packets(fs, f)) {
			rec.packets = lens.len / sizeof(uint32_t);
			wppi_buf_add(&lens, data.data, data.len);
			WPPI_REC(&fs->m->tree->pcb, PIPE, 0, f->st.st_ino, &rec, lens.data,
				 lens.len);
		} else {
			WPPI_REC(&fs->m->tree->pcb, PIPE, 0, f->st.st_ino, &rec, data.data,
				 data.len);
		}
	}
	wppi_buf_free(&lens);
	wppi_buf_free(&data);
	return err;
}

static int collect_pipe(struct files *fs, struct file *f, struct wpp_rec_ofd *rec)
{
	const struct file *speaker = wppi_pipe_end(fs, f, O_RDONLY);

	rec->object = f->st.st_ino;
	if (!other_end_inside(fs, f))
		rec->aux = WPP_AUX_DEAD;
	if (!speaker)
		speaker = wppi_pipe_end(fs, f, O_WRONLY);
	return speaker == f ? collect_contents(fs, f) : 0;
}

/* ---- Recreate ---- */

static int find_pipe(struct rebuild *b, uint64_t id, struct wpp_rec *rec, struct wpp_rec_pipe *p)
{

	if (!wppi_shared_find(b->m->tree, WPP_REC_PIPE, id, rec))
		return WPP_ECORRUPT;
	wpp_rec_get(rec, (uint64_t *)p, WPP_REC_NR(*p));
	if (p->packets > rec->tail_len / 4 || p->len != rec->tail_len - 4 * p->packets)
		return WPP_ECORRUPT;
	return 0;
}

static int write_all(int fd, const uint8_t *data, size_t len)
{
	while (len) {
		ssize_t n = write(fd, data, len);

		if (n < 0)
			return -errno;
		data += n;
		len -= (size_t)n;
	}
	return 0;
}

/* @fd: a write end that doesn't block. */
static int fill(int fd, const struct wpp_rec_pipe *p, const struct wpp_rec *rec)
{
	const uint8_t *lens = rec->tail, *data = rec->tail + 4 * p->packets;
	size_t left = p->len;
	int err = 0;

	if (fcntl(fd, F_SETPIPE_SZ, (int)p->capacity) < 0 && errno != EPERM)
		return -errno;
	if (!p->packets)
		return write_all(fd, data, left);
	if (fcntl(fd, F_SETFL, O_DIRECT | O_NONBLOCK))
		return -errno;
	for (uint64_t i = 0; i < p->packets && !err; i++, lens += 4) {
		size_t len = lens[0] | (size_t)lens[1] << 8 | (size_t)lens[2] << 16 |
			     (size_t)lens[3] << 24;

		if (len > left)
			return WPP_ECORRUPT;
		err = write_all(fd, data, len);
		data += len;
		left -= len;
	}
	return err;
}

/* All ends of @o's pipe that aren't made yet; the first takes the end that is there, others reopen.
 */
static int give_ends(struct rebuild *b, const struct ofd *o, int rd, int wr)
{
	for (size_t i = 0; i < b->nr; i++) {
		struct ofd *e = &b->v[i];
		int err;

		if (e->fd >= 0 || e->kind != o->kind || e->rec.object != o->rec.object)
			continue;
		err = wppi_ofd_put(
			b, e,
			wppi_fd_reopen(wppr_access(e->rec.flags) == WPPR_READ ? rd : wr,
				       (e->rec.flags & ~(uint64_t)O_DIRECT) | O_NONBLOCK));
		if (err)
			return err;
	}
	return 0;
}

static int open_pipe(struct rebuild *b, struct ofd *o)
{
	struct wpp_rec_pipe p;
	struct wpp_rec rec;
	int ends[2], err;

	err = find_pipe(b, o->rec.object, &rec, &p);
	if (err)
		return err;
	if (pipe2(ends, O_CLOEXEC | O_NONBLOCK))
		return -errno;
	ends[0] = wppi_hoist(b, ends[0]);
	ends[1] = wppi_hoist(b, ends[1]);
	err = ends[0] < 0 || ends[1] < 0 ? -EMFILE : fill(ends[1], &p, &rec);
	if (!err)
		err = give_ends(b, o, ends[0], ends[1]);
	close(ends[0]);
	close(ends[1]);
	return err;
}

const struct file_kind wppi_file_pipe = {
	.kind = WPP_OFD_PIPE,
	.match = match_pipe,
	.check = check_pipe,
	.collect = collect_pipe,
	.open = open_pipe,
};

/* ---- FIFOs ---- */

static bool match_fifo(struct files *fs, const struct file *f)
{
	(void)fs;
	return is_fifo(f);
}

static int prepare_fifo(struct rebuild *b, struct ofd *o)
{
	struct stat st;

	if (lstat(o->path, &st) == 0 && S_ISFIFO(st.st_mode))
		return 0;
	wppi_note(&b->m->tree->notes, WPP_NOTE_REFUSED, "file-missing", "the FIFO %s is missing",
		  o->path);
	return WPP_EREFUSED;
}

/* A helper open for both keeps the FIFO alive until all its ends are there. */
static int open_fifo(struct rebuild *b, struct ofd *o)
{
	struct wpp_rec_pipe p;
	struct wpp_rec rec;
	int fd, err;

	err = find_pipe(b, o->rec.object, &rec, &p);
	if (err)
		return err;
	fd = open(o->path, O_RDWR | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	fd = wppi_hoist(b, fd);
	if (fd < 0)
		return fd;
	err = fill(fd, &p, &rec);
	if (!err)
		err = give_ends(b, o, fd, fd);
	close(fd);
	return err;
}

const struct file_kind wppi_file_fifo = {
	.kind = WPP_OFD_FIFO,
	.match = match_fifo,
	.check = NULL,
	.collect = collect_pipe,
	.prepare = prepare_fifo,
	.open = open_fifo,
};
