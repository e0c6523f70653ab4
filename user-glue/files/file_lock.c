/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* File locks: flock (of a description), POSIX (of a process) and OFD locks, as fdinfo lists them.
 */
#include <errno.h>
#include <sys/syscall.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>

#include "files/files.h"
#include "memory/build.h"

/* "1: POSIX  ADVISORY  WRITE 4711 fe:00:1234 0 EOF"; false for leases and delegations. */
static bool parse_lock(const char *text, struct wpp_rec_lock *rec)
{
	char kind[16], type[16], start[32], end[32];

	if (sscanf(text, " %*d: %15s %*s %15s %*s %*s %31s %31s", kind, type, start, end) != 4)
		return false;
	memset(rec, 0, sizeof(*rec));
	if (!strcmp(kind, "FLOCK"))
		rec->kind = WPP_LOCK_FLOCK;
	else if (!strcmp(kind, "POSIX"))
		rec->kind = WPP_LOCK_POSIX;
	else if (!strcmp(kind, "OFDLCK"))
		rec->kind = WPP_LOCK_OFD;
	else
		return false;
	rec->type = strcmp(type, "WRITE") ? F_RDLCK : F_WRLCK;
	rec->start = strtoull(start, NULL, 10);
	if (strcmp(end, "EOF"))
		rec->len = strtoull(end, NULL, 10) - rec->start + 1;
	return true;
}

int wppi_locks_check(struct files *fs, struct file *f)
{
	const char *pos = f->info, *line;
	struct wpp_rec_lock rec;

	while ((line = wppi_file_line(&pos, "lock:"))) {
		if (!parse_lock(line, &rec))
			wppi_refuse(fs->m, "lease", "descriptor %d holds a lease on %s", f->num,
				    f->link);
	}
	return 0;
}

void wppi_locks_collect(struct files *fs, struct file *f)
{
	const char *pos = f->info, *line;
	struct wpp_rec_lock rec;

	while ((line = wppi_file_line(&pos, "lock:"))) {
		if (!parse_lock(line, &rec))
			continue;
		rec.fd = (uint64_t)f->num;
		if (rec.kind == WPP_LOCK_POSIX)
			rec.pid = (uint64_t)fs->m->pid;
		WPPI_REC(&fs->m->tree->pcb, LOCK, 0, f->id, &rec, NULL, 0);
	}
}

/* ---- Recreate ---- */

static int take(int fd, const struct wpp_rec_lock *l)
{
	struct flock fl = wppi_lock_of(l);

	if (l->type != F_RDLCK && l->type != F_WRLCK)
		return WPP_ECORRUPT;
	switch (l->kind) {
	case WPP_LOCK_FLOCK:
		return flock(fd, (l->type == F_RDLCK ? LOCK_SH : LOCK_EX) | LOCK_NB) ? -errno : 0;
	case WPP_LOCK_POSIX:
		return fcntl(fd, F_SETLK, &fl) ? -errno : 0;
	case WPP_LOCK_OFD:
		return fcntl(fd, F_OFD_SETLK, &fl) ? -errno : 0;
	default:
		return WPP_EFORMAT;
	}
}

int wppi_locks_recreate(struct rebuild *b)
{
	struct wpp_rec_lock l;
	struct rec_cursor c = wppi_shared(b->m->tree, WPP_REC_LOCK);
	struct wpp_rec rec;

	while (wppi_rec_next(&c, &rec)) {
		struct ofd *o = wppi_ofd_find(b, rec.id);
		int err;

		wpp_rec_get(&rec, (uint64_t *)&l, WPP_REC_NR(l));
		if (!o || o->fd < 0)
			return WPP_ECORRUPT;
		err = take(o->fd, &l);
		if (err == -EAGAIN || err == -EACCES) {
			wppi_child_note(b->m, WPP_NOTE_REFUSED, "lock-taken",
					"another process has taken the lock on %s", o->path);
			return WPP_EREFUSED;
		}
		if (err)
			return wppi_child_fail(b->m, err, "the lock on %s can't be taken: %s",
					       o->path, wppi_why(err));
	}
	return 0;
}

/*
 * A process loses its POSIX locks on a file when it closes any descriptor of it, and each file that
 * is mapped was opened and closed once more since. So they are taken again when nothing more
 * closes.
 */
int wppi_locks_again(struct build *b)
{
	struct wpp_rec_lock l;
	struct rec_cursor c = wppi_shared(b->m->tree, WPP_REC_LOCK);
	struct wpp_rec rec;
	int err = 0;

	while (!err && wppi_rec_next(&c, &rec)) {
		struct flock fl;

		wpp_rec_get(&rec, (uint64_t *)&l, WPP_REC_NR(l));
		if (l.kind != WPP_LOCK_POSIX)
			continue;
		fl = wppi_lock_of(&l);
		wppi_script_call(&b->s, 0, SYS_fcntl, l.fd, F_SETLK,
				 wppi_script_data(&b->s, &fl, sizeof(fl)), 0, 0, 0);
		err = wppi_build_run_full(b, "taking the file locks");
	}
	if (!err)
		err = wppi_build_run(b, "taking the file locks");
	if (err != -EAGAIN && err != -EACCES)
		return err;
	wppi_note(&b->m->tree->notes, WPP_NOTE_REFUSED, "lock-taken",
		  "another process has just taken the lock of a file");
	return WPP_EREFUSED;
}
