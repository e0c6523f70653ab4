/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* What the kernel knows of a process besides its memory and files: one file a class. */
#ifndef WPP_STATE_H
#define WPP_STATE_H

#include "base/class.h"
#include "memory/build.h"

extern const struct capture_class wppi_capture_threads; /* registers, rseq, robust lists ... */
extern const struct capture_class wppi_capture_signals; /* actions, masks, pending */
extern const struct capture_class wppi_capture_timers;	/* itimers, POSIX timers */
extern const struct capture_class wppi_capture_limits;	/* resource limits */
extern const struct capture_class wppi_capture_creds;	/* credentials, capabilities */
extern const struct capture_class wppi_capture_sched;	/* policy, nice, affinity, ioprio, slack */
extern const struct capture_class wppi_capture_process; /* ids, session, cwd, umask, exe ... */

extern const struct recreate_class wppi_recreate_threads, wppi_recreate_signals,
	wppi_recreate_timers, wppi_recreate_limits, wppi_recreate_creds, wppi_recreate_sched,
	wppi_recreate_process;

/* ---- threads.c ---- */

/* Registers of all stopped threads, into m->threads. */
int wppi_threads_read(struct member *m);

int wppi_threads_prepare(struct build *b);
int wppi_threads_check_free(struct build *b);
int wppi_threads_make(struct build *b);
/* Registers and masks of all threads; then they are let go. */
int wppi_threads_release(struct build *b);

/* ---- clocks.c ---- */

/* CLOCK_MONOTONIC and CLOCK_BOOTTIME as the process sees them. */
void wppi_clocks_of(pid_t pid, uint64_t *monotonic_ns, uint64_t *boottime_ns);
/* Zeros when it can't be read. */
void wppi_boot_id(uint64_t *hi, uint64_t *lo);

int wppi_timens_prepare(struct tree *t);
/* In the maker: its next child runs with the shifted clocks. */
int wppi_timens_enter(const struct tree *t);

/* ---- pidns.c ---- */

/*
 * In the maker: its next child lives in a new pid namespace, whose first process stands ready.
 * A byte written to *@init tells it that the child is there; the end of the pipe, that it failed.
 */
int wppi_pidns_enter(const struct build *b, int *init);
/* In the new process: /proc shows the new namespace. */
void wppi_pidns_mount(struct build *b);
/* Our numbers of the threads that the namespace counts by its own. */
int wppi_pidns_translate(struct build *b);

#endif
