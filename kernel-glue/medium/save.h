/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* One generation on its way to the medium. */
#ifndef WPPK_SAVE_H
#define WPPK_SAVE_H

#include <linux/types.h>

#include <wpp/store.h>

#include "base/kbuf.h"
#include "track/pagetable.h"

/* The next generation of @image. One at a time; -EBUSY. */
struct wppk_save;
int wppk_save_begin(const char *image, struct wppk_save **out);
/* Lends pages of @run until wppk_save_settle() or the end. */
int wppk_save_run(struct wppk_save *save, u32 space, const struct wppk_run *run);
int wppk_save_settle(struct wppk_save *save);
int wppk_save_stream(struct wppk_save *save, enum wpp_stream stream, const struct wppk_buf *buf);
int wppk_save_commit(struct wppk_save *save, u64 *generation, u64 *nr_moves, u64 *bytes);
void wppk_save_abort(struct wppk_save *save);

#endif
