/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#ifndef WPP_CONTROL_BY_WHOM_H
#define WPP_CONTROL_BY_WHOM_H

#include "control/jobs.h"

/* wppc_persist() that leaves the list of tracked processes alone. */
int wppc_persist_by_whom(const struct wpp_conf *conf, struct wpp_media *media,
			 const struct wppc_tracked *one, const struct wpp_persist *how,
			 struct wpp_persisted *done);

#endif
