/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * A class of state: one file, with its capture and its recreation side by side.
 * The drivers (capture/, recreate/) know the classes by the lists in their
 * classes.c; a class knows no driver.
 */
#ifndef WPP_CLASS_H
#define WPP_CLASS_H

#include "base/tree.h"

struct script;

/*
 * Each callback may be NULL.
 *
 *   check    /proc only, nothing is stopped; refuses by wppi_refuse()
 *   ask      all threads are stopped; adds the system calls that thread @t has to make for us to
 *            @s (wppi_script_call); called once a thread, the first one is the leader. Only calls
 *            that neither block nor change anything. wppi_answer() finds the results.
 *   collect  all threads are stopped and have answered; appends records to m->tree->pcb
 *   done     frees what the class keeps; also runs after an error in any of the others
 *
 * They return 0 or a negative code that ends the capture; a refusal is not an error code, it is
 * counted in the notes.
 */
struct capture_class {
	const char *name;
	int (*check)(struct member *m);
	int (*ask)(struct member *m, struct thread *t, struct script *s);
	int (*collect)(struct member *m);
	void (*done)(struct member *m);
};

/*
 * Each callback may be NULL.
 *
 *   prepare  in the caller: decode and check, nothing is created yet
 *   child    in the new process (right pid, all signals blocked), as ordinary C code: everything
 *            that is not memory: files, sockets, timers, signal actions, cwd, session ...
 *   last     script calls run by each thread just before its registers are set: credentials,
 *            limits, what would hinder the steps before. The first thread's run when all threads
 *            exist, and after theirs
 *   done     in the caller, once a thread's script of last() has run: notes what failed of the
 *            calls that may
 */
struct recreate_class {
	const char *name;
	int (*prepare)(struct member *m);
	int (*child)(struct member *m);
	int (*last)(struct member *m, uint32_t tid, struct script *s);
	void (*done)(struct member *m, uint32_t tid, const struct script *s);
};

#endif
