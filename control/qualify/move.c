/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "control/qualify/move.h"

static void move_done(struct wpp_io *io, int err)
{
	*(int *)io->owner = err;
}

int wppc_drive_poll(struct wppc_drive *d)
{
	int done = d->be->ops->poll(d->be);

	return done < 0 ? done : 0;
}

int wppc_drive_move(struct wppc_drive *d, uint32_t op, uint32_t flags, uint64_t off, void *buf,
		    uint32_t len)
{
	int result = 1;
	struct wpp_io io = {
		.op = op,
		.flags = flags,
		.len = len,
		.off = off,
		.buf = buf,
		.done = move_done,
		.owner = &result,
	};
	int err = d->be->ops->submit(d->be, &io);

	while (!err && result > 0)
		err = wppc_drive_poll(d);
	return err ? err : result;
}
