/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#ifndef WPPK_KSYNC_H
#define WPPK_KSYNC_H

#include "base/knotes.h"

struct file;

/* What the process wrote to a file becomes durable. */
int wppk_sync_file(struct wppk_notes *notes, struct file *file);

#endif
