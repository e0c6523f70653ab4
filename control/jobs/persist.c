/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "control/jobs.h"
#include "control/jobs/by_whom.h"
#include "control/module.h"
#include "control/why.h"

int wppc_prepare(const struct wpp_conf *conf, struct wpp_media_error *why)
{
	struct wpp_media *media;
	int err;

	if (!wppc_module_is_used(conf))
		return 0;
	err = wpp_media_open(conf, WPP_MEDIA_RDONLY | WPP_MEDIA_NOLOCK, &media, why);
	wpp_media_close(media);
	return err;
}

int wppc_adopt(const struct wpp_conf *conf, const struct wppc_tracked *one,
	       const struct wpp_persist *how, bool inherit)
{
	int err = wpp_process_check(one->pid, how);

	return err ? err : wppc_track_add(conf, one->name, one->pid, inherit);
}

int wppc_persist_open(const struct wpp_conf *conf, pid_t pid, struct wpp_media **media,
		      struct wpp_media_error *why)
{
	bool tracks;
	int err;

	*media = NULL;
	if (!wppc_module_is_used(conf))
		return wpp_media_open(conf, WPP_MEDIA_CREATE | WPP_MEDIA_WAIT, media, why);
	err = wppc_module_tracks(pid, &tracks);
	if (err)
		return wppc_why(why, err, "pid %d: %s", pid, wppc_strerror(err));
	return tracks ? 0 : wppc_prepare(conf, why);
}

int wppc_persist_by_whom(const struct wpp_conf *conf, struct wpp_media *media,
			 const struct wppc_tracked *one, const struct wpp_persist *how,
			 struct wpp_persisted *done)
{
	*done = (struct wpp_persisted){ .size = sizeof(*done) };
	if (wppc_module_is_used(conf))
		return wppc_module_persist(conf, one->name, one->pid, how, done);
	return wpp_process_persist(wpp_media_store(media), one->name, one->pid, how, done);
}

int wppc_persist(const struct wpp_conf *conf, struct wpp_media *media,
		 const struct wppc_tracked *one, const struct wpp_persist *how,
		 struct wpp_persisted *done)
{
	int err = wppc_persist_by_whom(conf, media, one, how, done);

	if (!err && how->flags & WPP_PERSIST_KILL)
		(void)wppc_track_remove(conf, one->name); /* it is gone: the entry is stale */
	return err;
}
