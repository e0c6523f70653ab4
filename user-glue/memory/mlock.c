/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* POSIX locks, at the end of all. */
#include <errno.h>
#include <sys/syscall.h>

#include "files/files.h"
#include "recreate/recreate_priv.h"

/*
 * A process loses its POSIX locks on a file when it closes any descriptor of it, and each file that
 * is mapped was opened and closed once more since. So they are taken again when nothing more
 * closes.
 */
int wppi_locks_again(struct build *b)
{
	struct wpp_rec_lock l;
	struct wpp_rec rec;
	size_t pos = 0;
	int err = 0;

	while (!err && wppi_recreate_next(&b->r, WPP_REC_LOCK, &pos, &rec) == 0) {
		struct flock fl;

		wpp_rec_get(&rec, (uint64_t *)&l, WPP_REC_NR(l));
		if (l.kind != LOCK_KIND_POSIX)
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
	wppi_note(&b->r.notes, WPP_NOTE_REFUSED, "lock-taken",
		  "another process has just taken the lock of a file");
	return WPP_EREFUSED;
}
