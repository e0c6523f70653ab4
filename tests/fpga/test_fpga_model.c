/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The device model does what docs/FPGA.md says, told by hand instead of by the driver. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "../../backends/fpga/fpga_regs.h"
#include "model.h"

#define HOST   (1u << 20)
#define MEDIUM (1u << 20)
#define RING_W 0x1000u /* where things lie in the host's memory */
#define RING_R 0x2000u
#define DATA   0x10000u

struct bench {
	struct fpga_model *m;
	struct fpga_model_knobs knobs;
	uint32_t producer[2];
	uint64_t synced;
	uint8_t host[HOST];
	uint8_t medium[MEDIUM];
};

static int dma_read(void *ctx, uint64_t bus, void *buf, uint32_t len)
{
	struct bench *b = ctx;

	if (bus > HOST || len > HOST - bus)
		return -1;
	memcpy(buf, b->host + bus, len);
	return 0;
}

static int dma_write(void *ctx, uint64_t bus, const void *buf, uint32_t len)
{
	struct bench *b = ctx;

	if (bus > HOST || len > HOST - bus)
		return -1;
	memcpy(b->host + bus, buf, len);
	return 0;
}

static int sync_medium(void *ctx, uint64_t off, uint64_t len)
{
	struct bench *b = ctx;

	b->synced = off + len;
	return 0;
}

static uint32_t get(struct bench *b, uint32_t reg)
{
	return (uint32_t)fpga_model_read(b->m, reg, 4);
}

static void put(struct bench *b, uint32_t reg, uint32_t val)
{
	fpga_model_write(b->m, reg, 4, val);
}

static void power_on(struct bench *b)
{
	const struct fpga_model_bus bus = { .ctx = b,
					    .dma_read = dma_read,
					    .dma_write = dma_write,
					    .sync = sync_medium,
					    .medium = b->medium,
					    .medium_size = MEDIUM };

	b->m = fpga_model_new(&bus, &b->knobs);
	assert_non_null(b->m);
	fpga_model_cfg_write(b->m, 0x04, 0x6, 2);
}

static void bring_up(struct bench *b)
{
	put(b, FPGA_CONTROL, FPGA_CONTROL_RESET);
	put(b, FPGA_WRITE_QUEUE + FPGA_BASE_LO, RING_W);
	put(b, FPGA_WRITE_QUEUE + FPGA_SLOTS, 128);
	put(b, FPGA_READ_QUEUE + FPGA_BASE_LO, RING_R);
	put(b, FPGA_READ_QUEUE + FPGA_SLOTS, 128);
	put(b, FPGA_CONTROL, FPGA_CONTROL_ENABLE);
	b->producer[0] = b->producer[1] = 0;
}

static int setup(void **state)
{
	struct bench *b = calloc(1, sizeof(*b));

	for (uint32_t i = DATA; i < HOST; i++)
		b->host[i] = (uint8_t)(i * 7 + i / 256);
	power_on(b);
	bring_up(b);
	*state = b;
	return 0;
}

static int teardown(void **state)
{
	struct bench *b = *state;

	fpga_model_free(b->m);
	free(b);
	return 0;
}

/* The same machine with other knobs. */
static void turn(struct bench *b, struct fpga_model_knobs knobs)
{
	fpga_model_free(b->m);
	b->knobs = knobs;
	power_on(b);
	bring_up(b);
}

static struct fpga_command *slot(struct bench *b, int q, uint32_t i)
{
	return (struct fpga_command *)(void *)(b->host + (q ? RING_R : RING_W)) + i % 128;
}

/* Post without a doorbell. Return: the slot's index. */
static uint32_t post(struct bench *b, int q, uint32_t op, uint64_t host, uint64_t device,
		     uint32_t len)
{
	uint32_t i = b->producer[q];

	*slot(b, q, i) = (struct fpga_command){ .host = fpga_le64(host),
						.device = fpga_le64(device),
						.len = fpga_le32(len),
						.op = fpga_le32(op) };
	b->producer[q] = fpga_next(i);
	return i;
}

static void doorbell(struct bench *b, int q)
{
	put(b, (q ? FPGA_READ_QUEUE : FPGA_WRITE_QUEUE) + FPGA_PRODUCER, b->producer[q]);
}

static uint32_t status(struct bench *b, int q, uint32_t i)
{
	return fpga_le32(slot(b, q, i)->status);
}

/* One command, at once. Return: its status. */
static uint32_t run(struct bench *b, int q, uint32_t op, uint64_t host, uint64_t device,
		    uint32_t len)
{
	uint32_t i = post(b, q, op, host, device, len);

	doorbell(b, q);
	fpga_model_step(b->m, UINT64_MAX / 2, 0);
	return status(b, q, i);
}

static void moves_and_completes(void **state)
{
	struct bench *b = *state;

	assert_int_equal(run(b, 0, FPGA_OP_WRITE, DATA, 4096, 8192), FPGA_DONE);
	assert_memory_equal(b->medium + 4096, b->host + DATA, 8192);
	assert_int_equal(run(b, 1, FPGA_OP_READ, DATA + 65536, 4096, 8192), FPGA_DONE);
	assert_memory_equal(b->host + DATA, b->host + DATA + 65536, 8192);
	assert_int_equal(get(b, FPGA_WRITE_QUEUE + FPGA_CONSUMER), 1);
	assert_int_equal(run(b, 0, FPGA_OP_FLUSH, 0, 0, 0), FPGA_DONE);
	assert_int_equal(b->synced, 4096 + 8192);
	assert_int_equal(get(b, FPGA_ERROR), 0);
}

static void slot_127_is_stepped_over(void **state)
{
	struct bench *b = *state;

	memset(slot(b, 0, 127), 0xee, 32);
	for (int i = 0; i < 300; i++)
		assert_int_equal(run(b, 0, FPGA_OP_WRITE, DATA, 0, 64), FPGA_DONE);
	assert_int_equal(get(b, FPGA_WRITE_QUEUE + FPGA_CONSUMER), b->producer[0]);
	assert_int_equal(b->producer[0], 302);
	for (int i = 0; i < 32; i++)
		assert_int_equal(((uint8_t *)slot(b, 0, 127))[i], 0xee);
}

static void bad_commands_fail_alone(void **state)
{
	static const struct {
		int q;
		uint32_t op;
		uint64_t host, device;
		uint32_t len, code;
	} t[] = {
		{ 0, FPGA_OP_READ, DATA, 0, 64, FPGA_BAD_OPCODE },
		{ 1, FPGA_OP_WRITE, DATA, 0, 64, FPGA_BAD_OPCODE },
		{ 1, FPGA_OP_FLUSH, 0, 0, 0, FPGA_BAD_OPCODE },
		{ 0, 0, DATA, 0, 64, FPGA_BAD_OPCODE },
		{ 0, FPGA_OP_WRITE, DATA + 32, 0, 64, FPGA_BAD_ALIGN },
		{ 0, FPGA_OP_WRITE, DATA, 8, 64, FPGA_BAD_ALIGN },
		{ 0, FPGA_OP_WRITE, DATA, 0, 65, FPGA_BAD_ALIGN },
		{ 0, FPGA_OP_FLUSH, 64, 0, 0, FPGA_BAD_ALIGN },
		{ 0, FPGA_OP_WRITE, DATA, 0, 0, FPGA_BAD_LENGTH },
		{ 0, FPGA_OP_WRITE, DATA, 0, (1u << 20) + 64, FPGA_BAD_LENGTH },
		{ 0, FPGA_OP_WRITE, DATA, MEDIUM, 64, FPGA_BAD_ADDRESS },
		{ 0, FPGA_OP_WRITE, DATA, MEDIUM - 64, 128, FPGA_BAD_ADDRESS },
		{ 1, FPGA_OP_READ, DATA, ~63ull, 128, FPGA_BAD_ADDRESS },
		{ 0, FPGA_OP_WRITE, 1ull << 40, 0, 64, FPGA_DMA_FAULT },
		{ 1, FPGA_OP_READ, ~63ull, 0, 128, FPGA_DMA_FAULT },
	};
	struct bench *b = *state;

	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		assert_int_equal(run(b, t[i].q, t[i].op, t[i].host, t[i].device, t[i].len),
				 t[i].code);
		assert_int_equal(run(b, t[i].q, t[i].q ? FPGA_OP_READ : FPGA_OP_WRITE, DATA, 0, 64),
				 FPGA_DONE);
	}
	assert_int_equal(get(b, FPGA_ERROR), FPGA_BAD_OPCODE); /* the first */
	assert_int_equal(get(b, FPGA_ERROR_INDEX), 0);
	assert_int_equal(get(b, FPGA_STATUS) & 0xffff, FPGA_STATUS_READY | FPGA_STATUS_ENABLED);
}

static void expect_halt(struct bench *b, uint32_t error)
{
	struct fpga_model_counts before, after;

	fpga_model_counts(b->m, &before);
	assert_int_equal(get(b, FPGA_STATUS) & 0xffff, FPGA_STATUS_READY | FPGA_STATUS_HALTED);
	assert_int_equal(get(b, FPGA_ERROR), error);
	put(b, FPGA_CONTROL, FPGA_CONTROL_ENABLE); /* doesn't help */
	post(b, 0, FPGA_OP_WRITE, DATA, 0, 64);
	doorbell(b, 0);
	assert_int_equal(fpga_model_step(b->m, UINT64_MAX / 2, 0), 0);
	assert_int_equal(fpga_model_next_ns(b->m), FPGA_MODEL_NEVER);
	fpga_model_counts(b->m, &after);
	assert_int_equal(before.commands, after.commands);
	bring_up(b);
	assert_int_equal(get(b, FPGA_ERROR), 0);
	assert_int_equal(run(b, 0, FPGA_OP_WRITE, DATA, 0, 64), FPGA_DONE);
}

static void illegal_indices_halt(void **state)
{
	static const uint32_t bad[] = { 127, 255, 131, 0xfffffffe, 0x80000000 };
	struct bench *b = *state;

	for (int i = 0; i < 5; i++) {
		put(b, FPGA_WRITE_QUEUE + FPGA_PRODUCER, bad[i]);
		expect_halt(b, FPGA_BAD_INDEX);
	}
	for (int i = 0; i < 10; i++)
		post(b, 1, FPGA_OP_READ, DATA, 0, 64);
	doorbell(b, 1);
	put(b, FPGA_READ_QUEUE + FPGA_PRODUCER, 5); /* back */
	expect_halt(b, FPGA_BAD_INDEX | FPGA_ERROR_READ);
	turn(b, (struct fpga_model_knobs){ .max_inflight = 4 });
	put(b, FPGA_WRITE_QUEUE + FPGA_PRODUCER, 5);
	expect_halt(b, FPGA_BAD_INDEX);
}

static void bad_set_up_halts(void **state)
{
	static const struct {
		uint32_t reg, val;
	} t[] = { { FPGA_WRITE_QUEUE + FPGA_BASE_LO, 0x1040 },
		  { FPGA_WRITE_QUEUE + FPGA_SLOTS, 64 },
		  { FPGA_WRITE_QUEUE + FPGA_SLOTS, 200 },
		  { FPGA_WRITE_QUEUE + FPGA_SLOTS, 8192 },
		  { FPGA_WRITE_QUEUE + FPGA_PRODUCER, 127 } };
	struct bench *b = *state;

	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		put(b, FPGA_CONTROL, FPGA_CONTROL_RESET);
		put(b, FPGA_WRITE_QUEUE + FPGA_BASE_LO, RING_W);
		put(b, FPGA_WRITE_QUEUE + FPGA_SLOTS, 128);
		put(b, t[i].reg, t[i].val);
		put(b, FPGA_CONTROL, FPGA_CONTROL_ENABLE);
		expect_halt(b, FPGA_BAD_SETUP);
	}
}

static void set_up_is_fixed_while_enabled(void **state)
{
	struct bench *b = *state;

	put(b, FPGA_WRITE_QUEUE + FPGA_BASE_LO, 0x7000);
	put(b, FPGA_WRITE_QUEUE + FPGA_SLOTS, 256);
	put(b, FPGA_WRITE_QUEUE + FPGA_CONSUMER, 77);
	put(b, FPGA_MEDIUM_LO, 0);
	put(b, FPGA_CONTROL, 0);
	assert_int_equal(get(b, FPGA_WRITE_QUEUE + FPGA_BASE_LO), RING_W);
	assert_int_equal(get(b, FPGA_WRITE_QUEUE + FPGA_SLOTS), 128);
	assert_int_equal(get(b, FPGA_WRITE_QUEUE + FPGA_CONSUMER), 0);
	assert_int_equal(get(b, FPGA_MEDIUM_LO), MEDIUM);
	assert_int_equal(run(b, 0, FPGA_OP_WRITE, DATA, 0, 64), FPGA_DONE);
}

static void bus_master_gates_dma(void **state)
{
	struct bench *b = *state;

	fpga_model_cfg_write(b->m, 0x04, 0x2, 2);
	assert_int_equal(run(b, 0, FPGA_OP_WRITE, DATA, 0, 4096), FPGA_PENDING);
	assert_int_equal(b->medium[0], 0);
	fpga_model_cfg_write(b->m, 0x04, 0x6, 2);
	expect_halt(b, FPGA_RING_FAULT);
	fpga_model_knobs(b->m)->ignore_bus_master = true;
	fpga_model_cfg_write(b->m, 0x04, 0x2, 2);
	assert_int_equal(run(b, 0, FPGA_OP_WRITE, DATA, 0, 4096), FPGA_DONE);
}

static void ring_without_memory_halts(void **state)
{
	struct bench *b = *state;

	put(b, FPGA_CONTROL, FPGA_CONTROL_RESET);
	put(b, FPGA_WRITE_QUEUE + FPGA_BASE_HI, 0x100);
	put(b, FPGA_WRITE_QUEUE + FPGA_SLOTS, 128);
	put(b, FPGA_CONTROL, FPGA_CONTROL_ENABLE);
	put(b, FPGA_WRITE_QUEUE + FPGA_PRODUCER, 1);
	fpga_model_step(b->m, 1, 0);
	expect_halt(b, FPGA_RING_FAULT);
}

static void config_space_is_a_pci_function(void **state)
{
	struct bench *b = *state;
	struct fpga_model *m = b->m;

	assert_int_equal(fpga_model_cfg_read(m, 0, 4), FPGA_PCI_DEVICE << 16 | FPGA_PCI_VENDOR);
	assert_int_equal(fpga_model_cfg_read(m, 8, 4), FPGA_PCI_CLASS << 8 | FPGA_PCI_REVISION);
	assert_int_equal(fpga_model_cfg_read(m, 0x0e, 1), 0);
	assert_int_equal(fpga_model_cfg_read(m, 0x3d, 1), 0);
	fpga_model_cfg_write(m, 0x10, 0xffffffff, 4);
	assert_int_equal(fpga_model_cfg_read(m, 0x10, 4), 0xfffff000); /* 4 KiB, 32-bit memory */
	for (uint32_t bar = 0x14; bar <= 0x24; bar += 4) {
		fpga_model_cfg_write(m, bar, 0xffffffff, 4);
		assert_int_equal(fpga_model_cfg_read(m, bar, 4), 0);
	}
	fpga_model_cfg_write(m, 0x10, 0xfea01000, 4);
	assert_int_equal(fpga_model_bar0(m), 0xfea01000);
	fpga_model_cfg_write(m, 0x11, 0xab, 1);
	assert_int_equal(fpga_model_bar0(m), 0xfea0a000);
	fpga_model_cfg_write(m, 0, 0, 4);
	assert_int_equal(fpga_model_cfg_read(m, 0, 2), FPGA_PCI_VENDOR);
	assert_int_equal(fpga_model_cfg_read(m, 254, 4) >> 16, 0xffff);
	assert_int_equal(fpga_model_cfg_read(m, 0xffffffff, 4), 0xffffffff);
	fpga_model_cfg_write(m, 0xfffffffe, 0, 4);
	fpga_model_cfg_write(m, 0x04, 0, 2);
	assert_int_equal(get(b, FPGA_MAGIC), 0xffffffff); /* no memory space */
	fpga_model_cfg_write(m, 0x04, 0xffff, 2);
	assert_int_equal(fpga_model_cfg_read(m, 0x04, 2), 0x406);
	fpga_model_reset(m);
	assert_int_equal(fpga_model_bar0(m), 0);
	assert_int_equal(fpga_model_cfg_read(m, 0x04, 2), 0);
}

static void odd_accesses_mean_nothing(void **state)
{
	struct bench *b = *state;

	assert_int_equal(fpga_model_read(b->m, FPGA_MAGIC, 1), 0);
	assert_int_equal(fpga_model_read(b->m, FPGA_MAGIC, 8), 0);
	assert_int_equal(fpga_model_read(b->m, FPGA_MAGIC + 2, 4), 0);
	assert_int_equal(fpga_model_read(b->m, 0xffc, 4), 0);
	assert_int_equal(fpga_model_read(b->m, 0x1000, 4), 0);
	assert_int_equal(fpga_model_read(b->m, ~3ull, 4), 0);
	fpga_model_write(b->m, FPGA_CONTROL, 1, FPGA_CONTROL_RESET);
	fpga_model_write(b->m, ~3ull, 4, 1);
	assert_int_equal(get(b, FPGA_STATUS) >> 16, 1);
}

static void time_is_kept(void **state)
{
	struct bench *b = *state;
	const uint64_t page = 4096 * 1000ull; /* ns at 1 MB/s */

	turn(b, (struct fpga_model_knobs){ .bandwidth = 1000000, .latency_ns = 500 });
	fpga_model_step(b->m, 1000, 0);
	for (int i = 0; i < 3; i++)
		post(b, 0, FPGA_OP_WRITE, DATA, 0, 4096);
	doorbell(b, 0);
	for (uint64_t i = 1; i <= 3; i++) {
		assert_int_equal(fpga_model_next_ns(b->m), 1000 + i * page + 500);
		assert_int_equal(fpga_model_step(b->m, 1000 + i * page + 499, 0), 0);
		assert_int_equal(fpga_model_step(b->m, 1000 + i * page + 500, 0), 1);
	}
	assert_int_equal(fpga_model_next_ns(b->m), FPGA_MODEL_NEVER);
}

static void step_keeps_to_its_limit(void **state)
{
	struct bench *b = *state;

	for (int i = 0; i < 10; i++)
		post(b, i % 2, i % 2 ? FPGA_OP_READ : FPGA_OP_WRITE, DATA, 0, 64);
	doorbell(b, 0);
	doorbell(b, 1);
	assert_int_equal(fpga_model_step(b->m, 1, 3), 3);
	assert_int_equal(fpga_model_step(b->m, 1, 0), 7);
}

/* A write queue that never runs empty doesn't keep the reads waiting, whatever the time. */
static void no_queue_starves(void **state)
{
	struct bench *b = *state;
	uint32_t i;

	for (uint64_t tick = 0; tick < 2; tick++) {
		for (int n = 0; n < 10; n++)
			post(b, 0, FPGA_OP_WRITE, DATA, 0, 64);
		doorbell(b, 0);
		i = post(b, 1, FPGA_OP_READ, DATA, 0, 64);
		doorbell(b, 1);
		for (uint64_t n = 0; n < 20; n++) {
			post(b, 0, FPGA_OP_WRITE, DATA, 0, 64);
			doorbell(b, 0);
			assert_int_equal(fpga_model_step(b->m, n * tick, 1), 1);
		}
		assert_int_equal(status(b, 1, i), FPGA_DONE);
		fpga_model_step(b->m, 100, 0);
	}
}

static void cut(struct bench *b)
{
	fpga_model_power_cut(b->m);
	assert_int_equal(get(b, FPGA_MAGIC), 0xffffffff);
	assert_int_equal(fpga_model_cfg_read(b->m, 0, 4), 0xffffffff);
	fpga_model_free(b->m);
	power_on(b);
	bring_up(b);
}

/* Of what was written and not flushed, some is there after a cut and some is not. */
static void cache_is_lost_unless_flushed(void **state)
{
	struct bench *b = *state;
	int kept = 0, lost = 0;

	turn(b, (struct fpga_model_knobs){ .cache_bytes = 1 << 20, .seed = 5 });
	assert_true(get(b, FPGA_CAPS) & FPGA_CAPS_VOLATILE_CACHE);
	assert_int_equal(run(b, 0, FPGA_OP_WRITE, DATA, 0, 65536), FPGA_DONE);
	assert_int_equal(b->medium[100], 0);
	assert_int_equal(run(b, 1, FPGA_OP_READ, DATA + 0x20000, 0, 65536), FPGA_DONE);
	assert_memory_equal(b->host + DATA, b->host + DATA + 0x20000, 65536);
	assert_int_equal(run(b, 0, FPGA_OP_FLUSH, 0, 0, 0), FPGA_DONE);
	assert_int_equal(run(b, 0, FPGA_OP_WRITE, DATA, 65536, 65536), FPGA_DONE);
	cut(b);
	assert_memory_equal(b->medium, b->host + DATA, 65536);
	for (uint32_t i = 0; i < 65536; i += 8)
		if (memcmp(b->medium + 65536 + i, b->host + DATA + i, 8))
			lost++;
		else
			kept++;
	assert_true(kept && lost);
}

static void full_cache_pushes_out(void **state)
{
	struct bench *b = *state;

	turn(b, (struct fpga_model_knobs){ .cache_bytes = 8192, .seed = 5 });
	assert_int_equal(run(b, 0, FPGA_OP_WRITE, DATA, 64, 65536 - 64), FPGA_DONE);
	assert_int_equal(run(b, 1, FPGA_OP_READ, DATA + 0x20000, 0, 65536), FPGA_DONE);
	assert_memory_equal(b->host + DATA, b->host + DATA + 0x20000 + 64, 65536 - 64);
	assert_memory_equal(b->medium + 64, b->host + DATA, 65536 - 64 - 8192);
	fpga_model_free(b->m); /* in peace */
	power_on(b);
	assert_memory_equal(b->medium + 64, b->host + DATA, 65536 - 64);
}

static void completed_writes_survive_without_a_cache(void **state)
{
	struct bench *b = *state;

	assert_false(get(b, FPGA_CAPS) & FPGA_CAPS_VOLATILE_CACHE);
	assert_int_equal(run(b, 0, FPGA_OP_WRITE, DATA, 0, 65536), FPGA_DONE);
	cut(b);
	assert_memory_equal(b->medium, b->host + DATA, 65536);
}

static void torn_command_keeps_its_range(void **state)
{
	struct bench *b = *state;
	bool was_torn = false;

	for (uint64_t seed = 0; seed < 50; seed++) {
		uint32_t same = 0;

		turn(b, (struct fpga_model_knobs){ .die_at = 1, .torn = true, .seed = seed });
		memset(b->medium, 0, MEDIUM);
		assert_int_equal(run(b, 0, FPGA_OP_WRITE, DATA + 64, 8192, 4096), FPGA_PENDING);
		assert_int_equal(get(b, FPGA_STATUS), 0xffffffff);
		for (uint32_t i = 0; i < 4096; i += 8)
			same += !memcmp(b->medium + 8192 + i, b->host + DATA + 64 + i, 8);
		was_torn |= same && same < 512;
		for (uint32_t i = 0; i < 65536; i++)
			if (i < 8192 || i >= 12288)
				assert_int_equal(b->medium[i], 0);
	}
	assert_true(was_torn);
}

static void lying_flush_keeps_the_cache(void **state)
{
	struct bench *b = *state;

	turn(b, (struct fpga_model_knobs){ .cache_bytes = 1 << 20, .lying_flush = true });
	assert_int_equal(run(b, 0, FPGA_OP_WRITE, DATA, 0, 65536), FPGA_DONE);
	assert_int_equal(run(b, 0, FPGA_OP_FLUSH, 0, 0, 0), FPGA_DONE);
	cut(b);
	assert_memory_not_equal(b->medium, b->host + DATA, 65536);
}

static void fates_come_at_their_command(void **state)
{
	struct bench *b = *state;

	turn(b, (struct fpga_model_knobs){ .error_at = 2, .error_code = FPGA_MEDIUM_FAULT });
	assert_int_equal(run(b, 0, FPGA_OP_WRITE, DATA, 0, 64), FPGA_DONE);
	assert_int_equal(run(b, 0, FPGA_OP_WRITE, DATA, 64, 64), FPGA_MEDIUM_FAULT);
	assert_int_equal(run(b, 0, FPGA_OP_WRITE, DATA, 0, 64), FPGA_DONE);
	turn(b, (struct fpga_model_knobs){ .drop_after = 2 });
	memset(b->medium, 0, MEDIUM);
	assert_int_equal(run(b, 0, FPGA_OP_WRITE, DATA, 0, 64), FPGA_DONE);
	assert_int_equal(run(b, 0, FPGA_OP_WRITE, DATA, 4096, 64), FPGA_PENDING);
	assert_int_equal(b->medium[4096 + 1], 0);
	assert_int_equal(get(b, FPGA_MAGIC), FPGA_MAGIC_VALUE);
	turn(b, (struct fpga_model_knobs){ .stuck_after = 2 });
	assert_int_equal(run(b, 0, FPGA_OP_WRITE, DATA, 0, 64), FPGA_DONE);
	assert_int_equal(run(b, 0, FPGA_OP_WRITE, DATA, 4096, 64), FPGA_PENDING);
	assert_memory_equal(b->medium + 4096, b->host + DATA, 64);
	assert_int_equal(get(b, FPGA_WRITE_QUEUE + FPGA_CONSUMER), 1);
}

/* What was in flight at a reset gets no status; the medium is not harmed. */
static void reset_in_flight_stops(void **state)
{
	struct bench *b = *state;
	uint32_t i;

	turn(b, (struct fpga_model_knobs){ .latency_ns = 1000 });
	i = post(b, 0, FPGA_OP_WRITE, DATA, 0, 4096);
	doorbell(b, 0);
	fpga_model_step(b->m, 500, 0);
	put(b, FPGA_CONTROL, FPGA_CONTROL_RESET);
	assert_int_equal(get(b, FPGA_STATUS), FPGA_STATUS_READY | 2u << 16);
	assert_int_equal(fpga_model_step(b->m, 1000000, 0), 0);
	assert_int_equal(status(b, 0, i), FPGA_PENDING);
	assert_int_equal(get(b, FPGA_WRITE_QUEUE + FPGA_SLOTS), 0);
}

static void impossible_devices_are_refused(void **state)
{
	struct bench *b = *state;
	const struct fpga_model_knobs bad[] = { { .max_transfer = 5000 },
						{ .max_slots = 64 },
						{ .max_slots = 1000 },
						{ .cache_bytes = 100 },
						{ .error_code = 99 } };
	struct fpga_model_bus bus = { .ctx = b,
				      .dma_read = dma_read,
				      .dma_write = dma_write,
				      .medium = b->medium,
				      .medium_size = MEDIUM };

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_null(fpga_model_new(&bus, &bad[i]));
	bus.medium_size = 1000;
	assert_null(fpga_model_new(&bus, NULL));
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(moves_and_completes),
		TEST(slot_127_is_stepped_over),
		TEST(bad_commands_fail_alone),
		TEST(illegal_indices_halt),
		TEST(bad_set_up_halts),
		TEST(set_up_is_fixed_while_enabled),
		TEST(bus_master_gates_dma),
		TEST(ring_without_memory_halts),
		TEST(config_space_is_a_pci_function),
		TEST(odd_accesses_mean_nothing),
		TEST(time_is_kept),
		TEST(step_keeps_to_its_limit),
		TEST(no_queue_starves),
		TEST(cache_is_lost_unless_flushed),
		TEST(full_cache_pushes_out),
		TEST(completed_writes_survive_without_a_cache),
		TEST(torn_command_keeps_its_range),
		TEST(lying_flush_keeps_the_cache),
		TEST(fates_come_at_their_command),
		TEST(reset_in_flight_stops),
		TEST(impossible_devices_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
