/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#ifndef WPPK_CUT_STEP_H
#define WPPK_CUT_STEP_H

#include <wpp/backend.h>

/* @inner behind a counter of device commands, where the machine can be switched off. */
int wppk_cut_wrap(struct wpp_backend *inner, struct wpp_backend **out);

#endif
