/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Moves on an NVMe namespace: gathered into commands, submitted, reaped, bounded in time. */
#include "nvme_polled.h"

#define NONE	   NVME_ENTRIES
#define BELL_BATCH 8u /* entries that wait for one doorbell while the device has work */

static struct nvme *to_nvme(struct wpp_backend *be)
{
	return (struct nvme *)be;
}

static struct wpp_io *next_of(const struct wpp_io *io)
{
	return (struct wpp_io *)(uintptr_t)io->priv[0];
}

static void free_all(struct nvme *nv)
{
	nv->free = NONE;
	for (uint32_t i = nv->info.nr_entries - 1; i-- > 0;) {
		nv->command[i] = (struct nvme_command){ .next_free = nv->free };
		nv->free = i;
	}
	nv->open = NONE;
	nv->in_flight = 0;
}

static int nvme_probe(struct wpp_backend *be, struct wpp_medium *m)
{
	struct nvme *nv = to_nvme(be);
	int err = nvme_start(nv);

	if (err)
		return err;
	free_all(nv);
	*m = (struct wpp_medium){
		.size = nv->info.size,
		.io_align = nv->info.block,
		.buf_align = WPP_PAGE_SIZE,
		.io_max = nv->info.io_max,
		.io_best = nv->info.io_max,
		.atomic_len = nv->info.atomic_len,
		.queue_depth = nv->info.nr_entries - 1,
		.caps = WPP_CAP_POWERSAFE | WPP_CAP_PHYSICAL | WPP_CAP_DURABLE | WPP_CAP_FUA,
	};
	return 0;
}

static int check(const struct nvme *nv, const struct wpp_io *io)
{
	uint32_t mask = nv->info.block - 1;

	if (io->op == WPP_IO_FLUSH)
		return io->len || io->flags & ~(uint32_t)WPP_IO_PHYS ? WPP_EINVAL : 0;
	if ((io->op != WPP_IO_READ && io->op != WPP_IO_WRITE) || !(io->flags & WPP_IO_PHYS) ||
	    io->flags & ~(uint32_t)(WPP_IO_PHYS | WPP_IO_FUA) ||
	    (io->flags & WPP_IO_FUA && io->op != WPP_IO_WRITE))
		return WPP_EINVAL;
	if (!io->len || io->len > nv->info.io_max || (io->len | io->off) & mask ||
	    io->pa & (WPP_PAGE_SIZE - 1))
		return WPP_EINVAL;
	if (io->off > nv->info.size || io->len > nv->info.size - io->off)
		return WPP_ERANGE;
	return 0;
}

static uint32_t nr_pages(uint32_t len)
{
	return (len + WPP_PAGE_SIZE - 1) / WPP_PAGE_SIZE;
}

/* The open command's entry into the queue. */
static void close_open(struct nvme *nv)
{
	uint32_t id = nv->open, pages;
	const struct nvme_command *c = &nv->command[id];
	struct nvme_sqe sqe = { .nsid = nvme_le32(nv->env.nsid) };

	if (id == NONE)
		return;
	sqe.opcode_cid = nvme_le32(c->op | id << 16);
	pages = nr_pages(c->len);
	if (pages)
		sqe.prp1 = nvme_le64(c->prp1);
	if (pages == 2)
		sqe.prp2 = nv->shared->prp[id][0];
	else if (pages > 2)
		sqe.prp2 = nvme_le64(nv->bus + offsetof(struct nvme_shared, prp) +
				     id * sizeof(nv->shared->prp[0]));
	if (pages) {
		uint64_t block = c->off >> nv->info.shift;

		sqe.cdw10 = nvme_le32((uint32_t)block);
		sqe.cdw11 = nvme_le32((uint32_t)(block >> 32));
		sqe.cdw12 = nvme_le32(((c->len >> nv->info.shift) - 1) | (c->fua ? NVME_FUA : 0));
	}
	nv->open = NONE;
	nvme_queue_put(&nv->io, &sqe);
	nv->nr_commands++;
	if (!nv->in_flight++)
		nv->progress_ns = nv->looked_ns = nv->env.now_ns(nv->env.ctx);
}

/* The first command starts at once, the others when some have gathered. */
static void ring_when_it_pays(struct nvme *nv)
{
	uint32_t waiting = nvme_queue_unrung(&nv->io);

	if (waiting == nv->in_flight || waiting >= BELL_BATCH)
		nvme_queue_ring(nv, &nv->io);
}

static bool joins(const struct nvme *nv, const struct wpp_io *io, uint32_t op)
{
	const struct nvme_command *c = &nv->command[nv->open];

	return c->op == op && op != NVME_FLUSH && c->fua == !!(io->flags & WPP_IO_FUA) &&
	       c->off + c->len == io->off && !(c->len & (WPP_PAGE_SIZE - 1)) &&
	       c->len + io->len <= NVME_GATHER_MAX && c->len + io->len <= nv->info.io_max;
}

static void append(struct nvme *nv, struct wpp_io *io)
{
	struct nvme_command *c = &nv->command[nv->open];
	uint32_t page = nr_pages(c->len), nr = nr_pages(io->len);

	io->priv[0] = 0;
	if (c->last)
		c->last->priv[0] = (uintptr_t)io;
	else
		c->first = io;
	c->last = io;
	for (uint32_t i = 0; i < nr; i++, page++) {
		uint64_t bus = io->pa + (uint64_t)i * WPP_PAGE_SIZE;

		if (page)
			nv->shared->prp[nv->open][page - 1] = nvme_le64(bus);
		else
			c->prp1 = bus;
	}
	c->len += io->len;
}

static int open_command(struct nvme *nv, const struct wpp_io *io, uint32_t op)
{
	uint32_t id;

	close_open(nv);
	ring_when_it_pays(nv);
	id = nv->free;
	if (id == NONE)
		return WPP_EBUSY;
	nv->free = nv->command[id].next_free;
	nv->command[id] = (struct nvme_command){
		.off = io->off, .op = op, .fua = io->flags & WPP_IO_FUA, .next_free = NONE
	};
	nv->open = id;
	return 0;
}

static int nvme_submit(struct wpp_backend *be, struct wpp_io *io)
{
	struct nvme *nv = to_nvme(be);
	uint32_t op = io->op == WPP_IO_FLUSH  ? NVME_FLUSH
		      : io->op == WPP_IO_READ ? NVME_READ
					      : NVME_WRITE;
	int err = nv->lost ? WPP_EIO : check(nv, io);

	if (err)
		return err;
	if (op == NVME_FLUSH && !nv->info.volatile_cache) {
		io->done(io, 0); /* what is done is durable */
		return 0;
	}
	if (nv->open == NONE || !joins(nv, io, op)) {
		err = open_command(nv, io, op);
		if (err)
			return err;
	}
	append(nv, io);
	if (op == NVME_FLUSH || nv->command[nv->open].len >= NVME_GATHER_MAX) {
		close_open(nv);
		ring_when_it_pays(nv);
	}
	return 0;
}

/* The moves of a command are done; they may submit more. */
static int finish(struct nvme *nv, uint32_t id, int err)
{
	struct nvme_command *c = &nv->command[id];
	struct wpp_io *io = c->first;
	int nr = 0;

	c->first = c->last = NULL;
	c->next_free = nv->free;
	nv->free = id;
	nv->in_flight--;
	while (io) {
		struct wpp_io *next = next_of(io);

		io->done(io, err);
		io = next;
		nr++;
	}
	return nr;
}

static int lose(struct nvme *nv, enum nvme_fault fault)
{
	nvme_give_up(nv, fault);
	return WPP_EIO;
}

static int reap(struct nvme *nv)
{
	struct nvme_cqe cqe;
	int nr = 0;

	while (nvme_queue_get(&nv->io, &cqe)) {
		uint32_t id = NVME_CQE_CID(cqe.cid_status);

		if (id >= NVME_ENTRIES || id == nv->open || !nv->command[id].first)
			return lose(nv, NVME_NONSENSE);
		nr += finish(nv, id, NVME_CQE_STATUS(cqe.cid_status) ? WPP_EIO : 0);
	}
	if (nr)
		nvme_queue_ack(nv, &nv->io);
	return nr;
}

/* Nothing was reaped: does the controller still work? */
static int wait_more(struct nvme *nv)
{
	uint64_t now = nv->env.now_ns(nv->env.ctx);
	enum nvme_fault fault;

	nv->env.relax(nv->env.ctx);
	if (now - nv->looked_ns < NVME_POLL_NS)
		return 0;
	nv->looked_ns = now;
	fault = nvme_look(nv);
	if (!fault && now - nv->progress_ns >= nv->env.timeout_ns)
		fault = NVME_TIMEOUT;
	return fault ? lose(nv, fault) : 0;
}

static int nvme_poll(struct wpp_backend *be)
{
	struct nvme *nv = to_nvme(be);
	int nr;

	if (nv->lost)
		return WPP_EIO;
	close_open(nv);
	nvme_queue_ring(nv, &nv->io);
	if (!nv->in_flight)
		return 0;
	nr = reap(nv);
	if (nr > 0)
		nv->progress_ns = nv->env.now_ns(nv->env.ctx);
	return nr ? nr : wait_more(nv);
}

static void nvme_close(struct wpp_backend *be)
{
	struct nvme *nv = to_nvme(be);

	nvme_stop(nv);
	if (nv->env.release)
		nv->env.release(nv->env.ctx);
}

static const struct wpp_backend_ops nvme_ops = {
	.abi = WPP_BACKEND_ABI,
	.size = sizeof(nvme_ops),
	.name = "nvme",
	.probe = nvme_probe,
	.submit = nvme_submit,
	.poll = nvme_poll,
	.close = nvme_close,
};

int nvme_init(struct nvme *nv, const struct nvme_env *env, struct nvme_shared *shared, uint64_t bus)
{
	if (!env->nsid || bus & (WPP_PAGE_SIZE - 1))
		return WPP_EINVAL;
	*nv = (struct nvme){ .be = { &nvme_ops }, .env = *env, .shared = shared, .bus = bus };
	if (!nv->env.timeout_ns)
		nv->env.timeout_ns = NVME_TIMEOUT_NS;
	return 0;
}
