/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "fpga_bounce.h"
#include <string.h>

static void put_free(struct fpga_bounce *b)
{
	b->next = b->pool->free;
	b->pool->free = b;
}

void wppi_fpga_bounces_init(struct fpga_bounces *pool, struct wpp_backend *inner, void *mem,
			    uint32_t len)
{
	*pool = (struct fpga_bounces){ .inner = inner, .len = len };
	for (uint32_t i = 0; i < FPGA_BOUNCES; i++) {
		struct fpga_bounce *b = &pool->bounce[i];

		b->pool = pool;
		b->mem = (uint8_t *)mem + (uint64_t)i * len;
		put_free(b);
	}
}

/* The buffer is free before done(), which may submit the next move. */
static void bounced(struct wpp_io *io, int err)
{
	struct fpga_bounce *b = io->owner;
	struct wpp_io *owner = b->owner;

	if (!err && io->op == WPP_IO_READ)
		memcpy(owner->buf, b->mem, owner->len);
	put_free(b);
	owner->done(owner, err);
}

int wppi_fpga_bounce(struct fpga_bounces *pool, struct wpp_io *io)
{
	struct fpga_bounce *b = pool->free;
	int err;

	if (io->len > pool->len)
		return WPP_EINVAL;
	if (!b)
		return WPP_EBUSY;
	b->owner = io;
	b->io = (struct wpp_io){ .op = io->op,
				 .flags = io->flags,
				 .len = io->len,
				 .off = io->off,
				 .buf = b->mem,
				 .done = bounced,
				 .owner = b };
	if (io->op == WPP_IO_WRITE)
		memcpy(b->mem, io->buf, io->len);
	pool->free = b->next; /* first: bounced() may run inside */
	err = pool->inner->ops->submit(pool->inner, &b->io);
	if (err)
		put_free(b);
	return err;
}
