/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* One move, and all of its time. */
#ifndef WPP_CONTROL_MOVE_H
#define WPP_CONTROL_MOVE_H

#include "control/qualify.h"

#define WPPC_BLOCK     WPP_PAGE_SIZE
#define WPPC_DRIVE_BUF (16u << 20)

int wppc_drive_move(struct wppc_drive *d, uint32_t op, uint32_t flags, uint64_t off, void *buf,
		    uint32_t len);
/* Polls once. 0, or the error. */
int wppc_drive_poll(struct wppc_drive *d);

#endif
