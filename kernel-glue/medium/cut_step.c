/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * For power-cut tests, only in a module built with WPP_TEST=1: the machine ends
 * at the n-th step of the device, by QEMU's isa-debug-exit, or pauses there, by
 * its pvpanic (cut_port=0x505). A step is a write or flush handed to the device,
 * and one that it has done. Writing cut_step begins to count anew; cut_count tells
 * how many there were.
 */
#include <linux/io.h>
#include <linux/module.h>
#include <linux/slab.h>

#include "medium/cut_step.h"

/* Of the caller's move; the backends below use what comes before. */
#define DONE 5

struct cut {
	struct wpp_backend be;
	struct wpp_backend_ops ops;
	struct wpp_backend *inner;
};

static ulong cut_step;
static ulong cut_count;
static ushort cut_port = 0xf4;

static int set_step(const char *val, const struct kernel_param *kp)
{
	cut_count = 0;
	return param_set_ulong(val, kp);
}

static const struct kernel_param_ops step_ops = { .set = set_step, .get = param_get_ulong };
module_param_cb(cut_step, &step_ops, &cut_step, 0600);
module_param(cut_count, ulong, 0400);
module_param(cut_port, ushort, 0600);

static void step(void)
{
	if (++cut_count == cut_step)
		outl(1, cut_port);
}

static struct cut *to_cut(struct wpp_backend *be)
{
	return container_of(be, struct cut, be);
}

static void cut_done(struct wpp_io *io, int err)
{
	step();
	io->done = (void (*)(struct wpp_io *, int))(uintptr_t)io->priv[DONE];
	io->done(io, err);
}

static int cut_submit(struct wpp_backend *be, struct wpp_io *io)
{
	struct wpp_backend *inner = to_cut(be)->inner;
	int err;

	if (io->op == WPP_IO_READ)
		return inner->ops->submit(inner, io);
	io->priv[DONE] = (uintptr_t)io->done;
	io->done = cut_done;
	err = inner->ops->submit(inner, io);
	if (err)
		io->done = (void (*)(struct wpp_io *, int))(uintptr_t)io->priv[DONE];
	else
		step();
	return err;
}

static int cut_poll(struct wpp_backend *be)
{
	return to_cut(be)->inner->ops->poll(to_cut(be)->inner);
}

static void *cut_direct(struct wpp_backend *be, uint64_t off, uint64_t len)
{
	return to_cut(be)->inner->ops->direct(to_cut(be)->inner, off, len);
}

static void cut_close(struct wpp_backend *be)
{
	to_cut(be)->inner->ops->close(to_cut(be)->inner);
	kfree(to_cut(be));
}

int wppk_cut_wrap(struct wpp_backend *inner, struct wpp_backend **out)
{
	struct cut *cut = kzalloc(sizeof(*cut), GFP_KERNEL);

	if (!cut)
		return -ENOMEM;
	cut->inner = inner;
	cut->ops = (struct wpp_backend_ops){ .abi = WPP_BACKEND_ABI,
					     .size = sizeof(cut->ops),
					     .name = "cut",
					     .submit = cut_submit,
					     .poll = cut_poll,
					     .direct = inner->ops->direct ? cut_direct : NULL,
					     .close = cut_close };
	cut->be.ops = &cut->ops;
	*out = &cut->be;
	return 0;
}
