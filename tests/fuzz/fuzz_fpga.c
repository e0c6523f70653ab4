/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * A hostile FPGA: it answers registers and writes into the rings what the input
 * says. The driver writes nowhere but into its rings, loops for a bounded time,
 * runs no done() twice or behind a loss, and keeps its indices legal.
 */
#include <stdlib.h>
#include <string.h>
#include "../../backends/fpga/fpga.h"

#define CHECK(x)                 \
	do {                     \
		if (!(x))        \
			abort(); \
	} while (0)

#define SLOTS	  128u
#define MOVES	  48u
#define BUF_LEN	  65536u
#define MEDIUM	  (1u << 20)
#define CALLS_MAX 20000u /* of the environment, in one call of the driver */

struct hostile {
	const uint8_t *in;
	size_t left;
	uint64_t now_ns;
	uint32_t reg[FPGA_BAR0_SIZE / 4];
	uint32_t nr_calls;
	struct fpga f;
	struct fpga_mem mem[FPGA_QUEUES];
	struct wpp_io io[MOVES];
	bool busy[MOVES];
	bool lost;
	uint8_t *buf;
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint32_t take(struct hostile *h, uint32_t bytes)
{
	uint32_t val = 0;

	for (; bytes && h->left; bytes--, h->left--)
		val = val << 8 | *h->in++;
	return val;
}

static void scribble(struct hostile *h, struct fpga_command *ring)
{
	uint32_t at = take(h, 2) % (SLOTS * FPGA_SLOT_SIZE / 4) * 4, word = take(h, 4);

	memcpy((uint8_t *)ring + at, &word, 4);
}

/* Between two looks of the driver: a word somewhere in a ring, or the right status in order. */
static void meddle(struct hostile *h)
{
	uint32_t what = take(h, 1);
	struct fpga_mem *mem = &h->mem[what >> 1 & 1];
	const struct fpga_queue *q = &h->f.ring.queue[what >> 1 & 1];

	h->now_ns += 10000000;
	CHECK(++h->nr_calls < CALLS_MAX);
	if (what & 1)
		mem->slot[q->reaped % SLOTS].status = fpga_le32(what & 0x80 ? take(h, 1) : 1);
	else if (what & 0x40)
		scribble(h, mem->slot);
}

static uint32_t hostile_read32(void *ctx, uint32_t reg)
{
	struct hostile *h = ctx;

	CHECK(reg % 4 == 0 && reg < FPGA_BAR0_SIZE);
	meddle(h);
	return take(h, 1) > 0xf0 ? take(h, 4) : h->reg[reg / 4];
}

static bool is_producer(uint32_t reg)
{
	return reg == FPGA_WRITE_QUEUE + FPGA_PRODUCER || reg == FPGA_READ_QUEUE + FPGA_PRODUCER;
}

static void hostile_write32(void *ctx, uint32_t reg, uint32_t val)
{
	struct hostile *h = ctx;
	uint32_t *status = &h->reg[FPGA_STATUS / 4];

	CHECK(reg % 4 == 0 && reg < FPGA_BAR0_SIZE);
	if (is_producer(reg)) {
		CHECK(val % FPGA_SLOTS_MIN != FPGA_UNUSABLE);
		CHECK(fpga_distance(h->reg[reg / 4], val) <= fpga_capacity(SLOTS) ||
		      !(*status & 2));
		h->reg[reg / 4] = val;
	}
	if (reg == FPGA_CONTROL && val == FPGA_CONTROL_RESET)
		*status = FPGA_STATUS_READY | ((*status & 0xffff0000) + 0x10000);
	else if (reg == FPGA_CONTROL)
		*status |= FPGA_STATUS_ENABLED;
	meddle(h);
}

static uint64_t hostile_now_ns(void *ctx)
{
	struct hostile *h = ctx;

	meddle(h);
	return h->now_ns;
}

static void hostile_relax(void *ctx)
{
	meddle(ctx);
}

/* Not hostile: the caller's. */
static uint64_t to_bus(void *ctx, const void *buf, uint32_t len, uint32_t *contig)
{
	struct hostile *h = ctx;
	const uint8_t *at = buf;

	CHECK(at >= h->buf && at + len <= h->buf + BUF_LEN);
	*contig = 4096 - (uint32_t)((uintptr_t)buf % 4096);
	return (uintptr_t)buf;
}

static void done(struct wpp_io *io, int err)
{
	struct hostile *h = io->owner;
	size_t i = (size_t)(io - h->io);

	CHECK(i < MOVES && h->busy[i] && !h->lost && err <= 0);
	h->busy[i] = false;
}

static void submit(struct hostile *h, uint32_t what)
{
	static const uint32_t ops[] = { WPP_IO_READ, WPP_IO_WRITE, WPP_IO_FLUSH, WPP_IO_WRITE };
	uint32_t i = take(h, 1) % MOVES, len = (what >> 2) * 1024 + 64;
	int err;

	if (h->busy[i])
		return;
	h->io[i] = (struct wpp_io){ .op = ops[what & 3], .done = done, .owner = h, .buf = h->buf };
	if (h->io[i].op != WPP_IO_FLUSH)
		h->io[i].len = len;
	h->busy[i] = true;
	err = h->f.be.ops->submit(&h->f.be, &h->io[i]);
	CHECK(!err || err == WPP_EBUSY || err == WPP_EIO || err == WPP_ERANGE);
	if (err)
		h->busy[i] = false;
}

static void poll(struct hostile *h)
{
	int n = h->f.be.ops->poll(&h->f.be);

	CHECK(n >= 0 || n == WPP_EIO);
	CHECK(!h->lost || n < 0);
	h->lost = n < 0;
}

static void act(struct hostile *h, uint32_t what)
{
	struct fpga_selftest res;
	int err = 0;

	h->nr_calls = 0;
	if (what < 0xc0)
		submit(h, what & 0x3f);
	else if (what < 0xf0)
		poll(h);
	else if (what < 0xf8)
		err = h->f.be.ops->emergency_write(&h->f.be, 4096, h->buf, 12288);
	else if (wppi_fpga_ring_idle(&h->f.ring, FPGA_READS) &&
		 wppi_fpga_ring_idle(&h->f.ring, FPGA_WRITES))
		err = wppi_fpga_selftest(&h->f, 0, h->buf, 8192, &res);
	CHECK(err <= 0);
	for (int i = 0; i < FPGA_QUEUES; i++)
		CHECK(wppi_fpga_ring_room(&h->f.ring, i) <= h->f.ring.queue[i].limit);
}

static void make_device(struct hostile *h)
{
	h->reg[FPGA_MAGIC / 4] = FPGA_MAGIC_VALUE;
	h->reg[FPGA_VERSION / 4] = 0x10000;
	h->reg[FPGA_STATUS / 4] = FPGA_STATUS_READY;
	h->reg[FPGA_MEDIUM_LO / 4] = MEDIUM;
	h->reg[FPGA_MAX_TRANSFER / 4] = 4096;
	h->reg[FPGA_MAX_INFLIGHT / 4] = 100;
	h->reg[FPGA_MAX_SLOTS / 4] = SLOTS;
	h->reg[FPGA_ADDRESS_BITS / 4] = 64;
	h->buf = aligned_alloc(4096, BUF_LEN);
	CHECK(h->buf);
	for (int i = 0; i < FPGA_QUEUES; i++) {
		struct fpga_command *slot = aligned_alloc(4096, SLOTS * FPGA_SLOT_SIZE);

		CHECK(slot);
		h->mem[i] = (struct fpga_mem){ .slot = slot,
					       .bus = (uintptr_t)slot,
					       .nr_slots = SLOTS,
					       .first_index = 0xffffff80 };
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct hostile *h = calloc(1, sizeof(*h));
	const struct fpga_env env = {
		.ctx = h,
		.read32 = hostile_read32,
		.write32 = hostile_write32,
		.now_ns = hostile_now_ns,
		.relax = hostile_relax,
		.to_bus = to_bus,
	};
	struct wpp_medium m;

	CHECK(h);
	h->in = data;
	h->left = size;
	make_device(h);
	CHECK(!wppi_fpga_init(&h->f, &env, h->mem));
	if (!h->f.be.ops->probe(&h->f.be, &m)) {
		CHECK(m.size % 4096 == 0 && m.io_best && m.io_best <= m.io_max && m.queue_depth);
		while (h->left)
			act(h, take(h, 1));
	}
	h->nr_calls = 0;
	h->f.be.ops->close(&h->f.be);
	for (int i = 0; i < FPGA_QUEUES; i++)
		free(h->mem[i].slot);
	free(h->buf);
	free(h);
	return 0;
}
