/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * What is done with processes: start, adopt, persist, trigger, recreate. By the kernel module when
 * the configuration says so, else by user-glue.
 */
#ifndef WPP_CONTROL_JOBS_H
#define WPP_CONTROL_JOBS_H

#include <wpp/media.h>
#include <wpp/process.h>

#include "control/tracked.h"

/* ---- Start and adopt ---- */

/*
 * Is all there that tracking takes? With the module: it is loaded, has the medium of the
 * configuration, and there is a store on it. Without: nothing is needed.
 */
int wppc_prepare(const struct wpp_conf *conf, struct wpp_media_error *why);

struct wppc_start {
	const char *name;
	char *const *words; /* program and arguments, NULL behind the last */
	bool keep_fds; /* not only the standard streams; a process with such ties can't be saved */
	bool inherit;
};

enum wppc_start_step {
	WPPC_START_FORK,
	WPPC_START_TRACK,
	WPPC_START_EXEC,
};

/*
 * Starts a program that is tracked from its first instruction on. It is a child of the caller.
 * Behind an error none is left, and *@step is what failed.
 */
int wppc_start(const struct wpp_conf *conf, const struct wppc_start *how, pid_t *pid,
	       enum wppc_start_step *step);

/* Tracks a process that runs already, if it can be saved: as wpp_process_check() and
 * wppc_track_add(). */
int wppc_adopt(const struct wpp_conf *conf, const struct wppc_tracked *one,
	       const struct wpp_persist *how, bool inherit);

/* ---- Persist ---- */

/* The medium to persist @pid on; NULL with the module, which has it open itself. */
int wppc_persist_open(const struct wpp_conf *conf, pid_t pid, struct wpp_media **media,
		      struct wpp_media_error *why);

/*
 * As wpp_process_persist(), but @done is only out. A process that is killed is no longer tracked.
 * @media: of the above.
 */
int wppc_persist(const struct wpp_conf *conf, struct wpp_media *media,
		 const struct wppc_tracked *one, const struct wpp_persist *how,
		 struct wpp_persisted *done);

/* ---- Trigger: power fails ---- */

struct wppc_saved {
	const struct wppc_tracked *process;
	int err;       /* 0: saved and killed; else it runs on unharmed */
	bool together; /* by the module, with all others: of @done only what the medium tells,
			* generation, nr_pages and durable_ns */
	struct wpp_persisted done;
};

struct wppc_trigger {
	/* Where the notes of a process go that is saved by itself now; may return NULL. */
	const struct wpp_report *(*begin)(void *arg, const struct wppc_tracked *one);
	/* Once for each tracked process. */
	void (*saved)(void *arg, const struct wppc_saved *one);
	void *arg;
};

/*
 * Saves and kills all tracked processes, whatever happens to one of them. The first error; @why
 * says it when it is not that of a process, else it is "". *@nr: how many were tracked.
 */
int wppc_trigger(const struct wpp_conf *conf, const struct wppc_trigger *how, size_t *nr,
		 struct wpp_media_error *why);

/* ---- Recreate ---- */

struct wppc_recreated {
	struct wpp_generation gen; /* which one was taken; generation 0: there is none */
	int track_err;		   /* it runs, but can't be tracked */
	struct wpp_recreated done;
};

/* As wpp_process_recreate(); the process is tracked again. WPP_ECORRUPT: also, none is whole. */
int wppc_recreate(const struct wpp_conf *conf, struct wpp_media *media, const char *name,
		  const struct wpp_recreate *how, struct wppc_recreated *out);

#endif
