/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* What the bus sees of the device: config space and registers. */
#include <stdlib.h>
#include <string.h>
#include "model_priv.h"

#define PCI_COMMAND	   0x04
#define PCI_COMMAND_MEMORY 0x2
#define PCI_BAR0	   0x10

static const uint32_t queue_at[] = { FPGA_WRITE_QUEUE, FPGA_READ_QUEUE };

/* ---- Config space ------------------------------------------------------------------------- */

static void cfg_put(struct fpga_model *m, uint32_t at, uint32_t val, uint32_t len)
{
	for (uint32_t i = 0; i < len; i++)
		m->cfg[at + i] = (uint8_t)(val >> 8 * i);
}

static void cfg_power_on(struct fpga_model *m)
{
	memset(m->cfg, 0, sizeof(m->cfg));
	cfg_put(m, 0x00, FPGA_PCI_VENDOR, 2);
	cfg_put(m, 0x02, FPGA_PCI_DEVICE, 2);
	cfg_put(m, 0x08, FPGA_PCI_REVISION, 1);
	cfg_put(m, 0x09, FPGA_PCI_CLASS, 3);
	cfg_put(m, 0x2c, FPGA_PCI_SUBVENDOR, 2);
	cfg_put(m, 0x2e, FPGA_PCI_SUBDEVICE, 2);
}

/* Bits of the byte at @at that can be written. */
static uint8_t cfg_writable(uint32_t at)
{
	switch (at) {
	case PCI_COMMAND:
		return 0x06; /* memory, bus master */
	case PCI_COMMAND + 1:
		return 0x04; /* INTx off */
	case 0x0c:	     /* cache line size */
	case 0x3c:	     /* interrupt line */
	case PCI_BAR0 + 2:
	case PCI_BAR0 + 3:
		return 0xff;
	case PCI_BAR0 + 1:
		return (uint8_t)(~(FPGA_BAR0_SIZE - 1) >> 8);
	default:
		return 0;
	}
}

uint32_t fpga_model_cfg_read(struct fpga_model *m, uint32_t addr, uint32_t len)
{
	uint32_t val = 0;

	for (uint32_t i = 0; i < len && i < 4; i++) {
		uint64_t at = (uint64_t)addr + i;
		bool there = at < sizeof(m->cfg) && !m->counts.dead;

		val |= (uint32_t)(there ? m->cfg[at] : 0xff) << 8 * i;
	}
	return val;
}

void fpga_model_cfg_write(struct fpga_model *m, uint32_t addr, uint32_t val, uint32_t len)
{
	for (uint32_t i = 0; i < len && i < 4; i++) {
		uint64_t at = (uint64_t)addr + i;
		uint8_t mask;

		if (at >= sizeof(m->cfg) || m->counts.dead)
			return;
		mask = cfg_writable((uint32_t)at);
		m->cfg[at] = (uint8_t)((m->cfg[at] & ~mask) | ((uint8_t)(val >> 8 * i) & mask));
	}
}

uint32_t fpga_model_bar0(const struct fpga_model *m)
{
	return (uint32_t)m->cfg[PCI_BAR0 + 1] << 8 | (uint32_t)m->cfg[PCI_BAR0 + 2] << 16 |
	       (uint32_t)m->cfg[PCI_BAR0 + 3] << 24;
}

/* ---- Registers ---------------------------------------------------------------------------- */

static void reset(struct fpga_model *m)
{
	for (int i = 0; i < 2; i++)
		m->queue[i] = (struct model_queue){ .arrived_ns = m->queue[i].arrived_ns };
	m->enabled = m->hung = m->counts.halted = false;
	m->error = m->error_index = 0;
	m->resets = (m->resets + 1) & 0xffff;
	m->counts.resets++;
}

static bool set_up_is_valid(const struct fpga_model *m, const struct model_queue *q)
{
	uint64_t bytes = (uint64_t)q->slots * FPGA_SLOT_SIZE;

	if (!q->slots)
		return true;
	return !(q->slots & (q->slots - 1)) && q->slots >= FPGA_SLOTS_MIN &&
	       q->slots <= m->max_slots && q->base % 4096 == 0 && q->base <= UINT64_MAX - bytes &&
	       q->producer % FPGA_SLOTS_MIN != FPGA_UNUSABLE;
}

static void enable(struct fpga_model *m)
{
	if (m->enabled || m->counts.halted)
		return;
	for (uint32_t i = 0; i < 2; i++)
		if (!set_up_is_valid(m, &m->queue[i])) {
			model_halt(m, FPGA_BAD_SETUP, i, 0);
			return;
		}
	m->enabled = true;
}

static uint32_t status_of(const struct fpga_model *m)
{
	return FPGA_STATUS_READY | (m->enabled ? FPGA_STATUS_ENABLED : 0) |
	       (m->counts.halted ? FPGA_STATUS_HALTED : 0) | m->resets << FPGA_STATUS_RESETS_SHIFT;
}

static uint32_t queue_get(const struct model_queue *q, uint32_t reg)
{
	switch (reg) {
	case FPGA_BASE_LO:
		return (uint32_t)q->base;
	case FPGA_BASE_HI:
		return (uint32_t)(q->base >> 32);
	case FPGA_SLOTS:
		return q->slots;
	case FPGA_PRODUCER:
		return q->producer;
	case FPGA_CONSUMER:
		return q->consumer;
	default:
		return 0;
	}
}

static uint32_t register_get(const struct fpga_model *m, uint32_t reg)
{
	for (int i = 0; i < 2; i++)
		if (reg >= queue_at[i] && reg <= queue_at[i] + FPGA_CONSUMER)
			return queue_get(&m->queue[i], reg - queue_at[i]);
	switch (reg) {
	case FPGA_MAGIC:
		return FPGA_MAGIC_VALUE;
	case FPGA_VERSION:
		return FPGA_VERSION_MAJOR << 16 | FPGA_VERSION_MINOR;
	case FPGA_CAPS:
		return FPGA_CAPS_PERSISTENT | FPGA_CAPS_POWERSAFE |
		       (m->cache.nr_blocks ? FPGA_CAPS_VOLATILE_CACHE : 0);
	case FPGA_CONTROL:
		return m->enabled ? FPGA_CONTROL_ENABLE : 0;
	case FPGA_STATUS:
		return status_of(m);
	case FPGA_ERROR:
		return m->error;
	case FPGA_ERROR_INDEX:
		return m->error_index;
	case FPGA_MEDIUM_LO:
		return (uint32_t)m->bus.medium_size;
	case FPGA_MEDIUM_HI:
		return (uint32_t)(m->bus.medium_size >> 32);
	case FPGA_MAX_TRANSFER:
		return m->knobs.max_transfer;
	case FPGA_MAX_INFLIGHT:
		return m->knobs.max_inflight;
	case FPGA_MAX_SLOTS:
		return m->max_slots;
	case FPGA_ATOMIC:
		return MODEL_ATOMIC;
	case FPGA_ADDRESS_BITS:
		return 64;
	default:
		return 0;
	}
}

uint64_t fpga_model_read(struct fpga_model *m, uint64_t offset, uint32_t size)
{
	if (m->counts.dead || !(m->cfg[PCI_COMMAND] & PCI_COMMAND_MEMORY))
		return size >= 8 ? UINT64_MAX : (1ull << 8 * size) - 1;
	if (size != 4 || offset % 4 || offset >= FPGA_BAR0_SIZE)
		return 0;
	return register_get(m, (uint32_t)offset);
}

static void queue_put(struct fpga_model *m, uint32_t queue, uint32_t reg, uint32_t val)
{
	struct model_queue *q = &m->queue[queue];

	if (m->counts.halted)
		return;
	if (m->enabled) {
		if (reg == FPGA_PRODUCER)
			model_doorbell(m, queue, val);
		return;
	}
	if (reg == FPGA_BASE_LO)
		q->base = (q->base >> 32 << 32) | val;
	else if (reg == FPGA_BASE_HI)
		q->base = (q->base & UINT32_MAX) | (uint64_t)val << 32;
	else if (reg == FPGA_SLOTS)
		q->slots = val;
	else if (reg == FPGA_PRODUCER)
		q->producer = q->consumer = q->work = val;
}

static void control_put(struct fpga_model *m, uint32_t val)
{
	if (val & FPGA_CONTROL_RESET)
		reset(m);
	else if (val & FPGA_CONTROL_ENABLE)
		enable(m);
}

void fpga_model_write(struct fpga_model *m, uint64_t offset, uint32_t size, uint64_t val)
{
	if (m->counts.dead || !(m->cfg[PCI_COMMAND] & PCI_COMMAND_MEMORY) || size != 4 ||
	    offset % 4 || offset >= FPGA_BAR0_SIZE)
		return;
	if (offset == FPGA_CONTROL)
		control_put(m, (uint32_t)val);
	for (uint32_t i = 0; i < 2; i++)
		if (offset >= queue_at[i] && offset < queue_at[i] + FPGA_CONSUMER)
			queue_put(m, i, (uint32_t)offset - queue_at[i], (uint32_t)val);
}

/* ---- Life --------------------------------------------------------------------------------- */

static void set_defaults(struct fpga_model_knobs *k)
{
	if (!k->max_transfer)
		k->max_transfer = 1u << 20;
	if (!k->max_inflight)
		k->max_inflight = 1024;
	if (!k->max_slots)
		k->max_slots = 4096;
}

static bool can_be(const struct fpga_model *m)
{
	const struct fpga_model_knobs *k = &m->knobs;

	return m->bus.medium && m->bus.medium_size && m->bus.medium_size % 4096 == 0 &&
	       m->bus.dma_read && m->bus.dma_write && k->max_transfer % FPGA_TRANSFER_MIN == 0 &&
	       !(k->max_slots & (k->max_slots - 1)) && k->max_slots >= FPGA_SLOTS_MIN &&
	       k->max_slots <= FPGA_SLOTS_MAX && k->error_code <= FPGA_MEDIUM_FAULT;
}

static bool get_memory(struct fpga_model *m)
{
	m->max_slots = m->knobs.max_slots;
	for (int i = 0; i < 2; i++) {
		m->queue[i].arrived_ns = calloc(m->max_slots, sizeof(uint64_t));
		if (!m->queue[i].arrived_ns)
			return false;
	}
	return model_cache_new(&m->cache, m->knobs.cache_bytes);
}

static void free_memory(struct fpga_model *m)
{
	for (int i = 0; i < 2; i++)
		free(m->queue[i].arrived_ns);
	model_cache_free(&m->cache);
	free(m);
}

struct fpga_model *fpga_model_new(const struct fpga_model_bus *bus,
				  const struct fpga_model_knobs *knobs)
{
	struct fpga_model *m = calloc(1, sizeof(*m));

	if (!m)
		return NULL;
	m->bus = *bus;
	if (knobs)
		m->knobs = *knobs;
	set_defaults(&m->knobs);
	if (!can_be(m) || !get_memory(m)) {
		free_memory(m);
		return NULL;
	}
	m->random = m->knobs.seed;
	cfg_power_on(m);
	return m;
}

void fpga_model_free(struct fpga_model *m)
{
	if (!m)
		return;
	if (!m->counts.dead)
		model_medium_flush(m);
	free_memory(m);
}

struct fpga_model_knobs *fpga_model_knobs(struct fpga_model *m)
{
	return &m->knobs;
}

void fpga_model_counts(const struct fpga_model *m, struct fpga_model_counts *counts)
{
	*counts = m->counts;
}

void fpga_model_reset(struct fpga_model *m)
{
	if (m->counts.dead)
		return;
	reset(m);
	cfg_power_on(m);
}

void fpga_model_power_cut(struct fpga_model *m)
{
	if (!m->counts.dead)
		model_tear(m);
	model_medium_cut(m);
	m->counts.dead = true;
	model_cache_free(&m->cache);
	m->cache = (struct model_cache){ .nr_blocks = 0 };
}
