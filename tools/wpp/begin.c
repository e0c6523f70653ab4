/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* What run and adopt look at before they track a process. */
#include "tool.h"

int check_module(const struct tool *t, const char *command, bool inherit)
{
	struct wpp_media_error why;
	int err;

	if (inherit && !wppc_module_is_used(t->conf))
		return usage(command, "--inherit: needs backend = module in wpp.conf");
	err = wppc_prepare(t->conf, &why);
	return err ? fail_why(err, &why) : 0;
}

int choose_name(const struct tool *t, char name[WPP_IMAGE_NAME_MAX + 1], bool given)
{
	struct wppc_tracked other;
	int err;

	if (given) {
		err = wppc_track_find(t->conf, name, &other);
		if (!err)
			return usage(NULL,
				     "%s: is tracked already, as pid %d; choose another --name",
				     name, other.pid);
		return err == WPP_ENOENT ? 0 : fail(err, "tracked processes");
	}
	err = wppc_track_choose_name(t->conf, name);
	return err ? fail(err, name) : 0;
}
