/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Lets chosen operations of another backend fail. */
#include <stdlib.h>

#include <wpp/fault.h>

struct fault {
	struct wpp_backend be;
	struct wpp_backend_ops ops;
	struct wpp_backend *inner;
	struct wpp_fault_rule rule;
	uint64_t seen;
	uint64_t fired;
};

static struct fault *to_fault(struct wpp_backend *be)
{
	return (struct fault *)(void *)be;
}

/* Count an operation; what shall happen to it? */
static enum wpp_fault_kind next_fault(struct fault *f, uint32_t op)
{
	const struct wpp_fault_rule *r = &f->rule;

	if (r->kind == WPP_FAULT_NONE || !(r->ops >> op & 1))
		return WPP_FAULT_NONE;
	f->seen++;
	if (f->seen < r->nth || (r->nr && f->seen - r->nth >= r->nr))
		return WPP_FAULT_NONE;
	f->fired++;
	return r->kind;
}

/* A move that the medium does and the caller hears of as failed. */
struct late_io {
	struct wpp_io io;
	struct wpp_io *orig;
	int err;
};

static void late_done(struct wpp_io *io, int err)
{
	struct late_io *late = io->owner;
	struct wpp_io *orig = late->orig;

	err = err ? err : late->err;
	free(late);
	orig->done(orig, err);
}

static int submit_late(struct fault *f, struct wpp_io *io)
{
	struct late_io *late = malloc(sizeof(*late));
	int err;

	if (!late)
		return WPP_ENOMEM;
	late->io = *io;
	late->io.done = late_done;
	late->io.owner = late;
	late->orig = io;
	late->err = f->rule.err;
	err = f->inner->ops->submit(f->inner, &late->io);
	if (err)
		free(late);
	return err;
}

static int fault_submit(struct wpp_backend *be, struct wpp_io *io)
{
	struct fault *f = to_fault(be);

	switch (next_fault(f, io->op & 31)) {
	case WPP_FAULT_SUBMIT:
		return f->rule.err;
	case WPP_FAULT_BUSY:
		return WPP_EBUSY;
	case WPP_FAULT_DONE:
		io->done(io, f->rule.err);
		return 0;
	case WPP_FAULT_LIE:
		io->done(io, 0);
		return 0;
	case WPP_FAULT_LATE:
		return submit_late(f, io);
	case WPP_FAULT_NONE:
		break;
	}
	return f->inner->ops->submit(f->inner, io);
}

static int fault_probe(struct wpp_backend *be, struct wpp_medium *m)
{
	struct wpp_backend *inner = to_fault(be)->inner;

	return inner->ops->probe(inner, m);
}

static int fault_poll(struct wpp_backend *be)
{
	struct wpp_backend *inner = to_fault(be)->inner;

	return inner->ops->poll(inner);
}

static void *fault_direct(struct wpp_backend *be, uint64_t off, uint64_t len)
{
	struct wpp_backend *inner = to_fault(be)->inner;

	return inner->ops->direct(inner, off, len);
}

static int fault_emergency_write(struct wpp_backend *be, uint64_t off, const void *buf,
				 uint32_t len)
{
	struct fault *f = to_fault(be);
	enum wpp_fault_kind kind = next_fault(f, WPP_IO_WRITE);
	int err = 0;

	if (kind == WPP_FAULT_NONE || kind == WPP_FAULT_LATE)
		err = f->inner->ops->emergency_write(f->inner, off, buf, len);
	if (err || kind == WPP_FAULT_NONE || kind == WPP_FAULT_LIE)
		return err;
	return kind == WPP_FAULT_BUSY ? WPP_EBUSY : f->rule.err;
}

static void *fault_lend(struct wpp_backend *be, uint64_t len)
{
	struct wpp_backend *inner = to_fault(be)->inner;

	return inner->ops->lend(inner, len);
}

static void fault_give_back(struct wpp_backend *be, void *mem, uint64_t len)
{
	struct wpp_backend *inner = to_fault(be)->inner;

	inner->ops->give_back(inner, mem, len);
}

static void fault_close(struct wpp_backend *be)
{
	struct wpp_backend *inner = to_fault(be)->inner;

	if (inner->ops->close)
		inner->ops->close(inner);
	free(be);
}

int wpp_fault_wrap(struct wpp_backend *inner, struct wpp_backend **out)
{
	const struct wpp_backend_ops *ops = inner->ops;
	struct fault *f;

	*out = NULL;
	if (ops->abi != WPP_BACKEND_ABI || ops->size < offsetof(struct wpp_backend_ops, lend))
		return WPP_EINVAL;
	f = calloc(1, sizeof(*f));
	if (!f)
		return WPP_ENOMEM;
	f->inner = inner;
	f->ops = (struct wpp_backend_ops){
		.abi = WPP_BACKEND_ABI,
		.size = sizeof(f->ops),
		.name = "fault",
		.probe = fault_probe,
		.submit = fault_submit,
		.poll = fault_poll,
		.direct = ops->direct ? fault_direct : NULL,
		.emergency_write = ops->emergency_write ? fault_emergency_write : NULL,
		.close = fault_close,
	};
	if (WPP_BACKEND_HAS(ops, lend)) {
		f->ops.lend = fault_lend;
		f->ops.give_back = fault_give_back;
	}
	f->be.ops = &f->ops;
	*out = &f->be;
	return 0;
}

void wpp_fault_set(struct wpp_backend *be, const struct wpp_fault_rule *rule)
{
	struct fault *f = to_fault(be);

	f->rule = rule ? *rule : (struct wpp_fault_rule){ .kind = WPP_FAULT_NONE };
	f->rule.err = f->rule.err ? f->rule.err : WPP_EIO;
	f->seen = 0;
	f->fired = 0;
}

uint64_t wpp_fault_fired(const struct wpp_backend *be)
{
	return ((const struct fault *)(const void *)be)->fired;
}
