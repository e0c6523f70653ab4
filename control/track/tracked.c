/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/module.h"
#include "control/text.h"
#include "control/track/entries.h"
#include "control/tracked.h"

#define NR_NAMES 10000u

int wppc_track_add(const struct wpp_conf *conf, const char *name, pid_t pid, bool inherit)
{
	if (wppc_module_is_used(conf))
		return wppc_module_track(conf, name, pid, inherit);
	return inherit ? WPP_EINVAL : wppc_entry_add(name, pid);
}

int wppc_track_remove(const struct wpp_conf *conf, const char *name)
{
	return wppc_module_is_used(conf) ? wppc_module_untrack(name) : wppc_entry_remove(name);
}

int wppc_track_find(const struct wpp_conf *conf, const char *name, struct wppc_tracked *out)
{
	return wppc_module_is_used(conf) ? wppc_module_find(name, out) : wppc_entry_find(name, out);
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct wppc_tracked *)a)->name,
		      ((const struct wppc_tracked *)b)->name);
}

int wppc_track_list(const struct wpp_conf *conf, struct wppc_tracked **out, size_t *nr)
{
	int err = wppc_module_is_used(conf) ? wppc_module_list(out, nr) : wppc_entry_list(out, nr);

	if (*nr)
		qsort(*out, *nr, sizeof(**out), by_name);
	return err;
}

int wppc_track_choose_name(const struct wpp_conf *conf, char name[WPP_IMAGE_NAME_MAX + 1])
{
	struct wppc_tracked other;
	char base[51];
	int err = wppc_track_find(conf, name, &other);

	snprintf(base, sizeof(base), "%.*s", (int)sizeof(base) - 1, name);
	for (unsigned int n = 2; !err; n++) {
		if (n == NR_NAMES)
			return WPP_EEXIST;
		snprintf(name, WPP_IMAGE_NAME_MAX + 1, "%s-%u", base, n);
		err = wppc_track_find(conf, name, &other);
	}
	return err == WPP_ENOENT ? 0 : err;
}

/* The name under which a process is tracked, else one after its program. */
static int name_of_process(const struct wpp_conf *conf, struct wppc_tracked *one)
{
	struct wppc_tracked *list;
	size_t nr;
	int err = wppc_track_list(conf, &list, &nr);

	for (size_t i = 0; i < nr; i++) {
		if (list[i].pid == one->pid)
			wppc_name_set(one->name, list[i].name);
	}
	free(list);
	if (*one->name)
		return 0;
	return err ? err : wppc_process_name(one->pid, one->name);
}

static int target_by_name(const struct wpp_conf *conf, const char *name, struct wppc_tracked *out)
{
	struct wppc_tracked one;
	int err = wppc_name_ok(name) ? wppc_track_find(conf, name, &one) : WPP_ENOENT;

	if (err)
		return err;
	if (*out->name)
		wppc_name_set(one.name, out->name);
	*out = one;
	return 0;
}

int wppc_track_target(const struct wpp_conf *conf, const char *target, struct wppc_tracked *out)
{
	uint64_t pid;
	int err;

	if (!wppc_parse_number(target, INT32_MAX, &pid))
		return target_by_name(conf, target, out);
	out->pid = (pid_t)pid;
	if (!pid)
		return WPP_ENOENT;
	err = wppc_process_start(out->pid, &out->start_time);
	return err || *out->name ? err : name_of_process(conf, out);
}
