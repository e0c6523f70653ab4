/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * A medium in RAM for the core's own tests: moves wait in a queue until poll(),
 * the n-th one can be made to fail, and it counts what it did.
 */
#ifndef WPP_TEST_RAM_BACKEND_H
#define WPP_TEST_RAM_BACKEND_H

#include <stdlib.h>
#include <string.h>

#include <wpp/backend.h>

#define RAM_QUEUE_MAX 64

struct ram {
	struct wpp_backend be;
	struct wpp_backend_ops ops;
	struct wpp_medium medium;
	uint8_t *bytes;
	struct wpp_io *queue[RAM_QUEUE_MAX];
	uint32_t nr_queue;
	uint64_t fail_at; /* 0: never; counts moves of any kind */
	uint64_t moves, writes, flushes, bytes_written;
};

static struct ram *to_ram(struct wpp_backend *be)
{
	return (struct ram *)(void *)be;
}

static int ram_probe(struct wpp_backend *be, struct wpp_medium *m)
{
	*m = to_ram(be)->medium;
	return 0;
}

static int ram_do(struct ram *ram, const struct wpp_io *io)
{
	if (ram->fail_at && ++ram->moves == ram->fail_at)
		return WPP_EIO;
	if (io->op == WPP_IO_FLUSH) {
		ram->flushes++;
		return 0;
	}
	if (io->off > ram->medium.size || io->len > ram->medium.size - io->off ||
	    io->len > ram->medium.io_max || !io->len ||
	    (io->off | io->len) & (ram->medium.io_align - 1) ||
	    (uintptr_t)io->buf & (ram->medium.buf_align - 1))
		abort(); /* the core must never do that */
	if (io->op == WPP_IO_READ) {
		memcpy(io->buf, ram->bytes + io->off, io->len);
		return 0;
	}
	ram->writes++;
	ram->bytes_written += io->len;
	if (io->buf != ram->bytes + io->off)
		memcpy(ram->bytes + io->off, io->buf, io->len);
	return 0;
}

static int ram_submit(struct wpp_backend *be, struct wpp_io *io)
{
	struct ram *ram = to_ram(be);

	if (ram->medium.queue_depth == 1) {
		io->done(io, ram_do(ram, io));
		return 0;
	}
	if (ram->nr_queue == ram->medium.queue_depth)
		return WPP_EBUSY;
	ram->queue[ram->nr_queue++] = io;
	return 0;
}

/* One completion a poll, the newest first: nobody may count on the order. */
static int ram_poll(struct wpp_backend *be)
{
	struct ram *ram = to_ram(be);
	struct wpp_io *io;

	if (!ram->nr_queue)
		return 0;
	io = ram->queue[--ram->nr_queue];
	io->done(io, ram_do(ram, io));
	return 1;
}

static void *ram_direct(struct wpp_backend *be, uint64_t off, uint64_t len)
{
	struct ram *ram = to_ram(be);

	return off <= ram->medium.size && len <= ram->medium.size - off ? ram->bytes + off : NULL;
}

static struct ram *ram_new(uint64_t size, uint32_t queue_depth, uint32_t caps)
{
	struct ram *ram = calloc(1, sizeof(*ram));

	if (!ram)
		abort();
	ram->medium = (struct wpp_medium){ .size = size,
					   .io_align = 512,
					   .buf_align = 512,
					   .io_max = 1u << 20,
					   .io_best = 1u << 16,
					   .queue_depth = queue_depth,
					   .caps = caps };
	ram->ops = (struct wpp_backend_ops){ .abi = WPP_BACKEND_ABI,
					     .size = sizeof(ram->ops),
					     .name = "ram",
					     .probe = ram_probe,
					     .submit = ram_submit,
					     .poll = ram_poll,
					     .direct = caps & WPP_CAP_DIRECT ? ram_direct : NULL };
	ram->be.ops = &ram->ops;
	ram->bytes = aligned_alloc(4096, (size_t)size);
	if (!ram->bytes)
		abort();
	memset(ram->bytes, 0, (size_t)size);
	return ram;
}

static void ram_free(struct ram *ram)
{
	free(ram->bytes);
	free(ram);
}

#endif
