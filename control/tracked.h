/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Which processes are tracked on this machine since it booted. The kernel module knows when the
 * configuration says that it tracks (module.h), else it is a directory that belongs to this boot.
 */
#ifndef WPP_CONTROL_TRACKED_H
#define WPP_CONTROL_TRACKED_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include <wpp/conf.h>
#include <wpp/store.h>

/* ---- Processes ---- */

/* Clock ticks from boot to its start. WPP_ENOENT: no such process, or it has ended. */
int wppc_process_start(pid_t pid, uint64_t *start_time);

/* An image name after the program that it runs. WPP_ENOENT: no such process. */
int wppc_process_name(pid_t pid, char name[WPP_IMAGE_NAME_MAX + 1]);

/* ---- The list ---- */

struct wppc_tracked {
	char name[WPP_IMAGE_NAME_MAX + 1];
	pid_t pid;
	uint64_t start_time; /* pid and start time name a process: a pid is used again */
};

/* @inherit: its children as well; only the module can. Replaces an entry of that name. */
int wppc_track_add(const struct wpp_conf *conf, const char *name, pid_t pid, bool inherit);

/* 0 also when it was not tracked. */
int wppc_track_remove(const struct wpp_conf *conf, const char *name);

/* The tracked process of that name that still runs. WPP_ENOENT: there is none. */
int wppc_track_find(const struct wpp_conf *conf, const char *name, struct wppc_tracked *out);

/*
 * All that still run, by name; stale entries are removed. *@out is malloced and the caller's; also
 * behind an error it has what could be found, so that one bad entry does not hide the others.
 */
int wppc_track_list(const struct wpp_conf *conf, struct wppc_tracked **out, size_t *nr);

/* Makes of @name the first of NAME, NAME-2, NAME-3 ... that is free. WPP_EEXIST: none is. */
int wppc_track_choose_name(const struct wpp_conf *conf, char name[WPP_IMAGE_NAME_MAX + 1]);

/*
 * What a user calls "PID|NAME": a running process, tracked or not when it is a number. @out->name
 * is in and out: a name to use, or "" for the one that it is tracked under, else one after its
 * program. WPP_ENOENT: there is none.
 */
int wppc_track_target(const struct wpp_conf *conf, const char *target, struct wppc_tracked *out);

#endif
