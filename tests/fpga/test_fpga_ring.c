/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The ring driver by itself: indices, identity, doorbells, and each way to fail. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "rig.h"

#define SECOND 1000000000ull

struct bench {
	struct rig *rig;
	struct fpga_ring ring;
	uint8_t *buf; /* [1 MiB] */
};

static struct bench *bench_new(const struct rig_cfg *cfg)
{
	struct bench *b = calloc(1, sizeof(*b));

	b->rig = rig_new(cfg, NULL);
	assert_non_null(b->rig);
	b->buf = aligned_alloc(4096, 1u << 20);
	memset(b->buf, 0x5c, 1u << 20);
	return b;
}

static struct bench *bench_open(const struct rig_cfg *cfg)
{
	struct bench *b = bench_new(cfg);

	assert_int_equal(wppi_fpga_ring_open(&b->ring, &b->rig->env, b->rig->mem), 0);
	return b;
}

static void bench_free(struct bench *b)
{
	rig_free(b->rig);
	free(b->buf);
	free(b);
}

static void post(struct bench *b, enum fpga_opcode op, uint64_t device, uint32_t len)
{
	enum fpga_queue_id id = op == FPGA_OP_READ ? FPGA_READS : FPGA_WRITES;

	assert_true(wppi_fpga_ring_room(&b->ring, id) > 0);
	wppi_fpga_ring_post(&b->ring, id, op, len ? (uintptr_t)b->buf : 0, device, len);
}

/* Wait for all of a queue. Return: the last code other than DONE, or the error. */
static int drain(struct bench *b, enum fpga_queue_id id)
{
	int bad = FPGA_DONE;
	uint32_t code;

	while (!wppi_fpga_ring_idle(&b->ring, id)) {
		int err;

		wppi_fpga_ring_kick(&b->ring, id);
		if (wppi_fpga_ring_reap(&b->ring, id, &code)) {
			bad = code == FPGA_DONE ? bad : (int)code;
			continue;
		}
		err = wppi_fpga_ring_check(&b->ring);
		if (err)
			return err;
		b->rig->env.relax(b->rig);
	}
	return bad;
}

/* ---- Indices ------------------------------------------------------------------------------ */

static void indices_skip_and_wrap(void **state)
{
	uint32_t from = 0xfffffe00, to = from;

	(void)state;
	for (uint32_t n = 0; n < 5000; n++, to = fpga_next(to)) {
		assert_int_not_equal(to % 128, 127);
		assert_int_equal(fpga_distance(from, to), n < 300 ? n : 300);
		if (n >= 300)
			from = fpga_next(from);
	}
	assert_int_equal(fpga_next(126), 128);
	assert_int_equal(fpga_next(0xfffffffe), 0);
	assert_int_equal(fpga_capacity(128), 127);
	assert_int_equal(fpga_capacity(4096), 4064);
}

static void ring_fills_up_to_its_limit(void **state)
{
	static const struct {
		uint32_t slots, inflight, limit;
	} t[] = { { 128, 1024, 127 }, { 256, 1024, 254 }, { 512, 7, 7 }, { 128, 1, 1 } };

	(void)state;
	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		struct bench *b =
			bench_open(&(struct rig_cfg){ .knobs = { .max_inflight = t[i].inflight },
						      .nr_slots = t[i].slots,
						      .first_index = 0xffffffff - 200,
						      .contiguous = true });

		rig_mark_unusable(b->rig);
		for (int round = 0; round < 20; round++) {
			assert_int_equal(wppi_fpga_ring_room(&b->ring, FPGA_WRITES), t[i].limit);
			for (uint32_t n = 0; n < t[i].limit; n++)
				post(b, FPGA_OP_WRITE, n * 4096, 4096);
			assert_int_equal(wppi_fpga_ring_room(&b->ring, FPGA_WRITES), 0);
			assert_int_equal(drain(b, FPGA_WRITES), FPGA_DONE);
		}
		assert_true(rig_unusable_are_untouched(b->rig));
		assert_null(b->rig->wrong);
		assert_int_equal(rig_counts(b->rig).commands, 20 * t[i].limit);
		bench_free(b);
	}
}

static void doorbells_are_few(void **state)
{
	struct bench *b = bench_open(&(struct rig_cfg){ .nr_slots = 1024, .contiguous = true });

	(void)state;
	b->rig->frozen = true; /* a slow device */
	for (uint32_t i = 0; i < 640; i++) {
		post(b, FPGA_OP_WRITE, i * 4096 % (1u << 20), 4096);
		wppi_fpga_ring_kick(&b->ring, FPGA_WRITES);
	}
	assert_true(rig_counts(b->rig).doorbells >= 1); /* the first one started at once */
	assert_true(rig_counts(b->rig).doorbells <= 640 / 64 + 7);
	b->rig->frozen = false;
	assert_int_equal(drain(b, FPGA_WRITES), FPGA_DONE);
	assert_int_equal(rig_counts(b->rig).commands, 640);
	bench_free(b);
}

/* ---- Identity ----------------------------------------------------------------------------- */

static uint32_t lie_reg, lie_val;

static uint32_t lie(struct rig *rig, uint32_t reg, uint32_t val)
{
	(void)rig;
	return reg == lie_reg || lie_reg == 0xfff ? lie_val : val;
}

static void strangers_are_refused(void **state)
{
	static const struct {
		uint32_t reg, val, fault;
	} t[] = {
		{ 0xfff, 0xffffffff, FPGA_GONE },
		{ 0xfff, 0, FPGA_NOT_OURS },
		{ FPGA_MAGIC, 0x46505058, FPGA_NOT_OURS },
		{ FPGA_VERSION, 0x00020000, FPGA_NOT_OURS },
		{ FPGA_VERSION, 0x00000001, FPGA_NOT_OURS },
		{ FPGA_MEDIUM_LO, 4097, FPGA_BAD_LIMITS },
		{ FPGA_MEDIUM_LO, 0, FPGA_BAD_LIMITS },
		{ FPGA_MEDIUM_HI, 0xffffffff, FPGA_BAD_LIMITS },
		{ FPGA_MAX_TRANSFER, 0, FPGA_BAD_LIMITS },
		{ FPGA_MAX_TRANSFER, 64, FPGA_BAD_LIMITS },
		{ FPGA_MAX_TRANSFER, 0xffffffff, FPGA_BAD_LIMITS },
		{ FPGA_MAX_INFLIGHT, 0, FPGA_BAD_LIMITS },
		{ FPGA_MAX_SLOTS, 64, FPGA_BAD_LIMITS },
		{ FPGA_MAX_SLOTS, 129, FPGA_BAD_LIMITS },
		{ FPGA_MAX_SLOTS, 1u << 17, FPGA_BAD_LIMITS },
		{ FPGA_ATOMIC, 3, FPGA_BAD_LIMITS },
		{ FPGA_ATOMIC, 8192, FPGA_BAD_LIMITS },
		{ FPGA_ADDRESS_BITS, 31, FPGA_BAD_LIMITS },
		{ FPGA_ADDRESS_BITS, 65, FPGA_BAD_LIMITS },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		struct bench *b = bench_new(&(struct rig_cfg){ .nr_slots = 128 });

		b->rig->lie = lie;
		lie_reg = t[i].reg;
		lie_val = t[i].val;
		assert_int_equal(wppi_fpga_ring_open(&b->ring, &b->rig->env, b->rig->mem),
				 t[i].fault == FPGA_GONE ? WPP_EIO : WPP_EFORMAT);
		assert_int_equal(b->ring.fault, t[i].fault);
		wppi_fpga_ring_stop(&b->ring);
		assert_int_equal(rig_counts(b->rig).resets, 0); /* not touched */
		bench_free(b);
	}
}

static void later_versions_are_driven(void **state)
{
	struct bench *b = bench_new(&(struct rig_cfg){ .nr_slots = 128, .contiguous = true });

	(void)state;
	b->rig->lie = lie;
	lie_reg = FPGA_VERSION;
	lie_val = 0x00010007;
	assert_int_equal(wppi_fpga_ring_open(&b->ring, &b->rig->env, b->rig->mem), 0);
	post(b, FPGA_OP_WRITE, 0, 4096);
	assert_int_equal(drain(b, FPGA_WRITES), FPGA_DONE);
	bench_free(b);
}

static void bad_memory_is_refused(void **state)
{
	struct bench *b = bench_new(&(struct rig_cfg){ .nr_slots = 128 });
	const struct fpga_mem good = b->rig->mem[FPGA_READS];
	struct fpga_mem bad[6];

	(void)state;
	for (int i = 0; i < 6; i++)
		bad[i] = good;
	bad[0].slot = NULL;
	bad[1].bus += 64;
	bad[2].nr_slots = 64;
	bad[3].nr_slots = 192;
	bad[4].nr_slots = 8192; /* the device: 4096 */
	bad[5].first_index = 127;
	for (int i = 0; i < 6; i++) {
		b->rig->mem[FPGA_READS] = bad[i];
		assert_int_equal(wppi_fpga_ring_open(&b->ring, &b->rig->env, b->rig->mem),
				 WPP_EINVAL);
		assert_int_equal(rig_counts(b->rig).resets, 0);
	}
	b->rig->mem[FPGA_READS] = good;
	bench_free(b);
}

/* ---- Faults ------------------------------------------------------------------------------- */

static void expect_loss(struct bench *b, uint32_t fault, uint64_t within_ns)
{
	uint64_t begin = b->rig->now_ns;

	assert_int_equal(drain(b, FPGA_WRITES), WPP_EIO);
	assert_int_equal(b->ring.fault, fault);
	assert_true(b->rig->now_ns - begin <= within_ns);
	assert_int_equal(wppi_fpga_ring_check(&b->ring), WPP_EIO);
}

static void stuck_device_times_out(void **state)
{
	const struct fpga_model_knobs knobs[] = {
		{ .drop_after = 3 }, { .stuck_after = 1 }, { .bandwidth = 1 }, /* 4096 s a page */
	};

	(void)state;
	for (int i = 0; i < 6; i++) {
		struct rig_cfg cfg = { .knobs = knobs[i / 2],
				       .contiguous = true,
				       .no_bus_master = i % 2 };
		struct bench *b = bench_open(&cfg);

		for (int n = 0; n < 10; n++)
			post(b, FPGA_OP_WRITE, 0, 4096);
		expect_loss(b, FPGA_TIMEOUT, 5 * SECOND + SECOND / 100);
		assert_true(b->ring.quiet);
		assert_int_equal(rig_counts(b->rig).resets, 2);
		*fpga_model_knobs(b->rig->m) = (struct fpga_model_knobs){ .max_transfer = 4096,
									  .max_inflight = 1024,
									  .max_slots = 4096 };
		assert_int_equal(wppi_fpga_ring_restart(&b->ring), 0);
		post(b, FPGA_OP_WRITE, 0, 4096);
		assert_int_equal(drain(b, FPGA_WRITES), FPGA_DONE);
		bench_free(b);
	}
}

static void time_out_is_configurable(void **state)
{
	struct bench *b = bench_new(&(struct rig_cfg){ .knobs = { .drop_after = 1 } });

	(void)state;
	b->rig->env.timeout_ns = SECOND / 10;
	assert_int_equal(wppi_fpga_ring_open(&b->ring, &b->rig->env, b->rig->mem), 0);
	post(b, FPGA_OP_WRITE, 0, 4096);
	expect_loss(b, FPGA_TIMEOUT, SECOND / 10 + SECOND / 100);
	bench_free(b);
}

/* Idle time is not waiting time, and neither is a slow stream's. */
static void slow_is_not_stuck(void **state)
{
	struct bench *b = bench_open(
		&(struct rig_cfg){ .knobs = { .latency_ns = 4 * SECOND }, .contiguous = true });

	(void)state;
	for (int i = 0; i < 3; i++) {
		b->rig->now_ns += 100 * SECOND;
		post(b, FPGA_OP_WRITE, 0, 4096);
		assert_int_equal(drain(b, FPGA_WRITES), FPGA_DONE);
	}
	bench_free(b);
}

/* Each command is within the time-out, all together are not. */
static void a_stream_may_take_longer(void **state)
{
	struct bench *b =
		bench_open(&(struct rig_cfg){ .knobs = { .bandwidth = 2048 }, .contiguous = true });

	(void)state;
	for (int i = 0; i < 10; i++)
		post(b, FPGA_OP_WRITE, 0, 4096);
	assert_int_equal(drain(b, FPGA_WRITES), FPGA_DONE);
	assert_true(b->rig->now_ns > 20 * SECOND);
	bench_free(b);
}

static void nothing_is_reaped_behind_a_fault(void **state)
{
	struct bench *b = bench_open(&(struct rig_cfg){ .knobs = { .drop_after = 1 } });
	uint32_t code;

	(void)state;
	post(b, FPGA_OP_WRITE, 0, 4096);
	expect_loss(b, FPGA_TIMEOUT, 5 * SECOND + SECOND / 100);
	b->rig->mem[FPGA_WRITES].slot[0].status = fpga_le32(FPGA_DONE);
	assert_false(wppi_fpga_ring_reap(&b->ring, FPGA_WRITES, &code));
	bench_free(b);
}

static void dead_device_is_noticed_soon(void **state)
{
	(void)state;
	for (int i = 0; i < 2; i++) {
		struct bench *b = bench_open(&(struct rig_cfg){
			.knobs = { .die_at = 2 }, .contiguous = true, .no_bus_master = i });

		for (int n = 0; n < 5; n++)
			post(b, FPGA_OP_WRITE, 0, 4096);
		expect_loss(b, FPGA_GONE, SECOND / 100);
		assert_int_equal(b->ring.quiet, !i); /* only Bus Master can tell */
		bench_free(b);
	}
}

static uint32_t never_ready(struct rig *rig, uint32_t reg, uint32_t val)
{
	(void)rig;
	return reg == FPGA_STATUS ? val & ~(uint32_t)FPGA_STATUS_READY : val;
}

static void stuck_reset_is_bounded(void **state)
{
	(void)state;
	for (int i = 0; i < 2; i++) {
		struct bench *b = bench_new(&(struct rig_cfg){ .no_bus_master = i });

		b->rig->lie = never_ready;
		assert_int_equal(wppi_fpga_ring_open(&b->ring, &b->rig->env, b->rig->mem), WPP_EIO);
		assert_int_equal(b->ring.fault, FPGA_STUCK_RESET);
		assert_true(b->rig->now_ns < 5 * SECOND + SECOND / 100);
		assert_int_equal(b->ring.quiet, !i);
		bench_free(b);
	}
}

static void halts_tell_why(void **state)
{
	struct bench *b = bench_open(&(struct rig_cfg){ .contiguous = true });

	(void)state;
	fpga_model_cfg_write(b->rig->m, 0x04, 0x2, 2); /* Bus Master off behind its back */
	post(b, FPGA_OP_WRITE, 0, 4096);
	expect_loss(b, FPGA_HALTED, SECOND / 100);
	assert_int_equal(b->ring.error, FPGA_RING_FAULT);
	assert_int_equal(b->ring.error_index, 0);
	assert_int_equal(wppi_fpga_ring_restart(&b->ring), 0); /* switches it on again */
	fpga_model_write(b->rig->m, FPGA_READ_QUEUE + FPGA_PRODUCER, 4, 127);
	post(b, FPGA_OP_WRITE, 0, 4096);
	expect_loss(b, FPGA_HALTED, SECOND / 100);
	assert_int_equal(b->ring.error, FPGA_BAD_INDEX | FPGA_ERROR_READ);
	bench_free(b);
}

/* Thesis 5.2.4: an IOMMU that doesn't map the page, and a device that waits for ever. */
static bool no_dma(struct rig *rig, const uint8_t *va, uint32_t len, bool write)
{
	(void)rig;
	(void)va;
	(void)len;
	(void)write;
	return false;
}

static void iommu_faults_end(void **state)
{
	(void)state;
	for (int i = 0; i < 2; i++) {
		struct bench *b = bench_open(
			&(struct rig_cfg){ .knobs = { .hang_on_fault = i }, .contiguous = true });

		b->rig->may_dma = no_dma;
		post(b, FPGA_OP_WRITE, 0, 4096);
		if (i)
			expect_loss(b, FPGA_TIMEOUT, 5 * SECOND + SECOND / 100);
		else
			assert_int_equal(drain(b, FPGA_WRITES), FPGA_DMA_FAULT);
		bench_free(b);
	}
}

/* Whatever stands in the slot is an error, and no index leaves the driver's own. */
static void wild_statuses_are_errors(void **state)
{
	static const uint32_t wild[] = { 8, 16, 0x100, 0xffffffff, 0x80000001 };
	struct bench *b = bench_open(&(struct rig_cfg){ .contiguous = true });
	uint32_t code;

	(void)state;
	b->rig->frozen = true;
	for (uint32_t i = 0; i < 5; i++) {
		post(b, FPGA_OP_WRITE, 0, 4096);
		wppi_fpga_ring_kick(&b->ring, FPGA_WRITES);
		b->rig->mem[FPGA_WRITES].slot[i].status = wild[i];
		b->rig->mem[FPGA_WRITES].slot[i + 1].status = FPGA_DONE; /* not posted */
		assert_true(wppi_fpga_ring_reap(&b->ring, FPGA_WRITES, &code));
		assert_int_equal(code, FPGA_MEDIUM_FAULT);
		assert_false(wppi_fpga_ring_reap(&b->ring, FPGA_WRITES, &code));
	}
	bench_free(b);
}

/* ---- On top: emergency_write and the self-test -------------------------------------------- */

static void never_done(struct wpp_io *io, int err)
{
	(void)io;
	fail_msg("done(%d)", err);
}

static void open_backend(struct bench *b, struct fpga *f)
{
	struct wpp_medium m;

	assert_int_equal(wppi_fpga_init(f, &b->rig->env, b->rig->mem), 0);
	assert_int_equal(f->be.ops->probe(&f->be, &m), 0);
}

static void emergency_write_is_durable(void **state)
{
	struct bench *b = bench_new(&(struct rig_cfg){
		.knobs = { .cache_bytes = 2u << 20, .max_transfer = 8192, .max_inflight = 3 } });
	struct wpp_backend *be;
	struct fpga f;

	(void)state;
	open_backend(b, &f);
	be = &f.be;
	assert_int_equal(be->ops->emergency_write(be, 65536, b->buf, 1u << 20), 0);
	assert_memory_equal(b->rig->medium + 65536, b->buf, 1u << 20);
	assert_int_equal(be->ops->poll(be), 0); /* it was idle: nothing is lost */
	assert_int_equal(be->ops->emergency_write(be, 1, b->buf, 4096), WPP_EINVAL);
	assert_int_equal(be->ops->emergency_write(be, 0, b->buf, 0), WPP_EINVAL);
	assert_int_equal(be->ops->emergency_write(be, 4u << 20, b->buf, 64), WPP_ERANGE);
	fpga_model_knobs(b->rig->m)->error_at = rig_counts(b->rig).commands + 5;
	fpga_model_knobs(b->rig->m)->error_code = FPGA_MEDIUM_FAULT;
	assert_int_equal(be->ops->emergency_write(be, 0, b->buf, 1u << 20), WPP_EIO);
	assert_true(wppi_fpga_ring_idle(&f.ring, FPGA_WRITES));
	fpga_model_knobs(b->rig->m)->error_at = rig_counts(b->rig).commands + 2; /* the FLUSH */
	assert_int_equal(be->ops->emergency_write(be, 0, b->buf, 4096), WPP_EIO);
	assert_int_equal(be->ops->emergency_write(be, 0, b->buf, 4096), 0);
	bench_free(b);
}

static void note_done(struct wpp_io *io, int err)
{
	*(int *)io->owner = err;
}

static void note_count(struct wpp_io *io, int err)
{
	assert_int_equal(err, 0);
	++*(uint32_t *)io->owner;
}

/* @nr moves of @len on a device of 1 GB/s. Return: how long it took, in ns. */
static uint64_t stream(uint32_t nr, uint32_t len, uint64_t latency_ns)
{
	struct bench *b = bench_new(
		&(struct rig_cfg){ .knobs = { .bandwidth = 1000000000, .latency_ns = latency_ns },
				   .nr_slots = 1024,
				   .contiguous = true });
	struct wpp_io *io = calloc(nr + 1, sizeof(*io));
	uint32_t nr_done = 0, i = 0;
	uint64_t begin;
	struct fpga f;

	open_backend(b, &f);
	begin = b->rig->now_ns;
	while (nr_done < nr) {
		io[i] = (struct wpp_io){ .op = WPP_IO_WRITE,
					 .len = len,
					 .buf = b->buf,
					 .done = note_count,
					 .owner = &nr_done };
		if (i < nr && !f.be.ops->submit(&f.be, &io[i])) {
			i++;
			b->rig->now_ns += 300; /* what the caller does beside it */
		} else {
			assert_true(f.be.ops->poll(&f.be) >= 0);
		}
	}
	begin = b->rig->now_ns - begin;
	free(io);
	bench_free(b);
	return begin;
}

/* The doorbells that are saved don't let the device run dry. */
static void streams_keep_the_device_busy(void **state)
{
	(void)state;
	assert_true(stream(4096, 4096, 20000) < 4096 * 4096 * 110ull / 100);
	assert_true(stream(64, 1u << 20, 20000) < (64u << 20) * 102ull / 100);
}

static void full_queue_is_busy(void **state)
{
	struct bench *b = bench_new(&(struct rig_cfg){ .knobs = { .max_inflight = 4 } });
	struct wpp_io io[5];
	int res = 0;
	struct fpga f;

	(void)state;
	open_backend(b, &f);
	b->rig->frozen = true;
	for (int i = 0; i < 5; i++) {
		io[i] = (struct wpp_io){ .op = WPP_IO_WRITE,
					 .len = 64,
					 .buf = b->buf,
					 .done = note_done,
					 .owner = &res };
		assert_int_equal(f.be.ops->submit(&f.be, &io[i]), i < 4 ? 0 : WPP_EBUSY);
	}
	bench_free(b);
}

static uint64_t far_away(void *ctx, const void *buf, uint32_t len, uint32_t *contig)
{
	(void)ctx;
	(void)buf;
	*contig = len;
	return 1ull << 47;
}

/* What the device can't address is refused, at once or when its turn comes. */
static void far_memory_is_refused(void **state)
{
	struct bench *b = bench_new(&(struct rig_cfg){ .contiguous = true });
	int res = 1;
	struct wpp_io io = { .op = WPP_IO_READ,
			     .flags = WPP_IO_PHYS,
			     .len = 128,
			     .pa = (1ull << 47) - 64,
			     .done = note_done,
			     .owner = &res };
	struct fpga f;

	(void)state;
	b->rig->lie = lie;
	lie_reg = FPGA_ADDRESS_BITS;
	lie_val = 47;
	b->rig->env.to_bus = far_away;
	open_backend(b, &f);
	assert_int_equal(f.be.ops->submit(&f.be, &io), WPP_ERANGE);
	io.flags = 0;
	io.buf = b->buf;
	assert_int_equal(f.be.ops->submit(&f.be, &io), 0);
	assert_int_equal(f.be.ops->poll(&f.be), 1);
	assert_int_equal(res, WPP_ERANGE);
	assert_int_equal(f.be.ops->emergency_write(&f.be, 0, b->buf, 64), WPP_ERANGE);
	assert_int_equal(rig_counts(b->rig).commands, 0);
	bench_free(b);
}

static void close_leaves_the_bus(void **state)
{
	struct bench *b = bench_new(&(struct rig_cfg){ .contiguous = true });
	struct fpga f;

	(void)state;
	open_backend(b, &f);
	assert_false(b->rig->bus_master_off);
	f.be.ops->close(&f.be);
	assert_true(b->rig->bus_master_off);
	assert_int_equal(rig_counts(b->rig).resets, 2);
	bench_free(b);
}

/* On its own where a complete write is durable, with a FLUSH behind it where there is a cache. */
static void fua_write_is_durable(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < 2; i++) {
		struct bench *b =
			bench_new(&(struct rig_cfg){ .knobs = { .cache_bytes = i << 20 } });
		int res = 1;
		struct wpp_io io = { .op = WPP_IO_WRITE,
				     .flags = WPP_IO_FUA,
				     .len = 65536,
				     .buf = b->buf,
				     .done = note_done,
				     .owner = &res };
		struct fpga f;

		open_backend(b, &f);
		assert_int_equal(f.be.ops->submit(&f.be, &io), 0);
		while (res > 0)
			assert_true(f.be.ops->poll(&f.be) >= 0);
		assert_int_equal(res, 0);
		assert_memory_equal(b->rig->medium, b->buf, 65536);
		assert_int_equal(rig_counts(b->rig).flushes, i);
		bench_free(b);
	}
}

/* In the middle of somebody's moves: they are dropped, and never heard of again. */
static void emergency_write_takes_over(void **state)
{
	struct bench *b = bench_new(&(struct rig_cfg){ .nr_slots = 128 });
	struct wpp_io io = { .op = WPP_IO_READ, .len = 4096, .done = never_done };
	struct wpp_backend *be;
	struct fpga f;

	(void)state;
	open_backend(b, &f);
	be = &f.be;
	b->rig->frozen = true;
	io.buf = b->buf + 4096;
	assert_int_equal(be->ops->submit(be, &io), 0);
	b->rig->frozen = false;
	assert_int_equal(be->ops->emergency_write(be, 0, b->buf, 4096), 0);
	assert_int_equal(be->ops->emergency_write(be, 4096, b->buf, 4096), 0);
	assert_memory_equal(b->rig->medium, b->buf, 4096);
	assert_memory_equal(b->rig->medium + 4096, b->buf, 4096);
	assert_int_equal(rig_counts(b->rig).resets, 2); /* once for both */
	assert_int_equal(be->ops->poll(be), WPP_EIO);
	assert_int_equal(be->ops->submit(be, &io), WPP_EIO);
	bench_free(b);
}

static uint32_t test_step(struct bench *b, const struct fpga_model_knobs *fate, int err)
{
	struct fpga_selftest res;
	struct fpga f;

	open_backend(b, &f);
	fpga_model_knobs(b->rig->m)->error_at = fate->error_at;
	fpga_model_knobs(b->rig->m)->error_code = FPGA_MEDIUM_FAULT;
	assert_int_equal(wppi_fpga_selftest(&f, 8192, b->buf, 65536, &res), err);
	f.be.ops->close(&f.be);
	return res.step;
}

static bool flip(struct rig *rig, const uint8_t *va, uint32_t len, bool write)
{
	(void)va;
	(void)len;
	if (!write)
		rig->medium[8192 + 777] ^= 0x10; /* before it is read back */
	return true;
}

static void selftest_tells_where(void **state)
{
	static const struct {
		uint64_t command;
		uint32_t step;
	} t[] = { { 1, FPGA_TEST_SAVE },   { 2, FPGA_TEST_WRITE }, { 3, FPGA_TEST_WRITE },
		  { 4, FPGA_TEST_READ },   { 5, FPGA_TEST_WRITE }, { 7, FPGA_TEST_READ },
		  { 8, FPGA_TEST_RESTORE } };
	struct fpga_model_knobs fate = { .error_at = 0 };

	(void)state;
	for (size_t i = 0; i <= sizeof(t) / sizeof(t[0]); i++) {
		bool good = i == sizeof(t) / sizeof(t[0]);
		struct bench *b = bench_new(&(struct rig_cfg){ .contiguous = true });

		memset(b->rig->medium + 8192, 0x77, 65536);
		fate.error_at = good ? 0 : t[i].command;
		assert_int_equal(test_step(b, &fate, good ? 0 : WPP_EIO),
				 good ? (uint32_t)FPGA_TEST_DONE : t[i].step);
		if (t[i % 7].step != FPGA_TEST_RESTORE)
			for (int k = 0; k < 65536; k++)
				assert_int_equal(b->rig->medium[8192 + k], 0x77);
		bench_free(b);
	}
}

static void selftest_finds_a_flipped_bit(void **state)
{
	struct bench *b = bench_new(&(struct rig_cfg){ .contiguous = true });
	struct fpga_selftest res;
	struct fpga f;

	(void)state;
	open_backend(b, &f);
	b->rig->may_dma = flip;
	assert_int_equal(wppi_fpga_selftest(&f, 8192, b->buf, 65536, &res), WPP_EIO);
	assert_int_equal(res.step, FPGA_TEST_COMPARE);
	assert_int_equal(res.off, 8192 + 777);
	assert_int_equal(res.expected ^ res.found, 0x10);
	bench_free(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(indices_skip_and_wrap),
		cmocka_unit_test(ring_fills_up_to_its_limit),
		cmocka_unit_test(doorbells_are_few),
		cmocka_unit_test(strangers_are_refused),
		cmocka_unit_test(later_versions_are_driven),
		cmocka_unit_test(bad_memory_is_refused),
		cmocka_unit_test(stuck_device_times_out),
		cmocka_unit_test(time_out_is_configurable),
		cmocka_unit_test(slow_is_not_stuck),
		cmocka_unit_test(a_stream_may_take_longer),
		cmocka_unit_test(nothing_is_reaped_behind_a_fault),
		cmocka_unit_test(dead_device_is_noticed_soon),
		cmocka_unit_test(stuck_reset_is_bounded),
		cmocka_unit_test(halts_tell_why),
		cmocka_unit_test(iommu_faults_end),
		cmocka_unit_test(wild_statuses_are_errors),
		cmocka_unit_test(streams_keep_the_device_busy),
		cmocka_unit_test(full_queue_is_busy),
		cmocka_unit_test(far_memory_is_refused),
		cmocka_unit_test(close_leaves_the_bus),
		cmocka_unit_test(fua_write_is_durable),
		cmocka_unit_test(emergency_write_is_durable),
		cmocka_unit_test(emergency_write_takes_over),
		cmocka_unit_test(selftest_tells_where),
		cmocka_unit_test(selftest_finds_a_flipped_bit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
