/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The FPGA's two command rings (docs/FPGA.md): freestanding, the same file in
 * user space, the kernel module and SMM. fpga.h puts a backend on top.
 *
 * One thread at a time per ring. Nothing that the device says is believed
 * before it was checked, no index of the device's is used as one, and every
 * wait is bounded.
 */
#ifndef WPP_FPGA_RING_H
#define WPP_FPGA_RING_H

#include <wpp/error.h>
#include <wpp/types.h>
#include "fpga_regs.h"

#define FPGA_NO_BUS	(~(uint64_t)0)
#define FPGA_TIMEOUT_NS 5000000000ull /* thesis 5.2.4 */

/**
 * struct fpga_env - what the driver needs of the world it runs in
 * @ctx:        the first argument of all functions.
 * @read32:     a register of BAR0; ordered before all later loads from memory, as readl() is.
 * @write32:    a register of BAR0; ordered behind all earlier stores to memory, as writel() is.
 * @now_ns:     a clock that does not go back.
 * @relax:      between two polls of a bounded wait.
 * @to_bus:     bus address of @buf, or FPGA_NO_BUS; *@contig: how many bytes from there on are
 *              contiguous on the bus, a multiple of 64 or at least @len. Runs inside
 * emergency_write too: no sleep, no lock.
 * @bus_master: optional: switches Bus Master in the PCI command register. Without it a device
 *              that does not confirm its reset can't be kept from memory (ring->quiet).
 * @release:    optional: the last thing that close() of the backend does; may free the backend.
 * @timeout_ns: longest time without any progress; 0: FPGA_TIMEOUT_NS.
 */
struct fpga_env {
	void *ctx;
	uint32_t (*read32)(void *ctx, uint32_t reg);
	void (*write32)(void *ctx, uint32_t reg, uint32_t val);
	uint64_t (*now_ns)(void *ctx);
	void (*relax)(void *ctx);
	uint64_t (*to_bus)(void *ctx, const void *buf, uint32_t len, uint32_t *contig);
	void (*bus_master)(void *ctx, bool on);
	void (*release)(void *ctx);
	uint64_t timeout_ns;
};

/**
 * struct fpga_mem - memory of one ring, coherent and contiguous on the bus, aligned to 4096
 * @slot:        [@nr_slots].
 * @bus:         bus address of @slot.
 * @nr_slots:    power of two, FPGA_SLOTS_MIN .. the device's MAX_SLOTS.
 * @first_index: where the indices start; 0 is as good as any.
 */
struct fpga_mem {
	struct fpga_command *slot;
	uint64_t bus;
	uint32_t nr_slots;
	uint32_t first_index;
};

/* What the device says of itself, checked. */
struct fpga_info {
	uint64_t medium_size;
	uint64_t bus_limit; /* last bus address that it reaches */
	uint32_t version;
	uint32_t caps;
	uint32_t max_transfer;
	uint32_t max_inflight;
	uint32_t max_slots;
	uint32_t atomic_len;
};

enum fpga_fault {
	FPGA_OK = 0,
	FPGA_NOT_OURS,	  /* another magic or major version */
	FPGA_BAD_LIMITS,  /* says of itself what can't be */
	FPGA_GONE,	  /* registers read as ones */
	FPGA_HALTED,	  /* ring->error and error_index say why */
	FPGA_TAKEN,	  /* somebody else has reset it */
	FPGA_TIMEOUT,	  /* no progress for timeout_ns */
	FPGA_STUCK_RESET, /* did not become ready */
};

enum fpga_queue_id {
	FPGA_WRITES = 0,
	FPGA_READS = 1,
	FPGA_QUEUES = 2,
};

/* Indices are the driver's own: [reaped, rung) is with the device, [rung, posted) waits for a
 * doorbell. */
struct fpga_queue {
	struct fpga_mem mem;
	uint32_t reg; /* FPGA_WRITE_QUEUE or FPGA_READ_QUEUE */
	uint32_t limit;
	uint32_t reaped;
	uint32_t rung;
	uint32_t posted;
	bool moved; /* since progress_ns */
	uint64_t progress_ns;
};

/**
 * struct fpga_ring - the driver's state; embed it, read it, don't write it
 * @fault: why the device was given up; enum fpga_fault. FPGA_OK while it works.
 * @error, @error_index: registers ERROR and ERROR_INDEX when it halted.
 * @quiet: the device makes no access to host memory any more: a reset was confirmed, or Bus
 *         Master is off. While it is false behind a fault, no buffer may be freed or reused.
 */
struct fpga_ring {
	struct fpga_env env;
	struct fpga_info info;
	struct fpga_queue queue[FPGA_QUEUES];
	uint32_t resets;
	uint32_t fault;
	uint32_t error;
	uint32_t error_index;
	bool quiet;
	bool ours; /* identified: its registers may be written */
	uint64_t looked_ns;
};

/**
 * wppi_fpga_identify() - is it our device, and what are its limits?
 * Only reads registers. @fault: out, why not.
 * Return: 0; WPP_EFORMAT: not ours or not sane; WPP_EIO: gone.
 */
WPP_MUST_CHECK int wppi_fpga_identify(const struct fpga_env *env, struct fpga_info *info,
				      uint32_t *fault);

/**
 * wppi_fpga_ring_open() - identify, reset, set up both queues, enable
 * @mem: [FPGA_QUEUES]; the device's until wppi_fpga_ring_stop().
 *
 * Waits for the reset, at most the time-out.
 * Return: 0; WPP_EINVAL: @mem; WPP_EFORMAT, WPP_EIO: ring->fault. Behind an error the device is
 *         stopped as far as it lets itself (ring->quiet).
 */
WPP_MUST_CHECK int wppi_fpga_ring_open(struct fpga_ring *ring, const struct fpga_env *env,
				       const struct fpga_mem mem[FPGA_QUEUES]);

/**
 * wppi_fpga_ring_restart() - reset and enable again; forgets what is in flight and any fault
 * Return: 0 or WPP_EIO.
 */
WPP_MUST_CHECK int wppi_fpga_ring_restart(struct fpga_ring *ring);

/** wppi_fpga_ring_stop() - reset, leave disabled, Bus Master off; forgets what is in flight */
void wppi_fpga_ring_stop(struct fpga_ring *ring);

/** wppi_fpga_ring_room() - commands that can be posted now without overwriting one in flight */
uint32_t wppi_fpga_ring_room(const struct fpga_ring *ring, enum fpga_queue_id id);

/** wppi_fpga_ring_idle() - nothing is in flight or waits for a doorbell */
bool wppi_fpga_ring_idle(const struct fpga_ring *ring, enum fpga_queue_id id);

/**
 * wppi_fpga_ring_post() - put a command into the ring; there must be room; no doorbell yet
 * Return: its index.
 */
uint32_t wppi_fpga_ring_post(struct fpga_ring *ring, enum fpga_queue_id id, enum fpga_opcode op,
			     uint64_t bus, uint64_t device, uint32_t len);

/**
 * wppi_fpga_ring_kick() - ring the doorbell when it pays
 * It does when as much waits as the device still has to do, or a batch of 64 waits: the first
 * command starts at once, a stream costs few doorbells, and the device never runs dry for long.
 */
void wppi_fpga_ring_kick(struct fpga_ring *ring, enum fpga_queue_id id);

/**
 * wppi_fpga_ring_reap() - take the oldest command back when it is complete
 * @code: out, enum fpga_code; what the device may not say there is FPGA_MEDIUM_FAULT.
 * Return: true and *@code, or false: none is complete.
 */
bool wppi_fpga_ring_reap(struct fpga_ring *ring, enum fpga_queue_id id, uint32_t *code);

/**
 * wppi_fpga_ring_check() - does the device still work? Call it when nothing was reaped.
 * Reads a register at most once a millisecond. A fault stops the device.
 * Return: 0 or WPP_EIO: see ring->fault.
 */
WPP_MUST_CHECK int wppi_fpga_ring_check(struct fpga_ring *ring);

/** wppi_fpga_fault_text() - one short English phrase, static */
const char *wppi_fpga_fault_text(uint32_t fault);

/** wppi_fpga_code_text() - the same for enum fpga_code */
const char *wppi_fpga_code_text(uint32_t code);

#endif
