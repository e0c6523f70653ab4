/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include <stdlib.h>
#include <string.h>
#include "rig.h"

#define PAGE 4096u

uint64_t rig_random(struct rig *rig)
{
	uint64_t z = rig->random += 0x9e3779b97f4a7c15ull;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
	return z ^ (z >> 31);
}

/* ---- The bus ------------------------------------------------------------------------------ */

static bool in_ring(const struct rig *rig, uint64_t bus)
{
	for (int i = 0; i < FPGA_QUEUES; i++)
		if (bus - rig->mem[i].bus < (uint64_t)rig->mem[i].nr_slots * FPGA_SLOT_SIZE)
			return true;
	return false;
}

/* The same both ways. */
static uint64_t swap_page(const struct rig *rig, uint64_t at)
{
	return rig->cfg.contiguous || in_ring(rig, at) ? at : at ^ PAGE;
}

static uint64_t rig_to_bus(void *ctx, const void *buf, uint32_t len, uint32_t *contig)
{
	struct rig *rig = ctx;
	uint64_t va = (uintptr_t)buf;

	*contig = rig->cfg.contiguous ? len : PAGE - (uint32_t)(va % PAGE);
	return swap_page(rig, va);
}

static int dma(struct rig *rig, uint64_t bus, uint8_t *buf, uint32_t len, bool write)
{
	while (len) {
		uint32_t left = PAGE - (uint32_t)(bus % PAGE);
		uint32_t n = len < left ? len : left;
		uint8_t *va = (uint8_t *)(uintptr_t)swap_page(rig, bus);

		if (!in_ring(rig, bus)) {
			rig->nr_dmas++;
			if (rig->may_dma && !rig->may_dma(rig, va, n, write))
				return -1;
		}
		memcpy(write ? va : buf, write ? buf : va, n);
		bus += n;
		buf += n;
		len -= n;
	}
	return 0;
}

static int rig_dma_read(void *ctx, uint64_t bus, void *buf, uint32_t len)
{
	return dma(ctx, bus, buf, len, false);
}

static int rig_dma_write(void *ctx, uint64_t bus, const void *buf, uint32_t len)
{
	return dma(ctx, bus, (uint8_t *)(uintptr_t)buf, len, true);
}

/* ---- What the driver must not do ---------------------------------------------------------- */

static uint32_t queue_reg(int queue, uint32_t reg)
{
	return (queue == FPGA_WRITES ? FPGA_WRITE_QUEUE : FPGA_READ_QUEUE) + reg;
}

static struct fpga_command *slot_of(const struct rig *rig, int queue, uint32_t index)
{
	return &rig->mem[queue].slot[index & (rig->mem[queue].nr_slots - 1)];
}

static void note_doorbell(struct rig *rig, int queue, uint32_t producer)
{
	uint32_t mask = rig->mem[queue].nr_slots - 1;

	for (; rig->rung[queue] != producer; rig->rung[queue] = fpga_next(rig->rung[queue]))
		rig->posted[queue][rig->rung[queue] & mask] =
			*slot_of(rig, queue, rig->rung[queue]);
}

/* Commands that the device has done since the last time are as they were posted. */
static void check_slots(struct rig *rig, int queue, uint32_t consumer)
{
	uint32_t mask = rig->mem[queue].nr_slots - 1;

	for (; rig->seen[queue] != consumer; rig->seen[queue] = fpga_next(rig->seen[queue]))
		if (memcmp(&rig->posted[queue][rig->seen[queue] & mask],
			   slot_of(rig, queue, rig->seen[queue]),
			   offsetof(struct fpga_command, status)))
			rig->wrong = "a slot in flight was overwritten";
}

void rig_mark_unusable(struct rig *rig)
{
	for (int q = 0; q < FPGA_QUEUES; q++)
		for (uint32_t i = FPGA_UNUSABLE; i < rig->mem[q].nr_slots; i += FPGA_SLOTS_MIN)
			memset(&rig->mem[q].slot[i], RIG_CANARY, FPGA_SLOT_SIZE);
}

bool rig_unusable_are_untouched(const struct rig *rig)
{
	uint8_t canary[FPGA_SLOT_SIZE];

	memset(canary, RIG_CANARY, sizeof(canary));
	for (int q = 0; q < FPGA_QUEUES; q++)
		for (uint32_t i = FPGA_UNUSABLE; i < rig->mem[q].nr_slots; i += FPGA_SLOTS_MIN)
			if (memcmp(&rig->mem[q].slot[i], canary, sizeof(canary)))
				return false;
	return true;
}

/* ---- The driver's world ------------------------------------------------------------------- */

static bool is_enabled(const struct rig *rig)
{
	uint64_t status = fpga_model_read(rig->m, FPGA_STATUS, 4);

	return !(status & FPGA_STATUS_MUST_BE_ZERO) && status & FPGA_STATUS_ENABLED;
}

void rig_tick(struct rig *rig)
{
	uint32_t max = rig->cfg.step_max;

	rig->now_ns += 1000 + rig_random(rig) % 1000;
	if (rig->frozen || rig_random(rig) % 100 < rig->cfg.late)
		return;
	fpga_model_step(rig->m, rig->now_ns, max ? 1 + (uint32_t)(rig_random(rig) % max) : 0);
	if (!is_enabled(rig))
		return;
	for (int i = 0; i < FPGA_QUEUES; i++) {
		uint64_t at = queue_reg(i, FPGA_CONSUMER);

		check_slots(rig, i, (uint32_t)fpga_model_read(rig->m, at, 4));
	}
}

static uint32_t rig_read32(void *ctx, uint32_t reg)
{
	struct rig *rig = ctx;
	uint32_t val;

	rig->nr_reads++;
	rig_tick(rig);
	val = (uint32_t)fpga_model_read(rig->m, reg, 4);
	return rig->lie ? rig->lie(rig, reg, val) : val;
}

static void rig_write32(void *ctx, uint32_t reg, uint32_t val)
{
	struct rig *rig = ctx;
	for (int i = 0; i < FPGA_QUEUES; i++) {
		if (reg != queue_reg(i, FPGA_PRODUCER))
			continue;
		if (is_enabled(rig))
			note_doorbell(rig, i, val);
		else
			rig->rung[i] = rig->seen[i] = val;
	}
	fpga_model_write(rig->m, reg, 4, val);
	rig_tick(rig);
}

static uint64_t rig_now_ns(void *ctx)
{
	struct rig *rig = ctx;

	rig_tick(rig);
	return rig->now_ns;
}

static void rig_relax(void *ctx)
{
	struct rig *rig = ctx;

	rig->now_ns += 100000;
	rig_tick(rig);
}

static void rig_bus_master(void *ctx, bool on)
{
	struct rig *rig = ctx;

	rig->bus_master_off = !on;
	fpga_model_cfg_write(rig->m, 0x04, on ? 0x6 : 0x2, 2);
}

static bool new_rings(struct rig *rig)
{
	for (int i = 0; i < FPGA_QUEUES; i++) {
		size_t bytes = (size_t)rig->cfg.nr_slots * FPGA_SLOT_SIZE;
		struct fpga_command *slot = aligned_alloc(PAGE, bytes);

		if (!slot)
			return false;
		rig->mem[i] = (struct fpga_mem){
			.slot = slot,
			.bus = (uintptr_t)slot,
			.nr_slots = rig->cfg.nr_slots,
			.first_index = rig->cfg.first_index,
		};
		rig->posted[i] = calloc(1, bytes);
		if (!rig->posted[i])
			return false;
	}
	return true;
}

struct rig *rig_new(const struct rig_cfg *cfg, uint8_t *medium)
{
	struct rig *rig = calloc(1, sizeof(*rig));
	struct fpga_model_bus bus = { .ctx = rig,
				      .dma_read = rig_dma_read,
				      .dma_write = rig_dma_write };

	rig->cfg = *cfg;
	rig->random = cfg->seed;
	if (!rig->cfg.nr_slots)
		rig->cfg.nr_slots = 256;
	if (!rig->cfg.medium_size)
		rig->cfg.medium_size = 4u << 20;
	rig->own_medium = !medium;
	rig->medium = medium ? medium : calloc(1, (size_t)rig->cfg.medium_size);
	bus.medium = rig->medium;
	bus.medium_size = rig->cfg.medium_size;
	rig->m = fpga_model_new(&bus, &cfg->knobs);
	if (!rig->m || !new_rings(rig)) {
		rig_free(rig);
		return NULL;
	}
	fpga_model_cfg_write(rig->m, 0x04, cfg->no_bus_master ? 0x6 : 0x2, 2);
	rig->env = (struct fpga_env){
		.ctx = rig,
		.read32 = rig_read32,
		.write32 = rig_write32,
		.now_ns = rig_now_ns,
		.relax = rig_relax,
		.to_bus = rig_to_bus,
		.bus_master = cfg->no_bus_master ? NULL : rig_bus_master,
	};
	return rig;
}

void rig_free(struct rig *rig)
{
	if (!rig)
		return;
	fpga_model_free(rig->m);
	for (int i = 0; i < FPGA_QUEUES; i++) {
		free(rig->mem[i].slot);
		free(rig->posted[i]);
	}
	if (rig->own_medium)
		free(rig->medium);
	free(rig);
}

struct fpga_model_counts rig_counts(const struct rig *rig)
{
	struct fpga_model_counts counts;

	fpga_model_counts(rig->m, &counts);
	return counts;
}
