/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Recreating a process. recreate.c drives:
 *
 *   prepare  in the caller: decode and check, nothing is created yet
 *   child    in the new process (right pid, all signals blocked), as ordinary C code: everything
 *            that is not memory: files, sockets, timers, signal actions, cwd, session ...
 *   (switch  the new process jumps into the script executor; recreate.c replaces its memory, fills
 *            and verifies the pages, makes the threads, sets their registers)
 *   last     script calls run by each thread just before its registers are set: credentials,
 *            limits, what would hinder the steps before
 *   done     in the caller, once a thread's script of last() has run: notes what failed of the
 *            calls that may
 *
 * The last() of the process' first thread runs when all threads exist, and after theirs. Classes
 * are called in the order limits, files, process, signals, timers, sched, creds. Each function may
 * be NULL.
 */
#ifndef WPP_RECREATE_H
#define WPP_RECREATE_H

#include "base/base.h"
#include "stop/script.h"

struct recreate {
	const struct wpp_recreate *how;
	struct notes notes;
	struct wpp_reader *reader;
	uint8_t *pcb, *regions; /* the streams, verified */
	size_t pcb_len, regions_len;
	pid_t pid; /* of the image */
	struct wpp_rec_machine machine;
	struct wpp_rec_process process;
	uint64_t clock_shift_ns; /* CLOCK_MONOTONIC of the image minus now, when a time namespace is
				    needed */
	int control;	   /* in the child: socket to the caller; classes must not use its number */
	struct memobj_fd { /* memory objects, made by the driver before child(): read/write */
		uint64_t id;
		int fd;
	} * objs;
	size_t nr_objs;
};

/* Iterate records of one type: for (pos = 0; wppi_recreate_next(r, TYPE, &pos, &rec) == 0;) */
int wppi_recreate_next(const struct recreate *r, uint16_t type, size_t *pos, struct wpp_rec *rec);
/* First record of a type for a task (0: any). WPP_ENOENT when there is none. */
int wppi_recreate_find(const struct recreate *r, uint16_t type, uint32_t task, struct wpp_rec *rec);
/* The descriptor of a memory object in the child, or -1. */
int wppi_recreate_memobj(const struct recreate *r, uint64_t id);
/* In the child: says what failed; the text reaches the caller's report through the control socket.
 */
int wppi_child_fail(struct recreate *r, int err, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/* In the child: a note for the caller's report (connections reset, file changed under warn ...). */
void wppi_child_note(struct recreate *r, enum wpp_note_kind kind, const char *name, const char *fmt,
		     ...) __attribute__((format(printf, 4, 5)));

struct recreate_class {
	const char *name;
	int (*prepare)(struct recreate *r);
	int (*child)(struct recreate *r);
	int (*last)(struct recreate *r, uint32_t tid, struct script *s);
	void (*done)(struct recreate *r, uint32_t tid, const struct script *s);
};

extern const struct recreate_class wppi_recreate_limits;
extern const struct recreate_class wppi_recreate_process;
extern const struct recreate_class wppi_recreate_files;
extern const struct recreate_class wppi_recreate_signals;
extern const struct recreate_class wppi_recreate_timers;
extern const struct recreate_class wppi_recreate_creds;
extern const struct recreate_class wppi_recreate_sched;

#endif
