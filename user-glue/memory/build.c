/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include <string.h>
#include <time.h>

#include "memory/build.h"

int wppi_build_run_on(struct build *b, pid_t tid, const char *what)
{
	size_t failed;
	int err = wppi_script_run(&b->s, tid, &b->area, &failed);

	if (err && failed < b->s.nr_calls)
		wppi_note(&b->m->tree->notes, WPP_NOTE_ERROR, "recreate",
			  "%s: system call %llu (0x%llx, 0x%llx) failed: %s", what,
			  (unsigned long long)b->s.calls[failed].nr,
			  (unsigned long long)b->s.calls[failed].arg[0],
			  (unsigned long long)b->s.calls[failed].arg[1], strerror(-err));
	else if (err)
		wppi_note(&b->m->tree->notes, WPP_NOTE_ERROR, "recreate", "%s: %s", what,
			  wpp_strerror(err));
	return err;
}

int wppi_build_run(struct build *b, const char *what)
{
	int err = wppi_build_run_on(b, b->pid, what);

	wppi_script_free(&b->s);
	return err;
}

int wppi_build_run_full(struct build *b, const char *what)
{
	return wppi_script_area_len(&b->s) > AREA_LEN / 2 ? wppi_build_run(b, what) : 0;
}

/* ---- Pages of the image ---- */

int wppi_damaged(struct tree *t, const struct wpp_diag *diag, int err)
{
	if (err == WPP_ECORRUPT && diag->what)
		wppi_note(&t->notes, WPP_NOTE_ERROR, "image",
			  "%s at byte %llu of the medium is damaged (checksum 0x%llx, expected "
			  "0x%llx); try an older generation",
			  diag->what, (unsigned long long)diag->off,
			  (unsigned long long)diag->found, (unsigned long long)diag->expected);
	return err;
}

int wppi_runs_read(struct tree *t, const struct wpp_run *run, uint32_t nr, void *buf)
{
	uint64_t started = wppi_now_ns(CLOCK_MONOTONIC);
	struct wpp_diag diag = { 0 };
	int err = wpp_reader_gather(t->reader, run, nr, buf, &diag);

	t->read_ns += wppi_now_ns(CLOCK_MONOTONIC) - started;
	return wppi_damaged(t, &diag, err);
}
