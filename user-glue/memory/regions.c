/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The regions of an image, checked, and the files they map. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "recreate/recreate_priv.h"

#define ADDR_MIN	  0x1000ull
#define MAP_FLAGS_ALLOWED (MAP_GROWSDOWN | MAP_NORESERVE | MAP_STACK)

static int refuse(struct build *b, const struct wpp_rec_region *reg, const char *why)
{
	wppi_note(&b->r.notes, WPP_NOTE_ERROR, "image", "the region at 0x%llx (%llu bytes) %s",
		  (unsigned long long)reg->start, (unsigned long long)reg->len, why);
	return WPP_ECORRUPT;
}

/* The path of a record as a string inside the stream: a tail is padded or followed by a record. */
static const char *tail_string(const struct wpp_rec *rec, char *buf, size_t cap)
{
	if (!rec->tail_len || rec->tail_len >= cap || memchr(rec->tail, 0, rec->tail_len))
		return NULL;
	memcpy(buf, rec->tail, rec->tail_len);
	buf[rec->tail_len] = '\0';
	return buf;
}

static int check_region(struct build *b, const struct wpp_rec_region *reg, uint64_t floor)
{
	uint64_t end;

	if ((reg->start | reg->len | reg->file_off | reg->object_off) & (PAGE - 1))
		return refuse(b, reg, "is not made of whole pages");
	if (!reg->len || reg->start < ADDR_MIN || reg->start >= ADDR_MAX ||
	    reg->len > ADDR_MAX - reg->start)
		return refuse(b, reg, "is outside of the address space");
	end = reg->file_off + reg->len;
	if (end < reg->len || reg->object_off + reg->len < reg->len || (int64_t)end < 0)
		return refuse(b, reg, "has an offset out of range");
	if (reg->start < floor)
		return refuse(b, reg, "overlaps the one before");
	if (reg->prot & ~(uint64_t)(PROT_READ | PROT_WRITE | PROT_EXEC))
		return refuse(b, reg, "has an unknown protection");
	if (reg->kind < WPP_REGION_ANON || reg->kind > WPP_REGION_SPECIAL)
		return refuse(b, reg, "is of an unknown kind");
	return 0;
}

static int find_file(const struct build *b, const char *path, bool writable)
{
	for (size_t i = 0; i < b->nr_files; i++) {
		if (b->files[i].writable == writable && !strcmp(b->files[i].path, path))
			return (int)i;
	}
	return -1;
}

static int open_file(struct build *b, const struct was_file *was, bool writable)
{
	int fd = open(was->path, (writable ? O_RDWR : O_RDONLY) | O_CLOEXEC | O_NONBLOCK);
	int err;

	if (fd < 0) {
		err = errno;
		wppi_note(&b->r.notes, WPP_NOTE_REFUSED, "file-missing",
			  "%s, which the process has %s, can't be opened: %s", was->path, was->what,
			  strerror(err));
		return err == ENOMEM || err == EMFILE ? -err : WPP_EREFUSED;
	}
	err = wppi_file_compare(&b->r, was, fd);
	if (err) {
		close(fd);
		return err;
	}
	return fd;
}

/* Index of a new entry, which owns @fd; or an error, and it is closed. */
int wppi_file_add(struct build *b, const char *name, bool writable, int fd)
{
	struct map_file *files = realloc(b->files, (b->nr_files + 1) * sizeof(*files));
	char *path = files ? strdup(name) : NULL;

	if (files)
		b->files = files;
	if (!path) {
		close(fd);
		return WPP_ENOMEM;
	}
	b->files[b->nr_files] = (struct map_file){ path, writable, fd, -1 };
	return (int)b->nr_files++;
}

/* Index of the file in the table, opened and compared when it is new; or an error. */
static int take_file(struct build *b, const struct was_file *was, bool writable)
{
	int index = find_file(b, was->path, writable);
	int fd;

	if (index >= 0)
		return index;
	fd = open_file(b, was, writable);
	return fd < 0 ? fd : wppi_file_add(b, was->path, writable, fd);
}

bool wppi_may_write(const struct mapping *m)
{
	return (m->advice & WPP_ADVICE_MAYWRITE) || (m->prot & PROT_WRITE);
}

static int take_region_file(struct build *b, const struct wpp_rec *rec,
			    const struct wpp_rec_region *reg, struct mapping *m)
{
	char path[PATH_MAX];
	struct was_file was = { .what = "mapped",
				.path = tail_string(rec, path, sizeof(path)),
				.ino = reg->ino,
				.size = reg->size,
				.mtime_ns = reg->mtime_ns };
	bool writable = reg->kind == WPP_REGION_SHFILE && wppi_may_write(m);

	if (!was.path || was.path[0] != '/')
		return refuse(b, reg, "has no file name");
	m->file = take_file(b, &was, writable);
	return m->file < 0 ? m->file : 0;
}

static int take_region(struct build *b, const struct wpp_rec *rec, struct mapping *m)
{
	struct wpp_rec_region reg;
	int err;

	WPPI_GET(rec, &reg);
	err = check_region(b, &reg, b->nr_maps ? b->maps[b->nr_maps - 1].end : 0);
	if (err)
		return err;
	*m = (struct mapping){
		.start = reg.start,
		.end = reg.start + reg.len,
		.off = reg.file_off,
		.advice = reg.advice,
		.kind = (uint32_t)reg.kind,
		.flags = (uint32_t)(reg.flags & MAP_FLAGS_ALLOWED),
		.prot = (int)reg.prot,
		.file = -1,
	};
	m->flags |= reg.kind == WPP_REGION_SHFILE || (reg.flags & MAP_SHARED) ? MAP_SHARED
									      : MAP_PRIVATE;
	if (reg.kind == WPP_REGION_MEMOBJ) {
		m->object = reg.object;
		m->off = reg.object_off;
	}
	if (reg.kind == WPP_REGION_FILE || reg.kind == WPP_REGION_SHFILE)
		return take_region_file(b, rec, &reg, m);
	return 0;
}

/* The memory object that is the file with this identity, or 0. */
static uint64_t object_of(const struct build *b, uint64_t dev, uint64_t ino)
{
	struct wpp_rec_memobj obj;
	struct wpp_rec rec;
	size_t pos = 0;

	while (wppi_recreate_next(&b->r, WPP_REC_MEMOBJ, &pos, &rec) == 0) {
		WPPI_GET(&rec, &obj);
		if (obj.dev == dev && obj.ino == ino)
			return rec.id;
	}
	return 0;
}

static int take_exe(struct build *b)
{
	struct was_file was = { .what = "as its program" };
	struct wpp_rec_exe exe;
	char path[PATH_MAX];
	struct wpp_rec rec;

	b->exe = -1;
	if (wppi_recreate_find(&b->r, WPP_REC_EXE, (uint32_t)b->r.pid, &rec))
		return 0;
	WPPI_GET(&rec, &exe);
	was.path = tail_string(&rec, path, sizeof(path));
	was.ino = exe.ino;
	was.size = exe.size;
	was.mtime_ns = exe.mtime_ns;
	if (!was.path || was.path[0] != '/')
		return WPP_ECORRUPT;
	b->exe_object = object_of(b, exe.dev, exe.ino);
	b->exe_mtime_ns = exe.mtime_ns;
	if (b->exe_object)
		return 0;
	b->exe = take_file(b, &was, false);
	return b->exe < 0 ? b->exe : 0;
}

int wppi_regions_prepare(struct build *b)
{
	struct wpp_rec rec;
	size_t pos = 0, nr = 0;
	int err, first = 0;

	while (wppi_recreate_next(&b->r, WPP_REC_REGION, &pos, &rec) == 0)
		nr++;
	b->maps = calloc(nr ? nr : 1, sizeof(*b->maps));
	if (!b->maps)
		return WPP_ENOMEM;
	pos = 0;
	while (wppi_recreate_next(&b->r, WPP_REC_REGION, &pos, &rec) == 0) {
		err = take_region(b, &rec, &b->maps[b->nr_maps]);
		if (err && err != WPP_EREFUSED)
			return err;
		first = first ? first : err; /* go on: all files that differ are named */
		b->nr_maps++;
	}
	err = take_exe(b);
	return first ? first : err;
}

void wppi_regions_free(struct build *b)
{
	for (size_t i = 0; i < b->nr_files; i++) {
		close(b->files[i].fd);
		free(b->files[i].path);
	}
	free(b->files);
	free(b->maps);
}

struct mapping *wppi_mapping_at(struct build *b, uint64_t addr)
{
	size_t low = 0, high = b->nr_maps;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (b->maps[mid].end <= addr)
			low = mid + 1;
		else
			high = mid;
	}
	return low < b->nr_maps && b->maps[low].start <= addr ? &b->maps[low] : NULL;
}
