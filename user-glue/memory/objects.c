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

#include "recreate/recreate_priv.h"

#define RUN_MAX	   256u
#define SEALS_LATE (F_SEAL_FUTURE_WRITE | F_SEAL_SEAL)

#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 0x0008U
#endif
#ifndef F_SEAL_EXEC
#define F_SEAL_EXEC 0x0020
#endif

static int fail(struct build *b, const struct object *o, const char *what, int err)
{
	wppi_note(&b->r.notes, WPP_NOTE_ERROR, "shared-memory", "%s of %s: %s", what,
		  o->name[0] ? o->name : "shared memory", strerror(-err));
	return err;
}

/* ---- Making ---- */

static int make_memfd(const struct object *o)
{
	const char *name = o->name;
	unsigned int flags = MFD_CLOEXEC;
	char plain[NAME_MAX];

	if (!strncmp(name, "/memfd:", 7))
		name += 7;
	snprintf(plain, sizeof(plain), "%s", name);
	for (char *p = plain; *p; p++)
		*p = *p == '/' ? '_' : *p;
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
static int make_nameless(const struct object *o)
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
static int make_named(const struct object *o, bool *there)
{
	int fd = open(o->name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, o->rec.mode & 07777);

	*there = fd < 0 && errno == EEXIST;
	if (*there)
		fd = open(o->name, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
	return fd;
}

static int make_one(struct build *b, const struct object *o, bool *there)
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
		wppi_note(&b->r.notes, WPP_NOTE_REFUSED, "shared-memory",
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
static int put_run(const struct object *o, int fd, const struct wpp_run *run, const void *buf)
{
	uint64_t off = run->page * PAGE, len = run->nr * PAGE;

	if (run->page >= (o->rec.size + PAGE - 1) / PAGE ||
	    run->nr > (o->rec.size + PAGE - 1) / PAGE - run->page)
		return WPP_ECORRUPT;
	if (len > o->rec.size - off)
		len = o->rec.size - off;
	return write_all(fd, buf, off, len);
}

/* Is what the file holds what the image holds? */
static int compare_run(const struct object *o, int fd, const struct wpp_run *run, const void *buf,
		       bool *differs)
{
	uint64_t off = run->page * PAGE, len = run->nr * PAGE;
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
static int each_run(struct build *b, const struct object *o, int fd, bool *differs)
{
	uint32_t space = (uint32_t)o->rec.space;
	struct wpp_run run = { 0 };
	uint64_t page = 0;
	void *buf = aligned_alloc(PAGE, RUN_MAX * PAGE);
	int err = buf ? 0 : WPP_ENOMEM;

	while (!err) {
		err = wpp_reader_next(b->r.reader, space, page, RUN_MAX, &run);
		if (err)
			break;
		err = wppi_runs_read(b, &run, 1, buf);
		if (!err && differs)
			err = compare_run(o, fd, &run, buf, differs);
		else if (!err)
			err = put_run(o, fd, &run, buf);
		b->nr_pages += run.nr;
		page = run.page + run.nr;
	}
	free(buf);
	return err == WPP_ENOENT ? 0 : err;
}

static int set_owner(const struct object *o, int fd)
{
	struct stat st;

	if (fstat(fd, &st))
		return -errno;
	if ((st.st_uid != o->rec.uid || st.st_gid != o->rec.gid) &&
	    fchown(fd, (uid_t)o->rec.uid, (gid_t)o->rec.gid))
		return -errno;
	return fchmod(fd, o->rec.mode & 07777) ? -errno : 0;
}

static int fill_new(struct build *b, const struct object *o, int fd)
{
	int err = ftruncate(fd, (off_t)o->rec.size) ? -errno : 0;

	if (!err)
		err = set_owner(o, fd);
	if (err)
		return fail(b, o, "size and owner", err);
	err = each_run(b, o, fd, NULL);
	if (!err && (o->rec.seals & ~(uint64_t)SEALS_LATE) &&
	    fcntl(fd, F_ADD_SEALS, (int)(o->rec.seals & ~(uint64_t)SEALS_LATE)))
		err = fail(b, o, "the seals", -errno);
	return err;
}

static int check_there(struct build *b, const struct object *o, int fd)
{
	bool warn = b->how.flags & WPP_RECREATE_FILES_WARN, differs = false;
	struct stat st;
	int err;

	if (fstat(fd, &st))
		return -errno;
	differs = (uint64_t)st.st_size != o->rec.size;
	err = each_run(b, o, fd, &differs);
	if (err || !differs)
		return err;
	wppi_note(
		&b->r.notes, warn ? WPP_NOTE_CHANGED : WPP_NOTE_REFUSED, "shared-memory",
		"%s is there and holds other bytes than the image; remove it to have it made anew",
		o->name);
	return warn ? 0 : WPP_EREFUSED;
}

static int take_object(struct build *b, struct object *o, int *fd)
{
	bool there;

	*fd = make_one(b, o, &there);
	if (*fd < 0)
		return errno == EOPNOTSUPP ? WPP_EREFUSED : fail(b, o, "making it", -errno);
	o->made = o->rec.kind == WPP_MEMOBJ_SHMFS && o->rec.nlink && !there;
	return there ? check_there(b, o, *fd) : fill_new(b, o, *fd);
}

static int decode(struct build *b, const struct wpp_rec *rec, struct object *o)
{
	WPPI_GET(rec, &o->rec);
	o->name = strndup((const char *)rec->tail, rec->tail_len);
	if (!o->name)
		return WPP_ENOMEM;
	if (o->rec.space < WPP_SPACE_FIRST || o->rec.space > WPP_SPACE_MAX ||
	    o->rec.space == b->mm_space || o->rec.size > INT64_MAX - PAGE)
		return WPP_ECORRUPT;
	if ((o->rec.kind == WPP_MEMOBJ_SHMFS || o->rec.kind == WPP_MEMOBJ_DELETED) &&
	    o->name[0] != '/')
		return WPP_ECORRUPT;
	return 0;
}

static size_t count(const struct build *b)
{
	struct wpp_rec rec;
	size_t pos = 0, nr = 0;

	while (wppi_recreate_next(&b->r, WPP_REC_MEMOBJ, &pos, &rec) == 0)
		nr++;
	return nr;
}

/* Index of a file entry for the object, open for reading only; or an error. */
static int reopen_readonly(struct build *b, uint64_t id)
{
	int obj = wppi_recreate_memobj(&b->r, id);
	char path[64];
	int fd;

	if (obj < 0)
		return WPP_ECORRUPT;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", obj);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	return fd < 0 ? -errno : wppi_file_add(b, path, false, fd);
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
static int reopen_all(struct build *b)
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

int wppi_objects_make(struct build *b)
{
	size_t pos = 0, nr = count(b);
	struct wpp_rec rec;
	int err = 0;

	b->objs = calloc(nr + 1, sizeof(*b->objs));
	b->r.objs = calloc(nr + 1, sizeof(*b->r.objs));
	if (!b->objs || !b->r.objs)
		return WPP_ENOMEM;
	while (!err && wppi_recreate_next(&b->r, WPP_REC_MEMOBJ, &pos, &rec) == 0) {
		struct object *o = &b->objs[b->r.nr_objs];
		struct memobj_fd *f = &b->r.objs[b->r.nr_objs++];

		f->id = rec.id;
		f->fd = -1;
		err = decode(b, &rec, o);
		if (!err)
			err = take_object(b, o, &f->fd);
	}
	return err ? err : reopen_all(b);
}

int wppi_objects_seal(struct build *b)
{
	for (size_t i = 0; i < b->r.nr_objs; i++) {
		int seals = (int)(b->objs[i].rec.seals & SEALS_LATE);

		if (b->objs[i].rec.kind == WPP_MEMOBJ_MEMFD &&
		    b->objs[i].rec.seals != F_SEAL_SEAL && seals &&
		    fcntl(b->r.objs[i].fd, F_ADD_SEALS, seals))
			return fail(b, &b->objs[i], "the seals", -errno);
	}
	return 0;
}

int wppi_object_remote(const struct build *b, uint64_t id)
{
	for (size_t i = 0; i < b->r.nr_objs; i++) {
		if (b->r.objs[i].id == id)
			return b->objs[i].remote;
	}
	return -1;
}

void wppi_objects_close(struct build *b)
{
	for (size_t i = 0; i < b->r.nr_objs; i++) {
		if (b->r.objs[i].fd >= 0)
			close(b->r.objs[i].fd);
		b->r.objs[i].fd = -1;
	}
}

void wppi_objects_free(struct build *b, bool failed)
{
	wppi_objects_close(b);
	for (size_t i = 0; i < b->r.nr_objs; i++) {
		if (failed && b->objs[i].made)
			unlink(b->objs[i].name);
		free(b->objs[i].name);
	}
	free(b->objs);
	free(b->r.objs);
}
