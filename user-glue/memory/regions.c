/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Mappings: what kind of memory each is, when a process is saved; their records checked, and the
 * files they map, when it is recreated.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/changed.h"
#include "memory/memory.h"
#include "memory/pages.h"
#include "record/refuse.h"

#define TMPFS_MAGIC 0x01021994
#define RAMFS_MAGIC 0x858458f6
#define DELETED	    " (deleted)"

#define ADDR_MIN	  0x1000ull
#define MAP_FLAGS_ALLOWED (MAP_GROWSDOWN | MAP_NORESERVE | MAP_STACK)

static bool has_prefix(const char *s, const char *prefix)
{
	return !strncmp(s, prefix, strlen(prefix));
}

static bool has_suffix(const char *s, const char *suffix)
{
	size_t n = strlen(s), m = strlen(suffix);

	return n >= m && !strcmp(s + n - m, suffix);
}

/* ---- What is refused ---- */

static void refuse_vma(struct member *m, const struct vma *v, const char *name, const char *what)
{
	wppi_refuse(m, name, "the mapping %lx-%lx (%s) is %s", v->start, v->end,
		    *v->path ? v->path : "anonymous", what);
}

static void check_vma(struct member *m, const struct vma *v)
{
	const struct wppr_refusal *r = wppr_refuse_mapping(v->path, v->traits);

	if (r)
		refuse_vma(m, v, r->name, r->what);
}

/* ---- What a mapping is ---- */

/* A descriptor of the process that leads to the same file. */
static int open_by_descriptor(const struct member *m, const struct vma *v, int flags)
{
	char path[300];
	struct dirent *d;
	struct stat st;
	int fd = -EPERM;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/fd", (int)m->pid);
	dir = opendir(path);
	while (dir && fd < 0 && (d = readdir(dir))) {
		snprintf(path, sizeof(path), "/proc/%d/fd/%s", (int)m->pid, d->d_name);
		if (stat(path, &st) == 0 && st.st_dev == v->dev && st.st_ino == v->ino)
			fd = open(path, flags | O_CLOEXEC);
	}
	if (dir)
		closedir(dir);
	return fd < 0 ? -EPERM : fd;
}

/* Opens what is mapped. Needs CAP_CHECKPOINT_RESTORE; without it a path or descriptor must do. */
static int open_mapped(const struct member *m, const struct vma *v, int flags)
{
	char path[4200];
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/map_files/%lx-%lx", (int)m->pid, v->start, v->end);
	fd = open(path, flags | O_CLOEXEC);
	if (fd >= 0 || (errno != EPERM && errno != EACCES))
		return fd < 0 ? -errno : fd;
	if (has_suffix(v->path, DELETED))
		return open_by_descriptor(m, v, flags);
	snprintf(path, sizeof(path), "/proc/%d/root%s", (int)m->pid, v->path);
	fd = open(path, flags | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

static bool is_linked(const struct vma *v, const struct stat *st)
{
	struct stat there;

	return st->st_nlink && stat(v->path, &there) == 0 && there.st_dev == st->st_dev &&
	       there.st_ino == st->st_ino;
}

static bool is_memory_fs(int fd)
{
	struct statfs fs;

	return fstatfs(fd, &fs) == 0 && (fs.f_type == TMPFS_MAGIC || fs.f_type == RAMFS_MAGIC);
}

static uint32_t object_kind(const struct vma *v, bool memory)
{
	if (has_prefix(v->path, "/memfd:"))
		return WPP_MEMOBJ_MEMFD;
	if (!strcmp(v->path, "/dev/zero" DELETED) || has_prefix(v->path, "[anon_shmem:"))
		return WPP_MEMOBJ_SHANON;
	return memory ? WPP_MEMOBJ_SHMFS : WPP_MEMOBJ_DELETED;
}

static void strip_deleted(char *path)
{
	if (has_suffix(path, DELETED))
		path[strlen(path) - strlen(DELETED)] = '\0';
}

static int make_object(struct member *m, struct vma *v, uint32_t kind)
{
	int fd = open_mapped(m, v, O_RDONLY);
	struct memobj *o;

	if (fd < 0) {
		wppi_refuse(m, "shared-memory",
			    "the mapping %lx-%lx (%s) can't be opened; this takes "
			    "CAP_CHECKPOINT_RESTORE",
			    v->start, v->end, v->path);
		return WPP_EREFUSED;
	}
	strip_deleted(v->path);
	o = wppi_capture_memobj(m, kind, fd, v->path);
	if (!o)
		return WPP_ENOMEM;
	v->kind = WPP_REGION_MEMOBJ;
	v->object = o->id;
	return 0;
}

static int classify_opened(struct member *m, struct vma *v, int fd)
{
	bool shared = v->flags & MAP_SHARED, memory = is_memory_fs(fd);
	struct stat st;

	if (fstat(fd, &st))
		return -errno;
	if (S_ISCHR(st.st_mode) && st.st_rdev == makedev(1, 5) && !shared) {
		v->kind = WPP_REGION_ANON; /* /dev/zero */
		v->path[0] = '\0';
		return 0;
	}
	if (!S_ISREG(st.st_mode)) {
		refuse_vma(m, v, "device-memory", "not of a regular file");
		return WPP_EREFUSED;
	}
	v->file_dev = st.st_dev;
	v->file_ino = st.st_ino;
	v->file_size = (uint64_t)st.st_size;
	v->file_mtime_ns = (uint64_t)st.st_mtim.tv_sec * 1000000000u + (uint64_t)st.st_mtim.tv_nsec;
	if (!is_linked(v, &st) || (memory && shared))
		return make_object(m, v, object_kind(v, memory));
	v->kind = shared ? WPP_REGION_SHFILE : WPP_REGION_FILE;
	return 0;
}

static int classify_file(struct member *m, struct vma *v)
{
	int fd = open_mapped(m, v, O_PATH);
	int err;

	if (fd < 0) {
		wppi_refuse(m, "mapped-file",
			    "the mapping %lx-%lx (%s) can't be looked at: %s; this takes "
			    "CAP_CHECKPOINT_RESTORE",
			    v->start, v->end, v->path, strerror(-fd));
		return WPP_EREFUSED;
	}
	err = classify_opened(m, v, fd);
	close(fd);
	return err;
}

/* Segments of one program or library follow each other: no need to look twice. */
static bool classify_like(struct vma *v, const struct vma *before)
{
	if (!before || before->dev != v->dev || before->ino != v->ino ||
	    before->kind != WPP_REGION_FILE || (v->flags & MAP_SHARED) ||
	    strcmp(v->path, before->path))
		return false;
	v->file_dev = before->file_dev;
	v->file_ino = before->file_ino;
	v->file_size = before->file_size;
	v->file_mtime_ns = before->file_mtime_ns;
	v->kind = before->kind;
	return true;
}

/* A refusal does not end it: all reasons are named. */
static int classify_all(struct member *m)
{
	int err = 0;

	for (size_t i = 0; (!err || err == WPP_EREFUSED) && i < m->vmas.nr; i++) {
		struct vma *v = &m->vmas.v[i];

		if (has_prefix(v->path, "[v"))
			v->kind = WPP_REGION_SPECIAL;
		else if (!v->ino)
			v->kind = WPP_REGION_ANON;
		else if (!classify_like(v, i ? v - 1 : NULL))
			err = classify_file(m, v);
	}
	return err;
}

/* ---- Before and after the freeze ---- */

int wppi_regions_check(struct member *m)
{
	unsigned int before = m->tree->notes.nr_refused;
	int err;

	wppi_vmas_free(&m->vmas);
	err = wppi_vmas_read(m->pid, "smaps", &m->vmas);
	for (size_t i = 0; !err && i < m->vmas.nr; i++)
		check_vma(m, &m->vmas.v[i]);
	if (!err && m->tree->notes.nr_refused == before)
		err = classify_all(m);
	return err == WPP_EREFUSED ? 0 : err;
}

/*
 * smaps walks all page tables, 8 ms a GiB: its flags are taken from the check before the freeze
 * when the mappings are the same still.
 */
int wppi_regions_refresh(struct member *m)
{
	struct vma_list now;
	int err = wppi_vmas_read(m->pid, "maps", &now);

	if (err)
		return err;
	if (!wppi_vmas_adopt_flags(&now, &m->vmas)) {
		wppi_vmas_free(&now);
		err = wppi_regions_check(m);
		if (!err)
			err = wppi_vmas_read(m->pid, "maps", &now);
		if (!err)
			wppi_vmas_adopt_flags(&now, &m->vmas);
	}
	if (err)
		return err;
	wppi_vmas_free(&m->vmas);
	m->vmas = now;
	return 0;
}

/* ---- Records ---- */

static uint64_t use_of(const struct vma *v)
{
	if (!strcmp(v->path, "[heap]"))
		return WPP_USE_HEAP;
	return strcmp(v->path, "[stack]") ? WPP_USE_NONE : WPP_USE_STACK;
}

static void record_region(struct member *m, const struct vma *v)
{
	struct wpp_rec_region rec = {
		.start = v->start,
		.len = v->end - v->start,
		.prot = v->prot,
		.flags = v->flags | (v->kind == WPP_REGION_ANON ? MAP_ANONYMOUS : 0),
		.kind = v->kind,
		.file_off = v->off,
		.advice = v->advice,
		.aux = use_of(v),
	};

	if (v->kind == WPP_REGION_MEMOBJ) {
		rec.object = v->object;
		rec.object_off = v->off;
	} else if (v->kind == WPP_REGION_FILE || v->kind == WPP_REGION_SHFILE) {
		rec.dev = v->file_dev;
		rec.ino = v->file_ino;
		rec.size = v->file_size;
		rec.mtime_ns = v->file_mtime_ns;
	}
	WPPI_REC(&m->tree->regions, REGION, m->pid, v->start, &rec, v->path, strlen(v->path));
}

/* Inaccessible pages are of the page tables, not of the mapping: they have records of their own. */
static int record_guards(struct member *m, const struct vma *v)
{
	struct runs runs = { 0 };
	int err = wppi_guards_of(m, v, &runs);

	for (size_t i = 0; !err && i < runs.nr; i++) {
		struct wpp_rec_guard rec = {
			.start = runs.v[i].first * WPP_PAGE_SIZE,
			.len = runs.v[i].nr * WPP_PAGE_SIZE,
		};

		WPPI_REC(&m->tree->pcb, GUARD, m->pid, rec.start, &rec, NULL, 0);
	}
	wppi_runs_free(&runs);
	return err;
}

int wppi_regions_collect(struct member *m)
{
	int err = classify_all(m);

	for (size_t i = 0; !err && i < m->vmas.nr; i++) {
		record_region(m, &m->vmas.v[i]);
		if (m->vmas.v[i].traits & VMA_GUARDED)
			err = record_guards(m, &m->vmas.v[i]);
	}
	return err;
}

/* ---- Recreation ---- */

static int refuse(struct build *b, const struct wpp_rec_region *reg, const char *why)
{
	wppi_note(&b->m->tree->notes, WPP_NOTE_ERROR, "image",
		  "the region at 0x%llx (%llu bytes) %s", (unsigned long long)reg->start,
		  (unsigned long long)reg->len, why);
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

	if ((reg->start | reg->len | reg->file_off | reg->object_off) &
	    (b->m->tree->machine.page_size - 1))
		return refuse(b, reg, "is not made of whole pages");
	if (!reg->len || reg->start < ADDR_MIN || reg->start >= ARCH_ADDR_MAX ||
	    reg->len > ARCH_ADDR_MAX - reg->start)
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

static int open_file(struct build *b, const struct was_file *was, bool writable)
{
	int fd = open(was->path, (writable ? O_RDWR : O_RDONLY) | O_CLOEXEC | O_NONBLOCK);
	int err;

	if (fd < 0) {
		err = errno;
		wppi_note(&b->m->tree->notes, WPP_NOTE_REFUSED, "file-missing",
			  "%s, which the process has %s, can't be opened: %s", was->path, was->what,
			  strerror(err));
		return err == ENOMEM || err == EMFILE ? -err : WPP_EREFUSED;
	}
	err = wppi_file_compare(b->m, was, fd);
	if (err) {
		close(fd);
		return err;
	}
	return fd;
}

/* Index of the file in the table, opened and compared when it is new; or an error. */
static int take_file(struct build *b, const struct was_file *was, bool writable)
{
	int index = wppi_map_file_find(b, was->path, writable);
	int fd;

	if (index >= 0)
		return index;
	fd = open_file(b, was, writable);
	return fd < 0 ? fd : wppi_map_file_add(b, was->path, writable, fd);
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
	struct rec_cursor c = wppi_shared(b->m->tree, WPP_REC_MEMOBJ);
	struct wpp_rec_memobj obj;
	struct wpp_rec rec;

	while (wppi_rec_next(&c, &rec)) {
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
	if (!wppi_find(b->m, WPP_REC_EXE, (uint32_t)b->m->pid, &rec))
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
	struct rec_cursor c = wppi_own(b->m, WPP_REC_REGION);
	struct wpp_rec rec;
	int err, first = 0;

	b->maps = calloc(c.end - c.next + 1, sizeof(*b->maps));
	if (!b->maps)
		return WPP_ENOMEM;
	while (wppi_rec_next(&c, &rec)) {
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
	wppi_map_files_free(b);
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
