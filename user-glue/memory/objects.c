/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Memory objects: shared memory, and files that only the process still knew. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/memfd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "memory/memory.h"
#include "record/ids.h"

#define RUN_MAX	   256u
#define SEALS_LATE (F_SEAL_FUTURE_WRITE | F_SEAL_SEAL)

#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 0x0008U
#endif
#ifndef F_SEAL_EXEC
#define F_SEAL_EXEC 0x0020
#endif

/* ---- Capture ---- */

static struct memobj *find(struct tree *t, const struct stat *st)
{
	for (size_t i = 0; i < t->nr_objs; i++) {
		if (t->objs[i].rec.dev == st->st_dev && t->objs[i].rec.ino == st->st_ino)
			return &t->objs[i];
	}
	return NULL;
}

static struct memobj *add(struct tree *t, const struct stat *st)
{
	struct memobj *objs = realloc(t->objs, (t->nr_objs + 1) * sizeof(*objs));
	struct memobj *o;

	if (!objs)
		return NULL;
	t->objs = objs;
	o = &objs[t->nr_objs];
	*o = (struct memobj){
		.id = wppr_ids_object(&t->ids),
		.rec.space = wppr_ids_space(&t->ids),
		.rec.dev = st->st_dev,
		.rec.ino = st->st_ino,
		.rec.size = (uint64_t)st->st_size,
	};
	return o->id && o->rec.space ? o : NULL;
}

struct memobj *wppi_capture_memobj(struct member *m, uint32_t kind, int fd, const char *name)
{
	struct tree *t = m->tree;
	struct stat st;
	struct memobj *o;

	if (fstat(fd, &st))
		goto close;
	o = find(t, &st);
	if (o) {
		close(fd);
		return o;
	}
	o = add(t, &st);
	if (!o)
		goto close;
	o->name = strdup(name);
	if (!o->name)
		goto close;
	o->rec.kind = kind;
	o->fd = fd;
	t->nr_objs++;
	return o;
close:
	close(fd);
	return NULL;
}

static void record(struct tree *t, struct memobj *o)
{
	int seals = fcntl(o->fd, F_GET_SEALS);
	struct stat st;

	if (fstat(o->fd, &st) == 0) {
		o->rec.size = (uint64_t)st.st_size;
		o->rec.mode = st.st_mode;
		o->rec.uid = st.st_uid;
		o->rec.gid = st.st_gid;
		o->rec.nlink = st.st_nlink;
	}
	o->rec.seals = seals > 0 ? (uint64_t)seals : 0;
	WPPI_REC(&t->pcb, MEMOBJ, 0, o->id, &o->rec, o->name, strlen(o->name));
}

void wppi_memobj_records(struct tree *t)
{
	for (size_t i = 0; i < t->nr_objs; i++)
		record(t, &t->objs[i]);
}

/* ---- Both ---- */

void wppi_objects_close(struct tree *t)
{
	for (size_t i = 0; i < t->nr_objs; i++) {
		if (t->objs[i].fd >= 0)
			close(t->objs[i].fd);
		t->objs[i].fd = -1;
	}
}

void wppi_memobjs_free(struct tree *t)
{
	wppi_objects_close(t);
	for (size_t i = 0; i < t->nr_objs; i++)
		free(t->objs[i].name);
	free(t->objs);
	t->objs = NULL;
	t->nr_objs = 0;
	/* What is named next has the same numbers again: those behind the members'. */
	t->ids.object = 0;
	t->ids.space = t->nr_members ? t->members[t->nr_members - 1].space : 0;
}

/* ---- Recreation ---- */

static int fail(struct tree *t, const struct memobj *o, const char *what, int err)
{
	wppi_note(&t->notes, WPP_NOTE_ERROR, "shared-memory", "%s of %s: %s", what,
		  o->name[0] ? o->name : "shared memory", strerror(-err));
	return err;
}

/* ---- Making ---- */

static int make_memfd(const struct memobj *o)
{
	const char *name = o->name;
	unsigned int flags = MFD_CLOEXEC;
	char plain[NAME_MAX];

	if (!strncmp(name, "/memfd:", 7))
		name += 7;
	snprintf(plain, sizeof(plain), "%s", name);
	for (char *p = plain; *p; p++) {
		if (*p == '/')
			*p = '_';
	}
	plain[200] = '\0'; /* the kernel's limit, with its own prefix, is 249 */
	if (o->rec.kind != WPP_MEMOBJ_MEMFD || !(o->rec.seals & F_SEAL_SEAL) ||
	    o->rec.seals != F_SEAL_SEAL)
		flags |= MFD_ALLOW_SEALING;
	return memfd_create(o->rec.kind == WPP_MEMOBJ_SHANON ? "wpp-shared" : plain, flags);
}

/*
 * A file without a name, where the old one was: its filesystem may matter (space, xattrs). It had
 * the name once, and /proc shows that; when somebody else has it now it never gets one.
 */
static int make_nameless(const struct memobj *o)
{
	int fd = open(o->name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, o->rec.mode & 07777);
	char dir[PATH_MAX];
	char *slash;

	if (fd >= 0) {
		unlink(o->name);
		return fd;
	}
	snprintf(dir, sizeof(dir), "%s", o->name);
	slash = strrchr(dir, '/');
	if (!slash)
		return make_memfd(o);
	slash[slash == dir] = '\0';
	fd = open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC, o->rec.mode & 07777);
	return fd < 0 ? make_memfd(o) : fd;
}

/* A linked file on tmpfs: gone after a reboot. If it is there, it is somebody's. */
static int make_named(const struct memobj *o, bool *there)
{
	int fd = open(o->name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, o->rec.mode & 07777);

	*there = fd < 0 && errno == EEXIST;
	if (*there)
		fd = open(o->name, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
	return fd;
}

static int make_one(struct tree *t, const struct memobj *o, bool *there)
{
	*there = false;
	switch (o->rec.kind) {
	case WPP_MEMOBJ_MEMFD:
	case WPP_MEMOBJ_SHANON:
		return make_memfd(o);
	case WPP_MEMOBJ_SHMFS:
		return o->rec.nlink ? make_named(o, there) : make_nameless(o);
	case WPP_MEMOBJ_DELETED:
		return make_nameless(o);
	default:
		wppi_note(&t->notes, WPP_NOTE_REFUSED, "shared-memory",
			  "%s is of a kind that can't be made anew (%llu)", o->name,
			  (unsigned long long)o->rec.kind);
		errno = EOPNOTSUPP;
		return -1;
	}
}

/* ---- Contents ---- */

static int write_all(int fd, const void *buf, uint64_t off, uint64_t len)
{
	const uint8_t *p = buf;

	while (len) {
		ssize_t n = pwrite(fd, p, len, (off_t)off);

		if (n < 0)
			return -errno;
		p += n;
		off += (uint64_t)n;
		len -= (uint64_t)n;
	}
	return 0;
}

/* The page may be the last one of an object whose size is no multiple of pages. */
static int put_run(const struct memobj *o, int fd, const struct wpp_run *run, const void *buf)
{
	uint64_t off = run->page * PLACE, len = run->nr * PLACE;

	if (run->page >= (o->rec.size + PLACE - 1) / PLACE ||
	    run->nr > (o->rec.size + PLACE - 1) / PLACE - run->page)
		return WPP_ECORRUPT;
	if (len > o->rec.size - off)
		len = o->rec.size - off;
	return write_all(fd, buf, off, len);
}

/* Is what the file holds what the image holds? */
static int compare_run(const struct memobj *o, int fd, const struct wpp_run *run, const void *buf,
		       bool *differs)
{
	uint64_t off = run->page * PLACE, len = run->nr * PLACE;
	uint8_t *now = malloc(len);
	ssize_t n;

	if (!now)
		return WPP_ENOMEM;
	if (off < o->rec.size && len > o->rec.size - off)
		len = o->rec.size - off;
	n = pread(fd, now, len, (off_t)off);
	if (n < 0 || (uint64_t)n != len || memcmp(now, buf, len))
		*differs = true;
	free(now);
	return 0;
}

/* Puts all pages into the object, or compares them when @differs is given. */
static int each_run(struct tree *t, const struct memobj *o, int fd, bool *differs)
{
	uint32_t space = (uint32_t)o->rec.space;
	struct wpp_run run = { 0 };
	uint64_t page = 0;
	void *buf = aligned_alloc(PLACE, RUN_MAX * PLACE);
	int err = buf ? 0 : WPP_ENOMEM;

	while (!err) {
		err = wpp_reader_next(t->reader, space, page, RUN_MAX, &run);
		if (err)
			break;
		err = wppi_runs_read(t, &run, 1, buf);
		if (!err && differs)
			err = compare_run(o, fd, &run, buf, differs);
		else if (!err)
			err = put_run(o, fd, &run, buf);
		t->nr_pages += run.nr;
		page = run.page + run.nr;
	}
	free(buf);
	return err == WPP_ENOENT ? 0 : err;
}

static int set_owner(const struct memobj *o, int fd)
{
	struct stat st;

	if (fstat(fd, &st))
		return -errno;
	if ((st.st_uid != o->rec.uid || st.st_gid != o->rec.gid) &&
	    fchown(fd, (uid_t)o->rec.uid, (gid_t)o->rec.gid))
		return -errno;
	return fchmod(fd, o->rec.mode & 07777) ? -errno : 0;
}

static int fill_new(struct tree *t, const struct memobj *o, int fd)
{
	int err = ftruncate(fd, (off_t)o->rec.size) ? -errno : 0;

	if (!err)
		err = set_owner(o, fd);
	if (err)
		return fail(t, o, "size and owner", err);
	err = each_run(t, o, fd, NULL);
	if (!err && (o->rec.seals & ~(uint64_t)SEALS_LATE) &&
	    fcntl(fd, F_ADD_SEALS, (int)(o->rec.seals & ~(uint64_t)SEALS_LATE)))
		err = fail(t, o, "the seals", -errno);
	return err;
}

static int check_there(struct tree *t, const struct memobj *o, int fd)
{
	bool warn = t->how.flags & WPP_RECREATE_FILES_WARN, differs = false;
	struct stat st;
	int err;

	if (fstat(fd, &st))
		return -errno;
	differs = (uint64_t)st.st_size != o->rec.size;
	err = each_run(t, o, fd, &differs);
	if (err || !differs)
		return err;
	wppi_note(
		&t->notes, warn ? WPP_NOTE_CHANGED : WPP_NOTE_REFUSED, "shared-memory",
		"%s is there and holds other bytes than the image; remove it to have it made anew",
		o->name);
	return warn ? 0 : WPP_EREFUSED;
}

static int take_object(struct tree *t, struct memobj *o)
{
	bool there;

	o->fd = make_one(t, o, &there);
	if (o->fd < 0)
		return errno == EOPNOTSUPP ? WPP_EREFUSED : fail(t, o, "making it", -errno);
	o->made = o->rec.kind == WPP_MEMOBJ_SHMFS && o->rec.nlink && !there;
	return there ? check_there(t, o, o->fd) : fill_new(t, o, o->fd);
}

static bool is_space_of_member(const struct tree *t, uint64_t space)
{
	for (size_t i = 0; i < t->nr_members; i++) {
		if (t->members[i].space == space)
			return true;
	}
	return false;
}

static int decode(struct tree *t, const struct wpp_rec *rec, struct memobj *o)
{
	WPPI_GET(rec, &o->rec);
	o->name = strndup((const char *)rec->tail, rec->tail_len);
	if (!o->name)
		return WPP_ENOMEM;
	if (o->rec.space < WPP_SPACE_FIRST || o->rec.space > WPP_SPACE_MAX ||
	    is_space_of_member(t, o->rec.space) || o->rec.size > INT64_MAX - PLACE)
		return WPP_ECORRUPT;
	if ((o->rec.kind == WPP_MEMOBJ_SHMFS || o->rec.kind == WPP_MEMOBJ_DELETED) &&
	    o->name[0] != '/')
		return WPP_ECORRUPT;
	return 0;
}

static size_t count(const struct tree *t)
{
	struct rec_cursor c = wppi_shared(t, WPP_REC_MEMOBJ);

	return c.end - c.next;
}

int wppi_objects_make(struct tree *t)
{
	struct rec_cursor c = wppi_shared(t, WPP_REC_MEMOBJ);
	struct wpp_rec rec;
	int err = 0;

	t->objs = calloc(count(t) + 1, sizeof(*t->objs));
	if (!t->objs)
		return WPP_ENOMEM;
	while (!err && wppi_rec_next(&c, &rec)) {
		struct memobj *o = &t->objs[t->nr_objs++];

		o->id = rec.id;
		o->fd = -1;
		err = decode(t, &rec, o);
		if (!err)
			err = take_object(t, o);
	}
	return err;
}

/* ---- What a member maps of them for reading only ---- */

/* Index of a file entry for the object, open for reading only; or an error. */
static int reopen_readonly(struct build *b, uint64_t id)
{
	int obj = wppi_memobj_fd(b->m->tree, id);
	char path[64];
	int fd;

	if (obj < 0)
		return WPP_ECORRUPT;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", obj);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	return fd < 0 ? -errno : wppi_map_file_add(b, path, false, fd);
}

static int reopen_exe(struct build *b)
{
	const struct timespec times[2] = {
		{ .tv_nsec = UTIME_OMIT },
		{ .tv_sec = (time_t)(b->exe_mtime_ns / 1000000000u),
		  .tv_nsec = (long)(b->exe_mtime_ns % 1000000000u) },
	};

	b->exe = reopen_readonly(b, b->exe_object);
	if (b->exe < 0)
		return b->exe;
	return futimens(b->files[b->exe].fd, times) ? -errno : 0;
}

/*
 * A shared mapping whose descriptor was not open for writing must not become writable. A private
 * one needs none for writing, and the program can't be a file that is open for it.
 */
int wppi_objects_reopen(struct build *b)
{
	for (size_t i = 0; i < b->nr_maps; i++) {
		struct mapping *m = &b->maps[i];

		if (m->kind != WPP_REGION_MEMOBJ || ((m->flags & MAP_SHARED) && wppi_may_write(m)))
			continue;
		m->file = reopen_readonly(b, m->object);
		if (m->file < 0)
			return m->file;
	}
	return b->exe_object ? reopen_exe(b) : 0;
}

/* ---- The end ---- */

int wppi_objects_seal(struct tree *t)
{
	for (size_t i = 0; i < t->nr_objs; i++) {
		const struct memobj *o = &t->objs[i];
		int seals = (int)(o->rec.seals & SEALS_LATE);

		if (o->rec.kind == WPP_MEMOBJ_MEMFD && o->rec.seals != F_SEAL_SEAL && seals &&
		    fcntl(o->fd, F_ADD_SEALS, seals))
			return fail(t, o, "the seals", -errno);
	}
	return 0;
}

int wppi_object_remote(const struct build *b, uint64_t id)
{
	for (size_t i = 0; i < b->m->tree->nr_objs; i++) {
		if (b->m->tree->objs[i].id == id)
			return b->remote[i];
	}
	return -1;
}

void wppi_objects_unmake(struct tree *t)
{
	for (size_t i = 0; i < t->nr_objs; i++) {
		if (t->objs[i].made)
			unlink(t->objs[i].name);
	}
}
