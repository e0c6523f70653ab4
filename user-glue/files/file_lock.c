/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* File locks: flock (of a description), POSIX (of a process) and OFD locks, as fdinfo lists them.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>

#include "files/files.h"

/* "1: POSIX  ADVISORY  WRITE 4711 fe:00:1234 0 EOF"; false for leases and delegations. */
static bool parse_lock(const char *text, struct wpp_rec_lock *rec)
{
	char kind[16], type[16], start[32], end[32];

	if (sscanf(text, " %*d: %15s %*s %15s %*s %*s %31s %31s", kind, type, start, end) != 4)
		return false;
	memset(rec, 0, sizeof(*rec));
	if (!strcmp(kind, "FLOCK"))
		rec->kind = LOCK_KIND_FLOCK;
	else if (!strcmp(kind, "POSIX"))
		rec->kind = LOCK_KIND_POSIX;
	else if (!strcmp(kind, "OFDLCK"))
		rec->kind = LOCK_KIND_OFD;
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
			wppi_refuse(&fs->c->notes, "lease", "descriptor %d holds a lease on %s",
				    f->num, f->link);
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
		WPPI_REC(&fs->c->pcb, LOCK, 0, f->id, &rec, NULL, 0);
	}
}

/* ---- Recreate ---- */

static int take(int fd, const struct wpp_rec_lock *l)
{
	struct flock fl = wppi_lock_of(l);

	if (l->type != F_RDLCK && l->type != F_WRLCK)
		return WPP_ECORRUPT;
	switch (l->kind) {
	case LOCK_KIND_FLOCK:
		return flock(fd, (l->type == F_RDLCK ? LOCK_SH : LOCK_EX) | LOCK_NB) ? -errno : 0;
	case LOCK_KIND_POSIX:
		return fcntl(fd, F_SETLK, &fl) ? -errno : 0;
	case LOCK_KIND_OFD:
		return fcntl(fd, F_OFD_SETLK, &fl) ? -errno : 0;
	default:
		return WPP_EFORMAT;
	}
}

int wppi_locks_recreate(struct rebuild *b)
{
	struct wpp_rec_lock l;
	struct wpp_rec rec;
	size_t pos = 0;

	while (wppi_recreate_next(b->r, WPP_REC_LOCK, &pos, &rec) == 0) {
		struct ofd *o = wppi_ofd_find(b, rec.id);
		int err;

		wpp_rec_get(&rec, (uint64_t *)&l, WPP_REC_NR(l));
		if (!o || o->fd < 0)
			return WPP_ECORRUPT;
		err = take(o->fd, &l);
		if (err == -EAGAIN || err == -EACCES) {
			wppi_child_note(b->r, WPP_NOTE_REFUSED, "lock-taken",
					"another process has taken the lock on %s", o->path);
			return WPP_EREFUSED;
		}
		if (err)
			return wppi_child_fail(b->r, err, "the lock on %s can't be taken: %s",
					       o->path, wppi_why(err));
	}
	return 0;
}
