/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "fpga.h"
#include "plat.h"

/* struct wpp_io.priv of a move that was accepted */
enum {
	NEXT,	  /* the move submitted after it */
	MOVED,	  /* bytes that have commands */
	COMMANDS, /* in the ring */
	UNPOSTED, /* true: there is more to post */
	ERROR,	  /* the first one, negated */
};

static struct fpga *to_fpga(struct wpp_backend *be)
{
	return (struct fpga *)(void *)be;
}

static struct wpp_io *next_of(const struct wpp_io *io)
{
	return (struct wpp_io *)(uintptr_t)io->priv[NEXT];
}

static enum fpga_queue_id queue_of(uint32_t op)
{
	return op == WPP_IO_READ ? FPGA_READS : FPGA_WRITES;
}

static uint32_t min32(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}

/* ---- From moves to commands --------------------------------------------------------------- */

/* A piece of a move that is one command: contiguous, aligned, short enough and reachable. */
struct piece {
	uint64_t bus;
	uint32_t len;
};

static bool is_reachable(const struct fpga *f, uint64_t bus, uint32_t len)
{
	return bus <= f->ring.info.bus_limit && len - 1 <= f->ring.info.bus_limit - bus;
}

static int cut_piece(const struct fpga *f, uint64_t bus, uint32_t contig, uint32_t left,
		     struct piece *p)
{
	uint32_t len = min32(left, f->ring.info.max_transfer);

	if (contig < len)
		len = contig & ~(FPGA_ALIGN - 1);
	if (!len || bus % FPGA_ALIGN)
		return WPP_EINVAL;
	if (!is_reachable(f, bus, len))
		return WPP_ERANGE;
	*p = (struct piece){ .bus = bus, .len = len };
	return 0;
}

/* The piece of a buffer of the environment's. */
static int cut_buffer(const struct fpga *f, const void *buf, uint32_t left, struct piece *p)
{
	uint32_t contig = 0;
	uint64_t bus = f->env.to_bus(f->env.ctx, buf, left, &contig);

	return cut_piece(f, bus, contig, left, p);
}

static int cut_move(const struct fpga *f, const struct wpp_io *io, struct piece *p)
{
	uint64_t moved = io->priv[MOVED];
	uint32_t left = io->len - (uint32_t)moved;

	if (io->flags & WPP_IO_PHYS)
		return cut_piece(f, io->pa + moved, left, left, p);
	return cut_buffer(f, (const uint8_t *)io->buf + moved, left, p);
}

static void fail(struct wpp_io *io, int err)
{
	if (!io->priv[ERROR])
		io->priv[ERROR] = (uint64_t)-err;
}

/* A complete write is durable already, unless there is a cache: then a FLUSH follows in the ring.
 */
static bool wants_flush(const struct fpga *f, const struct wpp_io *io)
{
	return io->flags & WPP_IO_FUA && f->ring.info.caps & FPGA_CAPS_VOLATILE_CACHE;
}

static void post_flush(struct fpga *f, struct wpp_io *io)
{
	wppi_fpga_ring_post(&f->ring, FPGA_WRITES, FPGA_OP_FLUSH, 0, 0, 0);
	io->priv[COMMANDS]++;
	io->priv[UNPOSTED] = false;
}

static void post_piece(struct fpga *f, enum fpga_queue_id id, struct wpp_io *io)
{
	struct piece p;
	int err = cut_move(f, io, &p);

	if (err) {
		fail(io, err);
		io->priv[UNPOSTED] = false;
		return;
	}
	wppi_fpga_ring_post(&f->ring, id, id == FPGA_READS ? FPGA_OP_READ : FPGA_OP_WRITE, p.bus,
			    io->off + io->priv[MOVED], p.len);
	io->priv[COMMANDS]++;
	io->priv[MOVED] += p.len;
	io->priv[UNPOSTED] = io->priv[MOVED] < io->len || wants_flush(f, io);
}

/* Post what there is room for, and tell the device when it pays. */
static void pump(struct fpga *f, enum fpga_queue_id id)
{
	struct fpga_flow *flow = &f->flow[id];

	while (flow->posting && wppi_fpga_ring_room(&f->ring, id)) {
		struct wpp_io *io = flow->posting;

		if (io->priv[MOVED] == io->len)
			post_flush(f, io);
		else
			post_piece(f, id, io);
		if (!io->priv[UNPOSTED])
			flow->posting = next_of(io);
	}
	wppi_fpga_ring_kick(&f->ring, id);
}

/* ---- And back ----------------------------------------------------------------------------- */

/* done() of the oldest moves that are complete. They are forgotten first: done() may submit. */
static int finish(struct fpga_flow *flow)
{
	int nr = 0;

	for (;;) {
		struct wpp_io *io = flow->oldest;

		if (!io || io->priv[UNPOSTED] || io->priv[COMMANDS])
			return nr;
		flow->oldest = next_of(io);
		if (!flow->oldest)
			flow->newest = NULL;
		flow->nr--;
		nr++;
		io->done(io, -(int)io->priv[ERROR]);
	}
}

/* Commands complete in order, so the one reaped is of the oldest move. */
static int reap(struct fpga *f, enum fpga_queue_id id)
{
	struct fpga_flow *flow = &f->flow[id];
	uint32_t code;
	int nr = 0;

	for (uint32_t most = f->ring.queue[id].limit; most; most--) {
		if (!wppi_fpga_ring_reap(&f->ring, id, &code))
			break;
		flow->oldest->priv[COMMANDS]--;
		if (code != FPGA_DONE)
			fail(flow->oldest, WPP_EIO);
		nr += finish(flow);
	}
	pump(f, id);
	return nr + finish(flow);
}

static int check(const struct fpga *f, const struct wpp_io *io)
{
	uint64_t at = io->flags & WPP_IO_PHYS ? io->pa : (uintptr_t)io->buf;

	if (io->flags & ~(uint32_t)(WPP_IO_PHYS | WPP_IO_FUA) ||
	    (io->flags & WPP_IO_FUA && io->op != WPP_IO_WRITE))
		return WPP_EINVAL;
	if (io->op == WPP_IO_FLUSH)
		return io->len ? WPP_EINVAL : 0;
	if (io->op != WPP_IO_READ && io->op != WPP_IO_WRITE)
		return WPP_EINVAL;
	if (!io->len || io->len > FPGA_IO_MAX || (io->len | io->off | at) % FPGA_ALIGN)
		return WPP_EINVAL;
	if (io->off > f->size || io->len > f->size - io->off)
		return WPP_ERANGE;
	if (io->flags & WPP_IO_PHYS && !is_reachable(f, io->pa, io->len))
		return WPP_ERANGE;
	return 0;
}

static int fpga_submit(struct wpp_backend *be, struct wpp_io *io)
{
	struct fpga *f = to_fpga(be);
	struct fpga_flow *flow = &f->flow[queue_of(io->op)];
	int err = f->lost ? WPP_EIO : check(f, io);

	if (err)
		return err;
	if (flow->nr >= f->depth)
		return WPP_EBUSY;
	wpp_memset(io->priv, 0, sizeof(io->priv));
	io->priv[UNPOSTED] = true;
	if (flow->newest)
		flow->newest->priv[NEXT] = (uintptr_t)io;
	else
		flow->oldest = io;
	flow->newest = io;
	if (!flow->posting)
		flow->posting = io;
	flow->nr++;
	pump(f, queue_of(io->op));
	return 0;
}

static int fpga_poll(struct wpp_backend *be)
{
	struct fpga *f = to_fpga(be);
	int nr, err;

	if (f->lost)
		return WPP_EIO;
	nr = reap(f, FPGA_WRITES) + reap(f, FPGA_READS);
	err = wppi_fpga_ring_check(&f->ring);
	f->lost = err != 0;
	return nr ? nr : err;
}

/* ---- The rest of the table ---------------------------------------------------------------- */

static uint32_t caps_of(const struct fpga_info *info)
{
	uint32_t caps = WPP_CAP_PHYSICAL | WPP_CAP_EMERGENCY | WPP_CAP_FUA;

	if (info->caps & FPGA_CAPS_PERSISTENT)
		caps |= WPP_CAP_DURABLE;
	if (info->caps & FPGA_CAPS_POWERSAFE)
		caps |= WPP_CAP_POWERSAFE;
	return caps;
}

static int fpga_probe(struct wpp_backend *be, struct wpp_medium *m)
{
	struct fpga *f = to_fpga(be);
	const struct fpga_info *info = &f->ring.info;
	int err = wppi_fpga_ring_open(&f->ring, &f->env, f->mem);

	if (err)
		return err;
	f->size = info->medium_size;
	f->depth = min32(f->ring.queue[FPGA_WRITES].limit, f->ring.queue[FPGA_READS].limit);
	*m = (struct wpp_medium){
		.size = f->size,
		.io_align = FPGA_ALIGN,
		.buf_align = FPGA_ALIGN,
		.io_max = FPGA_IO_MAX,
		.io_best = min32(info->max_transfer, FPGA_IO_MAX),
		.atomic_len = info->atomic_len,
		.queue_depth = f->depth,
		.caps = caps_of(info),
	};
	f->lost = false;
	return 0;
}

/* Outside of the flows: take the oldest command back, or look after the device. */
static int emergency_step(struct fpga *f)
{
	uint32_t code;

	wppi_fpga_ring_kick(&f->ring, FPGA_WRITES);
	if (wppi_fpga_ring_reap(&f->ring, FPGA_WRITES, &code))
		return code == FPGA_DONE ? 0 : WPP_EIO;
	f->env.relax(f->env.ctx);
	return wppi_fpga_ring_check(&f->ring);
}

static int emergency_post(struct fpga *f, enum fpga_opcode op, uint64_t off, const struct piece *p)
{
	int err = 0;

	while (!err && !wppi_fpga_ring_room(&f->ring, FPGA_WRITES))
		err = emergency_step(f);
	if (err)
		return err;
	wppi_fpga_ring_post(&f->ring, FPGA_WRITES, op, p->bus, off, p->len);
	wppi_fpga_ring_kick(&f->ring, FPGA_WRITES);
	return 0;
}

static int emergency_move(struct fpga *f, uint64_t off, const uint8_t *buf, uint32_t len)
{
	const struct piece nothing = { .bus = 0, .len = 0 };

	for (uint32_t moved = 0; moved < len;) {
		struct piece p;
		int err = cut_buffer(f, buf + moved, len - moved, &p);

		if (!err)
			err = emergency_post(f, FPGA_OP_WRITE, off + moved, &p);
		if (err)
			return err;
		moved += p.len;
	}
	return emergency_post(f, FPGA_OP_FLUSH, 0, &nothing);
}

/* Nothing may be in flight behind an error either: the buffer is the caller's again. */
static int emergency_drain(struct fpga *f)
{
	int first = 0;

	while (!wppi_fpga_ring_idle(&f->ring, FPGA_WRITES)) {
		int err = emergency_step(f);

		first = first ? first : err;
		if (f->ring.fault)
			break;
	}
	return first;
}

/* Who used the rings may have been stopped anywhere: only idle rings are used as they are. */
static int take_over(struct fpga *f)
{
	if (!f->ring.fault && wppi_fpga_ring_idle(&f->ring, FPGA_WRITES) &&
	    wppi_fpga_ring_idle(&f->ring, FPGA_READS))
		return 0;
	f->lost = true;
	return wppi_fpga_ring_restart(&f->ring);
}

static int fpga_emergency_write(struct wpp_backend *be, uint64_t off, const void *buf, uint32_t len)
{
	struct fpga *f = to_fpga(be);
	int err, err_drain;

	if (!len || len > FPGA_IO_MAX || (len | off | (uintptr_t)buf) % FPGA_ALIGN)
		return WPP_EINVAL;
	if (off > f->size || len > f->size - off)
		return WPP_ERANGE;
	err = take_over(f);
	if (err)
		return err;
	err = emergency_move(f, off, buf, len);
	err_drain = emergency_drain(f);
	return err ? err : err_drain;
}

static void fpga_close(struct wpp_backend *be)
{
	struct fpga *f = to_fpga(be);

	wppi_fpga_ring_stop(&f->ring);
	if (f->env.release)
		f->env.release(f->env.ctx);
}

static const struct wpp_backend_ops fpga_ops = {
	.abi = WPP_BACKEND_ABI,
	.size = sizeof(fpga_ops),
	.name = "fpga",
	.probe = fpga_probe,
	.submit = fpga_submit,
	.poll = fpga_poll,
	.emergency_write = fpga_emergency_write,
	.close = fpga_close,
};

int wppi_fpga_init(struct fpga *f, const struct fpga_env *env,
		   const struct fpga_mem mem[FPGA_QUEUES])
{
	if (!env->read32 || !env->write32 || !env->now_ns || !env->relax || !env->to_bus)
		return WPP_EINVAL;
	wpp_memset(f, 0, sizeof(*f));
	f->be.ops = &fpga_ops;
	f->env = *env;
	for (int i = 0; i < FPGA_QUEUES; i++)
		f->mem[i] = mem[i];
	f->lost = true; /* until probe() */
	return 0;
}
