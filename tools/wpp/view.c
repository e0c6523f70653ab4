/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "tool.h"

int view_open(struct tool *t, const char *name, uint64_t generation, struct wpp_media **media,
	      struct wppc_view *view)
{
	struct wpp_diag diag = { 0 };
	int err, code;

	code = medium_open(t, WPP_MEDIA_RDONLY | WPP_MEDIA_WAIT, media);
	if (code)
		return code;
	err = wppc_view_open(wpp_media_store(*media), name, generation, view, &diag);
	if (!err)
		return 0;
	if (err == WPP_ECORRUPT && diag.what) {
		complain_damage(wpp_media_path(*media), &diag);
		offer_older(wpp_media_store(*media), &view->gen);
	}
	wpp_media_close(*media);
	return fail(err, name);
}
