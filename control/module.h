/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The kernel module at work (backend = module): it tracks and saves what it is told. */
#ifndef WPP_CONTROL_MODULE_H
#define WPP_CONTROL_MODULE_H

#include <wpp/module.h>
#include <wpp/process.h>

#include "control/tracked.h"

/* Does the configuration say that the module tracks and saves? */
bool wppc_module_is_used(const struct wpp_conf *conf);

/* Marks a process; the [module] keys say how, @inherit adds its children. 0 or a wpp_err. */
int wppc_module_track(const struct wpp_conf *conf, const char *name, pid_t pid, bool inherit);
/* 0 also when it is not tracked. */
int wppc_module_untrack(const char *name);

/* What the module tracks, as wppc_track_find() and wppc_track_list(); nothing when it is not
 * loaded. */
int wppc_module_find(const char *name, struct wppc_tracked *out);
int wppc_module_list(struct wppc_tracked **out, size_t *nr);
int wppc_module_tracks(pid_t pid, bool *tracks);

/* What the module tells of a process now, a key and a value each. WPP_ENOENT: not tracked. */
typedef void (*wppc_live_fn)(void *arg, const char *key, const char *value);
int wppc_module_live(pid_t pid, wppc_live_fn tell, void *arg);

/*
 * Saves one process, tracked or not. As wpp_process_persist(); WPP_EINVAL: it knows neither
 * allow_lossy nor WPP_PERSIST_NO_SYNC.
 */
int wppc_module_persist(const struct wpp_conf *conf, const char *image, pid_t pid,
			const struct wpp_persist *how, struct wpp_persisted *done);

/* Power fails: all stand still together, are saved and killed. WPP_EREFUSED ...: not all. */
int wppc_module_trigger(void);

struct wppc_module_state {
	bool loaded;
	int abi_err;  /* of asking for the ABI */
	uint32_t abi; /* another one than WPP_KO_ABI: nothing else is asked */
	int medium_err;
	struct wpp_ko_medium medium;
};
void wppc_module_examine(struct wppc_module_state *state);

#endif
