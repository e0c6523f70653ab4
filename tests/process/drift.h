/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#ifndef DRIFT_H
#define DRIFT_H

#include <wpp/store.h>

/* Fails when the two newest generations of an image tell different things of the process. */
void drift_check(struct wpp_store *st, const char *image);

#endif
