/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * A device that behaves like docs/FPGA.md, as a library: the caller plays the
 * bus (registers, config space, DMA) and owns the time (step). One thread at a
 * time per model. The driver's side is hostile here: no sequence of register
 * writes or ring contents makes the model leave its own memory.
 */
#ifndef WPP_FPGA_MODEL_H
#define WPP_FPGA_MODEL_H

#include <wpp/types.h>

#define FPGA_MODEL_NEVER (~(uint64_t)0)

/**
 * struct fpga_model_knobs - what the device is like, and how it fails
 * Zero is a fast device that never fails. Commands are counted from 1 over both queues, in the
 * order of their execution, since fpga_model_new(); a count of 0 means never.
 * @bandwidth:    bytes a second and direction; 0: unlimited.
 * @latency_ns:   added to each command; commands in flight overlap in it.
 * @cache_bytes:  volatile write cache (sets VOLATILE_CACHE): lost in fpga_model_power_cut()
 *                unless flushed or pushed out. 0: none.
 * @max_transfer, @max_inflight, @max_slots: 0: 1 MiB, 1024, 4096.
 * @drop_after:   from this command on nothing is executed, completed or fetched; registers answer.
 * @stuck_after:  from this command on data moves, but no status and no CONSUMER.
 * @die_at:       instead of this command: registers read as ones, no DMA any more.
 * @error_at:     this command fails with @error_code (enum fpga_code).
 * @torn:         the command that @die_at or fpga_model_power_cut() meets is done in part.
 * @lying_flush:  FLUSH completes and leaves the cache as it is.
 * @ignore_bus_master: DMA with Bus Master off.
 * @hang_on_fault: a DMA that fails is never answered (thesis 5.2.4), instead of DMA_FAULT.
 * @seed:         of what is random: the torn place, what a power cut leaves of the cache.
 */
struct fpga_model_knobs {
	uint64_t bandwidth;
	uint64_t latency_ns;
	uint64_t cache_bytes;
	uint32_t max_transfer;
	uint32_t max_inflight;
	uint32_t max_slots;
	uint64_t drop_after;
	uint64_t stuck_after;
	uint64_t die_at;
	uint64_t error_at;
	uint32_t error_code;
	bool torn;
	bool lying_flush;
	bool ignore_bus_master;
	bool hang_on_fault;
	uint64_t seed;
};

/**
 * struct fpga_model_bus - host memory and the medium
 * @dma_read:  [@bus, @len) of host memory into @buf; 0, or negative: no such memory.
 * @dma_write: the other way.
 * @medium:    [@medium_size] bytes, a multiple of 4096; a mapped file, for instance. Borrowed. DMA
 *             goes straight into it, unless there is a cache.
 * @sync:      optional: [@off, @len) of the medium was written and must be durable now; 0 or
 *             negative: MEDIUM_FAULT.
 */
struct fpga_model_bus {
	void *ctx;
	int (*dma_read)(void *ctx, uint64_t bus, void *buf, uint32_t len);
	int (*dma_write)(void *ctx, uint64_t bus, const void *buf, uint32_t len);
	int (*sync)(void *ctx, uint64_t off, uint64_t len);
	void *medium;
	uint64_t medium_size;
};

struct fpga_model;

/** fpga_model_new() - a device at power-on; @knobs may be NULL. Return: NULL: no memory, or a knob
 *  or size that can't be. */
struct fpga_model *fpga_model_new(const struct fpga_model_bus *bus,
				  const struct fpga_model_knobs *knobs);
/** fpga_model_free() - power off in peace: the cache is written out first */
void fpga_model_free(struct fpga_model *m);

/** fpga_model_knobs() - turn knobs while it runs; limits, cache_bytes and seed stay what they were
 */
struct fpga_model_knobs *fpga_model_knobs(struct fpga_model *m);

/** fpga_model_read(), _write() - BAR0 by offset; @size 1, 2, 4 or 8; only aligned 4 means
 * something. The answer depends on the Memory Space bit, as on a real bus: off, it is ones. */
uint64_t fpga_model_read(struct fpga_model *m, uint64_t offset, uint32_t size);
void fpga_model_write(struct fpga_model *m, uint64_t offset, uint32_t size, uint64_t val);

/** fpga_model_cfg_read(), _write() - 256 bytes of config space; any @addr and @len of 1 .. 4. Bytes
 *  outside read as ones. */
uint32_t fpga_model_cfg_read(struct fpga_model *m, uint32_t addr, uint32_t len);
void fpga_model_cfg_write(struct fpga_model *m, uint32_t addr, uint32_t val, uint32_t len);

/** fpga_model_bar0() - the address in BAR0, for a bus that gives absolute ones */
uint32_t fpga_model_bar0(const struct fpga_model *m);

/**
 * fpga_model_step() - let the device work up to the time @now_ns
 * @now_ns: does not go back. @max: commands that may complete; 0: no limit.
 *
 * Register writes take effect at the time of the last step; step once before and after them when
 * bandwidth or latency is set.
 * Return: commands that were completed.
 */
uint32_t fpga_model_step(struct fpga_model *m, uint64_t now_ns, uint32_t max);

/** fpga_model_next_ns() - when the next command completes; FPGA_MODEL_NEVER: nothing to do */
uint64_t fpga_model_next_ns(struct fpga_model *m);

/** fpga_model_reset() - the bus resets the PCI function */
void fpga_model_reset(struct fpga_model *m);

/** fpga_model_power_cut() - the cache is lost but for a random part, the command that is being done
 *  is torn (knob); from then on the device is dead, free it. */
void fpga_model_power_cut(struct fpga_model *m);

struct fpga_model_counts {
	uint64_t commands; /* executed, also those that failed */
	uint64_t failed;
	uint64_t flushes;
	uint64_t bytes_written;
	uint64_t bytes_read;
	uint64_t doorbells;
	uint64_t resets;
	bool dead;
	bool halted;
};
void fpga_model_counts(const struct fpga_model *m, struct fpga_model_counts *counts);

#endif
