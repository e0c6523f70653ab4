/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include <wpp/backend.h>

#include "plat.h"

struct waiter {
	bool done;
	int err;
};

static void waiter_done(struct wpp_io *io, int err)
{
	struct waiter *w = io->owner;

	w->err = err;
	w->done = true;
}

/* One poll; a lost medium counts only while the move has not completed. */
static int wait_step(struct wpp_backend *be, const struct waiter *w)
{
	int n = be->ops->poll(be);

	if (n < 0 && !w->done)
		return n;
	wpp_plat_relax();
	return 0;
}

int wpp_io_run(struct wpp_backend *be, uint32_t op, uint64_t off, void *buf, uint32_t len)
{
	struct waiter w = { .done = false, .err = 0 };
	struct wpp_io io = {
		.op = op, .len = len, .off = off, .buf = buf, .done = waiter_done, .owner = &w
	};
	int err;

	while ((err = be->ops->submit(be, &io)) == WPP_EBUSY) {
		err = wait_step(be, &w);
		if (err)
			return err;
	}
	while (!err && !w.done)
		err = wait_step(be, &w);
	return err ? err : w.err;
}
