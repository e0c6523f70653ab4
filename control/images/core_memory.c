/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The memory of a core file: pages of the image over what it leaves to mapped files. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "control/images/core_file.h"
#include "control/why.h"

int wppc_core_write(int fd, const void *data, size_t len, uint64_t off)
{
	const uint8_t *p = data;

	while (len) {
		ssize_t n = pwrite(fd, p, len, (off_t)off);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n ? -errno : WPP_EIO;
		p += n;
		off += (uint64_t)n;
		len -= (size_t)n;
	}
	return 0;
}

/* ---- From files ---- */

static void tell_missing(const struct wppc_core *c, size_t i, int err)
{
	char text[4400];
	struct wpp_note note = { .kind = WPP_NOTE_INFO, .name = "core-file", .text = text };

	if (!c->report || !c->report->note)
		return;
	snprintf(text, sizeof(text), "%s: %s; its unchanged pages are missing from the core",
		 c->paths[i], wppc_strerror(err));
	c->report->note(c->report->arg, &note);
}

/* *@read_err: of the file, which ends the copy; the core has a hole there. */
static int copy_from(const struct wppc_core *c, int fd, const struct wpp_rec_region *r, uint64_t at,
		     int *read_err)
{
	uint8_t buf[65536];
	uint64_t done = 0;
	int err = 0;

	while (!err && done < r->len) {
		size_t want = r->len - done < sizeof(buf) ? (size_t)(r->len - done) : sizeof(buf);
		ssize_t n = pread(fd, buf, want, (off_t)(r->file_off + done));

		if (n < 0)
			*read_err = -errno;
		if (n <= 0)
			break;
		err = wppc_core_write(c->fd, buf, (size_t)n, at + done);
		done += (uint64_t)n;
	}
	return err;
}

/* What the image leaves to the file: clean pages of file mappings. */
static int copy_file(const struct wppc_core *c, size_t i, uint64_t at)
{
	const struct wpp_rec_region *r = &c->regions[i];
	int fd, err = 0, read_err = 0;

	if (r->kind != WPP_REGION_FILE && r->kind != WPP_REGION_SHFILE)
		return 0;
	fd = open(c->paths[i], O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0) {
		tell_missing(c, i, -errno);
		return 0;
	}
	err = copy_from(c, fd, r, at, &read_err);
	close(fd);
	if (read_err)
		tell_missing(c, i, read_err);
	return err;
}

/* ---- From the image ---- */

/* The next pages of @space in [@page, @end). WPP_ENOENT: none. */
static int next_run(const struct wppc_core *c, uint32_t space, uint64_t page, uint64_t end,
		    struct wpp_run *run)
{
	uint64_t left = end - page;
	int err = wpp_reader_next(c->view->reader, space, page,
				  left < WPPC_CORE_PAGES ? (uint32_t)left : WPPC_CORE_PAGES, run);

	if (err)
		return err;
	if (run->page >= end)
		return WPP_ENOENT;
	if (run->nr > end - run->page)
		run->nr = (uint32_t)(end - run->page);
	return 0;
}

/* Pages of @space from index @first on that lie in the region, to the core at @at. */
static int copy_space(const struct wppc_core *c, uint32_t space, uint64_t first, uint64_t nr,
		      uint64_t at, void *buf)
{
	uint64_t page = first, end = first + nr;
	struct wpp_diag diag = { 0 };
	struct wpp_run run;
	int err = 0;

	while (!err && page < end) {
		err = next_run(c, space, page, end, &run);
		if (!err)
			err = wpp_reader_read(c->view->reader, &run, buf, &diag);
		if (!err)
			err = wppc_core_write(c->fd, buf, (size_t)run.nr * WPP_PAGE_SIZE,
					      at + (run.page - first) * WPP_PAGE_SIZE);
		page = run.page + run.nr;
	}
	return err == WPP_ENOENT ? 0 : err;
}

/* WPP_ENOENT: no such object. */
static int space_of_object(const struct wppc_core *c, uint64_t object, uint32_t *space)
{
	struct wpp_rec_memobj obj;
	struct wpp_rec rec;
	size_t pos = 0;
	int err;

	do {
		err = wppc_view_next(c->view, WPP_STREAM_PCB, WPP_REC_MEMOBJ, &pos, &rec);
	} while (!err && rec.id != object);
	if (err)
		return err;
	wpp_rec_get(&rec, (uint64_t *)&obj, WPP_REC_NR(obj));
	*space = (uint32_t)obj.space;
	return 0;
}

static int copy_object(const struct wppc_core *c, const struct wpp_rec_region *r, uint64_t at,
		       void *buf)
{
	uint32_t space;
	int err = space_of_object(c, r->object, &space);

	if (err)
		return err == WPP_ENOENT ? WPP_ECORRUPT : err;
	return copy_space(c, space, r->object_off / WPP_PAGE_SIZE, r->len / WPP_PAGE_SIZE, at, buf);
}

int wppc_core_region(const struct wppc_core *c, size_t i, uint64_t at, void *buf)
{
	const struct wpp_rec_region *r = &c->regions[i];
	int err = copy_file(c, i, at);

	if (!err && r->kind == WPP_REGION_MEMOBJ)
		err = copy_object(c, r, at, buf);
	if (!err)
		err = copy_space(c, (uint32_t)c->process.space, r->start / WPP_PAGE_SIZE,
				 r->len / WPP_PAGE_SIZE, at, buf);
	return err;
}
