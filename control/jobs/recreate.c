/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "control/images.h"
#include "control/jobs.h"

int wppc_recreate(const struct wpp_conf *conf, struct wpp_media *media, const char *name,
		  const struct wpp_recreate *how, struct wppc_recreated *out)
{
	struct wpp_store *st = wpp_media_store(media);
	int err;

	*out = (struct wppc_recreated){ .done.size = sizeof(out->done) };
	err = wppc_generation_find(st, name, how->generation, &out->gen);
	if (err) {
		out->gen.generation = 0;
		return err == WPP_ENOENT && wpp_media_diag(media) ? WPP_ECORRUPT : err;
	}
	err = wpp_process_recreate(st, name, how, &out->done);
	if (!err)
		out->track_err = wppc_track_add(conf, name, out->done.pid, false);
	return err;
}
