/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * A complete backend in one file. To add a medium, copy this file, rename it,
 * and replace the three places marked MEDIUM by what moves bytes on yours.
 *
 * The contract is in <wpp/backend.h>. The three things that matter most:
 *
 *   1. probe() tells facts. Too modest costs speed, too bold costs data.
 *   2. submit() either returns an error and forgets the move, or returns 0
 *      and sees to it that done() runs exactly once, now or from poll().
 *   3. After the done(0) of a FLUSH, all writes that were done before it was
 *      submitted survive a power cut. (RAM survives none, and says so by
 *      leaving WPP_CAP_DURABLE out.)
 */
#include <stdlib.h>
#include <string.h>

#include "backend_ram.h"

/* The first member is what libwpp knows; the rest is ours. */
struct backend_ram {
	struct wpp_backend be;
	uint64_t bytes;
	uint8_t *mem;
};

static struct backend_ram *to_ram(struct wpp_backend *be)
{
	return (struct backend_ram *)(void *)be;
}

static int ram_probe(struct wpp_backend *be, struct wpp_medium *m)
{
	/* MEDIUM: find it, open it, ask it. Everything that can fail early, fails here. */
	*m = (struct wpp_medium){
		.size = to_ram(be)->bytes,
		.io_align = 8,	    /* shortest move, and its alignment on the medium */
		.buf_align = 1,	    /* alignment of the caller's buffers */
		.io_max = 1u << 20, /* longer moves are split by libwpp */
		.io_best = 1u << 20,
		.atomic_len = 8, /* what a power cut can't tear */
		.queue_depth = 1,
		.caps = WPP_CAP_DIRECT | WPP_CAP_POWERSAFE,
	};
	return 0;
}

/* libwpp keeps to what probe() said; a check at the edge finds mistakes early all the same. */
static int check(const struct backend_ram *ram, const struct wpp_io *io)
{
	if (io->flags || (io->off | io->len) % 8)
		return WPP_EINVAL;
	if (io->off > ram->bytes || io->len > ram->bytes - io->off)
		return WPP_ERANGE;
	return 0;
}

static int ram_submit(struct wpp_backend *be, struct wpp_io *io)
{
	struct backend_ram *ram = to_ram(be);
	int err = check(ram, io);

	if (err)
		return err; /* refused: done() will not run */
	/*
	 * MEDIUM: move the bytes, or start to. One that works in the background keeps @io in its
	 * queue (io->priv is there for that), returns WPP_EBUSY when the queue is full, and calls
	 * done() from poll().
	 */
	switch (io->op) {
	case WPP_IO_READ:
		memcpy(io->buf, ram->mem + io->off, io->len);
		break;
	case WPP_IO_WRITE:
		if (io->buf != ram->mem + io->off) /* else in place: stored through direct() */
			memcpy(ram->mem + io->off, io->buf, io->len);
		break;
	case WPP_IO_FLUSH:
		break; /* nothing makes RAM durable */
	default:
		return WPP_EINVAL;
	}
	io->done(io, 0); /* the last use of @io: it is the caller's again */
	return 0;
}

/* Runs the done() of finished moves; here each one was finished by submit(). */
static int ram_poll(struct wpp_backend *be)
{
	(void)be;
	return 0;
}

/* Only for media that a CPU can address. Without: leave it and WPP_CAP_DIRECT out. */
static void *ram_direct(struct wpp_backend *be, uint64_t off, uint64_t len)
{
	struct backend_ram *ram = to_ram(be);

	if (off > ram->bytes || len > ram->bytes - off)
		return NULL;
	return ram->mem + off;
}

static void ram_close(struct wpp_backend *be)
{
	/* MEDIUM: give back what probe() and open took. */
	free(to_ram(be)->mem);
	free(be);
}

static const struct wpp_backend_ops ram_ops = {
	.abi = WPP_BACKEND_ABI,
	.size = sizeof(ram_ops),
	.name = "ram",
	.probe = ram_probe,
	.submit = ram_submit,
	.poll = ram_poll,
	.direct = ram_direct,
	.close = ram_close,
};

int backend_ram_open(uint64_t bytes, struct wpp_backend **out)
{
	struct backend_ram *ram;

	*out = NULL;
	if (bytes == 0 || bytes % WPP_PAGE_SIZE || bytes > SIZE_MAX)
		return WPP_EINVAL;
	ram = calloc(1, sizeof(*ram));
	if (!ram)
		return WPP_ENOMEM;
	ram->mem = aligned_alloc(WPP_PAGE_SIZE, (size_t)bytes);
	if (!ram->mem) {
		free(ram);
		return WPP_ENOMEM;
	}
	memset(ram->mem, 0, (size_t)bytes);
	ram->bytes = bytes;
	ram->be.ops = &ram_ops;
	*out = &ram->be;
	return 0;
}
