/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Physical memory that Linux does not use (memmap=size$address, an NVDIMM or CXL
 * window without a driver) as a medium: a write is a copy past the caches.
 */
#include <linux/io.h>
#include <linux/ioport.h>
#include <linux/libnvdimm.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "base/kerrno.h"
#include "medium/media_kinds.h"

#define IO_MAX (4u << 20)

struct window {
	struct wpp_backend be;
	u8 *mem;
	u64 base, size;
};

static struct window *to_window(struct wpp_backend *be)
{
	return container_of(be, struct window, be);
}

static int memory_probe(struct wpp_backend *be, struct wpp_medium *m)
{
	*m = (struct wpp_medium){
		.size = to_window(be)->size,
		.io_align = 64,
		.buf_align = 1,
		.io_max = IO_MAX,
		.io_best = IO_MAX,
		.atomic_len = 8,
		.queue_depth = 1,
		.caps = WPP_CAP_POWERSAFE | WPP_CAP_DIRECT | WPP_CAP_DURABLE,
	};
	return 0;
}

static int check(const struct window *w, const struct wpp_io *io)
{
	if (io->flags)
		return WPP_EINVAL;
	if (io->op == WPP_IO_FLUSH)
		return io->len ? WPP_EINVAL : 0;
	if (io->op != WPP_IO_READ && io->op != WPP_IO_WRITE)
		return WPP_EINVAL;
	if (!io->len || io->len > IO_MAX || (io->len | io->off) & 63)
		return WPP_EINVAL;
	return io->off > w->size || io->len > w->size - io->off ? WPP_ERANGE : 0;
}

static int memory_submit(struct wpp_backend *be, struct wpp_io *io)
{
	struct window *w = to_window(be);
	int err = check(w, io);

	if (err)
		return err;
	if (io->op == WPP_IO_FLUSH)
		wmb(); /* what was written back or stored past the caches arrives */
	else if (io->op == WPP_IO_READ)
		memcpy(io->buf, w->mem + io->off, io->len);
	else if (io->buf == w->mem + io->off)
		arch_wb_cache_pmem(io->buf, io->len);
	else
		memcpy_flushcache(w->mem + io->off, io->buf, io->len);
	io->done(io, 0);
	return 0;
}

static int memory_poll(struct wpp_backend *be)
{
	return 0;
}

static void *memory_direct(struct wpp_backend *be, uint64_t off, uint64_t len)
{
	const struct window *w = to_window(be);

	return off <= w->size && len <= w->size - off ? w->mem + off : NULL;
}

static void memory_close(struct wpp_backend *be)
{
	struct window *w = to_window(be);

	memunmap(w->mem);
	release_mem_region(w->base, w->size);
	kfree(w);
}

static const struct wpp_backend_ops memory_ops = {
	.abi = WPP_BACKEND_ABI,
	.size = sizeof(memory_ops),
	.name = "memory",
	.probe = memory_probe,
	.submit = memory_submit,
	.poll = memory_poll,
	.direct = memory_direct,
	.close = memory_close,
};

/* Neither memory of Linux nor anything that a driver has. */
static int claim(const struct window *w)
{
	if (!w->size || (w->base | w->size) & ~PAGE_MASK || w->base + w->size < w->base)
		return -EINVAL;
	if (region_intersects(w->base, w->size, IORESOURCE_SYSTEM_RAM, IORES_DESC_NONE) !=
	    REGION_DISJOINT)
		return -EBUSY;
	return request_mem_region(w->base, w->size, "wpp") ? 0 : -EBUSY;
}

int wppk_memory_open(const struct wpp_ko_attach *how, struct wpp_medium *m,
		     struct wpp_backend **out)
{
	struct window *w = kzalloc(sizeof(*w), GFP_KERNEL);
	int err;

	if (!w)
		return -ENOMEM;
	w->be.ops = &memory_ops;
	w->base = how->base;
	w->size = how->size;
	err = claim(w);
	if (err)
		goto free;
	w->mem = memremap(w->base, w->size, MEMREMAP_WB);
	if (!w->mem) {
		err = -ENOMEM;
		goto release;
	}
	*out = &w->be;
	return wppk_errno(memory_probe(&w->be, m));
release:
	release_mem_region(w->base, w->size);
free:
	kfree(w);
	return err;
}
